"""The built-in instruments' notes as few modes, to be played block by block."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnmusic.synthesis.bank import MODES, Modes
from rnnmusic.synthesis.struck import HIGHEST_MODE_HZ, Struck
from rnnmusic.synthesis.sustained import Sustained
from rnnmusic.synthesis.voices import VOICES, voice_name


@lru_cache(maxsize=4096)
def modes_of(program: int, pitch: int, velocity: int, sample_rate_hz: int) -> Modes:
    """The strongest modes of a note of a General MIDI program, from rest, about equally loud for
    all velocities."""
    voice = VOICES[voice_name(program)]
    if isinstance(voice, Struck):
        return _struck(voice, pitch, velocity, sample_rate_hz)
    if isinstance(voice, Sustained):
        return _sustained(voice, pitch, velocity, sample_rate_hz)
    raise TypeError(f"{voice_name(program)} is neither struck nor sustained")


def _struck(voice: Struck, pitch: int, velocity: int, sample_rate_hz: int) -> Modes:
    frequency, rate, gain = voice.modes(pitch)
    heard = frequency < min(HIGHEST_MODE_HZ, sample_rate_hz / 2)
    frequency, rate, gain = frequency[heard], rate[heard], gain[heard]
    corner_hz = voice.corner_hz(pitch, velocity, sample_rate_hz)
    level = np.sqrt(np.sum(gain**2 / (1 + (frequency / corner_hz) ** 2) ** 2) / 2)
    # Sine phase, and what the blow, a two-pole low-pass, makes of each mode.
    state = -1j * gain / level / (1 + 1j * frequency / corner_hz) ** 2
    strongest = np.argsort(-np.abs(state), kind="stable")[: MODES - 1]
    frequency, rate, state = frequency[strongest], rate[strongest], state[strongest]
    # The blow itself, which is over soon: with it the sound begins at zero.
    return _poles(
        np.append(frequency, 0.0),
        np.append(rate, 2 * np.pi * corner_hz),
        np.append(state, -state.real.sum()),
        sample_rate_hz,
    )


def _sustained(voice: Sustained, pitch: int, velocity: int, sample_rate_hz: int) -> Modes:
    frequency, attack, gain = voice.modes(pitch, velocity, np.random.default_rng(pitch))
    gain = np.where(frequency < sample_rate_hz / 2, gain, 0)
    strongest = np.argsort(-np.abs(gain), kind="stable")[: MODES // 2]
    frequency, attack, gain = frequency[strongest], attack[strongest], gain[strongest]
    # Each swells in: a mode for ever, less its damped twin.
    return _poles(
        np.concatenate((frequency, frequency)),
        np.concatenate((np.zeros(len(attack)), 1 / attack)),
        np.concatenate((gain, -gain)),
        sample_rate_hz,
    )


def _poles(
    frequency_hz: NDArray[np.float64],
    decay_per_s: NDArray[np.float64],
    state: NDArray[np.complexfloating[Any, Any]],
    sample_rate_hz: int,
) -> Modes:
    log_pole = (2j * np.pi * frequency_hz - decay_per_s) / sample_rate_hz
    return Modes(log_pole.astype(np.complex128), state.astype(np.complex128))
