"""The curves of a filter as numbers, scaled for people: for figures and for terminals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from rnnmusic.errors import InputError
from rnnmusic.filters.forms import Complexes, Form

Array = NDArray[np.float64]
Number = TypeVar("Number", np.float64, np.complex128)

# Silence and infinity are drawn here: zeros and poles on the unit circle have no end.
FLOOR_DB, CEILING_DB = -160.0, 300.0
COMPARED_DB = 100.0  # responses further below their peak aren't compared
DECADES, MOST_DECADES = 3, 6  # of a logarithmic axis, up to the Nyquist frequency
SHARP = 0.05  # from the unit circle: nearer roots have points of their own
BESIDE = np.array([0.0, -0.3, 0.3, -1, 1, -3, 3])  # ... here, in distances from the circle
MOST_ROOTS = 256  # reverberators have thousands: too many to compute or to draw
LEAST_SAMPLES, MOST_SAMPLES = 32, 48_000
SHOWN_DECAY = 1e-3  # impulse responses are shown until they have fallen so far: 60 dB


@dataclass(frozen=True)
class Curves:
    """What is drawn of a filter; lines (L, K) go with `labels`, one a path through the filter.

    frequency (K,) in Hz up to half of the sample rate, or in radians per sample up to pi where
    there is no rate; magnitude_db (from -160 to 300), phase_deg unwrapped, delay in milliseconds or
    samples; impulse and step (L, T) over time (T,) in milliseconds or samples; poles and zeros
    only of filters that don't have hundreds.
    """

    labels: tuple[str, ...]
    frequency: Array
    frequency_unit: str
    magnitude_db: Array
    phase_deg: Array
    delay: Array
    time_unit: str
    time: Array
    impulse: Array
    step: Array
    order: int
    poles: Complexes
    zeros: Complexes

    @property
    def is_logarithmic(self) -> bool:
        """Whether frequencies are spaced evenly on a logarithmic axis."""
        return self.frequency_unit == "Hz"


def frequencies(forms: Sequence[Form], points: int) -> tuple[Array, Array, str]:
    """Frequencies to draw filters of one rate at, the same as angular ones, and their unit.

    Besides so many even steps, on a logarithmic axis or without a rate a linear one, those where
    poles and zeros near the unit circle are: a resonance between two steps would not be seen.
    """
    rate = forms[0].sample_rate_hz
    roots = np.concatenate([_sharp(form) for form in forms])
    angle, distance = np.abs(np.angle(roots)), np.abs(1 - np.abs(roots))
    near = (angle[:, None] + distance[:, None] * BESIDE).ravel()
    if rate is None:
        even, lowest = np.linspace(0, math.pi, points), 0.0
    else:
        corners = np.hypot(angle, distance)
        slow = float(np.min(corners[corners > 0], initial=math.pi)) / 10
        lowest = max(min(math.pi * 10.0**-DECADES, slow), math.pi * 10.0**-MOST_DECADES)
        even = np.geomspace(lowest, math.pi, points)
    omega = np.union1d(even, near[(near > lowest) & (near < math.pi)])
    omega = omega[np.diff(omega, prepend=-1.0) > 1e-9 * omega]
    return (
        (omega, omega, "rad/sample")
        if rate is None
        else (omega * rate / (2 * math.pi), omega, "Hz")
    )


def roots_of(form: Form) -> tuple[Complexes, Complexes]:
    """Poles and zeros; none of a filter with more than 256 poles."""
    none = np.empty(0, np.complex128)
    if form.order > MOST_ROOTS:
        return none, none
    return form.poles(), form.zeros() if form.inputs == form.outputs else none


def _sharp(form: Form) -> Complexes:
    """The poles and zeros that make sharp corners, of filters that don't have hundreds."""
    roots = np.concatenate(roots_of(form))
    sharp: Complexes = roots[np.abs(1 - np.abs(roots)) < SHARP]
    return sharp


def decibels(response: Complexes) -> Array:
    """Magnitude in dB, silence as `FLOOR_DB` and what is infinite as `CEILING_DB`."""
    magnitude = np.nan_to_num(np.abs(response), nan=np.inf)
    level: Array = 20 * np.log10(np.clip(magnitude, 10 ** (FLOOR_DB / 20), 10 ** (CEILING_DB / 20)))
    return level


def lines(response: NDArray[Number]) -> NDArray[Number]:
    """A response (K,) or (K, outputs, inputs) as lines (L, K)."""
    return response.reshape(len(response), -1).T


def path_names(form: Form) -> tuple[str, ...]:
    """A name for each pair of an output and an input, in the order of `lines`."""
    if (form.inputs, form.outputs) == (1, 1):
        return ("",)
    pairs = ((o, i) for o in range(1, form.outputs + 1) for i in range(1, form.inputs + 1))
    return tuple(f"in {i} to out {o}" for o, i in pairs)


