from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnnmusic.errors import InputError
from rnnmusic.filters.analysis import certificate, require_stable, rounded
from rnnmusic.filters.analysis._proofs import lyapunov, schur_cohn
from rnnmusic.filters.analysis.rounding import DTYPES
from rnnmusic.filters.forms import (
    FORMS,
    Allpass,
    DelayNetwork,
    Diagonal,
    Form,
    Lattice,
    ParametricEq,
    Sections,
    StateSpace,
    SvfChain,
    TransferFunction,
    ZeroPoleGain,
    convert,
)
from tests.filters.forms.examples import GENERAL, OMEGA, filters, one_of_each, random_zpk

ONE = np.ones((1, 1))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kind", sorted(FORMS))
def test_stable_filters_are_proven_so(kind: str, dtype: str) -> None:
    form = one_of_each()[kind]
    found = certificate(form, dtype)  # type: ignore[arg-type]
    assert found.is_stable
    assert (found.kind, found.dtype) == (kind, dtype)
    radius = np.max(abs(rounded(form, dtype).poles()))  # type: ignore[arg-type]
    assert radius - 1e-9 <= found.max_radius < 1
    if kind not in ("ss", "fdn", "tf"):
        assert found.max_radius == pytest.approx(radius, rel=1e-9)
    require_stable(form)


@settings(deadline=None, max_examples=25)
@given(filters(10), st.sampled_from(GENERAL), st.floats(0.9, 1.1))
def test_certificates_tell_stable_from_unstable(
    form: ZeroPoleGain, kind: type[Form], radius: float
) -> None:
    """Filters whose largest pole is moved to this radius, in every form that holds them."""
    scale = radius / np.max(abs(form.pole))
    moved = ZeroPoleGain(form.zero * scale, form.pole * scale, form.gain)
    try:
        converted = convert(moved, kind)
    except InputError:
        assert radius > 1 - 1e-6 or kind is not ZeroPoleGain
        return
    found = certificate(converted, "float64")
    if abs(radius - 1) > 1e-3:
        assert found.is_stable == (radius < 1)
    if found.is_stable:
        assert found.max_radius < 1
        assert found.max_radius == pytest.approx(radius, abs=1e-3)
    else:
        assert min(found.margin) <= 0


def test_the_triangle_is_exact_where_floats_are_not() -> None:
    below = np.nextafter(1.0, 0.0)
    above = np.nextafter(0.5, 1)
    for a1, a2, known in [
        (0.0, below, True),
        (0.0, 1.0, False),
        (-1.5, 0.5, False),
        (-1.5, above, True),
        (1.9, 0.9, None),
        (-1.7, 0.7, None),
        (-2 * below, below, True),
    ]:
        stable = abs(Fraction(a1)) < 1 + Fraction(a2) and Fraction(a2) < 1
        assert known is None or stable == known
        found = certificate(Sections(np.array([[1.0, 0, 0, 1, a1, a2]])), "float64")
        assert found.is_stable == stable
        if stable:
            assert found.max_radius < 1
        other = StateSpace([[-a1, 1.0], [-a2, 0.0]], [[1.0], [0]], [[1.0, 0]], [[0.0]])  # type: ignore[arg-type]
        assert certificate(other, "float64").is_stable == stable


def test_rounding_alone_can_ruin_a_filter() -> None:
    pole = 1 - 1e-9
    form = ZeroPoleGain(np.zeros(0), np.array([pole]), 1.0)
    for kind in (ZeroPoleGain, Sections, TransferFunction, Lattice, Diagonal, StateSpace):
        converted = convert(form, kind)
        assert certificate(converted, "float64").is_stable
        assert not certificate(converted, "float32").is_stable, kind.kind
        with pytest.raises(InputError, match="isn't stable in float32"):
            require_stable(converted, "float32")
    # In a state variable filter the same pole is a small g, which floats hold well.
    assert certificate(convert(form, SvfChain), "float32").is_stable


def test_a_high_order_fraction_in_float32_is_not_its_sections() -> None:
    from scipy.signal import butter

    form = ZeroPoleGain(*butter(12, 0.1, output="zpk"))
    assert not certificate(convert(form, TransferFunction)).is_stable
    assert certificate(convert(form, Sections)).is_stable
    assert certificate(convert(form, Lattice)).is_stable


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 2**32), st.integers(1, 14), st.floats(0.5, 1.5))
def test_schur_cohn_knows_on_which_side_the_roots_are(seed: int, order: int, radius: float) -> None:
    pole = random_zpk(seed, order).pole
    pole = pole * radius / np.max(abs(pole))
    a = np.poly(pole).real
    spread = np.max(abs(np.roots(a)))
    if abs(spread - 1) > 1e-2:
        assert schur_cohn(a) == (spread < 1)
    assert schur_cohn(a, 2.0 * spread)
    assert not schur_cohn(a, 0.5 * spread)


