"""Ways between the forms with a state, which may have several inputs and outputs."""

from __future__ import annotations

import numpy as np

from rnnmusic.errors import InputError
from rnnmusic.filters.forms.delays import DelayNetwork
from rnnmusic.filters.forms.diagonal import Diagonal
from rnnmusic.filters.forms.lattice import Allpass, Lattice, ladder
from rnnmusic.filters.forms.protocol import Form, Reals
from rnnmusic.filters.forms.rational import TransferFunction, ZeroPoleGain
from rnnmusic.filters.forms.sections import Parallel, Sections, section_response
from rnnmusic.filters.forms.statespace import StateSpace

#: Eigenvectors nearer to each other than this lose half of the digits.
MAX_CONDITION = 1e8


def tf_to_ss(form: TransferFunction) -> StateSpace:
    """Transposed direct form II: its matrices hold the coefficients themselves."""
    order = form.order
    b, a = (np.pad(c, (0, order + 1 - len(c))) for c in (form.b, form.a))
    matrix = np.eye(order, k=1)
    matrix[:, :1] = -a[1:, None]
    return StateSpace(matrix, (b[1:] - a[1:] * b[0])[:, None], np.eye(1, order), np.array([[b[0]]]))


def sos_to_ss(form: Sections) -> StateSpace:
    """Sections in series, one or two states each, the signals between them scaled to peaks of 1.

    The scales are powers of two, which lose nothing; without them the states of a section at
    high gain behind one at low gain differ by more digits than float64 has.
    """
    angles = abs(np.angle(form.poles()))
    inverse = np.exp(-1j * np.unique(np.concatenate([np.linspace(0, np.pi, 65), angles])))
    through = np.ones_like(inverse)
    result = StateSpace(np.zeros((0, 0)), np.zeros((0, 1)), np.zeros((1, 0)), np.ones((1, 1)))
    before = 0
    for place, row in enumerate(form.sos):
        with np.errstate(invalid="ignore"):
            through = through * section_response(row, inverse)
        peak = np.max(abs(through[np.isfinite(through)]), initial=0.0)
        is_last = place == len(form.sos) - 1
        after = 0 if is_last or peak == 0 else -round(np.log2(peak))
        numerator = np.ldexp(row[:3], after - before)
        result = in_series(result, _section_ss(np.append(numerator, row[3:])))
        before = after
    return result


def parallel_to_ss(form: Parallel) -> StateSpace:
    """Sections side by side, and a delay line for the FIR part."""
    result = tf_to_ss(TransferFunction(form.fir, np.ones(1)))
    for row in form.sos:
        result = side_by_side(result, _section_ss(row))
    return result


def lattice_to_ss(form: Lattice) -> StateSpace:
    """One state a stage; the state matrix is orthogonal but for its last row and column."""
    feedback, b, taps, direct = ladder(form.k)
    return StateSpace(feedback, b[:, None], (form.v @ taps)[None, :], np.array([[form.v @ direct]]))


def allpass_to_fdn(form: Allpass) -> DelayNetwork:
    """One delay line a stage, coupled by rotations: the feedback matrix stretches nothing."""
    delay = sum(form.delay, ())
    n = len(delay)
    loop, b, c, d = np.zeros((n, n)), np.zeros(n), np.zeros(n), 1.0
    end = 0
    for k in form.k:
        start, end = end, end + len(k)
        feedback, into, taps, direct = ladder(k)
        loop[start:end, :start] = np.outer(into, c[:start])
        loop[start:end, start:end] = feedback
        b[start:end] = into * d
        c[:start] *= direct[-1]
        c[start:end] = taps[-1]
        d *= direct[-1]
    c, d = c * form.gain, d * form.gain
    return DelayNetwork(delay, loop, np.ones(n), b[:, None], c[None, :], np.array([[d]]))


def fdn_to_ss(form: DelayNetwork) -> StateSpace:
    """Every sample of every line is a state."""
    return form.statespace()


def ss_to_fdn(form: StateSpace) -> DelayNetwork:
    """Lines of one sample."""
    delay = (1,) * form.order
    return DelayNetwork(delay, form.A, np.ones(form.order), form.B, form.C, form.D)


def diagonal_to_ss(form: Diagonal) -> StateSpace:
    """Blocks [[re, -im], [im, re]]."""
    return form.statespace()


def ss_to_diagonal(form: StateSpace) -> Diagonal:
    """The basis of eigenvectors, each mode scaled so that its b and c are equally long.

    InputError where the eigenvectors (nearly) coincide: repeated poles.
    """
    pole, vectors = np.linalg.eig(form.A)
    condition = np.linalg.cond(vectors) if form.order else 1.0
    if not condition < MAX_CONDITION:
        raise InputError(
            f"The poles are repeated or nearly so (their eigenvectors have condition "
            f"{condition:.1e}), which a diagonal form can't hold; use StateSpace."
        )
    b = np.linalg.solve(vectors.astype(np.complex128), form.B + 0j)
    c = form.C @ vectors.astype(np.complex128)
    kept = pole.imag >= 0
    # Of a conjugate pair one mode is kept: its c counts twice.
    pole, b, c = pole[kept], b[kept], np.where(pole.imag > 0, 2.0, 1.0)[kept] * c[:, kept]
    into, out = np.linalg.norm(b, axis=1), np.linalg.norm(c, axis=0)
    heard = (into > 0) & (out > 0)
    scale = np.sqrt(np.divide(out, into, out=np.ones_like(out), where=heard))
    return Diagonal(pole, b * scale[:, None], c / scale, form.D)


def state_to_zpk(form: Form) -> ZeroPoleGain:
    """The form's own poles, the zeros of its state space, and the gain that fits the response.

    The first sample that isn't 0 would be the gain too, but it drowns in rounding errors where it
    is far smaller than the response's peak.
    """
    from rnnmusic.filters.forms.conversion import convert

    system = convert(form, StateSpace)
    pole, zero = form.poles(), system.zeros()
    unused = form.order - system.order  # second poles of first-order sections
    pole = np.delete(pole, np.flatnonzero(pole == 0)[:unused])
    omega = np.linspace(0, np.pi, 65)
    wanted, shape = form.response(omega), ZeroPoleGain(zero, pole, 1.0).response(omega)
    finite = np.isfinite(wanted) & np.isfinite(shape)
    power = float(np.sum(abs(shape[finite]) ** 2))
    gain = float(np.vdot(shape[finite], wanted[finite]).real) / power if power else 0.0
    return ZeroPoleGain(zero, pole, gain)


def in_series(first: StateSpace, second: StateSpace) -> StateSpace:
    """second after first."""
    n, m = first.order, second.order
    return StateSpace(
        np.block([[first.A, np.zeros((n, m))], [second.B @ first.C, second.A]]),
        np.concatenate([first.B, second.B @ first.D]),
        np.concatenate([second.D @ first.C, second.C], axis=1),
        second.D @ first.D,
    )


def side_by_side(first: StateSpace, second: StateSpace) -> StateSpace:
    """The sum of both."""
    n, m = first.order, second.order
    return StateSpace(
        np.block([[first.A, np.zeros((n, m))], [np.zeros((m, n)), second.A]]),
        np.concatenate([first.B, second.B]),
        np.concatenate([first.C, second.C], axis=1),
        first.D + second.D,
    )


def _section_ss(row: Reals) -> StateSpace:
    """A section by itself, with as few states as it needs."""
    used = 3 if row[2] or row[5] else 2 if row[1] or row[4] else 1
    return tf_to_ss(TransferFunction(row[:used], row[3 : 3 + used]))
