"""Scores as the bytes of Standard MIDI Files, written with numpy.

symusic's own writer would lose a noteless track's pedal and tie notes to its own order of events.
Every message carries its status byte (no running status), so that a damaged file can be salvaged
from any point.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from rnnmusic.errors import InputError
from rnnmusic.midi.container import write_length
from rnnmusic.score import Score, Table, Track
from rnnmusic.score.messages import (
    MELODIC_CHANNELS,
    PROGRAM_CHANGE,
    assign_channels,
    check_conductor,
    track_messages,
)

_LONGEST_DELTA = 0x0FFFFFFF
_WIDTH = 7  # bytes of the longest event, a metre
_EVENT = np.dtype([("tick", "<i8"), ("size", "u1"), ("bytes", "u1", (_WIDTH,))])
_FILLER = b"\xff\x01\x00"  # an empty text


def dumps(score: Score, *, format: int = 1) -> bytes:
    """Bytes of a Standard MIDI File.

    Format 1 gives each track a chunk of its own behind one for tempos, metres, keys and the
    score's name; beyond fifteen pitched tracks channels are used again, which a reader that keeps
    chunks apart doesn't mind but a synthesiser does. Formats 0 and 2 write one chunk: track names
    are lost, at most fifteen pitched tracks fit, and drum tracks become one. Notes of one track
    that lie within another of the same pitch end as `score.messages.as_heard` says.

    Raises InputError for values that MIDI can't hold.
    """
    if format not in (0, 1, 2):
        raise InputError(f"MIDI format {format} was asked for; there are 0, 1 and 2.")
    check_conductor(score)
    conductor = _conductor(score)
    if format == 1:
        streams = [
            track_messages(track, channel)
            for track, channel in zip(score.tracks, assign_channels(score.tracks), strict=True)
        ]
        chunks = [_chunk(score.name, conductor)]
        chunks += [
            _chunk(track.name, _from_messages(stream))
            for track, stream in zip(score.tracks, streams, strict=True)
        ]
    else:
        tracks = _one_per_channel(score.tracks)
        streams = [
            _from_messages(track_messages(track, channel))
            for track, channel in zip(tracks, assign_channels(tracks), strict=True)
        ]
        chunks = [_chunk(score.name, np.concatenate([conductor, *streams]))]
    header = (6, 4), (format, 2), (len(chunks), 2), (score.ticks_per_quarter, 2)
    fields = [value.to_bytes(size, "big") for value, size in header]
    return b"".join([b"MThd", *fields, *chunks])


def _one_per_channel(tracks: tuple[Track, ...]) -> list[Track]:
    """The tracks with their drums gathered into one, or InputError when channels run out."""
    drums = [track for track in tracks if track.is_drum]
    melodic = [track for track in tracks if not track.is_drum]
    if len(melodic) > len(MELODIC_CHANNELS):
        raise InputError(
            f"The score has {len(melodic)} pitched tracks but one chunk holds "
            f"{len(MELODIC_CHANNELS)}; write format 1 instead."
        )
    if len({track.program for track in drums}) > 1:
        raise InputError(
            "The score's drum tracks have several programs but one chunk holds a single drum "
            "channel; write format 1 instead."
        )
    if drums:
        melodic.append(
            Track(
                notes=np.concatenate([track.notes for track in drums]),
                program=drums[0].program,
                is_drum=True,
                controls=_by_tick([track.controls for track in drums]),
                bends=_by_tick([track.bends for track in drums]),
            )
        )
    return melodic


def _by_tick(tables: list[Table]) -> Table:
    events = np.concatenate(tables)
    return events[np.argsort(events["tick"], kind="stable")]


def _conductor(score: Score) -> Table:
    """EVENT table of tempos, metres and keys; order matters only within each kind."""
    rows = [
        (tick, b"\xff\x51\x03" + tempo.to_bytes(3, "big")) for tick, tempo in score.tempos.tolist()
    ]
    rows += [
        # 24 MIDI clocks per click and 8 thirty-seconds per quarter are the standard's usual.
        (tick, bytes([0xFF, 0x58, 4, numerator, denominator.bit_length() - 1, 24, 8]))
        for tick, numerator, denominator in score.metres.tolist()
    ]
    rows += [
        (tick, bytes([0xFF, 0x59, 2, sharps & 0xFF, is_minor]))
        for tick, sharps, is_minor in score.keys.tolist()
    ]
    return _events(rows)


def _events(rows: list[tuple[int, bytes]]) -> Table:
    padded = [(tick, len(event), list(event.ljust(_WIDTH, b"\0"))) for tick, event in rows]
    return np.array(padded, dtype=_EVENT)


def _from_messages(messages: Table) -> Table:
    events = np.zeros(len(messages), dtype=_EVENT)
    events["tick"] = messages["tick"]
    events["size"] = np.where(messages["status"] & 0xF0 == PROGRAM_CHANGE, 2, 3)
    for i, column in enumerate(("status", "data1", "data2")):
        events["bytes"][:, i] = messages[column]
    return events


def _chunk(name: str, events: Table) -> bytes:
    """MTrk chunk of an EVENT table in any order: events of one tick keep theirs."""
    events = events[np.argsort(events["tick"], kind="stable")]
    delta = np.diff(events["tick"], prepend=0)
    if np.any(delta > _LONGEST_DELTA):
        events = _filled(events)
        delta = np.diff(events["tick"], prepend=0)
    shifts = np.array([21, 14, 7, 0])
    digits = delta[:, None] >> shifts & 0x7F  # (n, 4), most significant first
    digits[:, :3] |= 0x80
    # Leading zeros are left out, the last digit never.
    written = delta[:, None] >> shifts > 0
    written[:, 3] = True
    grid = np.concatenate([digits.astype(np.uint8), events["bytes"]], axis=1)
    inside = np.arange(_WIDTH) < events["size"][:, None]
    body: bytes = grid[np.concatenate([written, inside], axis=1)].tobytes()
    title = name.encode("utf-8", errors="replace")
    if title:
        body = b"\x00\xff\x03" + write_length(len(title)) + title + body
    body += b"\x00\xff\x2f\x00"
    return b"MTrk" + len(body).to_bytes(4, "big") + body


def _filled(events: Table) -> Table:
    """The same events with empty texts wherever a wait is longer than one delta can say."""
    stops = [
        tick
        for before, after in pairwise([0, *events["tick"].tolist()])
        for tick in range(before + _LONGEST_DELTA, after, _LONGEST_DELTA)
    ]
    filled = np.concatenate([_events([(tick, _FILLER) for tick in stops]), events])
    return filled[np.argsort(filled["tick"], kind="stable")]
