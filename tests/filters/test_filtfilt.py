from __future__ import annotations

import numpy as np
import pytest
import scipy.signal
import torch
import torchaudio.functional
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from rnnmusic.errors import InputError, UsageError
from rnnmusic.filters.functional import filtfilt, sosfiltfilt
from rnnmusic.filters.functional.zerophase import Padding
from tests.filters.random_filters import stable_coefficients

SCIPYS: dict[Padding, str | None] = {
    "odd": "odd",
    "even": "even",
    "constant": "constant",
    "none": None,
}


@settings(deadline=None, max_examples=40)
@given(
    order=st.integers(0, 6),
    bank=st.booleans(),
    clamp=st.booleans(),
    time=st.integers(1, 80),
    double=st.booleans(),
    seed=st.integers(0, 999),
)
def test_equals_torchaudio(
    order: int, bank: bool, clamp: bool, time: int, double: bool, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    a, b = stable_coefficients(rng, 3, order, radius=0.7, a0=2.0)
    x = torch.from_numpy(rng.standard_normal((2, 3, time)))
    if not bank:
        a, b = a[0], b[0]
    if not double:
        x, a, b = x.float(), a.float(), b.float()
    wanted = torchaudio.functional.filtfilt(x, a, b, clamp)
    found = filtfilt(x, a, b, clamp)
    assert found.dtype == x.dtype
    scale = 1 + float(wanted.abs().max())
    assert float((found - wanted).abs().max()) < (1e-10 if double else 1e-4) * scale


@settings(deadline=None, max_examples=40)
@given(
    padding=st.sampled_from(sorted(SCIPYS)),
    order=st.integers(1, 6),
    time=st.integers(25, 90),
    padlen=st.none() | st.integers(0, 20),
    seed=st.integers(0, 999),
)
def test_equals_scipy(
    padding: Padding, order: int, time: int, padlen: int | None, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    a, b = (part[0] for part in stable_coefficients(rng, 1, order, radius=0.8, a0=2.0))
    x = rng.standard_normal((3, time))
    wanted = scipy.signal.filtfilt(b.numpy(), a.numpy(), x, padtype=SCIPYS[padding], padlen=padlen)
    found = filtfilt(torch.from_numpy(x), a, b, clamp=False, padding=padding, padlen=padlen)
    np.testing.assert_allclose(found.numpy(), wanted, atol=1e-9 * (1 + np.abs(wanted).max()))


@settings(deadline=None, max_examples=20)
@given(
    padding=st.sampled_from(sorted(SCIPYS)),
    order=st.integers(1, 7),
    cutoff=st.floats(0.05, 0.9),
    seed=st.integers(0, 999),
)
def test_sections_equal_scipy(padding: Padding, order: int, cutoff: float, seed: int) -> None:
    sos = scipy.signal.butter(order, cutoff, output="sos")
    x = np.random.default_rng(seed).standard_normal((2, 60))
    wanted = scipy.signal.sosfiltfilt(sos, x, padtype=SCIPYS[padding])
    found = sosfiltfilt(torch.from_numpy(x), torch.from_numpy(sos), padding)
    np.testing.assert_allclose(found.numpy(), wanted, atol=1e-9)


@pytest.mark.parametrize("padding", ["zeros", *SCIPYS])
def test_gradients(padding: Padding) -> None:
    rng = np.random.default_rng(0)
    a, b = stable_coefficients(rng, 2, 2, radius=0.6, a0=1.5)
    inputs = [part.requires_grad_() for part in (torch.randn(2, 11, dtype=torch.float64), a, b)]

    def function(*given: Tensor) -> Tensor:
        return filtfilt(*given, clamp=False, padding=padding)

    assert torch.autograd.gradcheck(function, inputs)
    assert torch.autograd.gradgradcheck(function, inputs)


def test_has_no_phase() -> None:
    b, a = (torch.from_numpy(part) for part in scipy.signal.butter(4, 0.2))
    pulse = torch.zeros(201, dtype=torch.float64)
    pulse[100] = 1
    y = filtfilt(pulse, a, b)
    torch.testing.assert_close(y, y.flip(0), rtol=0, atol=1e-9)


def test_refuses() -> None:
    x, a, b = torch.ones(6), torch.tensor([1.0, -0.5]), torch.ones(2)
    with pytest.raises(InputError, match="padding of 6"):
        filtfilt(x, a, b, padding="odd")
    with pytest.raises(InputError, match="padding of -1"):
        filtfilt(x, a, b, padding="odd", padlen=-1)
    with pytest.raises(UsageError, match="choose one of zeros"):
        filtfilt(x, a, b, padding="mirror")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="pole at 1"):
        filtfilt(x, torch.tensor([1.0, -1.0]), b, padding="none")
    with pytest.raises(InputError, match="a0"):
        filtfilt(x, torch.tensor([0.0, -1.0]), b)
    with pytest.raises(InputError, match="nothing to filter"):
        filtfilt(x[:0], a, b)
    # A filter without a steady state is fine where none is needed.
    assert filtfilt(x, torch.tensor([1.0, -1.0]), b).isfinite().all()
