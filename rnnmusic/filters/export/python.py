"""Filters as Python: a module that uses SciPy, and one that needs NumPy alone."""

from __future__ import annotations

import numpy as np

from rnnmusic.filters.export._facts import digits, facts, identifier, sections_of
from rnnmusic.filters.forms import Form, Reals, StateSpace, convert

_SCIPY = '''\
{comment}
import numpy as np
from scipy.signal import sosfilt

SAMPLE_RATE_HZ = {rate}
# Second-order sections, rows b0 b1 b2 a0 a1 a2.
SOS = np.array({sos})


def {name}(x, zi=None):
    """Filter along the last axis; returns y and the state, to be given with the next block."""
    x = np.asarray(x, dtype=np.float64)
    if zi is None:
        zi = np.zeros((len(SOS), *x.shape[:-1], 2))
    return sosfilt(SOS, x, axis=-1, zi=zi)
'''

_NUMPY = '''\
{comment}
import numpy as np

SAMPLE_RATE_HZ = {rate}
# Second-order sections, rows b0 b1 b2 a0 a1 a2.
SOS = np.array({sos})


def {name}(x, zi=None):
    """Filter along the last axis; returns y and the state, to be given with the next block.

    Transposed direct form II: the state is (sections, ..., 2), as in scipy.signal.sosfilt.
    """
    y = np.array(x, dtype=np.float64)
    state = np.zeros((len(SOS), *y.shape[:-1], 2)) if zi is None else np.array(zi)
    for t in range(y.shape[-1]):
        for (b0, b1, b2, _, a1, a2), s in zip(SOS, state):
            u = y[..., t].copy()
            v = b0 * u + s[..., 0]
            s[..., 0] = b1 * u - a1 * v + s[..., 1]
            s[..., 1] = b2 * u - a2 * v
            y[..., t] = v
    return y, state
'''

_STATE_SPACE = '''\
{comment}
import numpy as np

SAMPLE_RATE_HZ = {rate}
# s[t+1] = A s[t] + B x[t], y[t] = C s[t] + D x[t]
A = np.array({A}).reshape({order}, {order})
B = np.array({B}).reshape({order}, {inputs})
C = np.array({C}).reshape({outputs}, {order})
D = np.array({D}).reshape({outputs}, {inputs})


def {name}(x, zi=None):
    """Filter x (..., {inputs}, T) to y (..., {outputs}, T); returns y and the state (..., {order}),
    to be given with the next block.
    """
    x = np.asarray(x, dtype=np.float64)
    state = np.zeros((*x.shape[:-2], {order})) if zi is None else np.array(zi)
    y = np.zeros((*x.shape[:-2], {outputs}, x.shape[-1]))
    for t in range(x.shape[-1]):
        y[..., t] = state @ C.T + x[..., t] @ D.T
        state = state @ A.T + x[..., t] @ B.T
    return y, state
'''


def scipy_source(form: Form, name: str) -> str:
    """A Python module with the sections and a function that filters with SciPy."""
    sections = sections_of(form, "python")
    return _filled(_SCIPY, form, sections, name, sos=array(sections.sos))


def numpy_source(form: Form, name: str) -> str:
    """A Python module that filters with NumPy alone, several inputs and outputs included."""
    if (form.inputs, form.outputs) == (1, 1):
        sections = sections_of(form, "numpy")
        return _filled(_NUMPY, form, sections, name, sos=array(sections.sos))
    system = convert(form, StateSpace)
    matrices = {matrix: array(getattr(system, matrix)) for matrix in "ABCD"}
    return _filled(
        _STATE_SPACE,
        form,
        system,
        name,
        order=str(system.order),
        inputs=str(system.inputs),
        outputs=str(system.outputs),
        **matrices,
    )


def array(rows: Reals) -> str:
    """A matrix as a Python list of rows, every digit kept."""
    lines = (f"    [{', '.join(digits(value) for value in row)}]," for row in np.atleast_2d(rows))
    return "\n".join(("[", *lines, "]"))


def _filled(template: str, form: Form, written: Form, name: str, **fields: str) -> str:
    rate = "None" if form.sample_rate_hz is None else digits(form.sample_rate_hz)
    comment = "\n".join(f"# {line}" for line in facts(form, written))
    return template.format(comment=comment, rate=rate, name=identifier(name), **fields)
