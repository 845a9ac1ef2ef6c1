"""From a form to the engine that runs it."""

from __future__ import annotations

import numpy as np

from rnnmusic.errors import InputError
from rnnmusic.filters.analysis.certificate import require_stable
from rnnmusic.filters.forms import (
    Allpass,
    DelayNetwork,
    Diagonal,
    Form,
    Lattice,
    Parallel,
    ParametricEq,
    Sections,
    StateSpace,
    SvfChain,
    TransferFunction,
    ZeroPoleGain,
    convert,
)
from rnnmusic.filters.forms.lattice import ladder
from rnnmusic.filters.streaming.composite import ParallelEngine
from rnnmusic.filters.streaming.engines import (
    DirectEngine,
    Engine,
    ModesEngine,
    NetworkEngine,
    SectionsEngine,
    StateSpaceEngine,
)


def build(form: Form, channels: int, dtype: str) -> Engine:
    """An engine at rest; InputError for a filter that isn't stable.

    zpk, svf and eq run as their sections, a lattice as the state space of its rotations (Gray &
    Markel 1975), whose state matrix is orthogonal but for one row, and allpasses as delay lines.
    """
    require_stable(form)
    if isinstance(form, SvfChain | ParametricEq):
        form = form.sections()
    elif isinstance(form, ZeroPoleGain):
        form = convert(form, Sections)
    elif isinstance(form, Lattice):
        feedback, b, taps, direct = ladder(form.k)
        form = StateSpace(
            feedback, b[:, None], (form.v @ taps)[None], np.full((1, 1), form.v @ direct)
        )
    elif isinstance(form, Allpass):
        form = allpass_network(form)
    if isinstance(form, Sections):
        return SectionsEngine(form.sos, channels, dtype)
    if isinstance(form, Parallel):
        return ParallelEngine(form.sos, form.fir, channels, dtype)
    if isinstance(form, TransferFunction):
        length = max(len(form.b), len(form.a))
        b, a = (np.pad(part, (0, length - len(part))) for part in (form.b, form.a))
        return DirectEngine((b, a), np.zeros((channels, length - 1)), dtype)
    signals = channels if form.inputs == form.outputs == 1 else 1
    if isinstance(form, StateSpace):
        matrices = tuple(np.ascontiguousarray(part) for part in (form.A, form.B, form.C, form.D))
        return StateSpaceEngine(matrices, np.zeros((signals, form.order)), dtype)
    if isinstance(form, Diagonal):
        state = np.zeros((signals, len(form.pole)), dtype=np.complex128)
        return ModesEngine((form.pole, form.b, form.c, form.d), state, dtype)
    if isinstance(form, DelayNetwork):
        lines = np.zeros((signals, form.order))
        loop = form.feedback * form.gain
        delay = np.array(form.delay, dtype=np.int64)
        return NetworkEngine((loop, form.b, form.c, form.d), lines, dtype, delay)
    raise InputError(f"A {form.kind} filter can't be streamed; convert it to sections.")


def allpass_network(form: Allpass) -> DelayNetwork:
    """Nested allpasses as one delay line a coefficient, chain after chain.

    In a chain f_N is its input; w_m what line m gives; f_(m-1) = f_m - k_m w_m; g_0 = f_0;
    g_m = k_m f_(m-1) + w_m its output; line m is fed g_(m-1) (Gerzon 1971). All are kept as rows
    of coefficients over the lines' outputs and the input.
    """
    delay = tuple(samples for chain in form.delay for samples in chain)
    count = len(delay)
    signal = np.eye(1, count + 1, count)[0]
    feeds = np.zeros((count, count + 1))
    start = 0
    for k in form.k:
        lines = range(start, start + len(k))
        heard = [np.eye(1, count + 1, line)[0] for line in lines]
        inner = [signal]
        for m in range(len(k) - 1, -1, -1):
            inner.insert(0, inner[0] - k[m] * heard[m])
        signal = inner[0]
        for m, line in enumerate(lines):
            feeds[line] = signal
            signal = k[m] * inner[m] + heard[m]
        start += len(k)
    signal = form.gain * signal
    return DelayNetwork(
        delay,
        feeds[:, :count],
        np.ones(count),
        feeds[:, count:],
        signal[None, :count],
        signal[None, count:],
        form.sample_rate_hz,
    )
