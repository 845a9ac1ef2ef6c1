"""From a score to what is played: notes in seconds, pedal applied, and controllers over time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rnnmusic.score import Score, Table, Track
from rnnmusic.synthesis.drums import CHOKES, KIT

VOLUME, PAN, EXPRESSION = 7, 10, 11
DEFAULT_VOLUME = 100.0  # General MIDI's
BEND_RANGE_SEMITONES = 2.0  # General MIDI's, at a bend of 8192
WIDTH = 0.35  # how far from the middle the outermost part sits, 1 being the loudspeaker
RAMP_S = 0.005


@dataclass(frozen=True)
class Curve:
    """A controller over time: value[i] from time_s[i] on, time_s[0] being minus infinity."""

    time_s: NDArray[np.float64]
    value: NDArray[np.float64]

    @classmethod
    def of(cls, score: Score, ticks: NDArray[np.int64], values: Table, default: float) -> Curve:
        """Curve of a controller's events (ticks ascending), `default` before the first."""
        return cls(
            np.concatenate(([-np.inf], score.seconds(ticks))),
            np.concatenate(([default], values.astype(np.float64))),
        )

    def at(self, time_s: float) -> float:
        """Value in force at a time; of several events at once the last."""
        return float(self.value[np.searchsorted(self.time_s, time_s, side="right") - 1])

    def moves(self, start_s: float, stop_s: float) -> bool:
        """Whether the value changes between two times."""
        first, last = np.searchsorted(self.time_s, (start_s, stop_s), side="right") - 1
        return bool(np.any(self.value[first : last + 1] != self.value[first]))

    def sampled(self, time_s: NDArray[np.float64]) -> NDArray[np.float64]:
        """Values at ascending times, with ramps of a few milliseconds where the curve steps."""
        inside = np.searchsorted(self.time_s, (time_s[0], time_s[-1]), side="right")
        steps = slice(inside[0], inside[1])
        knots = np.repeat(self.time_s[steps], 2)
        knots[1::2] += RAMP_S
        levels = np.repeat(self.value[inside[0] - 1 : inside[1]], 2)[1:-1]
        if not len(knots):
            return np.full(len(time_s), self.value[inside[0] - 1])
        # Steps closer than a ramp: keep time from running back.
        return np.interp(time_s, np.maximum.accumulate(knots), levels)


@dataclass(frozen=True)
class Part:
    """A track ready to be played.

    starts_s, ends_s (n,) in seconds, ends with the pedal applied and infinite where a drum rings
    out; pitches, velocities (n,). pan is -1 (left) to 1; volume, expression and bend are curves
    of raw MIDI values.
    """

    program: int
    is_drum: bool
    starts_s: NDArray[np.float64]
    ends_s: NDArray[np.float64]
    pitches: NDArray[np.int64]
    velocities: NDArray[np.int64]
    seat: float
    pan: Curve
    volume: Curve
    expression: Curve
    bend: Curve

    @property
    def bends(self) -> bool:
        """Whether the pitch wheel ever leaves the middle."""
        return bool(np.any(self.bend.value))

    def pan_of(self, note: int) -> float:
        """Place of a note: its pan controller's, else the part's seat, low keys left of high."""
        pan = self.pan.at(float(self.starts_s[note]))
        if not np.isnan(pan):
            return float(np.clip((pan - 64) / 63, -1, 1))
        if self.is_drum:
            return KIT[int(self.pitches[note])].pan
        return float(np.clip(self.seat + (self.pitches[note] - 60) / 150, -0.8, 0.8))

    def gain(self, start_s: float, frames: int, sample_rate_hz: int) -> NDArray[np.float64]:
        """Gain by volume and expression from a time on, (frames,) or () while neither moves."""
        stop_s = start_s + frames / sample_rate_hz
        if self.volume.moves(start_s, stop_s) or self.expression.moves(start_s, stop_s):
            time_s = start_s + np.arange(frames) / sample_rate_hz
            volume, expression = self.volume.sampled(time_s), self.expression.sampled(time_s)
        else:
            volume = np.array(self.volume.at(start_s))
            expression = np.array(self.expression.at(start_s))
        return np.asarray((volume / DEFAULT_VOLUME * expression / 127) ** 2)

    def bend_ratio(
        self, start_s: float, frames: int, sample_rate_hz: int
    ) -> NDArray[np.float64] | None:
        """Frequency ratio of the bend at each frame, None while the wheel rests in the middle."""
        stop_s = start_s + frames / sample_rate_hz
        if not self.bend.at(start_s) and not self.bend.moves(start_s, stop_s):
            return None
        wheel = self.bend.sampled(start_s + np.arange(frames) / sample_rate_hz)
        return np.asarray(2 ** (wheel / 8192 * BEND_RANGE_SEMITONES / 12))


