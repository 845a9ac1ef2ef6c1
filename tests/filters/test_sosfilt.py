"""`sosfilt` and its relatives: scipy's numbers, exact gradients, clear refusals."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.signal
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.autograd import gradcheck, gradgradcheck

from rnnmusic.errors import InputError
from rnnmusic.filters.functional._cascade import in_chunks
from rnnmusic.filters.functional.sections import (
    sosfilt,
    sosfilt_varying,
    sosfiltfilt,
    steady_state,
)
from tests.filters.test_cascade import random_sections


def sections(seed: int, *shape: int, radius: float = 0.9) -> Tensor:
    """Stable sections whose a0 isn't one."""
    rng = np.random.default_rng(seed)
    scale = rng.uniform(0.5, 2, (*shape, 1))
    return torch.from_numpy(random_sections(rng, *shape, radius=radius) * scale)


def normal(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(*shape, dtype=dtype, generator=torch.Generator().manual_seed(seed))


def needing(*tensors: Tensor) -> list[Tensor]:
    return [tensor.detach().clone().requires_grad_() for tensor in tensors]


def by_scipy(waveform: Tensor, sos: Tensor, zi: Tensor) -> tuple[Tensor, Tensor]:
    """One channel."""
    rows = (sos / sos[:, 3:4]).numpy()
    y, zf = scipy.signal.sosfilt(rows, waveform.numpy(), zi=zi.numpy())
    return torch.from_numpy(y), torch.from_numpy(zf)


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**31),
    batch=st.integers(1, 3),
    channels=st.integers(1, 6),
    count=st.integers(1, 5),
    time=st.integers(1, 100),
    kind=st.sampled_from(["shared", "per channel", "per batch and channel"]),
)
def test_it_is_scipys_for_any_shape(
    seed: int, batch: int, channels: int, count: int, time: int, kind: str
) -> None:
    lead = {"shared": (), "per channel": (channels,), "per batch and channel": (batch, channels)}
    sos = sections(seed, *lead[kind], count)
    waveform, zi = normal(batch, channels, time), normal(batch, channels, count, 2, seed=1)
    y, zf = sosfilt(waveform, sos, zi, return_zf=True)
    rows = sos.expand(batch, channels, count, 6)
    for place in np.ndindex(batch, channels):
        wanted, last = by_scipy(waveform[place], rows[place], zi[place])
        assert torch.allclose(y[place], wanted)
        assert torch.allclose(zf[place], last)
    assert torch.equal(sosfilt(waveform, sos, zi), y)


def test_one_waveform_without_channels() -> None:
    waveform, sos = normal(50), sections(0, 3)
    assert torch.allclose(sosfilt(waveform, sos), by_scipy(waveform, sos, torch.zeros(3, 2))[0])


def test_float32_audio_through_float64_sections_gives_float32_and_float64_gradients() -> None:
    waveform, sos = needing(normal(2, 50, dtype=torch.float32), sections(0, 3))
    y, zf = sosfilt(waveform, sos, return_zf=True)
    y.sum().backward()
    assert y.dtype == zf.dtype == torch.float32
    assert waveform.grad is not None
    assert waveform.grad.dtype == torch.float32
    assert sos.grad is not None
    assert sos.grad.dtype == torch.float64


@pytest.mark.parametrize("channels", [1, 3, 9])
@pytest.mark.parametrize("own", [False, True])
def test_first_gradients(channels: int, own: bool) -> None:
    sos = sections(1, *([channels] if own else []), 3)
    given = needing(normal(channels, 70), sos, normal(channels, 3, 2, seed=2))
    assert gradcheck(lambda *g: sosfilt(*g, return_zf=True), given, atol=1e-4, fast_mode=True)


def test_first_gradients_entry_by_entry() -> None:
    given = needing(normal(2, 12), sections(2, 2), normal(2, 2, 2, seed=3))
    assert gradcheck(lambda *g: sosfilt(*g, return_zf=True), given)


@pytest.mark.parametrize("own", [False, True])
def test_second_gradients(own: bool) -> None:
    sos = sections(3, *([2] if own else []), 2, radius=0.6)
    given = needing(normal(2, 9), sos, normal(2, 2, 2, seed=4))
    assert gradgradcheck(lambda *g: sosfilt(*g, return_zf=True), given, atol=1e-4)


