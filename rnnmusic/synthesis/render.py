"""Score to Audio: every note placed, panned and levelled, then a room around the whole."""

from __future__ import annotations

import math
import os
from collections import defaultdict
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rnnmusic.audio import Audio, db_to_gain
from rnnmusic.errors import InputError, UsageError
from rnnmusic.score import Score
from rnnmusic.synthesis.drums import KIT
from rnnmusic.synthesis.parts import BEND_RANGE_SEMITONES, Part, parts_of
from rnnmusic.synthesis.pitch import read_at
from rnnmusic.synthesis.reverb import add_room
from rnnmusic.synthesis.soundfont import render_soundfont
from rnnmusic.synthesis.voices import VOICES, Voice, voice_name

MAX_DURATION_S = 2 * 3600.0
SAMPLE_RATES_HZ = (8_000, 192_000)
LEVEL_DB = -20.0  # of a middle C at velocity 100, re full scale, before normalising
LOUDNESS_EXPONENT = 1.6  # gain = (velocity / 100) ^ 1.6: 20 dB from 24 to 100
VELOCITY_BIN = 16  # velocities that share one tone, hence one brightness; loudness stays exact
SHORTEST_S = 0.03  # a note of no length is still heard
RELEASE_TIMES = 7  # time constants until a released note has gone: -60 dB
ROOM_TAIL_S = 2.0
RUMBLE_HZ = 25.0  # blows push in one direction only: what they leave below hearing goes
SILENCE = 1e-4  # re the peak: where the end is cut off


class _Tone(NamedTuple):
    """What notes must share to be cut from the same tone."""

    voice: Voice
    pitch: int
    velocity: int  # the middle of a bin


class _Use(NamedTuple):
    """A note to be cut from a tone: number `note` of its part, and when it sounds."""

    part: Part
    note: int
    start_s: float
    held_s: float
    sounding_s: float  # until the release, or the tone itself, has died away


def render(
    score: Score,
    *,
    sample_rate_hz: int = 44_100,
    soundfont: str | os.PathLike[str] | None = None,
    room: float = 0.12,
    peak_dbfs: float | None = -1.0,
) -> Audio:
    """Play a score with the built-in instruments, or with a SoundFont's through FluidSynth.

    Returns stereo audio, the same for the same score. Tempo map, General MIDI programs and drum
    keys, velocity, sustain pedal, volume, pan, expression and pitch bend (+-2 semitones) are
    honoured; other controllers are not. room is the gain of the built-in reverberation, 0 for
    none. peak_dbfs is the level that the loudest sample gets by one gain for the whole piece, so
    that nothing is ever clipped; None leaves the mix as it is, a middle C at velocity 100 having
    an RMS of about 0.1 at first. No notes give silence as long as the score.

    InputError for scores of more than two hours, UsageError for a sample rate outside 8 to
    192 kHz, and see `render_soundfont` for SoundFonts.
    """
    lowest, highest = SAMPLE_RATES_HZ
    if not lowest <= sample_rate_hz <= highest:
        raise UsageError(
            f"A sample rate of {sample_rate_hz} Hz was asked for; use {lowest} to {highest}."
        )
    if not 0 <= score.duration_s <= MAX_DURATION_S:
        raise InputError(
            f"The score lasts {score.duration_s / 3600:.1f} hours and at most "
            f"{MAX_DURATION_S / 3600:.0f} are rendered; cut it into pieces."
        )
    if soundfont is None:
        audio = Audio(_mix(score, room, sample_rate_hz), sample_rate_hz)
    else:
        audio = render_soundfont(score, soundfont, sample_rate_hz=sample_rate_hz)
    return audio if peak_dbfs is None else audio.normalised(peak_dbfs)


def _mix(score: Score, room: float, sample_rate_hz: int) -> NDArray[np.float32]:
    from scipy.signal import butter, sosfilt

    score_frames = round(score.duration_s * sample_rate_hz)
    uses = _uses_by_tone(parts_of(score))
    if not uses:
        return np.zeros((2, score_frames), dtype=np.float32)
    last_s = max(use.start_s + use.sounding_s for notes in uses.values() for use in notes)
    frames = max(score_frames, int((last_s + ROOM_TAIL_S) * sample_rate_hz))
    mix = np.zeros((2, frames), dtype=np.float32)
    # Tones are made one at a time, used for all their notes and forgotten: memory is the mix's.
    for tone, notes in uses.items():
        _play(mix, tone, notes, sample_rate_hz)
    if room:
        add_room(mix, sample_rate_hz, amount=room)
    rumble = butter(2, RUMBLE_HZ, "highpass", fs=sample_rate_hz, output="sos")
    for channel in mix:
        channel[:] = sosfilt(rumble, channel)
    return _without_silent_end(mix, score_frames, sample_rate_hz)


