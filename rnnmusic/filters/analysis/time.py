"""Responses over time."""

from __future__ import annotations

import numpy as np

from rnnmusic.errors import InputError
from rnnmusic.filters.forms import (
    Allpass,
    DelayNetwork,
    Diagonal,
    Form,
    Parallel,
    ParametricEq,
    Reals,
    Sections,
    StateSpace,
    SvfChain,
    TransferFunction,
    ZeroPoleGain,
    convert,
)


def impulse_response(form: Form, samples: int) -> Reals:
    """What comes out for a single 1: (samples,), with several channels (outputs, inputs, samples).

    InputError for less than one sample. An unstable filter's grows until it is infinite.
    """
    if samples < 1:
        raise InputError(f"{samples} samples of a response were asked for; ask for 1 or more.")
    with np.errstate(over="ignore", invalid="ignore"):
        return _impulse(form, samples)


def step_response(form: Form, samples: int) -> Reals:
    """What comes out for ones from the first sample on, shaped like `impulse_response`."""
    with np.errstate(over="ignore", invalid="ignore"):
        return np.cumsum(impulse_response(form, samples), axis=-1)


def _impulse(form: Form, samples: int) -> Reals:
    if isinstance(form, TransferFunction | ZeroPoleGain | Sections | SvfChain | ParametricEq):
        return _fraction(form, samples)
    if isinstance(form, Parallel):
        return _parallel(form, samples)
    if isinstance(form, Diagonal):
        return _diagonal(form, samples)
    if isinstance(form, Allpass | DelayNetwork):
        return _lines(convert(form, DelayNetwork), samples)
    return _state(convert(form, StateSpace), samples)


def _fraction(form: Form, samples: int) -> Reals:
    from scipy.signal import lfilter, sosfilt

    one = np.zeros(samples)
    one[0] = 1.0
    if isinstance(form, TransferFunction):
        return np.asarray(lfilter(form.b, form.a, one))
    return np.asarray(sosfilt(convert(form, Sections).sos, one))


def _parallel(form: Parallel, samples: int) -> Reals:
    result = np.zeros(samples)
    taps = min(samples, len(form.fir))
    result[:taps] = form.fir[:taps]
    for row in form.sos:
        result += _fraction(Sections(row[None]), samples)
    return result


def _state(form: StateSpace, samples: int) -> Reals:
    """C A**t B by doubling: the states of twice as many steps are A**t times those of t."""
    states = form.B[:, None, :]  # (N, steps, I)
    power = form.A
    while states.shape[1] < samples - 1:
        later = power @ states.reshape(form.order, states.shape[1] * form.inputs)
        states = np.concatenate([states, later.reshape(states.shape)], axis=1)
        power = power @ power
    states = states[:, : samples - 1]
    result = np.empty((form.outputs, form.inputs, samples))
    result[..., 0] = form.D
    result[..., 1:] = np.einsum("on,nti->oit", form.C, states)
    return _squeezed(result)


def _diagonal(form: Diagonal, samples: int) -> Reals:
    result = np.empty((form.outputs, form.inputs, samples))
    result[..., 0] = form.d
    result[..., 1:] = 0.0
    steps = np.arange(samples - 1)
    for n, pole in enumerate(form.pole):
        weights = np.outer(form.c[:, n], form.b[n])
        result[..., 1:] += (weights[..., None] * np.power(pole, steps)).real
    return _squeezed(result)


def _lines(form: DelayNetwork, samples: int) -> Reals:
    """Blocks as long as the shortest line: nothing that enters in one comes out in it."""
    loop, block = form.feedback * form.gain, min(form.delay, default=samples)
    longest = max(form.delay, default=0)
    result = np.zeros((form.outputs, form.inputs, samples))
    for channel in range(form.inputs):
        written = np.zeros((len(form.delay), longest + samples))  # what enters the lines
        x = np.zeros(samples)
        x[0] = 1.0
        for start in range(0, samples, block):
            end = min(start + block, samples)
            out = np.zeros((len(form.delay), end - start))
            for line, delay in enumerate(form.delay):
                first = longest + start - delay
                out[line] = written[line, first : first + end - start]
            now = x[None, start:end]
            written[:, longest + start : longest + end] = loop @ out + form.b[:, [channel]] * now
            result[:, channel, start:end] = form.c @ out + form.d[:, [channel]] * now
    return _squeezed(result)


def _squeezed(result: Reals) -> Reals:
    return result[0, 0] if result.shape[:2] == (1, 1) else result
