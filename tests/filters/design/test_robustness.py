"""Whatever finite data come in: a finite form comes out, or a sentence."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnnmusic.errors import RnnMusicError
from rnnmusic.filters import design
from rnnmusic.filters.design.checks import as_series
from rnnmusic.filters.forms import Form

KINDS: list[Callable[[np.random.Generator, int], Any]] = [
    lambda rng, n: rng.standard_normal(n),
    lambda rng, n: np.zeros(n),
    lambda rng, n: np.ones(n),
    lambda rng, n: np.eye(1, n)[0],
    lambda rng, n: np.sin(0.3 * np.arange(n)),
    lambda rng, n: np.arange(n, dtype=float),
    lambda rng, n: (-1.0) ** np.arange(n),
    lambda rng, n: 1e-90 * rng.standard_normal(n),
    lambda rng, n: 1e90 * rng.standard_normal(n),
    lambda rng, n: 1e-300 * rng.standard_normal(n),
    lambda rng, n: 1e300 * rng.standard_normal(n),
]


@settings(max_examples=40)
@given(
    seed=st.integers(0, 2**32 - 1),
    length=st.integers(1, 50),
    kinds=st.tuples(st.sampled_from(KINDS), st.sampled_from(KINDS)),
    order=st.integers(1, 6),
    order_b=st.integers(0, 6),
    stabilise=st.booleans(),
)
def test_any_data_make_a_filter_or_a_sentence(
    seed: int, length: int, kinds: Any, order: int, order_b: int, stabilise: bool
) -> None:
    rng = np.random.default_rng(seed)
    x, y = (kind(rng, length) for kind in kinds)
    omega = np.sort(rng.uniform(0, np.pi, length))
    keep = {"stabilise": stabilise}
    calls: list[Callable[[], Form]] = [
        lambda: design.prony(x, order_b, order, **keep),
        lambda: design.steiglitz_mcbride(x, order_b, order, **keep),
        lambda: design.steiglitz_mcbride(x, order_b, order, excitation=y, **keep),
        lambda: design.era(x, order, **keep),
        lambda: design.subspace(x, y, order, **keep),
        lambda: design.lpc(x, order, **keep),
        lambda: design.lpc(x, order, "burg", **keep),
        lambda: design.lpc(x, order, "covariance", **keep),
        lambda: design.hannan_rissanen(x, order_b, order % 3, **keep),
        lambda: design.sanathanan_koerner(omega, x + 1j * y, order_b, order, **keep),
        lambda: design.sanathanan_koerner(omega, x, order_b, order, relative=True, **keep),
        lambda: design.vector_fitting(omega, x + 1j * y, order, **keep),
        lambda: design.vector_fitting(omega, x, order, relative=True, **keep),
        lambda: design.yule_walker(omega, abs(x), order, **keep),
        lambda: design.spectral_factor(omega, abs(x), order_b, order),
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", design.StabilityWarning)
        for call in calls:
            with contextlib.suppress(RnnMusicError):
                form = call()
                if stabilise:
                    assert np.isfinite(form.response(np.linspace(0.01, 3.1, 50))).all()


@pytest.mark.parametrize("scale", [1e-200, 1e200])
def test_sizes_whose_powers_leave_float64_are_said_in_a_sentence(scale: float) -> None:
    with pytest.raises(RnnMusicError, match="scale it"):
        as_series("signal", [scale, 0.0])