def _uses_by_tone(parts: list[Part]) -> dict[_Tone, list[_Use]]:
    uses: dict[_Tone, list[_Use]] = defaultdict(list)
    for part in parts:
        voice: Voice = VOICES[voice_name(part.program)]
        rows = zip(part.starts_s, part.ends_s, part.pitches, part.velocities, strict=True)
        for note, (start_s, end_s, pitch, velocity) in enumerate(rows):
            if part.is_drum:
                voice = KIT[int(pitch)]
            held_s = max(float(end_s - start_s), SHORTEST_S)
            release_s = voice.release_at(int(pitch))
            sounding_s = voice.longest_s(int(pitch))
            if release_s is not None:
                sounding_s = min(sounding_s, held_s + RELEASE_TIMES * release_s)
            middle = int(velocity) // VELOCITY_BIN * VELOCITY_BIN + VELOCITY_BIN // 2
            use = _Use(part, note, float(start_s), held_s, sounding_s)
            uses[_Tone(voice, int(pitch), middle)].append(use)
    return uses


def _play(mix: NDArray[np.float32], tone: _Tone, notes: list[_Use], sample_rate_hz: int) -> None:
    """Add all notes of a tone to the mix (2, frames), in place."""
    voice, pitch, velocity = tone
    longest = math.ceil(max(use.sounding_s for use in notes) * sample_rate_hz)
    if any(use.part.bends for use in notes):
        longest = math.ceil(longest * 2 ** (BEND_RANGE_SEMITONES / 12)) + 1
    ringing = voice.tone(pitch, velocity, longest, sample_rate_hz)
    voice_gain = float(db_to_gain(voice.gain_db + LEVEL_DB))
    release_s = voice.release_at(pitch)
    for use in notes:
        part, start_s = use.part, use.start_s
        frames = math.ceil(use.sounding_s * sample_rate_hz)
        ratio = part.bend_ratio(start_s, frames, sample_rate_hz)
        sound = ringing[:frames] if ratio is None else read_at(ringing, np.cumsum(ratio) - ratio[0])
        held = round(min(use.held_s, use.sounding_s) * sample_rate_hz)
        if release_s is not None and held < frames:
            sound = sound.copy()
            sound[held:] *= _release(frames - held, release_s * sample_rate_hz)
        touch = voice_gain * (part.velocities[use.note] / 100) ** LOUDNESS_EXPONENT
        sound = sound * (touch * part.gain(start_s, frames, sample_rate_hz)).astype(np.float32)
        # Equal power: -3 dB on both sides in the middle.
        angle = (part.pan_of(use.note) + 1) * math.pi / 4
        first = round(start_s * sample_rate_hz)
        mix[0, first : first + frames] += np.float32(math.cos(angle)) * sound
        mix[1, first : first + frames] += np.float32(math.sin(angle)) * sound


def _release(frames: int, time_constant: float) -> NDArray[np.float32]:
    """Gain of a released note, (frames,): exponential, and exactly 0 at the end."""
    t = np.arange(frames, dtype=np.float32)
    return np.asarray(np.exp(t / np.float32(-time_constant)) * (1 - t / np.float32(frames)))


def _without_silent_end(
    mix: NDArray[np.float32], at_least: int, sample_rate_hz: int
) -> NDArray[np.float32]:
    loudness = np.maximum(mix[0], mix[1])
    np.maximum(loudness, -mix.min(axis=0), out=loudness)
    heard = np.flatnonzero(loudness > SILENCE * loudness.max())
    end = max(at_least, int(heard[-1]) + 1 if len(heard) else 0)
    fade = min(end, sample_rate_hz // 50)
    mix[:, end - fade : end] *= np.linspace(1, 0, fade, dtype=np.float32)
    return mix[:, :end]
