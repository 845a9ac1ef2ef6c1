"""The fast reader: symusic parses, numpy takes its columns over, and nothing may get lost.

symusic 0.6 is quick but drops notes that are still sounding at the end of a track and channels
that play no note but move a pedal; it misreads what follows a system exclusive message and wraps
times at 2**31. So each track is given a tail before it is parsed: a long rest, then a note-off for
every pitch and one *witness* note on every channel in use. The witnesses keep noteless channels
alive and prove that the parser went through to the end; an end after the rest is a note that
nobody stopped. Whatever this file can't vouch for is left to `exact`.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnmusic.midi.container import Container, sequence_name
from rnnmusic.score import BEND, CONTROL, KEY, METRE, NOTE, TEMPO, Score, Table, Track, sort_notes

_END_OF_TRACK = b"\xff\x2f\x00"
_LONGEST_DELTA = 0x0FFFFFFF
_RESTS = 4
# Ticks from the end of a track to its witnesses: every real event must come before this.
_REST_TICKS = _RESTS * _LONGEST_DELTA
_REST = b"\xff\x01\x00" + b"\xff\xff\xff\x7f\xff\x01\x00" * _RESTS
_NOTE_OFFS = b"\x00".join(bytes([pitch, 0]) for pitch in range(128))
_TAILS = tuple(
    bytes([0x00, 0x80 | c]) + _NOTE_OFFS + bytes([0x00, 0x90 | c, 0, 1, 0, 0, 0]) for c in range(16)
)
_FIRST_CHANNEL_STATUS, _LAST_CHANNEL_STATUS = 0x90, 0xEF  # note-offs alone make no part
_ODD_META = re.compile(rb"\xff(?:\x51[^\x03]|\x58[^\x04]|\x59[^\x02])")


def read_fast(container: Container) -> Score | None:
    """Score of a file of format 0 or 1, or None when only the exact reader would get it right."""
    import symusic

    if container.format == 2:
        return None
    parts: list[bytes] = []
    witnesses = 0
    for chunk in container.chunks:
        tails = _tails(chunk)
        if tails is None:
            return None
        body = b"".join((chunk[:-3], _REST, *tails, b"\x00", _END_OF_TRACK))
        parts += (b"MTrk", len(body).to_bytes(4, "big"), body)
        witnesses += len(tails)
    header = (6, 4), (1, 2), (len(container.chunks), 2), (container.ticks_per_quarter, 2)
    prefix = b"MThd" + b"".join(value.to_bytes(size, "big") for value, size in header)
    try:
        parsed = symusic.Score.from_midi(prefix + b"".join(parts))
    except Exception:
        # symusic says what it stumbled over in its own terms; the exact reader says it in ours.
        return None
    return _score(parsed, container, witnesses)


def _tails(chunk: bytes) -> list[bytes] | None:
    """Tails for the channels that this track may use, or None when symusic may misread it."""
    if (
        not chunk.endswith(_END_OF_TRACK)
        or b"\xf0" in chunk
        or b"\xf7" in chunk
        or _ODD_META.search(chunk)
    ):
        return None
    counts = np.bincount(np.frombuffer(chunk, dtype=np.uint8), minlength=256)
    if _longest_time(chunk, counts) >= _REST_TICKS:
        return None
    used = counts[_FIRST_CHANNEL_STATUS : _LAST_CHANNEL_STATUS + 1].reshape(-1, 16).any(axis=0)
    return [_TAILS[channel] for channel in np.flatnonzero(used)]


def _longest_time(chunk: bytes, counts: NDArray[np.intp]) -> int:
    """A bound for the sum of a track's deltas, as if all its bytes were parts of them."""
    digits = np.arange(256) & 0x7F
    bound = int(counts[:128] @ digits[:128]) + (int(counts[128:] @ digits[128:]) << 7)
    high = np.frombuffer(chunk, dtype=np.uint8) >= 0x80
    pairs = high[:-1] & high[1:]
    triples = pairs[:-1] & high[2:]
    return bound + (int(pairs.sum()) << 21) + (int(triples.sum()) << 28)


def _score(parsed: Any, container: Container, witnesses: int) -> Score | None:
    tracks: list[Track] = []
    seen = 0
    for part in parsed.tracks:
        columns = part.notes.numpy()
        start, duration = columns["time"], columns["duration"]
        real = int(np.searchsorted(start, _REST_TICKS))
        seen += len(start) - real
        notes = np.empty(real, dtype=NOTE)
        notes["start_tick"], notes["end_tick"] = start[:real], start[:real]
        notes["end_tick"] += duration[:real]
        notes["pitch"], notes["velocity"] = columns["pitch"][:real], columns["velocity"][:real]
        if real and (notes["start_tick"].min() < 0 or notes["end_tick"].max() >= _REST_TICKS):
            return None
        # symusic replaces what isn't UTF-8 by U+FFFD.
        if "�" in part.name:
            return None
        track = Track(
            notes=sort_notes(notes),
            program=part.program,
            is_drum=part.is_drum,
            name="" if container.format == 0 else part.name,
            controls=_table(CONTROL, part.controls),
            bends=_table(BEND, part.pitch_bends),
        )
        if len(track.notes) or len(track.controls) or len(track.bends):
            tracks.append(track)
    tempos = _table(TEMPO, parsed.tempos)
    metres = _table(METRE, parsed.time_signatures)
    keys = _table(KEY, parsed.key_signatures)
    if (
        seen != witnesses
        or not tempos["microseconds_per_quarter"].all()
        or not metres["numerator"].all()
        or not metres["denominator"].all()
        or np.any(np.abs(keys["sharps"].astype(int)) > 7)
        or any(key.tonality > 1 for key in parsed.key_signatures)
    ):
        return None
    return Score(
        ticks_per_quarter=container.ticks_per_quarter,
        tracks=tuple(tracks),
        tempos=tempos,
        metres=metres,
        keys=keys,
        name=sequence_name(container.chunks[0]),
    )


def _table(dtype: np.dtype[np.void], events: Any) -> Table:
    """symusic's events as one of our tables: their columns stand in the same order."""
    columns = events.numpy()
    rows = np.empty(len(columns["time"]), dtype=dtype)
    for ours, theirs in zip(dtype.names or (), columns.values(), strict=True):
        rows[ours] = theirs
    return rows
