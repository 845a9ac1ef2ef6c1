"""Voices set in motion once and left to ring: piano, harpsichord, guitar, mallets, bells."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rnnmusic.synthesis.pitch import MIDDLE_C, frequency_hz
from rnnmusic.synthesis.resonators import strike

MAX_MODES = 60
HIGHEST_MODE_HZ = 18_000.0
SOFTEST_HZ = 100.0  # a slower blow would hardly move a string
EARLY, LATE = 1.4, 0.35  # rates of decay of a string's two motions, re the nominal one
LN_60_DB = float(np.log(1000.0))  # time to fall by 60 dB = LN_60_DB / rate of decay


@dataclass(frozen=True)
class Struck:
    """A string, bar or bell: damped modes excited by a hammer, plectrum or mallet.

    Modes lie at the given `ratios` to the note's frequency, or, without any, where a stiff string
    has them: f_k = k f_1 sqrt((1 + B k^2) / (1 + B)), B by pitch as measured on grand pianos
    (Rigaud, David & Daudet 2013), times `stiffness`. Their rates of decay grow as in Chaigne &
    Askenfelt (1994): sigma_k = sigma_1 + loss (f_k / 1 kHz)^2.
    """

    ratios: tuple[float, ...] = ()
    gains: tuple[float, ...] = ()  # of the ratios; of a string: the pattern of the striking place
    stiffness: float = 1.0
    place: float = 0.117  # where the string is struck, as a fraction of its length
    tilt: float = 1.0  # a string's modes start at 1 / k^tilt
    decay_s: float = 6.5  # time in which middle C's fundamental falls by 60 dB
    decay_per_octave: float = 0.62  # factor on decay_s
    loss: float = 0.35  # per second, at 1 kHz
    hardness_hz: float = 1300.0  # corner of the blow's spectrum at middle C, velocity 64
    hardness_per_octave: float = 1.35
    touch: float = 0.9  # how much faster blows are brighter: corner ~ velocity^touch
    aftersound: float = 0.25  # share of the strings' motion that decays four times as slowly
    beating_cents: float = 0.6  # between the two
    body: float = 0.0  # gain of the soundboard's own modes: the thump of the key
    body_corner_hz: float = 0.0  # the body radiates little below
    release_s: float = 0.12  # time constant of the damper at middle C
    undamped_from: int = 128  # pitches that have no damper
    gain_db: float = 0.0

    def tone(
        self, pitch: int, velocity: float, frames: int, sample_rate_hz: int
    ) -> NDArray[np.float32]:
        """The note as it rings freely, (frames,), about equally loud for all velocities."""
        frequency, rate, gain = self.modes(pitch)
        heard = frequency < min(HIGHEST_MODE_HZ, sample_rate_hz / 2)
        if not heard.any():
            return np.zeros(frames, dtype=np.float32)
        frequency, rate, gain = frequency[heard], rate[heard], gain[heard]
        corner_hz = self.corner_hz(pitch, velocity, sample_rate_hz)
        force = blow(corner_hz, sample_rate_hz)
        response = strike(frequency, rate, gain, force, frames, sample_rate_hz)
        # Equal energy in the first moments, whatever the number of modes and the blow.
        level = np.sqrt(np.sum(gain**2 / (1 + (frequency / corner_hz) ** 2) ** 2) / 2)
        return response / np.float32(level)

    def modes(
        self, pitch: int
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Frequencies in Hz, rates of decay per second and gains of what a blow sets ringing."""
        octaves = (pitch - MIDDLE_C) / 12
        frequency, gain = self._modes(pitch, frequency_hz(pitch))
        slowest = LN_60_DB / (self.decay_s * self.decay_per_octave**octaves)
        rate = slowest + self.loss * (frequency / 1000) ** 2

        if self.aftersound:
            # Two polarisations of a string: one hands its energy to the bridge at once, one late.
            apart = 2 ** (self.beating_cents / 2400)
            frequency = np.concatenate((frequency / apart, frequency * apart))
            rate = np.concatenate((rate * EARLY, rate * LATE))
            gain = np.concatenate((gain * (1 - self.aftersound), gain * self.aftersound))
        if self.body:
            places = np.random.default_rng(pitch)
            frequency = np.concatenate((frequency, np.geomspace(75, 900, 14)))
            rate = np.concatenate((rate, np.geomspace(35, 160, 14)))
            gain = np.concatenate((gain, self.body * places.normal(size=14)))
        return frequency, rate, gain

    def corner_hz(self, pitch: int, velocity: float, sample_rate_hz: int) -> float:
        """Corner of the blow's spectrum: harder and higher blows are brighter."""
        octaves = (pitch - MIDDLE_C) / 12
        corner_hz = self.hardness_hz * self.hardness_per_octave**octaves
        corner_hz *= (max(velocity, 1.0) / 64) ** self.touch
        return float(min(max(corner_hz, SOFTEST_HZ), sample_rate_hz / 6))

    def longest_s(self, pitch: int) -> float:
        """Time after which the freely ringing note is inaudible (-70 dB)."""
        octaves = (pitch - MIDDLE_C) / 12
        slowest = LATE if self.aftersound else 1.0
        return float(70 / 60 * self.decay_s * self.decay_per_octave**octaves / slowest)

    def release_at(self, pitch: int) -> float | None:
        """Time constant of the damper in seconds, None where there is none."""
        if pitch >= self.undamped_from:
            return None
        return self.release_s * float(2 ** (-(pitch - MIDDLE_C) / 36))

    def _modes(
        self, pitch: int, fundamental_hz: float
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        if self.ratios:
            frequency = fundamental_hz * np.array(self.ratios)
            gain = np.array(self.gains, dtype=np.float64)
        else:
            k = np.arange(1, MAX_MODES + 1)
            stiffness = self.stiffness * (
                np.exp(0.0926 * pitch - 13.64) + np.exp(-0.0847 * pitch - 5.82)
            )
            frequency = fundamental_hz * k * np.sqrt((1 + stiffness * k**2) / (1 + stiffness))
            # A hammer has a width: the modes that it should not move at all it moves a little.
            gain = np.hypot(np.sin(np.pi * k * self.place), 0.15) / k**self.tilt
        if self.body_corner_hz:
            gain = gain * frequency / np.hypot(frequency, self.body_corner_hz)
        return frequency, gain


def blow(corner_hz: float, sample_rate_hz: int) -> NDArray[np.float64]:
    """Force of a blow over time, t exp(-t / tau): a two-pole low-pass at `corner_hz`, unit gain."""
    tau = sample_rate_hz / (2 * np.pi * corner_hz)  # in samples
    t = np.arange(1, int(8 * tau) + 2)
    force = t * np.exp(-t / tau)
    return np.asarray(force / force.sum())
