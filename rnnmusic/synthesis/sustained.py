"""Voices kept going by breath, bow or bellows: organ, strings, choir, brass, winds, pads."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rnnmusic.synthesis.pitch import MIDDLE_C, frequency_hz, read_at
from rnnmusic.synthesis.resonators import ring

MAX_PARTIALS = 40
HIGHEST_PARTIAL_HZ = 14_000.0
# (tuning as a fraction of the spread, gain). The first leads and is in tune; equal gains would
# let a note beat down to nothing, equal distances would let it beat in step.
PLAYERS = ((0.0, 1.0), (-0.5, 0.4), (0.37, 0.4), (-0.21, 0.3), (0.5, 0.3))


@dataclass(frozen=True)
class Sustained:
    """Undamped modes at the harmonics, each swelling in with its own attack.

    The swell 1 - exp(-t / attack) is a mode on the unit circle minus its damped twin. `ranks`
    doubles the whole at other pitches (an organ's stops), `players` at slightly different tunings.
    `formants` are the resonances of the body or vocal tract: (centre Hz, bandwidth Hz, gain).
    """

    tilt: float = 1.2  # harmonics fall as 1 / k^tilt at velocity 64
    even: float = 1.0  # gain of the even harmonics: a cylinder closed at one end has few
    formants: tuple[tuple[float, float, float], ...] = ()
    ranks: tuple[tuple[float, float], ...] = ((1.0, 1.0),)  # (ratio, gain)
    players: int = 1
    spread_cents: float = 0.0  # from the flattest player to the sharpest, at most
    attack_s: float = 0.05
    touch: float = 0.5  # how much louder is brighter: the tilt falls by it over the full range
    vibrato_cents: float = 0.0
    vibrato_hz: float = 5.4
    vibrato_delay_s: float = 0.35
    breath: float = 0.0  # gain of the noise that goes with the tone
    release_s: float = 0.06
    gain_db: float = -2.0  # they sound louder than what dies away

    def tone(
        self, pitch: int, velocity: float, frames: int, sample_rate_hz: int
    ) -> NDArray[np.float32]:
        """The note held for ever, its first `frames` frames, equally loud for all velocities."""
        rng = np.random.default_rng(pitch)
        frequency, attack, phased = self.modes(pitch, velocity, rng)
        tone = ring(
            np.concatenate((frequency, frequency)),
            np.concatenate((np.zeros(len(attack)), 1 / attack)),
            np.concatenate((phased, -phased)),
            frames,
            sample_rate_hz,
        )
        if self.vibrato_cents:
            tone = self._with_vibrato(tone, rng, sample_rate_hz)
        if self.breath:
            tone += self._breath(pitch, frames, rng, sample_rate_hz)
        return tone

    def modes(
        self, pitch: int, velocity: float, rng: np.random.Generator
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.complex128]]:
        """Frequencies in Hz, attack times in seconds and gains with random phases."""
        frequency, gain = self._partials(frequency_hz(pitch), velocity)
        place, share = np.array(PLAYERS[: self.players]).T
        detune = 2.0 ** (place * self.spread_cents / 1200)
        frequency = (frequency * detune[:, None]).reshape(-1)
        gain = (gain * share[:, None]).reshape(-1)
        level = np.sqrt(np.sum(gain**2) / 2)
        phased = gain / level * np.exp(2j * np.pi * rng.random(len(gain)))
        # Upper partials speak a little later; low notes take longer to speak.
        lowness = 2 ** ((MIDDLE_C - pitch) / 36)
        attack = self.attack_s * lowness * (1 + 0.5 * np.sqrt(frequency / frequency.min() - 1) / 3)
        return frequency, attack, phased

    def longest_s(self, pitch: int) -> float:
        """Held notes never die away by themselves."""
        return float("inf")

    def release_at(self, pitch: int) -> float | None:
        """Time constant of the release in seconds."""
        return self.release_s * float(2 ** ((MIDDLE_C - pitch) / 48))

    def _partials(
        self, fundamental_hz: float, velocity: float
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        k = np.arange(1, MAX_PARTIALS + 1)
        tilt = self.tilt + self.touch * (64 - velocity) / 127
        gain = np.where(k % 2, 1.0, self.even) / k**tilt
        ratios, ranks = np.array(self.ranks).T
        frequency = (fundamental_hz * ratios[:, None] * k).reshape(-1)
        gain = (ranks[:, None] * gain).reshape(-1)
        heard = (frequency < HIGHEST_PARTIAL_HZ) | (frequency <= fundamental_hz)
        frequency, gain = frequency[heard], gain[heard]
        if self.formants:
            centre, width, height = (np.array(c)[:, None] for c in zip(*self.formants, strict=True))
            resonance = height / np.sqrt(1 + ((frequency - centre) / (width / 2)) ** 2)
            # Something of every partial passes, or notes between formants would vanish.
            gain = gain * (0.12 + resonance.sum(axis=0))
        return frequency, gain

    def _with_vibrato(
        self, tone: NDArray[np.float32], rng: np.random.Generator, sample_rate_hz: int
    ) -> NDArray[np.float32]:
        time_s = np.arange(len(tone)) / sample_rate_hz
        rate_hz = self.vibrato_hz * rng.uniform(0.93, 1.07)
        depth = np.clip((time_s - self.vibrato_delay_s) / 0.4, 0, 1)
        # A delay d(t) shifts the frequency by -d'(t): the depth in frames for the wanted cents.
        swing = (2 ** (self.vibrato_cents / 1200) - 1) * sample_rate_hz / (2 * np.pi * rate_hz)
        delay = swing * depth * (1 - np.cos(2 * np.pi * rate_hz * time_s))
        return read_at(tone, np.maximum(np.arange(len(tone)) - delay, 0))

    def _breath(
        self, pitch: int, frames: int, rng: np.random.Generator, sample_rate_hz: int
    ) -> NDArray[np.float32]:
        from scipy.signal import iirpeak, lfilter

        centre_hz = min(2.0 * frequency_hz(pitch), sample_rate_hz * 0.4)
        b, a = iirpeak(centre_hz, 1.2, fs=sample_rate_hz)
        noise = lfilter(b, a, rng.standard_normal(frames)).astype(np.float32)
        time_s = np.arange(frames, dtype=np.float32) / sample_rate_hz
        # The chiff: breath is heard most before the tone has settled.
        swell = (1 - np.exp(-time_s / 0.008)) * (0.35 + np.exp(-time_s / 0.07))
        return np.asarray(self.breath * noise * swell)
