"""What a filter can be fitted to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rnnmusic.errors import InputError
from rnnmusic.filters.forms import Complexes, Reals

#: Levels this far below the highest are -inf: in float64 they are rounding.
_FLOOR_DB = -200.0
#: A level of -inf dB asks for at most the lowest other one, or for this much below the highest.
_SILENCE_DB = -120.0
#: Fewest frequencies or samples that say anything.
_FEWEST = 4


@dataclass(frozen=True, eq=False)
class Levels:
    """A magnitude response: level_db (K,) at omega (K,) in radians per sample, rising.

    weight (K,) multiplies the error in dB. Where the level is -inf, or 200 dB below the highest,
    the filter may be as low as it likes: level_db then holds a ceiling, is_ceiling is true, and
    `notes` says which one.
    """

    omega: Reals
    level_db: Reals
    weight: Reals
    sample_rate_hz: float | None = None
    is_ceiling: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, dtype=bool))
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        omega = _frequencies(self.omega)
        level = np.array(self.level_db, dtype=np.float64)
        weight = np.broadcast_to(np.asarray(self.weight, dtype=np.float64), omega.shape).copy()
        if level.shape != omega.shape:
            raise InputError(
                f"There are {level.size} levels at {omega.size} frequencies; give one for each."
            )
        if np.isnan(level).any() or (level == np.inf).any():
            raise InputError(
                "A level is NaN or +inf dB; give finite levels, or -inf where nothing may pass."
            )
        if not np.isfinite(weight).all() or (weight < 0).any() or not weight.any():
            raise InputError("A weight is negative or not finite, or all are 0; give others.")
        is_silent = ~(level >= level.max() + _FLOOR_DB)
        notes = self.notes
        if (level == -np.inf).all():
            raise InputError("Every level is -inf dB: no filter but silence; give another target.")
        if is_silent.any():
            heard = level[~is_silent]
            ceiling = min(float(heard.min()), float(heard.max()) + _SILENCE_DB)
            level[is_silent] = ceiling
            notes += (
                f"{is_silent.sum()} of {level.size} levels are -inf dB or {-_FLOOR_DB:.0f} dB "
                f"below the highest: the filter is asked for at most {ceiling:.1f} dB there.",
            )
        is_ceiling = is_silent if self.is_ceiling.size == 0 else self.is_ceiling | is_silent
        for name, value in {
            "omega": omega,
            "level_db": level,
            "weight": weight,
            "is_ceiling": is_ceiling,
            "notes": notes,
        }.items():
            object.__setattr__(self, name, value)

    @classmethod
    def at_frequencies(
        cls,
        frequency_hz: ArrayLike,
        level_db: ArrayLike,
        sample_rate_hz: float,
        weight: ArrayLike = 1.0,
    ) -> Self:
        """Levels in dB at frequencies in Hz, in any order; InputError beyond Nyquist."""
        frequency, level = np.asarray(frequency_hz, float), np.asarray(level_db, float)
        _check_rate(sample_rate_hz)
        order = np.argsort(frequency)
        if frequency.size and frequency.max() > sample_rate_hz / 2:
            raise InputError(
                f"The target reaches {frequency.max():g} Hz, beyond half of the sample rate of "
                f"{sample_rate_hz:g} Hz; give a higher sample rate or fewer frequencies."
            )
        weights = np.broadcast_to(np.asarray(weight, float), frequency.shape)
        if level.shape != frequency.shape:
            raise InputError(
                f"There are {level.size} levels at {frequency.size} frequencies; give one for each."
            )
        omega = 2 * np.pi * frequency[order] / sample_rate_hz
        return cls(omega, level[order], weights[order], sample_rate_hz)

    @classmethod
    def of_magnitude(
        cls,
        omega: ArrayLike,
        magnitude: ArrayLike,
        weight: ArrayLike = 1.0,
        sample_rate_hz: float | None = None,
    ) -> Self:
        """Levels of a linear magnitude (K,), zeros allowed."""
        values = np.asarray(magnitude, dtype=np.float64)
        if (values < 0).any():
            raise InputError("A magnitude is negative; give 0 or more.")
        with np.errstate(divide="ignore"):
            level = 20 * np.log10(values)
        return cls(np.asarray(omega, float), level, np.asarray(weight, float), sample_rate_hz)

    @classmethod
    def of_sound(
        cls,
        samples: ArrayLike,
        sample_rate_hz: float,
        *,
        smoothing_octaves: float = 1 / 6,
        points: int = 256,
        lowest_hz: float = 20.0,
    ) -> Self:
        """The averaged spectrum of samples (T,) or (channels, T), in bands of so many octaves.

        Welch's estimate of the power density in dB, averaged around `points` frequencies spaced
        evenly in their logarithm, from lowest_hz to 0.95 of Nyquist. A filter with this response
        gives white noise of power 1 the sound's colour and loudness.
        """
        from scipy.signal import welch

        sound = np.atleast_2d(_numbers("The sound", samples))
        _check_rate(sample_rate_hz)
        length = min(2**14, sound.shape[1])
        if length < 64 or not sound.any():
            raise InputError("The sound is silent or shorter than 64 samples; give another.")
        frequency, power = welch(sound, sample_rate_hz, nperseg=length, detrend=False)
        power = power.mean(axis=0) * sample_rate_hz / 2
        low = max(lowest_hz, 2 * sample_rate_hz / length)
        at = np.geomspace(low, 0.475 * sample_rate_hz, points)
        total = np.concatenate([[0.0], np.cumsum((power[1:] + power[:-1]) / 2)])
        edges = [at * 2 ** (side * smoothing_octaves / 2) for side in (-1, 1)]
        least = sample_rate_hz / length  # a band is never narrower than a line
        edges = [np.minimum(edges[0], at - least / 2), np.maximum(edges[1], at + least / 2)]
        below, above = (np.interp(edge, frequency, total) for edge in edges)
        width = (edges[1].clip(max=frequency[-1]) - edges[0].clip(min=0)) / frequency[1]
        with np.errstate(divide="ignore"):
            level = 10 * np.log10((above - below) / width)
        return cls.at_frequencies(at, level, sample_rate_hz)

    def part(self, keep: NDArray[np.bool_]) -> Levels:
        """Some of the frequencies."""
        return Levels(
            self.omega[keep],
            self.level_db[keep],
            self.weight[keep],
            self.sample_rate_hz,
            self.is_ceiling[keep],
        )


@dataclass(frozen=True, eq=False)
class Response:
    """A complex response (K,) at omega (K,), rising, in radians per sample, and weights of errors.

    Without a weight errors count in proportion to the response at each frequency, as they do in dB.
    """

    omega: Reals
    response: Complexes
    weight: Reals | None = None
    sample_rate_hz: float | None = None

    def __post_init__(self) -> None:
        omega = _frequencies(self.omega)
        response = np.asarray(self.response, dtype=np.complex128)
        if response.shape != omega.shape:
            raise InputError(
                f"A response of shape {response.shape} at {len(omega)} frequencies was given; give "
                "one value for each."
            )
        if not np.isfinite(response).all() or not response.any():
            raise InputError("The response holds NaN or infinity, or is 0; give finite values.")
        object.__setattr__(self, "omega", omega)
        object.__setattr__(self, "response", response)
        if self.weight is not None:
            weight = np.broadcast_to(np.asarray(self.weight, float), omega.shape)
            if not np.isfinite(weight).all() or (weight < 0).any() or not weight.any():
                raise InputError("A weight is negative or not finite, or all are 0; give others.")
            object.__setattr__(self, "weight", weight)

    def part(self, keep: NDArray[np.bool_]) -> Response:
        """Some of the frequencies."""
        weight = None if self.weight is None else self.weight[keep]
        return Response(self.omega[keep], self.response[keep], weight, self.sample_rate_hz)


@dataclass(frozen=True, eq=False)
class Recording:
    """What went in and what came out: input (I, T), output (O, T); one channel may be (T,).

    The filter may have been sounding before the first sample, and ring on after the last.
    """

    input: Reals
    output: Reals
    sample_rate_hz: float | None = None

    def __post_init__(self) -> None:
        for name in ("input", "output"):
            values = np.atleast_2d(_numbers(f"The {name}", getattr(self, name)))
            if values.ndim != 2 or not values.any():
                raise InputError(
                    f"The {name} is silent or has {values.ndim} dimensions; give (T,)"
                    " or (channels, T)."
                )
            object.__setattr__(self, name, values)
        if self.input.shape[1] != self.output.shape[1]:
            raise InputError(
                f"The input has {self.input.shape[1]} samples, the output {self.output.shape[1]}; "
                "cut them to the same stretch of time."
            )

    @classmethod
    def of_impulse_response(
        cls, samples: ArrayLike, sample_rate_hz: float | None = None
    ) -> Recording:
        """An impulse response (T,) or (outputs, T) as what comes out when a one goes in."""
        output = np.atleast_2d(_numbers("The impulse response", samples))
        impulse = np.zeros((1, output.shape[1]))
        impulse[:, :1] = 1.0
        return cls(impulse, output, sample_rate_hz)

    @property
    def is_impulse_response(self) -> bool:
        """Whether a single one went in, at the first sample."""
        return len(self.input) == 1 and self.input[0, 0] == 1 and not self.input[0, 1:].any()

    def part(self, start: int, stop: int) -> Recording:
        """A stretch of time."""
        window = slice(start, stop)
        return Recording(self.input[:, window], self.output[:, window], self.sample_rate_hz)

    @property
    def frames(self) -> int:
        """Samples in time."""
        return int(self.input.shape[1])


@dataclass(frozen=True, eq=False)
class Decay:
    """A reverberation: decay_time_s (K,) to -60 dB at frequency_hz (K,), rising."""

    frequency_hz: Reals
    decay_time_s: Reals
    sample_rate_hz: float

    def __post_init__(self) -> None:
        _check_rate(self.sample_rate_hz)
        frequency = _numbers("The frequencies", self.frequency_hz)
        time = _numbers("The decay times", self.decay_time_s)
        if frequency.shape != time.shape or frequency.ndim != 1 or not frequency.size:
            raise InputError(
                f"There are {time.size} decay times at {frequency.size} frequencies; give one for "
                "each."
            )
        is_rising = (np.diff(frequency) > 0).all() and frequency[0] >= 0
        if not is_rising or 2 * frequency[-1] > self.sample_rate_hz or (time <= 0).any():
            raise InputError(
                "A reverberation needs rising frequencies below half of the sample rate, and "
                "decay times above 0."
            )
        object.__setattr__(self, "frequency_hz", frequency)
        object.__setattr__(self, "decay_time_s", time)


Target = Levels | Response | Recording | Decay


def _frequencies(values: Any) -> Reals:
    omega = _numbers("The frequencies", values)
    if omega.ndim != 1 or len(omega) < _FEWEST:
        raise InputError(f"A target has {omega.size} frequencies; give {_FEWEST} or more.")
    if omega[0] < 0 or omega[-1] > np.pi * (1 + 1e-9) or (np.diff(omega) <= 0).any():
        raise InputError(
            f"The frequencies run from {omega[0]:.4g} to {omega[-1]:.4g} radians per sample; give "
            "rising ones, none twice, from 0 to pi (half of the sample rate)."
        )
    return np.minimum(omega, np.pi)


def _numbers(name: str, values: Any) -> Reals:
    try:
        array = np.array(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise InputError(f"{name} can't be read as numbers; give an array of them.") from None
    if not array.size or not np.isfinite(array).all():
        raise InputError(f"{name}: empty, or with NaN or infinity; give finite numbers.")
    return array


def _check_rate(sample_rate_hz: float) -> None:
    if not np.isfinite(sample_rate_hz) or sample_rate_hz <= 0:
        raise InputError(f"A sample rate of {sample_rate_hz!r} Hz was given; give one above 0.")
