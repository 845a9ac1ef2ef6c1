"""Whether a filter is stable with the coefficients that will run, and how that is known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np

from rnnmusic.errors import InputError
from rnnmusic.filters.analysis import _proofs
from rnnmusic.filters.analysis.rounding import Array, Dtype, rounded_arrays
from rnnmusic.filters.forms import (
    Allpass,
    DelayNetwork,
    Diagonal,
    Form,
    Lattice,
    Parallel,
    ParametricEq,
    Reals,
    Sections,
    StateSpace,
    SvfChain,
    TransferFunction,
    ZeroPoleGain,
)
from rnnmusic.filters.forms._checks import MAX_DENSE
from rnnmusic.filters.forms.lattice import ladder

#: The largest radius below 1.
ALMOST_ONE = float(np.nextafter(1.0, 0.0))


@dataclass(frozen=True)
class Certificate:
    """What is known of the poles of a form after rounding its coefficients to dtype.

    is_stable: proven, all poles are inside the unit circle. max_radius: upper bound of their
    radii where that is proven, else the computed radius. margin: by section, stage, pole or
    whatever `method` speaks of, how far from instability it is; negative where it is unstable.
    """

    kind: str
    dtype: Dtype
    is_stable: bool
    max_radius: float
    margin: tuple[float, ...]
    method: str


def certificate(form: Form, dtype: Dtype = "float32") -> Certificate:
    """Round the coefficients of a form to float64, float32 or q31, and judge its stability.

    Each form is judged by its own numbers, as what is harmless in one can ruin another: sections
    by the exact triangle, one fraction by a verified Schur-Cohn test, lattices by |k| < 1, diagonal
    forms by the exact radii, state variable filters by the signs of g and r, matrices by a
    verified Lyapunov function, delay networks by a norm where that is enough. InputError for an
    unknown dtype.
    """
    arrays = rounded_arrays(form, dtype)
    stable, radius, margin, method = _JUDGES[type(form)](form, arrays)
    if stable:
        radius = min(radius, ALMOST_ONE)
    return Certificate(form.kind, dtype, stable, radius, margin, method)


def require_stable(form: Form, dtype: Dtype = "float64") -> None:
    """InputError unless the filter is proven stable after rounding to dtype."""
    found = certificate(form, dtype)
    if not found.is_stable:
        raise InputError(
            f"The {form.kind} filter isn't stable in {dtype} (largest pole radius "
            f"{found.max_radius:.9g}, by {found.method}); move its poles inside the unit circle."
        )


Verdict = tuple[bool, float, tuple[float, ...], str]


def _sections(form: Form, arrays: dict[str, Array]) -> Verdict:
    rows = arrays["sos"]
    margins = [_proofs.triangle_margin(row[4], row[5]) for row in rows]
    radius = max((_proofs.pair_radius(row[4], row[5]) for row in rows), default=0.0)
    method = "the stability triangle of each section, exact"
    return all(margin > 0 for margin in margins), radius, _floats(margins), method


def _fraction(form: Form, arrays: dict[str, Array]) -> Verdict:
    a = np.trim_zeros(arrays["a"], "b")
    method = "the Schur-Cohn test, its rounding errors bounded"
    if len(a) == 1:
        return True, 0.0, (1.0,), method
    estimate = float(np.max(abs(np.roots(a)), initial=0.0))
    if not _proofs.schur_cohn(a):
        return False, max(estimate, 1.0), (1 - max(estimate, 1.0),), method
    estimate = min(estimate, ALMOST_ONE)
    bound = _proofs.proven_radius(estimate, lambda r: _proofs.schur_cohn(a, r))
    radius = 1.0 if bound is None else bound
    return True, radius, (1 - radius,), method


def _poles(form: Form, arrays: dict[str, Array]) -> Verdict:
    poles = arrays["pole"]
    squares = [Fraction(float(p.real)) ** 2 + Fraction(float(p.imag)) ** 2 for p in poles]
    radii = abs(poles) * (1 + 2 * _proofs.EPS)
    stable = all(square < 1 for square in squares)
    margin = tuple(float(value) for value in 1 - abs(poles))
    return stable, float(np.max(radii, initial=0.0)), margin, "the radius of each pole, exact"


def _svf(form: Form, arrays: dict[str, Array]) -> Verdict:
    g, r = arrays["g"], arrays["r"]
    method = "g > 0 and r > 0 in each stage"
    margin = tuple(float(value) for value in np.minimum(g, r))
    if (g <= 0).any():
        return False, 1.0, margin, method
    rounded = SvfChain(g, r, arrays["mix"])
    radius = float(np.max(abs(rounded.poles()))) * (1 + 8 * _proofs.EPS)
    return bool((r > 0).all()), radius, margin, method


def _lattice(form: Form, arrays: dict[str, Array]) -> Verdict:
    k = arrays["k"]
    method = "|k| < 1 in each stage; the radius is that of computed eigenvalues"
    stable = bool((abs(k) < 1).all())
    radius = float(np.max(abs(np.linalg.eigvals(ladder(k)[0])), initial=0.0)) if stable else 1.0
    return stable, radius, tuple(float(value) for value in 1 - abs(k)), method


def _allpass(form: Allpass, arrays: dict[str, Array]) -> Verdict:
    k = arrays["k"]
    margin = tuple(float(value) for value in 1 - abs(k))
    stable = bool((abs(k) < 1).all())
    radius = 1.0
    method = "|k| < 1 in each stage"
    if stable and form.order <= MAX_DENSE:
        start, chains = 0, []
        for chain in form.k:
            chains.append(k[start : start + len(chain)])
            start += len(chain)
        radius = float(np.max(abs(Allpass(tuple(chains), form.delay).poles()), initial=0.0))
        method += "; the radius is that of computed roots"
    return stable, radius, margin, method


def _statespace(form: Form, arrays: dict[str, Array]) -> Verdict:
    return _matrix(arrays["A"])


def _matrix(a: Reals) -> Verdict:
    """Each strongly connected part by itself: the eigenvalues of a block-triangular matrix."""
    margins, stable, radius, methods = [], True, 0.0, set()
    for part in _blocks(a):
        inside, bound, method = _block(a[np.ix_(part, part)])
        stable, radius = stable and inside, max(radius, bound)
        margins.append(1 - bound)
        methods.add(method)
    return stable, radius, tuple(margins), " and ".join(sorted(methods)) or "no state"


def _block(a: Reals) -> tuple[bool, float, str]:
    if len(a) <= 2:
        exact = [[Fraction(float(value)) for value in row] for row in a]
        if len(a) == 1:
            a1, a2 = -exact[0][0], Fraction(0)
        else:
            a1 = -exact[0][0] - exact[1][1]
            a2 = exact[0][0] * exact[1][1] - exact[0][1] * exact[1][0]
        inside = _proofs.triangle_margin(a1, a2) > 0
        radius = _proofs.pair_radius(float(a1), float(a2)) + 8 * _proofs.EPS
        return inside, min(radius, ALMOST_ONE) if inside else max(radius, 1.0), "exact pairs"
    estimate = float(np.max(abs(np.linalg.eigvals(a))))
    bound = _proofs.proven_radius(estimate, lambda r: _proofs.lyapunov(a, r))
    if bound is None:
        method = "eigenvalues, without a proof" if estimate < 1 else "eigenvalues"
        return False, estimate, method
    return True, bound, "a verified Lyapunov function"


def _blocks(a: Reals) -> list[Any]:
    from scipy.sparse.csgraph import connected_components

    if not len(a):
        return []
    count, labels = connected_components(a != 0, directed=True, connection="strong")
    return [np.flatnonzero(labels == label) for label in range(count)]


def _delays(form: DelayNetwork, arrays: dict[str, Array]) -> Verdict:
    """A loop that shrinks every vector is stable whatever the delays; so are growing lines.

    With every line amplified by radius**-delay the poles move out by 1 / radius: where that still
    shrinks, they all have less than that radius.
    """
    loop, delay = arrays["feedback"] * arrays["gain"], np.array(form.delay)

    def shrinks(radius: float) -> bool:
        with np.errstate(over="ignore"):
            grown = loop * radius ** -delay.astype(np.float64)
        if not np.isfinite(grown).all():
            return False
        norm = float(np.linalg.norm(grown, 2)) if loop.size else 0.0
        return norm * (1 + 16 * len(loop) ** 2 * _proofs.EPS) < 1

    if shrinks(1.0):
        low, high = 0.0, 1.0
        for _ in range(60):
            middle = (low + high) / 2
            low, high = (low, middle) if shrinks(middle) else (middle, high)
        return True, high, (1 - high,), "the norm of the feedback"
    if form.order <= MAX_DENSE // 8:
        network = replace(form, feedback=arrays["feedback"], gain=arrays["gain"])
        return _matrix(network.statespace().A)
    norm = float(np.linalg.norm(loop, 2))
    return False, max(1.0, norm), (1 - norm,), "the norm of the feedback"


def _floats(values: list[Fraction]) -> tuple[float, ...]:
    return tuple(float(value) for value in values)


_JUDGES: dict[type[Form], Callable[[Any, dict[str, Array]], Verdict]] = {
    TransferFunction: _fraction,
    ZeroPoleGain: _poles,
    Sections: _sections,
    Parallel: _sections,
    ParametricEq: _sections,
    SvfChain: _svf,
    Lattice: _lattice,
    Allpass: _allpass,
    StateSpace: _statespace,
    Diagonal: _poles,
    DelayNetwork: _delays,
}