def curves(form: Form, points: int = 1024) -> Curves:
    """Compute everything that is drawn of a filter at so many frequencies."""
    from rnnmusic.filters import analysis

    shown, omega, frequency_unit = frequencies([form], points)
    with np.errstate(divide="ignore", invalid="ignore"):  # poles on the unit circle
        response = form.response(omega)
        delay = analysis.group_delay(form, omega)
    poles, zeros = roots_of(form)
    samples = shown_samples(form, poles)
    rate = form.sample_rate_hz
    scale = 1.0 if rate is None else 1000 / rate
    return Curves(
        labels=path_names(form),
        frequency=shown,
        frequency_unit=frequency_unit,
        magnitude_db=decibels(lines(response)),
        phase_deg=_phase_deg(lines(response)),
        delay=scale * lines(delay),
        time_unit="samples" if rate is None else "ms",
        time=scale * np.arange(samples, dtype=np.float64),
        impulse=lines(np.moveaxis(analysis.impulse_response(form, samples), -1, 0)),
        step=lines(np.moveaxis(analysis.step_response(form, samples), -1, 0)),
        order=form.order,
        poles=poles,
        zeros=zeros,
    )


def _phase_deg(response: Complexes) -> Array:
    """Unwrapped phase of lines (L, K); where nothing is heard it is that of the point before."""
    response = np.nan_to_num(response)
    magnitude = np.abs(response)
    heard = magnitude > 1e-9 * magnitude.max(axis=1, keepdims=True)
    place = np.maximum.accumulate(np.where(heard, np.arange(response.shape[1]), 0), axis=1)
    angle = np.take_along_axis(np.angle(response), place, axis=1)
    return np.degrees(np.unwrap(angle, axis=1))


def shown_samples(form: Form, poles: Complexes) -> int:
    """How much of an impulse response there is to see: until the slowest pole is 60 dB down."""
    from rnnmusic.filters import analysis

    if form.order > MOST_ROOTS:  # until the response itself is
        response = np.abs(analysis.impulse_response(form, MOST_SAMPLES)).reshape(-1, MOST_SAMPLES)
        loud = np.flatnonzero((response > SHOWN_DECAY * response.max()).any(axis=0))
        return max(int(loud[-1]) + 1, LEAST_SAMPLES) if len(loud) else LEAST_SAMPLES
    radius = float(np.max(np.abs(poles), initial=0.0))
    if radius >= 1:
        return 256
    decay = math.ceil(math.log(SHOWN_DECAY) / math.log(radius)) if radius > 0 else 0
    return min(max(decay, LEAST_SAMPLES, 2 * form.order), MOST_SAMPLES)


def deviations(
    forms: Sequence[Form], target: tuple[Array, Array] | None = None
) -> list[tuple[float, float]]:
    """Largest and RMS difference in dB of each magnitude response from a reference.

    The reference is target (frequencies in Hz, or radians per sample for filters without a rate;
    decibels) at its points, or else the first form, on 4,096 even steps up to the Nyquist
    frequency; where it is more than 100 dB below its peak nothing is compared. InputError for
    filters of different rates or several channels, or a target beyond the Nyquist frequency.
    """
    check_comparable(forms)
    rate = forms[0].sample_rate_hz
    if target is None:
        omega = np.linspace(0, math.pi, 4097)
        wanted = decibels(forms[0].response(omega))
    else:
        omega = target[0] if rate is None else 2 * math.pi * target[0] / rate
        wanted = target[1]
        if omega[0] < 0 or omega[-1] > math.pi * (1 + 1e-9):
            unit, top = ("rad/sample", math.pi) if rate is None else ("Hz", rate / 2)
            raise InputError(
                f"The target runs from {target[0][0]:g} to {target[0][-1]:g} {unit}; give "
                f"frequencies within 0 and {top:g}, half of the sample rate."
            )
    loud = wanted > wanted.max() - COMPARED_DB
    found = []
    for form in forms:
        error = (decibels(form.response(omega)) - wanted)[loud]
        found.append((float(np.abs(error).max()), float(np.sqrt(np.mean(error**2)))))
    return found


def check_comparable(forms: Sequence[Form]) -> None:
    """InputError unless all are of one sample rate, and of one input and output."""
    rate = forms[0].sample_rate_hz
    for form in forms:
        if form.sample_rate_hz != rate:
            raise InputError(
                f"Filters of {rate_text(rate)} and of {rate_text(form.sample_rate_hz)} were given; "
                "compare filters of one sample rate."
            )
        if (form.inputs, form.outputs) != (1, 1):
            raise InputError("A filter of several channels was given; compare those of one.")


def rate_text(rate: float | None) -> str:
    """A sample rate in words."""
    return "no sample rate" if rate is None else f"{rate:,.10g} Hz"
