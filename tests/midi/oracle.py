"""A slow reader to compare with: one event at a time, into the pairing that mido's files take."""

from __future__ import annotations

from rnnmusic.midi.container import Container, decode_text
from rnnmusic.score import Score
from rnnmusic.score.assembly import Chunk, MalformedError, assemble, end_to_end


def read(container: Container) -> Score:
    """Score of a file; MalformedError when it breaks the standard."""
    chunks = [(_Track(container.data[begin:end])) for begin, end in container.chunks]
    groups = [[chunk] for chunk in chunks] if container.format == 2 else [chunks]
    return end_to_end(
        assemble(
            [(track.chunk, track.tick) for track in group],
            ticks_per_quarter=container.ticks_per_quarter,
            one_chunk=container.format == 0,
            name=chunks[0].title,
        )
        for group in groups
    )


class _Track:
    def __init__(self, data: bytes) -> None:
        self.chunk, self.tick, self.title = Chunk(), 0, ""
        self._data, self._at = data, 0
        running, only_metas = 0, True
        while self._at < len(data):
            self.tick += self._number()
            status = self._take(1)[0]
            if status == 0xFF:
                kind = self._take(1)[0]
                payload = self._take(self._number())
                if kind == 0x2F:
                    return
                if kind == 0x03 and only_metas:
                    self.title = decode_text(payload)
                self._meta(kind, payload)
                continue
            only_metas = False
            if status in (0xF0, 0xF7):
                self._take(self._number())
                running = 0
                continue
            if status >= 0xF0:
                raise MalformedError("status")
            if status >= 0x80:
                running = status
            elif running:
                self._at -= 1
            else:
                raise MalformedError("no status")
            width = 1 if 0xC0 <= running < 0xE0 else 2
            values = self._take(width)
            if max(values) > 127:
                raise MalformedError("value")
            self.chunk.message(self.tick, running, values[0], values[1] if width == 2 else 0)

    def _take(self, count: int) -> bytes:
        taken = self._data[self._at : self._at + count]
        if len(taken) < count:
            raise MalformedError("breaks off")
        self._at += count
        return taken

    def _number(self) -> int:
        value = 0
        for _ in range(4):
            byte = self._take(1)[0]
            value = value * 128 + byte % 128
            if byte < 128:
                return value
        raise MalformedError("long number")

    def _meta(self, kind: int, payload: bytes) -> None:
        if len(payload) < {0x51: 3, 0x58: 4, 0x59: 2}.get(kind, 0):
            raise MalformedError("short")
        if kind == 0x03:
            self.chunk.name = decode_text(payload)
        elif kind == 0x51:
            self.chunk.tempo(self.tick, int.from_bytes(payload[:3], "big"))
        elif kind == 0x58:
            self.chunk.metre(self.tick, payload[0], 1 << payload[1])
        elif kind == 0x59:
            self.chunk.key(self.tick, int.from_bytes(payload[:1], "big", signed=True), payload[1])
