"""State-space filters from recordings of inputs and outputs: subspace identification."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from rnnmusic.errors import InputError
from rnnmusic.filters.design.algebra import eigenvalues, least_squares
from rnnmusic.filters.design.blas import one_blas_thread
from rnnmusic.filters.design.checks import as_channels, check_equations, check_order
from rnnmusic.filters.design.stability import is_unstable, reflect_matrix
from rnnmusic.filters.forms import Complexes, Reals, StateSpace

#: Samples whose equations are triangularised at a time: memory doesn't grow with the recording.
_CHUNK = 1 << 14


@one_blas_thread()
def subspace(
    inputs: Any, outputs: Any, order: int, *, horizon: int | None = None, stabilise: bool = False
) -> StateSpace:
    """The filter of such an order that turns recorded inputs into recorded outputs.

    inputs (T,) or (I, T), outputs (T,) or (O, T), from any state, with noise on the outputs or in
    the state; inputs must be rich (noise, music), and independent of the noise. The part of the
    future outputs that past inputs and outputs explain, future inputs projected out, spans the
    observability matrix, from which C and A come (PO-MOESP: Verhaegen, Automatica 30, 1994;
    as in N4SID, Van Overschee and De Moor, Automatica 30, 1994). B, D and the first state are
    least squares of the simulated outputs. horizon: samples that count as past and as future, by
    default 2 * order + 10 where the recording is long enough.
    Errors: InputError for data that are short, silent, of unequal length or not finite.
    """
    order = check_order("order", order)
    u, y = as_channels("inputs", inputs), as_channels("outputs", outputs)
    if u.shape[1] != y.shape[1]:
        raise InputError(
            f"The inputs have {u.shape[1]} samples, the outputs {y.shape[1]}; give as many."
        )
    if not u.any() or not y.any():
        raise InputError("The inputs or the outputs are silent; give recordings with sound.")
    channels = len(u) + len(y)
    longest = u.shape[1] // (4 * channels + 2)
    past = min(2 * order + 10, longest) if horizon is None else check_order("horizon", horizon)
    check_equations(u.shape[1] - 2 * past + 1, 2 * past * channels, "samples of a recording")
    check_equations((past - 1) * len(y), order, "outputs within the horizon")
    # Of equal size, quiet and loud channels count the same.
    loud_u, loud_y = (np.maximum(abs(x).max(axis=1), 1e-300) for x in (u, y))
    u, y = u / loud_u[:, None], y / loud_y[:, None]
    a, c = _observed(u, y, order, past)
    if is_unstable("subspace", eigenvalues(a), stabilise) and stabilise:
        a = reflect_matrix(a)
    b, d = _driven(u, y, a, c)
    return StateSpace(a, b / loud_u, loud_y[:, None] * c, loud_y[:, None] * d / loud_u)


def _observed(u: Reals, y: Reals, order: int, past: int) -> tuple[Reals, Reals]:
    """A and C from the observability matrix that the data span."""
    count = u.shape[1] - 2 * past + 1
    windows = [sliding_window_view(x, 2 * past, axis=1) for x in (u, y)]

    def blocks() -> Iterator[Reals]:
        for start in range(0, count, _CHUNK):
            # (samples, window, channels) of inputs and outputs
            piece_u, piece_y = (w[:, start : start + _CHUNK].transpose(1, 2, 0) for w in windows)
            parts = (piece_u[:, past:], piece_u[:, :past], piece_y[:, :past], piece_y[:, past:])
            yield np.hstack([part.reshape(len(part), -1) for part in parts])

    lower = _triangular(blocks()).T
    futures, pasts = past * len(u), past * (len(u) + len(y))
    explained = lower[futures + pasts :, futures : futures + pasts]
    left, s, _ = np.linalg.svd(explained)
    observability = left[:, :order] * np.sqrt(s[:order])
    a = least_squares(observability[: -len(y)], observability[len(y) :])
    return a, observability[: len(y)]


def _driven(u: Reals, y: Reals, a: Reals, c: Reals) -> tuple[Reals, Reals]:
    """B and D, with the first state beside them, of least squared error of the outputs."""
    from scipy.linalg import schur

    order, channels, outputs = len(a), len(u), len(y)
    t, q = schur(a, output="complex")
    # What a unit of each input, and an impulse, put into each state does to the outputs: in the
    # Schur basis, where the states depend on each other in one direction only.
    impulse = np.zeros(u.shape[1] + 1)
    impulse[0] = 1
    unit = np.stack(
        [*(_states(t, drive) for drive in u), _states(t, impulse)[:, :, 1:]]
    )  # (drives, into, state, T)
    into = np.einsum("os,dist->doit", c @ q, unit)
    # Real coordinates: B = q B', whose columns q^H are.
    effect = np.real(np.einsum("doit,ni->dont", into, q.conj()))

    def blocks() -> Iterator[Reals]:
        for k in range(outputs):
            direct = np.zeros((channels, outputs, u.shape[1]))
            direct[:, k] = u
            columns = np.vstack((effect[:, k].reshape(-1, u.shape[1]), *direct, y[k : k + 1]))
            for start in range(0, u.shape[1], _CHUNK):
                yield columns[:, start : start + _CHUNK].T

    r = _triangular(blocks())
    found = least_squares(r[:, :-1], r[:, -1])
    b = found[: channels * order].reshape(channels, order).T
    d = found[(channels + 1) * order :].reshape(channels, outputs).T
    return b, d


def _states(t: Complexes, drive: Reals) -> Complexes:
    """States (into, state, T) of s[n+1] = t s[n] + e_into drive[n], for upper triangular t."""
    from scipy.signal import lfilter

    order = len(t)
    states = np.zeros((order, order, len(drive)), dtype=np.complex128)
    for into in range(order):
        for k in range(into, -1, -1):
            force = t[k, k + 1 :] @ states[into, k + 1 :]
            if k == into:
                force = force + drive
            states[into, k] = lfilter([0, 1], [1, -t[k, k]], force)
    return states


def _triangular(blocks: Iterator[Reals]) -> Reals:
    """R of the QR factorisation of all blocks on top of each other, one at a time."""
    r: Reals = np.zeros((0, 0))
    for block in blocks:
        stack = np.vstack((r, block)) if r.size else block
        r = np.asarray(np.linalg.qr(stack, mode="r"), dtype=np.float64)
    return r