def test_schur_cohn_does_not_guess_on_the_circle() -> None:
    assert not schur_cohn(np.array([1.0, -1.0]))
    assert not schur_cohn(np.convolve([1.0, 0.0, 1.0], [1.0, -0.3]))
    third = np.convolve([1.0, -1 / 3, 1.0], [1.0, 0.1])
    assert not schur_cohn(third)
    inside = np.array([1.0, 0.0, np.nextafter(1.0, 0.0)])
    assert schur_cohn(inside)


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 2**32), st.integers(1, 12), st.floats(-1e-3, 1e-3))
def test_a_lyapunov_proof_is_never_wrong(seed: int, order: int, distance: float) -> None:
    rng = np.random.default_rng(seed)
    a = rng.normal(size=(order, order))
    a *= (1 - distance) / np.max(abs(np.linalg.eigvals(a)))
    proven = lyapunov(a, 1.0)
    if distance < -1e-9:
        assert not proven
    if distance > 1e-6:
        assert proven


def test_orthogonal_feedback_is_stable_whatever_the_delays() -> None:
    rotation = np.linalg.qr(np.random.default_rng(0).normal(size=(4, 4)))[0]

    def network(gain: float) -> DelayNetwork:
        delay = (1031, 1327, 1523, 1871)
        b, c = np.ones((4, 1)), np.ones((1, 4))
        return DelayNetwork(delay, rotation, np.full(4, gain), b, c, ONE)

    found = certificate(network(0.98))
    assert found.is_stable
    assert found.max_radius == pytest.approx(0.98 ** (1 / 1871), abs=1e-6)
    for gain in (1.0, 1.01):
        assert not certificate(network(gain)).is_stable


def test_a_feedback_that_stretches_is_judged_by_its_poles() -> None:
    triangle = np.array([[0.5, 10.0], [0.0, 0.5]])
    form = DelayNetwork((2, 3), triangle, np.ones(2), np.ones((2, 1)), np.ones((1, 2)), ONE)
    assert np.linalg.norm(triangle, 2) > 1
    assert certificate(form).is_stable


def test_long_allpasses_are_judged_without_their_poles() -> None:
    form = Allpass.schroeder([0.7, -0.7], [9001, 7])
    assert certificate(form).is_stable
    assert not certificate(Allpass.schroeder([1 - 1e-9], [9001])).is_stable


def test_an_unknown_dtype_is_refused() -> None:
    with pytest.raises(InputError, match="float16"):
        certificate(one_of_each()["sos"], "float16")  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", sorted(FORMS))
def test_rounding_changes_little_and_only_once(kind: str) -> None:
    form = one_of_each()[kind]
    assert rounded(form, "float64").response(OMEGA) == pytest.approx(form.response(OMEGA))
    for dtype, error in (("float32", 1e-3), ("q31", 1e-6)):
        once = rounded(form, dtype)  # type: ignore[arg-type]
        assert once.sample_rate_hz == form.sample_rate_hz
        np.testing.assert_allclose(once.response(OMEGA), form.response(OMEGA), atol=error)
        assert rounded(once, dtype) == once  # type: ignore[arg-type]
        if not isinstance(form, ParametricEq):
            assert type(once) is type(form)


def test_fixed_point_scales_each_section_as_little_as_it_must() -> None:
    form = Sections(np.array([[0.3, 0, 0, 1, -1.9, 0.95], [0.1, 0.2, 0, 1, 0.3, 0.4]]))
    sos = rounded(form, "q31")
    assert isinstance(sos, Sections)
    for row, shift in zip(sos.sos, (1, 0), strict=True):
        integers = row[[0, 1, 2, 4, 5]] * 2.0 ** (31 - shift)
        assert np.array_equal(integers, np.rint(integers))
        assert np.max(abs(integers)) > 2**29
    with pytest.raises(InputError, match="float32"):
        rounded(TransferFunction(np.array([1e39]), np.ones(1)), "float32")
