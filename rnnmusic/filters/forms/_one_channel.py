"""Ways between the forms of one input and one output."""

from __future__ import annotations

import math
from decimal import localcontext

import numpy as np

from rnnmusic.errors import InputError
from rnnmusic.filters.forms import _exact
from rnnmusic.filters.forms.equaliser import ParametricEq
from rnnmusic.filters.forms.lattice import Allpass, Lattice
from rnnmusic.filters.forms.protocol import Complexes
from rnnmusic.filters.forms.rational import TransferFunction, ZeroPoleGain
from rnnmusic.filters.forms.sections import Sections
from rnnmusic.filters.forms.svf import SvfChain


def tf_to_zpk(form: TransferFunction) -> ZeroPoleGain:
    """Roots of both polynomials in z."""
    nonzero = form.b[form.b != 0]
    if not len(nonzero):
        return ZeroPoleGain(np.zeros(0, np.complex128), form.poles(), 0.0)
    return _trimmed(form.zeros(), form.poles(), float(nonzero[0]))


def zpk_to_tf(form: ZeroPoleGain) -> TransferFunction:
    """Expanded products, each coefficient rounded once; fewer zeros than poles are a delay."""
    with localcontext(_exact.precision(form.order)):
        b = _exact.floats(_exact.expand(form.zero, form.gain))
        a = _exact.floats(_exact.expand(form.pole))
    return TransferFunction(np.pad(b, (len(a) - len(b), 0)), a)


def zpk_to_sos(form: ZeroPoleGain) -> Sections:
    """Nearest poles and zeros together, the poles next to the circle last (as in scipy).

    Of an odd number of poles the smallest real one is a first section by itself; no section has
    a pole at 0 that the filter hasn't, so that the state doesn't grow.
    """
    from scipy.signal import zpk2sos

    zero, pole = (_exact.symmetric(roots) for roots in (form.zero, form.pole))
    rows = np.zeros((0, 6))
    if len(pole) % 2:
        single = _nearest_real(pole, 0.0)
        row = [0.0, 1.0, 0.0, 1.0, -pole[single].real, 0.0]
        if len(zero) % 2:
            partner = _nearest_real(zero, pole[single].real)
            row[:2] = 1.0, -zero[partner].real
            zero = np.delete(zero, partner)
        pole = np.delete(pole, single)
        rows = np.array([row])
    if len(pole) or not len(rows):
        delay = len(pole) - len(zero)
        others = zpk2sos(np.append(zero, np.zeros(delay)), pole, 1.0)
        # The zeros at 0 that were added count as delays: b0 + b1 / z moves on by as many steps,
        # first where the poles need as many states anyway.
        for needs_no_state in (True, False):
            for row in others:
                last = np.max(np.flatnonzero(row[3:])) if needs_no_state else 2
                while delay and not row[last:3].any():
                    row[:3] = 0.0, row[0], row[1]
                    delay -= 1
        rows = np.concatenate([rows, others])
    rows[0, :3] *= form.gain
    return Sections(rows)


def sos_to_zpk(form: Sections) -> ZeroPoleGain:
    """Roots of every section; poles and zeros at 0 that cancel are left out."""
    gain = 1.0
    for row in form.sos:
        nonzero = row[:3][row[:3] != 0]
        if not len(nonzero):
            return ZeroPoleGain(np.zeros(0, np.complex128), form.poles(), 0.0)
        gain *= float(nonzero[0])
    return _trimmed(form.zeros(), form.poles(), gain)


