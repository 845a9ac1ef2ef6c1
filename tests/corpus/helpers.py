"""Small musics for the tests: MIDI files written by mido, rolls, and strategies for pieces."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import mido
import numpy as np
from hypothesis import strategies as st

from rnnmusic.corpus.pieces import Piece
from rnnmusic.encodings import PianoRoll
from rnnmusic.encodings.protocol import Steps

ROLL = PianoRoll(
    steps_per_quarter=1, lowest_pitch=48, highest_pitch=71, articulation=False, metrical=False
)


def write_midi(
    path: Path, pitches: Iterable[int], *, quarters: int = 1, name: str = "", channel: int = 0
) -> Path:
    """One voice of quarter notes (or longer), one after the other."""
    path.parent.mkdir(parents=True, exist_ok=True)
    track = mido.MidiTrack()
    if name:
        track.append(mido.MetaMessage("track_name", name=name))
    for pitch in pitches:
        track.append(mido.Message("note_on", note=pitch, velocity=70, time=0, channel=channel))
        track.append(mido.Message("note_off", note=pitch, time=480 * quarters, channel=channel))
    file = mido.MidiFile(ticks_per_beat=480, tracks=[track])
    file.save(path)
    return path


def melody(seed: int, notes: int = 12) -> list[int]:
    """Pitches that no other seed gives, nor a transposition of them."""
    steps = np.random.default_rng(seed).integers(-4, 5, notes - 1)
    return [60, *np.clip(60 + np.cumsum(steps), 48, 71).tolist()]


def numbered(lengths: Sequence[int], encoding: PianoRoll = ROLL) -> list[Piece]:
    """Pieces whose every frame is unlike any other: its number in binary, from column 1 on."""
    bits = 20
    pieces, number = [], 1
    for i, length in enumerate(lengths):
        values = np.arange(number, number + length)
        steps: Steps = np.zeros((length, len(encoding.sizes)), dtype=np.uint8)
        steps[:, 1 : 1 + bits] = values[:, None] >> np.arange(bits) & 1
        clock = np.zeros((length, len(encoding.clock_sizes)), dtype=np.uint8)
        pieces.append(Piece(f"piece {i}", steps, clock))
        number += length
    return pieces


def number_of(frame: Steps) -> int:
    """The number that `numbered` wrote into a frame (F,)."""
    return int((np.asarray(frame)[1:21].astype(np.int64) << np.arange(20)).sum())


some_lengths = st.lists(st.integers(1, 40), min_size=1, max_size=25)
