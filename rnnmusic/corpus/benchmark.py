"""The polyphonic benchmark sets as they are: a .npz of packed rolls.

Keys: `{split}_roll` uint8 (sum of lengths, 11), `numpy.packbits` of 88 pitches;
`{split}_lengths` (n,) integers; `pitch_low`, the MIDI pitch of column 0
(Boulanger-Lewandowski, Bengio and Vincent 2012, "Modeling temporal dependencies").
"""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from rnnmusic.corpus.pieces import Pieces
from rnnmusic.corpus.splits import SPLITS
from rnnmusic.encodings import PianoRoll
from rnnmusic.errors import InputError

PITCHES = 88


def read_benchmark(path: Path) -> tuple[PianoRoll, dict[str, Pieces]]:
    """Encoding and splits of a benchmark file; InputError when it isn't one.

    The file doesn't say how long a frame is: it is taken for a quarter note, as JSB has it.
    """
    try:
        # numpy doesn't close a file that it opened itself and then can't read.
        with path.open("rb") as file:
            arrays = np.load(file, allow_pickle=False)
            if not isinstance(arrays, np.lib.npyio.NpzFile):
                raise ValueError("it is a single array")
            missing = [key for key in _keys() if key not in arrays]
            if missing:
                raise ValueError(f"{missing[0]} is missing")
            data = {key: arrays[key] for key in _keys()}
        low = _pitch_low(data["pitch_low"])
        splits = {s: _pieces(s, data[f"{s}_roll"], data[f"{s}_lengths"]) for s in SPLITS}
    except (OSError, ValueError, EOFError, BadZipFile, zlib.error) as error:
        raise InputError(
            f"{path} is not a benchmark corpus ({error}); give a store, or an .npz with "
            f"{', '.join(_keys())}."
        ) from error
    encoding = PianoRoll(
        steps_per_quarter=1,
        lowest_pitch=low,
        highest_pitch=low + PITCHES - 1,
        articulation=False,
        metrical=False,
    )
    return encoding, splits


def _keys() -> list[str]:
    return [f"{s}_{part}" for s in SPLITS for part in ("roll", "lengths")] + ["pitch_low"]


def _pitch_low(value: NDArray[Any]) -> int:
    if value.size != 1 or not np.issubdtype(value.dtype, np.integer):
        raise ValueError("pitch_low is not one integer")
    low = int(value.reshape(()))
    if not 0 <= low <= 128 - PITCHES:
        raise ValueError(
            f"pitch_low is {low}, and {PITCHES} pitches from there leave MIDI's 0..127"
        )
    return low


def _pieces(split: str, roll: NDArray[Any], lengths: NDArray[Any]) -> Pieces:
    if roll.dtype != np.uint8 or roll.ndim != 2 or roll.shape[1] != PITCHES // 8:
        raise ValueError(
            f"{split}_roll is {roll.dtype} {roll.shape}, not uint8 (N, {PITCHES // 8})"
        )
    if lengths.ndim != 1 or not np.issubdtype(lengths.dtype, np.integer):
        raise ValueError(f"{split}_lengths is not a list of integers")
    lengths = lengths.astype(np.int64)
    if np.any(lengths < 1) or lengths.sum() != len(roll):
        raise ValueError(
            f"{split}_lengths adds up to {lengths.sum()} frames, {split}_roll has {len(roll)}"
        )
    names = [f"{split}/{i:04d}" for i in range(len(lengths))]
    clock = np.zeros((len(roll), 0), dtype=np.uint8)
    offsets = np.cumsum(lengths) - lengths
    return Pieces(roll, clock, names, offsets, lengths, bits=PITCHES)