def sos_to_svf(form: Sections) -> SvfChain:
    """The bilinear transform backwards, section by section; exact for every stable section.

    With A and B a section's polynomials, A(1) : A(-1) : 1 - a2 is g**2 : 1 : r g, and likewise for
    B and the mix. Sums are rounded once, for low cutoffs make them cancel.
    """
    g, r, mix = [], [], []
    for b0, b1, b2, _, a1, a2 in (map(float, row) for row in form.sos):
        low, high = math.fsum((1.0, a1, a2)), math.fsum((1.0, -a1, a2))
        if low <= 0 or high <= 0:
            raise InputError(
                "A section has a real pole on or outside the unit circle, which a state variable "
                "filter can't hold; use Sections."
            )
        middle = math.sqrt(low) * math.sqrt(high)
        g.append(math.sqrt(low) / math.sqrt(high))
        r.append((1 - a2) / middle)
        band = 2 * (b0 - b2) / middle
        mix.append([math.fsum((b0, b1, b2)) / low, band, math.fsum((b0, -b1, b2)) / high])
    return SvfChain(np.array(g), np.array(r), np.array(mix))


def svf_to_sos(form: SvfChain) -> Sections:
    """The bilinear transform."""
    return form.sections()


def eq_to_sos(form: ParametricEq) -> Sections:
    """The cookbook's formulas."""
    return form.sections()


def tf_to_lattice(form: TransferFunction) -> Lattice:
    """Levinson's recursion downwards."""
    length = form.order + 1
    with localcontext(_exact.precision(form.order)):
        k, v = _exact.step_down(_exact.decimals(form.b, length), _exact.decimals(form.a, length))
    return Lattice(k, v)


def zpk_to_lattice(form: ZeroPoleGain) -> Lattice:
    """The same from products that were never rounded."""
    with localcontext(_exact.precision(form.order)):
        a, b = _exact.expand(form.pole), _exact.expand(form.zero, form.gain)
        k, v = _exact.step_down(_exact.decimals([], len(a) - len(b)) + b, a)
    return Lattice(k, v)


def lattice_to_tf(form: Lattice) -> TransferFunction:
    """Levinson's recursion upwards."""
    return TransferFunction(*_exact.step_up(form.k, form.v))


def zpk_to_allpass(form: ZeroPoleGain) -> Allpass:
    """Sections of two nested stages; InputError unless the zeros mirror the poles."""
    pole = _exact.symmetric(form.pole)
    inside = pole[pole != 0]
    mirrored = list(1 / inside.conj())
    for zero in form.zero:
        distances = [abs(other - zero) / abs(zero) if zero else np.inf for other in mirrored]
        if not distances or min(distances) > _exact.PAIRING:
            raise InputError("The filter's zeros don't mirror its poles: it is no allpass.")
        mirrored.pop(int(np.argmin(distances)))
    if mirrored:
        raise InputError("The filter has too few zeros to be an allpass.")
    reals, pairs = _exact.conjugate_pairs(inside)
    chains = [np.array([-p]) for p in reals]
    chains += [np.array([-2 * p.real / (1 + abs(p) ** 2), abs(p) ** 2]) for p in pairs]
    chains += [np.zeros(1)] * (len(pole) - len(inside))
    gain = form.gain / np.prod(-inside.conj()).real
    return Allpass(tuple(chains), tuple((1,) * len(chain) for chain in chains), gain)


def allpass_to_zpk(form: Allpass) -> ZeroPoleGain:
    """Poles and their mirror images."""
    pole = form.poles()
    if not form.gain:
        return ZeroPoleGain(np.zeros(0, np.complex128), pole, 0.0)
    gain = form.gain * np.prod(-pole[pole != 0].conj()).real
    return ZeroPoleGain(form.zeros(), pole, gain)


def _trimmed(zero: Complexes, pole: Complexes, gain: float) -> ZeroPoleGain:
    """Without the pairs of a zero and a pole that are both exactly 0."""
    both = min(int(np.sum(zero == 0)), int(np.sum(pole == 0)))
    zero, pole = (np.append(x[x != 0], np.zeros(np.sum(x == 0) - both)) for x in (zero, pole))
    return ZeroPoleGain(zero, pole, gain)


def _nearest_real(roots: Complexes, value: float) -> int:
    """Index of the real root next to a value."""
    return int(np.argmin(np.where(roots.imag == 0, abs(roots - value), np.inf)))
