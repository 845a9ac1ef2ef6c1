"""What a sound file's container announces, against what is there: decoders pass over the gap."""

from __future__ import annotations

import os
from typing import BinaryIO

_TAIL = 1 << 17  # two Ogg pages at their longest
_UNKNOWN = 0xFFFFFFFF  # the length that programs write into a pipe
_LAST_PAGE = 4  # flag of an Ogg page's header
_MOST_CHUNKS = 10_000


def discrepancy(file: BinaryIO) -> str | None:
    """How a WAV, AIFF or Ogg file lies about its length, as part of a sentence, or None.

    WAV and AIFF announce the bytes of their sound, which may not all be there or be followed by
    what is no chunk (EBU Tech 3306; Apple, AIFF 1.3). An Ogg stream's last page says that it is
    (RFC 3533). FLAC and MP3 files say how many frames to expect: what decodes them counts.
    """
    size = os.fstat(file.fileno()).st_size
    file.seek(0)
    head = file.read(12)
    if head[:4] == b"OggS":
        return _ogg(file, size)
    if head[:4] in (b"RIFF", b"RF64") and head[8:] == b"WAVE":
        return _chunks(file, size, b"data", "little")
    if head[:4] == b"RIFX" and head[8:] == b"WAVE":
        return _chunks(file, size, b"data", "big")
    if head[:4] == b"FORM" and head[8:] in (b"AIFF", b"AIFC"):
        return _chunks(file, size, b"SSND", "big")
    return None


def _ogg(file: BinaryIO, size: int) -> str | None:
    file.seek(max(0, size - _TAIL))
    tail = file.read()
    page = tail.rfind(b"OggS\0")
    if page >= 0 and len(tail) > page + 5 and tail[page + 5] & _LAST_PAGE:
        return None
    return "it is cut short: its last page is missing"


def _chunks(file: BinaryIO, size: int, sound: bytes, order: str) -> str | None:
    position, long_size, sound_at = 12, 0, -1
    for _ in range(_MOST_CHUNKS):
        file.seek(position)
        head = file.read(8)
        if len(head) < 8 or not head.strip(b"\0"):
            return None  # the end, or zeros up to it
        name = head[:4]
        length = int.from_bytes(head[4:], "little" if order == "little" else "big")
        if name == b"ds64":  # RF64 keeps there what four bytes can't
            long_size = int.from_bytes(file.read(16)[8:], "little")
        if sound_at >= 0 and not all(32 <= byte < 127 for byte in name):
            return f"{size - position} bytes follow the {position - sound_at} it announces"
        if name == sound:
            if length == _UNKNOWN and not long_size:
                return None
            length = long_size if length == _UNKNOWN else length
            sound_at = position + 8
            if sound_at + length > size:
                return f"it is cut short: {size - sound_at} of {length} bytes are there"
        position += 8 + length + length % 2
    return None
