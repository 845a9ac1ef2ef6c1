"""Filtering by sampled responses, against the recursion, within the error it states."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.signal import butter, ellip, sosfilt, sosfreqz

from rnnmusic.errors import InputError
from rnnmusic.filters.functional.frequency import (
    aliasing_bound,
    frequency_sampled,
    grid,
    sections_response,
)


def random_sections(rng: np.random.Generator, count: int, radius: float) -> NDArray[np.float64]:
    """Stable sections, some with real poles, of radii up to `radius`."""
    rows = []
    for _ in range(count):
        if rng.random() < 0.5:
            p, q = rng.uniform(-radius, radius, 2)
            a1, a2 = -(p + q), p * q
        else:
            r, angle = radius * rng.random(), np.pi * rng.random()
            a1, a2 = -2 * r * np.cos(angle), r * r
        rows.append([*rng.normal(size=3), 1.0, a1, a2])
    return np.array(rows) * rng.uniform(0.5, 2.0, (count, 1))  # a0 need not be 1


@given(
    seed=st.integers(0, 9_999),
    count=st.integers(1, 4),
    radius=st.sampled_from([0.3, 0.9, 0.99, 0.999]),
    time=st.integers(1, 300),
    surplus=st.sampled_from([0, 1, 100, 2_000]),
)
@settings(max_examples=50, deadline=None)
def test_the_error_is_within_the_stated_bound(
    seed: int, count: int, radius: float, time: int, surplus: int
) -> None:
    rng = np.random.default_rng(seed)
    sos = random_sections(rng, count, radius)
    x = rng.choice([-1.0, 1.0], time)
    y, bound = frequency_sampled(
        torch.from_numpy(x), torch.from_numpy(sos), time + surplus, return_error=True
    )
    exact = sosfilt(sos / sos[:, 3:4], x)
    rounding = 1e-11 * (1 + np.abs(exact).max())
    assert np.abs(y.numpy() - exact).max() <= bound.item() + rounding


@pytest.mark.parametrize("radius", [0.9, 0.99])
def test_the_bound_is_reached_and_falls_like_the_radius(radius: float) -> None:
    """One real pole, an input that never changes sign: nothing cancels."""
    sos = torch.tensor([[1.0, 0.0, 0.0, 1.0, -radius, 0.0]], dtype=torch.float64)
    x = torch.ones(100, dtype=torch.float64)
    exact = torch.from_numpy(sosfilt(sos.numpy(), x.numpy()))
    y, bound = frequency_sampled(x, sos, 160, return_error=True)
    assert (y - exact).abs().max() > 0.6 * bound
    assert (y - exact).abs().max() <= bound * (1 + 1e-9)
    later = aliasing_bound(sos, 260, 100)
    assert later / bound == pytest.approx(radius**100, rel=1e-6)


def test_long_memories_and_bad_sections_have_bounds_too() -> None:
    slow = torch.from_numpy(butter(8, [0.1, 0.11], "band", output="sos"))
    assert 1e-2 < aliasing_bound(slow, 2048, 1000) < 1.0
    assert aliasing_bound(slow, 2**15, 1000) < 1e-30
    never = torch.tensor([[1.0, 0, 0, 1, 0, 1.0]], dtype=torch.float64)
    both = torch.stack([never, torch.tensor([[1.0, 0, 0, 1, 0, 0]], dtype=torch.float64)])
    unstable, none = aliasing_bound(both, 64, 32)
    assert unstable == float("inf")
    assert none < 1e-50


@given(seed=st.integers(0, 999))
@settings(max_examples=20, deadline=None)
def test_responses_equal_scipy_s(seed: int) -> None:
    sos = random_sections(np.random.default_rng(seed), 3, 0.95)
    omega = grid(64, torch.zeros(1))
    expected = sosfreqz(sos / sos[:, 3:4], omega.numpy())[1]
    np.testing.assert_allclose(
        sections_response(torch.from_numpy(sos), omega), expected, rtol=1e-9, atol=1e-12
    )


def test_sections_response_and_function_are_the_same_filter() -> None:
    sos = torch.from_numpy(ellip(4, 1, 60, 0.3, output="sos")).float()
    x = torch.randn(3, 200)
    y = frequency_sampled(x, sos)
    assert y.dtype == torch.float32
    response = sections_response(sos, grid(512, x))
    torch.testing.assert_close(frequency_sampled(x, response, 512), y)
    torch.testing.assert_close(
        frequency_sampled(x, lambda omega: sections_response(sos, omega), 512), y
    )
    exact = sosfilt(sos.double().numpy(), x.double().numpy())
    np.testing.assert_allclose(y, exact, atol=1e-5)


def test_one_filter_per_channel_broadcasts() -> None:
    rng = np.random.default_rng(0)
    bank = np.stack([random_sections(rng, 2, 0.8) for _ in range(3)])
    x = rng.normal(size=(2, 3, 100))
    y, bound = frequency_sampled(
        torch.from_numpy(x), torch.from_numpy(bank), 1000, return_error=True
    )
    assert bound.shape == (3,)
    for k, sos in enumerate(bank):
        np.testing.assert_allclose(y[:, k], sosfilt(sos / sos[:, 3:4], x[:, k]), atol=1e-9)


def test_gradients_of_first_and_second_order() -> None:
    sos = torch.from_numpy(butter(4, 0.3, output="sos")).requires_grad_()
    x = torch.randn(12, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x, sos: frequency_sampled(x, sos, 40), (x, sos))
    assert torch.autograd.gradgradcheck(lambda x, sos: frequency_sampled(x, sos, 40), (x, sos))


def test_mistakes_are_refused() -> None:
    x, sos = torch.zeros(2, 10), torch.tensor([[1.0, 0, 0, 1, 0, 0]])
    with pytest.raises(InputError, match="real samples"):
        frequency_sampled(x[:, :0], sos)
    with pytest.raises(InputError, match="n_fft is 9"):
        frequency_sampled(x, sos, 9)
    with pytest.raises(InputError, match="unit circle"):
        frequency_sampled(x, torch.tensor([[1.0, 0, 0, 1, 0, 1.01]]))
    with pytest.raises(InputError, match="unit circle"):
        frequency_sampled(x, torch.full((1, 6), float("nan")))
    with pytest.raises(InputError, match="S, 6"):
        frequency_sampled(x, torch.zeros(1, 5))
    with pytest.raises(InputError, match="aliasing"):
        frequency_sampled(x, torch.zeros(9, dtype=torch.complex64), 16, return_error=True)
    with pytest.raises(InputError, match="n_fft = 16"):
        frequency_sampled(x, torch.zeros(8, dtype=torch.complex64), 16)
    with pytest.raises(InputError, match="broadcast"):
        frequency_sampled(x, torch.zeros(3, 9, dtype=torch.complex64), 16)