@pytest.mark.parametrize("hop", [1, 4, 30])
@pytest.mark.parametrize("own", [False, True])
def test_gradients_of_coefficients_that_vary(hop: int, own: bool) -> None:
    time = 30
    sos = sections(4, 3 if own else 1, -(-time // hop), 2, radius=0.6)
    given = needing(normal(3, time), sos, normal(3, 2, 2, seed=5))

    def function(waveform: Tensor, sos: Tensor, zi: Tensor) -> tuple[Tensor, Tensor]:
        return sosfilt_varying(waveform, sos, hop, zi, return_zf=True)

    assert gradcheck(function, given, atol=1e-4, fast_mode=True)
    assert gradgradcheck(function, given, atol=1e-4, fast_mode=True)


def test_the_second_backward_pass_over_a_kept_graph_is_the_first() -> None:
    waveform, sos = needing(normal(2, 300), sections(5, 3))
    y = sosfilt(waveform, sos).square().sum()
    first = torch.autograd.grad(y, (waveform, sos), retain_graph=True)
    second = torch.autograd.grad(y, (waveform, sos))
    assert all(map(torch.equal, first, second))


def test_frozen_coefficients_and_a_frozen_input() -> None:
    waveform, sos = normal(3, 100), sections(6, 2)
    (both,) = needing(waveform)
    sosfilt(both, sos).sum().backward()
    (coefficients,) = needing(sos)
    sosfilt(waveform, coefficients).sum().backward()
    given = needing(waveform, sos)
    sosfilt(*given).sum().backward()
    assert both.grad is not None
    assert coefficients.grad is not None
    assert torch.equal(both.grad, given[0].grad)
    assert torch.equal(coefficients.grad, given[1].grad)


def test_gradients_have_the_shape_and_dtype_of_their_tensors() -> None:
    waveform, sos = normal(2, 3, 70, dtype=torch.float32), sections(17, 1, 1, 2).float()
    inputs = needing(waveform, sos)
    found = torch.autograd.grad(sosfilt(*inputs).sum(), inputs)
    for gradient, tensor in zip(found, inputs, strict=True):
        assert (gradient.shape, gradient.dtype) == (tensor.shape, tensor.dtype)
    (rows,) = needing(sos[0, 0])
    (bare,) = torch.autograd.grad(sosfilt(waveform, rows).sum(), rows)
    assert torch.equal(bare, found[1][0, 0])


def test_gradients_of_the_last_state_alone() -> None:
    def last(waveform: Tensor, sos: Tensor, zi: Tensor | None = None) -> Tensor:
        return sosfilt(waveform, sos, zi, return_zf=True)[1]

    inputs = needing(normal(3, 20), sections(18, 2), normal(3, 2, 2, seed=1))
    for given_inputs in (inputs, inputs[:2]):
        assert gradcheck(last, given_inputs)
        assert gradgradcheck(last, given_inputs)


def test_no_channels_are_none_afterwards() -> None:
    waveform, sos = needing(normal(0, 20), sections(19, 2))
    y = sosfilt(waveform, sos)
    assert y.shape == (0, 20)
    for gradient in torch.autograd.grad(y.sum(), (waveform, sos)):
        assert not gradient.any()


def test_finite_coefficients_whose_sum_overflows_are_finite() -> None:
    sos = torch.tensor([[3e38, 3e38, 0, 1, 0, 0]])
    assert torch.equal(sosfilt(torch.zeros(1, 5), sos), torch.zeros(1, 5))


def test_blocks_with_carried_state_have_the_same_bits() -> None:
    waveform, sos = normal(2, 1000, dtype=torch.float32), sections(7, 6)
    whole = sosfilt(waveform, sos)
    parts, state = [], None
    for part in waveform.split([1, 63, 64, 500, 372], -1):
        y, state = sosfilt(part, sos, state, return_zf=True)
        parts.append(y)
    assert torch.equal(torch.cat(parts, -1), whole)


def test_coefficients_for_each_sample_are_recognised_by_their_dimensions() -> None:
    waveform, sos = normal(3, 20), sections(8, 3, 20, 2, radius=0.6)
    assert torch.equal(sosfilt(waveform, sos), sosfilt_varying(waveform, sos, 1))


@pytest.mark.parametrize("rows", [1, 3])
def test_chunks_for_other_devices_give_the_same(rows: int) -> None:
    sos = sections(9, rows, 4)
    sos = sos / sos[..., 3:4]
    waveform, zi = normal(3, 1000), normal(3, 4, 2)
    wanted = sosfilt(waveform, sos if rows > 1 else sos[0], zi, return_zf=True)
    for found, expected in zip(in_chunks(waveform, sos, zi), wanted, strict=True):
        assert torch.allclose(found, expected)
    given = needing(waveform[:, :40], sos, zi)
    assert gradcheck(lambda *g: in_chunks(*g), given, atol=1e-4, fast_mode=True)


@settings(max_examples=20, deadline=None)
@given(
    seed=st.integers(0, 2**31),
    count=st.integers(1, 4),
    padding=st.sampled_from(["odd", "even", "constant", "none"]),
    odd_order=st.booleans(),
)
def test_filtering_there_and_back_is_scipys(
    seed: int, count: int, padding: str, odd_order: bool
) -> None:
    sos = sections(seed, count)
    if odd_order:
        sos[0, 2] = sos[0, 5] = 0
        sos[0, 4] *= 0.4
    waveform = normal(2, 80, seed=seed)
    padtype = None if padding == "none" else padding
    wanted = scipy.signal.sosfiltfilt((sos / sos[:, 3:4]).numpy(), waveform.numpy(), -1, padtype)
    assert np.allclose(sosfiltfilt(waveform, sos, padding), wanted)  # type: ignore[arg-type]


def test_gradients_there_and_back() -> None:
    given = needing(normal(2, 40), sections(10, 2))
    assert gradcheck(sosfiltfilt, given, fast_mode=True)


def test_a_steady_state_is_scipys() -> None:
    sos = sections(11, 5)
    wanted = scipy.signal.sosfilt_zi((sos / sos[:, 3:4]).numpy())
    assert np.allclose(steady_state(sos), wanted)


GOOD = torch.tensor([[1.0, 0, 0, 1, -0.5, 0]])


def changed(place: int, value: float) -> Tensor:
    sos = GOOD.clone()
    sos[0, place] = value
    return sos


@pytest.mark.parametrize(
    ("waveform", "sos", "message"),
    [
        (torch.zeros(2, 0), GOOD, "nothing to filter"),
        (torch.zeros(()), GOOD, "nothing to filter"),
        (torch.zeros(5, dtype=torch.int64), GOOD, "float32 or float64"),
        (torch.zeros(5, dtype=torch.float16), GOOD, "float32 or float64"),
        (torch.zeros(5), GOOD[:0], "at least one section"),
        (torch.zeros(5), torch.ones(6), "at least one section"),
        (torch.zeros(5), torch.ones(2, 5), "at least one section"),
        (torch.zeros(5), torch.ones(2, 6, dtype=torch.int64), "real tensor"),
        (torch.zeros(5), changed(1, float("nan")), "NaN"),
        (torch.zeros(5), changed(4, float("inf")), "NaN"),
        (torch.zeros(5), changed(3, 0.0), "a0 is zero"),
        (torch.zeros(3, 5), GOOD.expand(2, 1, 6), "broadcast"),
        (torch.zeros(3, 5), GOOD.expand(3, 4, 1, 6), "hop"),
    ],
)
def test_what_cant_be_filtered_is_refused(waveform: Tensor, sos: Tensor, message: str) -> None:
    with pytest.raises(InputError, match=message):
        sosfilt(waveform, sos)


def test_a_wrong_state_hop_or_padding_is_refused() -> None:
    waveform = torch.zeros(3, 5)
    with pytest.raises(InputError, match="zi"):
        sosfilt(waveform, GOOD, torch.zeros(3, 2, 2))
    with pytest.raises(InputError, match="hop"):
        sosfilt_varying(waveform, GOOD.expand(3, 1, 6), 1)
    with pytest.raises(InputError, match="hop"):
        sosfilt_varying(waveform, GOOD.expand(3, 1, 6), 0)
    with pytest.raises(InputError, match="padlen"):
        sosfiltfilt(waveform, GOOD, padlen=5)
    with pytest.raises(InputError, match="pole at 1"):
        sosfiltfilt(waveform, changed(4, -1.0), padlen=2)
