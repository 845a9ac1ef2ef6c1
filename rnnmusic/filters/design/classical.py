"""The classical designs: Butterworth, Chebyshev, elliptic and Bessel filters as sections.

The formulas are scipy.signal's; `forms.convert` writes the sections in any other form.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

import numpy as np

from rnnmusic.errors import UsageError
from rnnmusic.filters.design.checks import check_choice, check_order
from rnnmusic.filters.design.frequencies import check_edges, check_frequency, check_positive
from rnnmusic.filters.forms import Sections

Shape = Literal["lowpass", "highpass", "bandpass", "bandstop"]
Family = Literal["butter", "cheby1", "cheby2", "ellip", "bessel"]
#: One frequency for lowpass and highpass, the two edges for bandpass and bandstop.
Cutoff = float | tuple[float, float]

#: Beyond it no design is within float64, and scipy takes minutes to find out.
MAX_ORDER = 500
SHAPES: tuple[Shape, ...] = ("lowpass", "highpass", "bandpass", "bandstop")
FAMILIES: tuple[Family, ...] = ("butter", "cheby1", "cheby2", "ellip", "bessel")


def butter(
    order: int, cutoff_hz: Cutoff, sample_rate_hz: float, shape: Shape = "lowpass"
) -> Sections:
    """Butterworth: maximally flat, -3 dB at cutoff_hz. Errors as `iirfilter`."""
    return iirfilter("butter", order, cutoff_hz, sample_rate_hz, shape)


def cheby1(
    order: int,
    ripple_db: float,
    cutoff_hz: Cutoff,
    sample_rate_hz: float,
    shape: Shape = "lowpass",
) -> Sections:
    """Chebyshev I: ripples of ripple_db in the passband, -ripple_db at cutoff_hz."""
    return iirfilter("cheby1", order, cutoff_hz, sample_rate_hz, shape, ripple_db=ripple_db)


def cheby2(
    order: int,
    attenuation_db: float,
    cutoff_hz: Cutoff,
    sample_rate_hz: float,
    shape: Shape = "lowpass",
) -> Sections:
    """Chebyshev II: a stopband of at least attenuation_db, which begins at cutoff_hz."""
    return iirfilter(
        "cheby2", order, cutoff_hz, sample_rate_hz, shape, attenuation_db=attenuation_db
    )


def ellip(
    order: int,
    ripple_db: float,
    attenuation_db: float,
    cutoff_hz: Cutoff,
    sample_rate_hz: float,
    shape: Shape = "lowpass",
) -> Sections:
    """Elliptic (Cauer): ripples in both bands, the steepest; -ripple_db at cutoff_hz."""
    return iirfilter(
        "ellip",
        order,
        cutoff_hz,
        sample_rate_hz,
        shape,
        ripple_db=ripple_db,
        attenuation_db=attenuation_db,
    )


def bessel(
    order: int,
    cutoff_hz: Cutoff,
    sample_rate_hz: float,
    shape: Shape = "lowpass",
    norm: Literal["phase", "delay", "mag"] = "phase",
) -> Sections:
    """Bessel (Thomson): nearly constant group delay below cutoff_hz.

    norm says what cutoff_hz is: `mag` where the level is -3 dB, `phase` where the phase is midway,
    `delay` the reciprocal of the delay at 0 Hz.
    """
    check_choice("norm", norm, ("phase", "delay", "mag"))
    from scipy.signal import bessel as design

    edges = _checked(order, cutoff_hz, sample_rate_hz, shape)
    with _within_float64(order):
        sos = design(order, edges, shape, output="sos", norm=norm, fs=sample_rate_hz)
    return _sound(sos, order, sample_rate_hz)


def iirfilter(
    family: Family,
    order: int,
    cutoff_hz: Cutoff,
    sample_rate_hz: float,
    shape: Shape = "lowpass",
    *,
    ripple_db: float | None = None,
    attenuation_db: float | None = None,
) -> Sections:
    """A filter of one of the families; bandpass and bandstop have twice the order in poles.

    cutoff_hz is one frequency, or (low, high) for bandpass and bandstop; ripple_db and
    attenuation_db belong to the families that have them, and to no other.
    Errors: UsageError for orders below 1 or above 500, cutoffs not between 0 and half the sample
    rate, levels not above 0, and filters too narrow for float64.
    """
    from scipy.signal import iirfilter as design

    check_choice("family", family, FAMILIES)
    edges = _checked(order, cutoff_hz, sample_rate_hz, shape)
    _check_levels(family, ripple_db, attenuation_db)
    with _within_float64(order):
        sos = design(
            order,
            edges,
            ripple_db,
            attenuation_db,
            btype=shape,
            ftype=family,
            output="sos",
            fs=sample_rate_hz,
        )
    return _sound(sos, order, sample_rate_hz)


def iirdesign(
    passband_hz: Cutoff,
    stopband_hz: Cutoff,
    ripple_db: float,
    attenuation_db: float,
    sample_rate_hz: float,
    family: Literal["butter", "cheby1", "cheby2", "ellip"] = "ellip",
) -> Sections:
    """The smallest filter with at most ripple_db in one band and attenuation_db in the other.

    The edges say the shape: passband below stopband is lowpass, (low, high) within is bandpass.
    Errors: UsageError for bands that overlap, and as `iirfilter`.
    """
    order, cutoff = minimum_order(
        passband_hz, stopband_hz, ripple_db, attenuation_db, sample_rate_hz, family
    )
    return iirfilter(
        family,
        order,
        cutoff,
        sample_rate_hz,
        _shape(passband_hz, stopband_hz),
        ripple_db=ripple_db if family in ("cheby1", "ellip") else None,
        attenuation_db=attenuation_db if family in ("cheby2", "ellip") else None,
    )


def minimum_order(
    passband_hz: Cutoff,
    stopband_hz: Cutoff,
    ripple_db: float,
    attenuation_db: float,
    sample_rate_hz: float,
    family: Literal["butter", "cheby1", "cheby2", "ellip"] = "ellip",
) -> tuple[int, Cutoff]:
    """The least order that meets a specification, and the cutoff_hz to design with.

    Arguments and errors as `iirdesign`; buttord, cheb1ord, cheb2ord and ellipord in one.
    """
    from scipy import signal

    check_choice("family", family, FAMILIES[:4])
    sample_rate_hz = check_positive("sample_rate_hz", sample_rate_hz)
    _check_levels("ellip", ripple_db, attenuation_db)
    check = check_edges if np.ndim(passband_hz) else check_frequency
    passband = check("passband_hz", passband_hz, sample_rate_hz)
    stopband = check("stopband_hz", stopband_hz, sample_rate_hz)
    _shape(passband_hz, stopband_hz)
    estimate = {
        "butter": signal.buttord,
        "cheby1": signal.cheb1ord,
        "cheby2": signal.cheb2ord,
        "ellip": signal.ellipord,
    }[family]
    order, cutoff = estimate(passband, stopband, ripple_db, attenuation_db, fs=sample_rate_hz)
    if np.ndim(cutoff):
        return int(order), (float(cutoff[0]), float(cutoff[1]))
    return int(order), float(cutoff)


def _shape(passband_hz: Cutoff, stopband_hz: Cutoff) -> Shape:
    """What the edges ask for; UsageError where they cross or touch."""
    low_pass, high_pass = np.broadcast_to(passband_hz, 2)
    low_stop, high_stop = np.broadcast_to(stopband_hz, 2)
    if np.ndim(passband_hz) == 0 and low_pass != low_stop:
        return "lowpass" if low_pass < low_stop else "highpass"
    if low_stop < low_pass < high_pass < high_stop:
        return "bandpass"
    if low_pass < low_stop < high_stop < high_pass:
        return "bandstop"
    raise UsageError(
        f"The passband {passband_hz} and the stopband {stopband_hz} overlap or touch; give edges "
        "with a transition between them."
    )


def _checked(order: Any, cutoff_hz: Any, sample_rate_hz: Any, shape: Any) -> Cutoff:
    if check_order("order", order) > MAX_ORDER:
        raise UsageError(f"order is {order}; give {MAX_ORDER} or less.")
    check_choice("shape", shape, SHAPES)
    sample_rate_hz = check_positive("sample_rate_hz", sample_rate_hz)
    if shape in ("bandpass", "bandstop"):
        return check_edges("cutoff_hz", cutoff_hz, sample_rate_hz)
    return check_frequency("cutoff_hz", cutoff_hz, sample_rate_hz)


def _check_levels(family: Family, ripple_db: float | None, attenuation_db: float | None) -> None:
    levels = {
        "ripple_db": (ripple_db, ("cheby1", "ellip")),
        "attenuation_db": (attenuation_db, ("cheby2", "ellip")),
    }
    for name, (value, families) in levels.items():
        if family in families:
            if value is None:
                raise UsageError(f"{name} is missing; {family} needs it.")
            check_positive(name, value)
        elif value is not None:
            raise UsageError(f"{name} was given; {family} has none, leave it out.")
    if ripple_db is not None and attenuation_db is not None and attenuation_db <= ripple_db:
        raise UsageError(
            f"attenuation_db is {attenuation_db:g} and ripple_db {ripple_db:g}; give a stopband "
            "lower than the passband."
        )


def _sound(sos: Any, order: int, sample_rate_hz: float) -> Sections:
    """The sections, if rounding has left them finite, stable and loud; UsageError otherwise."""
    if np.isfinite(sos).all() and sos[:, :3].any(axis=1).all():
        sections = Sections(sos, float(sample_rate_hz))
        if (abs(sections.poles()) < 1).all():
            return sections
    raise _beyond_float64(order)


@contextmanager
def _within_float64(order: int) -> Iterator[None]:
    """Design without warnings on the way: `_sound` judges what comes out."""
    try:
        with np.errstate(all="ignore"):
            yield
    except RuntimeError:  # scipy's, where it doesn't find the poles of a Bessel filter
        raise _beyond_float64(order) from None


def _beyond_float64(order: int) -> UsageError:
    return UsageError(
        f"A filter of order {order} this narrow is more than float64 can hold: its gain vanishes "
        "or its poles reach the unit circle; lower the order or widen the band."
    )
