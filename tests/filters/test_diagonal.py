"""Diagonal state spaces from waveform to waveform, against their states."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import butter, residuez, sosfilt
from torch import Tensor

from rnnmusic.errors import InputError
from rnnmusic.filters.functional import chunks, diagonal_matrices
from rnnmusic.filters.functional.diagonal import diagonal_ssm
from rnnmusic.filters.functional.diagonal_matrices import powers
from rnnmusic.filters.functional.scan import diagonal_scan

System = tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]


def draw(seed: int, shape: tuple[int, ...], filters: tuple[int, ...], modes: int) -> System:
    """waveform, poles, b, c, d, zi in double precision."""
    torch.manual_seed(seed)
    size = (*filters, modes)
    radius = torch.rand(size, dtype=torch.float64)
    poles = torch.polar(radius, 2 * torch.pi * torch.rand_like(radius))
    b, c = torch.randn(2, *size, dtype=torch.complex128)
    zi = torch.randn(*shape[:-1], modes, dtype=torch.complex128)
    d = torch.randn(filters, dtype=torch.float64)
    return torch.randn(shape, dtype=torch.float64), poles, b, c, d, zi


def by_states(
    waveform: Tensor, poles: Tensor, b: Tensor, c: Tensor, d: Tensor, zi: Tensor
) -> tuple[Tensor, Tensor]:
    """The definition, all states at once."""
    given = (b.unsqueeze(-2) * waveform.unsqueeze(-1)).reshape(*waveform.shape, -1)
    states, last = diagonal_scan(given, poles.unsqueeze(-2), zi, return_zf=True)
    y = 2 * (states * c.unsqueeze(-2)).sum(-1).real
    return y + d.unsqueeze(-1) * waveform, last


banks = st.sampled_from([((), ()), ((3,), ()), ((2, 3), ()), ((3,), (3,)), ((2, 3), (3,))])


@given(
    seed=st.integers(0, 999),
    bank=banks,
    time=st.one_of(st.integers(1, 40), st.integers(100, 300)),
    modes=st.sampled_from([1, 2, 5, 20]),
)
@settings(max_examples=60, deadline=None)
def test_the_fused_form_equals_its_states(
    seed: int, bank: tuple[tuple[int, ...], tuple[int, ...]], time: int, modes: int
) -> None:
    lead, filters = bank
    given = draw(seed, (*lead, time), filters, modes)
    expected, last = by_states(*given)
    y, zf = diagonal_ssm(*given, return_zf=True)
    torch.testing.assert_close(y, expected, rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(zf, last, rtol=1e-10, atol=1e-10)
    waveform, poles, b, c, d, zi = (
        part.to(torch.complex64 if part.is_complex() else torch.float32) for part in given
    )
    rounded = diagonal_ssm(waveform, poles, b, c, d, zi)
    assert rounded.dtype == torch.float32
    assert (rounded - expected).abs().max() < 1e-5 * (1 + expected.abs().max())


@given(seed=st.integers(0, 99), cut=st.integers(0, 90))
@settings(max_examples=20, deadline=None)
def test_a_stream_of_pieces_equals_the_whole(seed: int, cut: int) -> None:
    waveform, poles, b, c, d, zi = draw(seed, (2, 90), (), 3)
    first, state = diagonal_ssm(waveform[:, :cut], poles, b, c, d, zi, return_zf=True)
    second, last = diagonal_ssm(waveform[:, cut:], poles, b, c, d, state, return_zf=True)
    whole, zf = diagonal_ssm(waveform, poles, b, c, d, zi, return_zf=True)
    torch.testing.assert_close(torch.cat([first, second], 1), whole, rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(last, zf, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("filters", [(), (2,)])
@pytest.mark.parametrize("time", [1, 5, 19])
def test_gradients_of_first_and_second_order(filters: tuple[int, ...], time: int) -> None:
    given = tuple(part.requires_grad_() for part in draw(1, (2, time), filters, 2))

    def run(*parts: Tensor) -> tuple[Tensor, Tensor]:
        waveform, poles, b, c, d, zi = parts
        return diagonal_ssm(waveform, poles, b, c, d, zi, return_zf=True)

    assert torch.autograd.gradcheck(run, given)
    assert torch.autograd.gradgradcheck(run, given, fast_mode=True)


def test_the_composed_form_for_other_devices_equals_the_kernels(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given = draw(1, (2, 3, 50), (3,), 4)
    for part in given:
        part.requires_grad_()
    y = diagonal_ssm(*given)
    grads = torch.autograd.grad(y.square().sum(), given)
    monkeypatch.setattr("rnnmusic.filters.functional.diagonal.run_chunks", chunks._composed)
    monkeypatch.setattr(
        "rnnmusic.filters.functional.diagonal.matrices", diagonal_matrices._composed
    )
    other = diagonal_ssm(*given)
    torch.testing.assert_close(other, y)
    torch.testing.assert_close(torch.autograd.grad(other.square().sum(), given), grads)


def test_a_classical_filter_in_partial_fractions_sounds_the_same() -> None:
    """scipy's cascade against its own expansion into conjugate pairs."""
    b, a = butter(6, 0.3)
    residues, poles, direct = residuez(b, a)
    above = poles.imag > 0
    x = np.random.default_rng(0).normal(size=2_000)
    y = diagonal_ssm(
        torch.from_numpy(x),
        torch.from_numpy(poles[above]),
        torch.ones(above.sum(), dtype=torch.complex128),
        torch.from_numpy(residues[above]),
        torch.tensor(direct[0]),
    )
    np.testing.assert_allclose(y, sosfilt(butter(6, 0.3, output="sos"), x), atol=1e-12)


def test_poles_next_to_the_circle_keep_their_place_in_single_precision() -> None:
    torch.manual_seed(0)
    poles = torch.polar(torch.full((8,), 0.9999), torch.pi * torch.rand(8))
    c, x = torch.randn(8, dtype=torch.complex64), torch.randn(50_000)
    exact = diagonal_ssm(x.double(), poles, torch.ones_like(c), c)
    y = diagonal_ssm(x, poles, torch.ones_like(c), c)
    assert (y - exact).norm() < 1e-6 * exact.norm()


def test_powers_of_zero_and_their_gradients() -> None:
    base = torch.tensor([0.0, 0.5, -1.0j], dtype=torch.complex128, requires_grad=True)
    expected = [[1, 0, 0, 0], [1, 0.5, 0.25, 0.125], [1, -1j, -1, 1j]]
    assert powers(base, 4).T.tolist() == expected
    assert torch.autograd.gradgradcheck(lambda base: powers(base, 4), (base,))


@pytest.mark.parametrize(
    ("waveform", "poles"),
    [((), (2,)), ((5,), ()), ((5,), (0,)), ((3, 5), (2, 2)), ((5,), (3, 2)), ((3, 5), (3, 2, 2))],
)
def test_shapes_that_do_not_fit_are_refused(
    waveform: tuple[int, ...], poles: tuple[int, ...]
) -> None:
    modes = torch.zeros(poles, dtype=torch.complex64)
    with pytest.raises(InputError, match="fit"):
        diagonal_ssm(torch.zeros(waveform), modes, modes, modes)


def test_other_mistakes_are_refused() -> None:
    modes = torch.zeros(2, dtype=torch.complex64)
    with pytest.raises(InputError, match="float32 or float64"):
        diagonal_ssm(torch.zeros(5, dtype=torch.int64), modes, modes, modes)
    with pytest.raises(InputError, match="zi"):
        diagonal_ssm(torch.zeros(5), modes, modes, modes, zi=torch.zeros(3))
