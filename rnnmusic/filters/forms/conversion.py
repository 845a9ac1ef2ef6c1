"""Any form into any other."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any, TypeVar

import numpy as np

from rnnmusic.errors import InputError, UsageError
from rnnmusic.filters.forms import _many_channels as many
from rnnmusic.filters.forms import _one_channel as one
from rnnmusic.filters.forms import _partial_fractions as partial
from rnnmusic.filters.forms.delays import DelayNetwork
from rnnmusic.filters.forms.diagonal import Diagonal
from rnnmusic.filters.forms.equaliser import ParametricEq
from rnnmusic.filters.forms.lattice import Allpass, Lattice
from rnnmusic.filters.forms.protocol import Form
from rnnmusic.filters.forms.rational import TransferFunction, ZeroPoleGain
from rnnmusic.filters.forms.recognition import sos_to_eq
from rnnmusic.filters.forms.sections import Parallel, Sections
from rnnmusic.filters.forms.statespace import StateSpace
from rnnmusic.filters.forms.svf import SvfChain

F = TypeVar("F", bound=Form)

#: A conversion that would change the response by more than this part of its peak is refused.
TOLERANCE = 1e-6

#: The forms that may have several inputs and outputs.
MANY_CHANNELS: tuple[type[Form], ...] = (StateSpace, Diagonal, DelayNetwork)


def convert(form: Form, to: type[F]) -> F:
    """The same filter in another form, as exact as float64 can hold it there.

    The way leads over the forms that lose least. Where the other form can't express the filter,
    or only with an error above 1e-6 of the peak of its response (a narrow filter of high order as
    one fraction, nearly repeated poles as parallel sections), InputError says so. Poles and zeros
    that cancel at 0 are dropped; others are kept: no form is reduced to a smaller order.
    """
    if not isinstance(to, type):
        raise UsageError(f"{to!r} is no form; give a class, such as forms.Sections.")
    if isinstance(form, to):
        return form
    way = _way(type(form), to)
    if way is None:
        raise InputError(f"A {form.kind} filter can't be written as {to.kind}.")
    if (form.inputs, form.outputs) != (1, 1) and not set(way) <= set(MANY_CHANNELS):
        raise InputError(
            f"A filter of {form.inputs} inputs and {form.outputs} outputs can't be written as "
            f"{to.kind}; give one input and one output, or use StateSpace."
        )
    result: Any = form
    for step in way:
        edge = _EDGES[type(result), step]
        result = replace(edge.function(result), sample_rate_hz=form.sample_rate_hz)  # type: ignore[type-var]
    if any(_EDGES[pair].cost > EXACT for pair in zip((type(form), *way), way, strict=False)):
        _check(form, result)
    converted: F = result
    return converted


def response_error(form: Form, other: Form) -> float:
    """Largest difference between two responses as a part of the first one's peak.

    On a grid and next to the angles of the poles, where responses are steepest; where either is
    infinite (a pole on the unit circle) isn't counted.
    """
    angles = np.abs(np.angle(other.poles()[: 4 * CHECKED]))
    omega = np.unique(np.concatenate([np.linspace(0, np.pi, CHECKED), angles]))
    mine, theirs = form.response(omega), other.response(omega)
    finite = np.isfinite(mine) & np.isfinite(theirs)
    peak = float(np.max(abs(mine[finite]), initial=0.0))
    error = float(np.max(abs(mine[finite] - theirs[finite]), initial=0.0))
    return error / peak if peak else error


def _check(form: Form, result: Form) -> None:
    error = response_error(form, result)
    if not error <= TOLERANCE:
        raise InputError(
            f"Written as {result.kind} this {form.kind} filter's response would be wrong by "
            f"{error:.0e} of its peak, as its poles are too close for that way; keep it as "
            f"{form.kind}."
        )


@cache
def _way(start: type[Form], end: type[Form]) -> tuple[type[Form], ...] | None:
    """The cheapest way (Dijkstra), without its start."""
    queue: list[tuple[int, int, type[Form], tuple[type[Form], ...]]] = [(0, 0, start, ())]
    done: set[type[Form]] = set()
    count = 0
    while queue:
        cost, _, here, way = heapq.heappop(queue)
        if here is end:
            return way
        if here in done:
            continue
        done.add(here)
        if here is not start and here not in _THROUGH:
            continue
        for (source, target), edge in _EDGES.items():
            if source is here and target not in done:
                count += 1  # the order of equal costs; classes can't be compared
                heapq.heappush(queue, (cost + edge.cost, count, target, (*way, target)))
    return None


class _Edge:
    """A conversion and what it costs in digits, roughly."""

    def __init__(self, function: Callable[[Any], Form], cost: int) -> None:
        self.function = function
        self.cost = cost


CHECKED = 64
EXACT = 1  # coefficients are copied or computed by a few operations
ROOTS = 4  # of quadratics, or products of them
POLYNOMIAL = 10  # well-conditioned for some filters only
EIGEN = 20

#: Forms that hold (nearly) any filter, so that a way may lead over them.
_THROUGH = (ZeroPoleGain, Sections, StateSpace, Parallel, DelayNetwork)

_EDGES: dict[tuple[type[Form], type[Form]], _Edge] = {
    (TransferFunction, ZeroPoleGain): _Edge(one.tf_to_zpk, POLYNOMIAL),
    (TransferFunction, Lattice): _Edge(one.tf_to_lattice, POLYNOMIAL),
    (TransferFunction, StateSpace): _Edge(many.tf_to_ss, EXACT),
    (ZeroPoleGain, TransferFunction): _Edge(one.zpk_to_tf, POLYNOMIAL),
    (ZeroPoleGain, Sections): _Edge(one.zpk_to_sos, ROOTS),
    (ZeroPoleGain, Parallel): _Edge(partial.zpk_to_parallel, POLYNOMIAL),
    (ZeroPoleGain, Lattice): _Edge(one.zpk_to_lattice, POLYNOMIAL),
    (ZeroPoleGain, Allpass): _Edge(one.zpk_to_allpass, ROOTS),
    (Sections, ZeroPoleGain): _Edge(one.sos_to_zpk, ROOTS),
    (Sections, SvfChain): _Edge(one.sos_to_svf, EXACT),
    (Sections, ParametricEq): _Edge(sos_to_eq, ROOTS),
    (Sections, StateSpace): _Edge(many.sos_to_ss, EXACT),
    (Parallel, StateSpace): _Edge(many.parallel_to_ss, EXACT),
    (Parallel, ZeroPoleGain): _Edge(many.state_to_zpk, EIGEN),
    (Parallel, Diagonal): _Edge(partial.parallel_to_diagonal, ROOTS),
    (SvfChain, Sections): _Edge(one.svf_to_sos, EXACT),
    (ParametricEq, Sections): _Edge(one.eq_to_sos, EXACT),
    (Lattice, TransferFunction): _Edge(one.lattice_to_tf, POLYNOMIAL),
    (Lattice, StateSpace): _Edge(many.lattice_to_ss, EXACT),
    (Lattice, ZeroPoleGain): _Edge(many.state_to_zpk, EIGEN),
    (Allpass, ZeroPoleGain): _Edge(one.allpass_to_zpk, POLYNOMIAL),
    (Allpass, DelayNetwork): _Edge(many.allpass_to_fdn, EXACT),
    (StateSpace, ZeroPoleGain): _Edge(many.state_to_zpk, EIGEN),
    (StateSpace, Diagonal): _Edge(many.ss_to_diagonal, EIGEN),
    (StateSpace, DelayNetwork): _Edge(many.ss_to_fdn, EXACT),
    (Diagonal, StateSpace): _Edge(many.diagonal_to_ss, EXACT),
    (Diagonal, Parallel): _Edge(partial.diagonal_to_parallel, EXACT),
    (Diagonal, ZeroPoleGain): _Edge(many.state_to_zpk, EIGEN),
    (DelayNetwork, StateSpace): _Edge(many.fdn_to_ss, EXACT),
}
