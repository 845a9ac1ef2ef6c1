"""No parameters, and no steps of an optimiser, make a filter unstable, also in float32."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks import filters_stability as benchmark
from rnnmusic.filters.analysis import certificate
from rnnmusic.filters.modules.direct import shrinkage
from rnnmusic.filters.modules.matrices import (
    cayley,
    cayley_parameters,
    contraction,
    contraction_parameters,
)
from rnnmusic.filters.modules.stability import (
    into_triangle,
    section_coefficients,
    section_reflections,
    step_down,
    step_up,
    surely_within,
)
from tests.filters.modules.builders import MODULES

CASES = {case.name: case for case in benchmark.cases()}
numbers = st.floats(-1e30, 1e30) | st.floats(-50, 50)


@pytest.mark.parametrize("name", CASES)
def test_nothing_makes_a_module_unstable(name: str) -> None:
    case = CASES[name]
    row = benchmark.measure(case, max(200 // case.cost, 8), max(40 // case.cost, 4), 4)
    assert row.draws
    assert row.steps
    assert not row.unstable


@pytest.mark.parametrize("name", MODULES)
@pytest.mark.parametrize("kind", range(4))
def test_every_form_has_a_certificate(name: str, kind: int) -> None:
    module = MODULES[name]()
    benchmark.draw(module, kind, torch.Generator().manual_seed(kind))
    with torch.no_grad():  # what isn't about poles may overflow float32
        for parameter in module.parameters():
            parameter.clamp_(-1e12, 1e12) if not parameter.is_complex() else parameter.zero_()
    found = certificate(module.form(), "float32")
    assert found.is_stable, found


@given(st.lists(st.tuples(numbers, numbers), min_size=1, max_size=5), st.floats(0.01, 0.999999))
def test_sections_stay_within_the_radius_after_rounding(
    raw: list[tuple[float, float]], radius: float
) -> None:
    for a1, a2 in (
        section_coefficients(torch.tanh(torch.tensor(raw, dtype=torch.float64)), radius),
        into_triangle(*torch.tensor(raw, dtype=torch.float64).T, radius),
    ):
        x, y = (a.numpy().astype(np.float32).astype(np.float64) for a in (a1, a2))
        x, y = x / radius, y / radius**2
        assert (y <= 1).all()
        assert (abs(x) <= 1 + y).all()


@given(st.floats(-8, 8), st.floats(-8, 8), st.floats(0.1, 0.9999))
def test_sections_and_reflections_are_inverse(p: float, q: float, radius: float) -> None:
    k = torch.tanh(torch.tensor([p, q], dtype=torch.float64))
    a1, a2 = section_coefficients(k, radius)
    np.testing.assert_allclose(section_reflections(a1.numpy(), a2.numpy(), radius), k, atol=1e-8)


@given(st.lists(st.floats(-0.95, 0.95), min_size=1, max_size=8), st.floats(1, 3))
def test_step_down_inverts_step_up_and_sees_a_root_outside(k: list[float], last: float) -> None:
    a = step_up(torch.tensor(k, dtype=torch.float64)).numpy()
    np.testing.assert_allclose(step_down(a), k, atol=1e-6)
    assert surely_within(a, 1.0)
    # The product of the roots is +-last.
    outside = step_up(torch.tensor([*k, last], dtype=torch.float64)).numpy()
    assert not surely_within(outside, 1.0)


@given(st.lists(numbers, min_size=1, max_size=10))
@settings(deadline=None)
def test_direct_forms_are_shrunk_only_as_far_as_they_must(raw: list[float]) -> None:
    scale = shrinkage(np.array([raw]), 0.9999)[0, 0]
    assert 0 < scale <= 1
    if sum(abs(value) for value in raw) < 3:
        assert scale == 1
    a = step_up(torch.tanh(torch.tensor(raw, dtype=torch.float64) * scale)).numpy()
    a = (a * 0.9999 ** np.arange(len(a))).astype(np.float32)
    assert surely_within(a.astype(np.float64), 0.9999) or sum(map(abs, raw)) * scale <= 7.001


@given(st.integers(1, 7), st.integers(0, 10**6), st.sampled_from([0.1, 1.0, 100.0, 1e30]))
@settings(deadline=None)
def test_matrices_contract_or_turn_whatever_they_are_made_of(
    order: int, seed: int, scale: float
) -> None:
    rng = np.random.default_rng(seed)
    free = torch.from_numpy(scale * rng.standard_normal((order, order)))
    assert torch.linalg.matrix_norm(contraction(free), 2) <= 1
    turn = cayley(free)
    torch.testing.assert_close(turn @ turn.T, torch.eye(order).double(), atol=1e-7, rtol=0)
    q = np.linalg.qr(rng.standard_normal((order, order)))[0]
    parameters, signs = cayley_parameters(q)
    np.testing.assert_allclose(cayley(parameters) * signs, q, atol=1e-10)
    np.testing.assert_allclose(contraction(contraction_parameters(0.9 * q)), 0.9 * q, atol=1e-10)
