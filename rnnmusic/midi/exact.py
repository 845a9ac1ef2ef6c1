"""The exact reader: every byte of every track, in Python.

It is some fifty times slower than `fast`, which hands over the files it can't vouch for.
"""

from __future__ import annotations

from rnnmusic.midi.container import Container, decode_text, read_length, sequence_name
from rnnmusic.score import Score
from rnnmusic.score.assembly import Chunk, MalformedError, assemble, end_to_end

_META, _SYSEX, _ESCAPE = 0xFF, 0xF0, 0xF7
_TEXT_NAME, _END, _TEMPO, _METRE, _KEY = 0x03, 0x2F, 0x51, 0x58, 0x59
_META_SIZES = {_TEMPO: 3, _METRE: 4, _KEY: 2}
_ONE_DATA_BYTE = (0xC0, 0xD0)


def read_exactly(container: Container) -> Score:
    """Score of a file of any format; the sequences of format 2 are laid end to end.

    Raises MalformedError, with the reason as a clause, when any track breaks the standard.
    """
    chunks = []
    for number, data in enumerate(container.chunks, start=1):
        try:
            chunks.append(_decode(data))
        except MalformedError as error:
            raise MalformedError(f"in track {number} {error}") from None
    name = sequence_name(container.chunks[0])
    if container.format != 2:
        groups = [chunks]
    else:
        groups = [[chunk] for chunk in chunks]
    return end_to_end(
        assemble(
            group,
            ticks_per_quarter=container.ticks_per_quarter,
            one_chunk=container.format == 0,
            name=name,
        )
        for group in groups
    )


def _decode(data: bytes) -> tuple[Chunk, int]:
    """Feed a track's events to a Chunk; returns it with the tick of the track's end."""
    chunk = Chunk()
    at, tick, running = 0, 0, 0
    size = len(data)
    while at < size:
        delta, at = read_length(data, at)
        tick += delta
        status = data[at] if at < size else _broken(at)
        if status == _META:
            if at + 1 >= size:
                _broken(at)
            kind = data[at + 1]
            length, at = read_length(data, at + 2)
            if at + length > size:
                _broken(at)
            if kind == _END:
                break
            _meta(chunk, tick, kind, data[at : at + length])
            at += length
            continue
        if status in (_SYSEX, _ESCAPE):
            length, at = read_length(data, at + 1)
            at += length
            if at > size:
                _broken(at - length)
            running = 0
            continue
        if status >= 0xF0:
            raise MalformedError(f"byte {at} is {status:#x}, which no file may hold")
        if status >= 0x80:
            running = status
            at += 1
        elif not running:
            raise MalformedError(f"byte {at} is data where an event should start")
        width = 1 if running & 0xF0 in _ONE_DATA_BYTE else 2
        if at + width > size:
            _broken(at)
        data1, data2 = data[at], data[at + 1] if width == 2 else 0
        if data1 > 127 or data2 > 127:
            raise MalformedError(f"an event at byte {at} has a value above 127")
        at += width
        chunk.message(tick, running, data1, data2)
    return chunk, tick


def _meta(chunk: Chunk, tick: int, kind: int, payload: bytes) -> None:
    if len(payload) < _META_SIZES.get(kind, 0):
        raise MalformedError(f"a meta event {kind:#x} at tick {tick} has only {len(payload)} bytes")
    if kind == _TEXT_NAME:
        chunk.name = decode_text(payload)
    elif kind == _TEMPO:
        chunk.tempo(tick, int.from_bytes(payload[:3], "big"))
    elif kind == _METRE:
        chunk.metre(tick, payload[0], 1 << payload[1] if payload[1] < 16 else 0)
    elif kind == _KEY:
        chunk.key(tick, int.from_bytes(payload[:1], "big", signed=True), payload[1])


def _broken(at: int) -> int:
    raise MalformedError(f"an event breaks off at byte {at}")