def parts_of(score: Score) -> list[Part]:
    """One part for each track with notes, seated from left to right as a choir is."""
    tracks = [t for t in score.tracks if len(t.notes)]
    pitched = sum(not t.is_drum for t in tracks)
    seats = iter(np.linspace(-WIDTH, WIDTH, pitched) if pitched > 1 else np.zeros(pitched))
    return [_part(score, t, 0.0 if t.is_drum else float(next(seats))) for t in tracks]


def pedalled_ends(track: Track) -> NDArray[np.int64]:
    """End ticks of a track's notes when the sustain pedal holds them.

    A note released with the pedal down sounds on until the pedal comes up, or until its string
    is struck again.
    """
    notes, pedal = track.notes, track.pedal
    ends = notes["end_tick"].astype(np.int64)
    if not len(pedal):
        return ends
    span = np.searchsorted(pedal["start_tick"], ends, side="right") - 1
    lifted = np.where(span >= 0, pedal["end_tick"][span], 0)
    held = np.maximum(ends, lifted)
    order = np.lexsort((notes["start_tick"], notes["pitch"]))
    again = np.full(len(notes), np.iinfo(np.int64).max)
    same = notes["pitch"][order][1:] == notes["pitch"][order][:-1]
    again[order[:-1][same]] = notes["start_tick"][order[1:][same]]
    return np.asarray(np.maximum(ends, np.minimum(held, again)))


def choked_ends(starts_s: NDArray[np.float64], keys: NDArray[np.int64]) -> NDArray[np.float64]:
    """When each drum hit is cut short: at the next hit of a key that chokes it, else never."""
    ends = np.full(len(starts_s), np.inf)
    for key, chokers in CHOKES.items():
        stops = np.append(np.sort(starts_s[np.isin(keys, chokers)]), np.inf)
        hits = np.flatnonzero(keys == key)
        ends[hits] = stops[np.searchsorted(stops, starts_s[hits], side="right")]
    return ends


def _part(score: Score, track: Track, seat: float) -> Part:
    notes = track.notes
    starts_s = score.seconds(notes["start_tick"])
    keys = notes["pitch"].astype(np.int64)
    if track.is_drum:
        keys = np.clip(keys, min(KIT), max(KIT))  # keys beyond the kit get its nearest drum
    ends_s = choked_ends(starts_s, keys) if track.is_drum else score.seconds(pedalled_ends(track))

    def controller(number: int, default: float) -> Curve:
        events = track.controls[track.controls["number"] == number]
        return Curve.of(score, events["tick"], events["value"], default)

    return Part(
        program=track.program,
        is_drum=track.is_drum,
        starts_s=starts_s,
        ends_s=ends_s,
        pitches=keys,
        velocities=notes["velocity"].astype(np.int64),
        seat=seat,
        pan=controller(PAN, np.nan),
        volume=controller(VOLUME, DEFAULT_VOLUME),
        expression=controller(EXPRESSION, 127.0),
        bend=Curve.of(score, track.bends["tick"], track.bends["value"], 0.0),
    )
