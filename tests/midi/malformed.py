"""Malformed MIDI files made by hand, each with the verdict it deserves and the notes it holds."""

from __future__ import annotations

from typing import NamedTuple

from tests.midi import raw
from tests.midi.raw import END, NOTE, smf, varlen

KEPT, REPAIRED, REJECTED = "kept", "repaired", "rejected"


class Case(NamedTuple):
    """A file: how many notes come back, and a part of what is said of it."""

    name: str
    data: bytes
    verdict: str
    notes: int = 0
    says: str = ""


def tempo(microseconds: int) -> bytes:
    return b"\x00\xff\x51\x03" + microseconds.to_bytes(3, "big")


def with_length(data: bytes, length: int, track: int = 0) -> bytes:
    """The file, another length said of a track."""
    at = -4
    for _ in range(track + 1):
        at = data.index(b"MTrk", at + 4)
    return data[: at + 4] + length.to_bytes(4, "big") + data[at + 8 :]


def rmid(data: bytes, *, size: int | None = None, riff: int | None = None) -> bytes:
    size = len(data) if size is None else size
    riff = len(data) + 12 if riff is None else riff
    return b"RIFF" + riff.to_bytes(4, "little") + b"RMIDdata" + size.to_bytes(4, "little") + data


THREE = NOTE * 3 + END
TWO_TRACKS = smf(THREE, THREE)
SIZE = len(THREE)
ALIEN = b"XFIH\x00\x00\x00\x03abc"

CASES = [
    # -- legal, if rarely seen: nothing to repair
    Case("plain", TWO_TRACKS, KEPT, 6),
    Case("format 0", smf(THREE, file_format=0), KEPT, 3),
    Case("format 2", smf(THREE, THREE, file_format=2), KEPT, 6),
    Case("no notes", smf(END), KEPT, 0),
    Case("foreign chunk before", TWO_TRACKS[:14] + ALIEN + TWO_TRACKS[14:], KEPT, 6),
    Case("foreign chunk behind", TWO_TRACKS + ALIEN, KEPT, 6),
    Case("header of 8 bytes", TWO_TRACKS[:7] + b"\x08" + TWO_TRACKS[8:14] + b"ab" + TWO_TRACKS[14:],
         KEPT, 6),
    Case("RMID", rmid(TWO_TRACKS), KEPT, 6),
    Case("SMPTE, 25 frames of 40", smf(THREE, division=0xE728), KEPT, 3),
    Case("SMPTE, 29.97 frames of 80", smf(THREE, division=0xE350), KEPT, 3),
    Case("sysex in packets", smf(NOTE + b"\x00\xf0\x02\x43\x12\x08\xf7\x02\x01\xf7" + THREE), KEPT,
         4),
    Case("running status behind a text", smf(NOTE + b"\x00\xff\x01\x01a\x00\x3c\x00" + END), KEPT,
         1),
    Case("unknown meta", smf(b"\x00\xff\x60\x02\x00\x00" + THREE), KEPT, 3),
    Case("longest waits", smf((b"\xff\xff\xff\x7f" + NOTE[1:]) * 20 + END), KEPT, 20),
    # -- ends
    Case("no end of track", smf(NOTE * 3), REPAIRED, 3, "no end-of-track in track 1"),
    Case("no ends of tracks", smf(NOTE, NOTE, NOTE), REPAIRED, 3, "no end-of-track in 3 tracks"),
    Case("notes behind the end", smf(THREE + NOTE), REPAIRED, 3,
         "8 bytes after the end of track 1 left out"),
    Case("a note without end", smf(NOTE + b"\x00\x90\x40\x40" + END), REPAIRED, 2,
         "1 note had no end"),
    Case("notes without ends", smf(b"\x00\x90\x40\x40\x00\x41\x40\x00\x42\x40\x09\xff\x2f\x00"),
         REPAIRED, 3, "3 notes had no end"),
    Case("garbage behind", TWO_TRACKS + b"\x00" * 9, REPAIRED, 6,
         "9 bytes behind the last track left out"),
    Case("cut in track 2", TWO_TRACKS[:-6], REPAIRED, 6, "track 2 ends 6 bytes early"),
    Case("cut in track 1", TWO_TRACKS[:32], REPAIRED, 1, "track 1 ends"),
    Case("cut between tracks", TWO_TRACKS[: 22 + SIZE], REPAIRED, 3,
         "the header announces 2 tracks, there is 1"),
    Case("cut in a chunk's header", TWO_TRACKS[: 22 + SIZE + 6], REPAIRED, 3, "announces 2 tracks"),
    # -- headers
    Case("fewer tracks announced", raw.header(1) + TWO_TRACKS[14:], REPAIRED, 6,
         "the header announces 1 track, there are 2"),
    Case("more tracks announced", raw.header(9) + TWO_TRACKS[14:], REPAIRED, 6,
         "the header announces 9 tracks, there are 2"),
    Case("no tracks announced", raw.header(0) + TWO_TRACKS[14:], REPAIRED, 6, "announces 0 tracks"),
    Case("format 7", smf(THREE, file_format=7), REPAIRED, 3, "format 7 read as format 1"),
    Case("format 0, two tracks", smf(THREE, THREE, file_format=0), REPAIRED, 6, "format 0"),
    Case("header length 0", TWO_TRACKS[:7] + b"\x00" + TWO_TRACKS[8:], REPAIRED, 6,
         "a header length of 0"),
    Case("header length 99", TWO_TRACKS[:7] + b"\x63" + TWO_TRACKS[8:], REPAIRED, 6,
         "a header length of 99"),
    Case("header length huge", TWO_TRACKS[:4] + b"\xff" * 4 + TWO_TRACKS[8:], REPAIRED, 6,
         "a header length of 4294967295"),
    Case("no header", TWO_TRACKS[14:], REPAIRED, 6, "no header"),
    Case("half a header", TWO_TRACKS[:9] + TWO_TRACKS[14:], REPAIRED, 6, "cut short"),
    Case("MacBinary", bytes(128) + TWO_TRACKS, REPAIRED, 6,
         "128 bytes before the header left out"),
    Case("division 0", smf(THREE, division=0), REPAIRED, 3, "480 ticks per quarter"),
    Case("26 frames a second", smf(THREE, division=0xE628), REPAIRED, 3, "26 SMPTE frames"),
    Case("two files in one", TWO_TRACKS + smf(THREE), REPAIRED, 6, "a second file"),
    Case("RMID, wrong sizes", rmid(TWO_TRACKS, size=7, riff=3), REPAIRED, 6, "RIFF wrapper"),
    Case("RMID, cut", rmid(TWO_TRACKS)[:-4], REPAIRED, 6, "RIFF wrapper"),
    # -- lengths
    Case("length 0", with_length(TWO_TRACKS, 0), REPAIRED, 6, "the length of track 1 is wrong"),
    Case("length 0 of the last", with_length(TWO_TRACKS, 0, 1), REPAIRED, 6, "length of track 2"),
    Case("length too short", with_length(TWO_TRACKS, SIZE - 5), REPAIRED, 6, "length of track 1"),
    Case("length too long", with_length(TWO_TRACKS, SIZE + 5), REPAIRED, 6, "length of track 1"),
    Case("length over the next track", with_length(TWO_TRACKS, 2 * SIZE + 8), REPAIRED, 6,
         "length of track 1"),
    Case("length 2**32 - 1", with_length(TWO_TRACKS, 0xFFFFFFFF), REPAIRED, 6, "length of track 1"),
    Case("both lengths wrong", with_length(with_length(TWO_TRACKS, 1), 2, 1), REPAIRED, 6,
         "the lengths of 2 tracks are wrong"),
    Case("empty track", smf(b"", THREE), REPAIRED, 3, "no end-of-track in track 1"),
    Case("junk between tracks", TWO_TRACKS[: 22 + SIZE] + b"\x80\x00\x99" + TWO_TRACKS[22 + SIZE :],
         REPAIRED, 6, "3 bytes between tracks left out"),
    # -- metas
    Case("tempo 0", smf(NOTE + tempo(0) + THREE), REPAIRED, 4,
         "tempo 0 at tick 16 of track 1 left out"),
    Case("tempos of 0", smf((NOTE + tempo(0)) * 3 + THREE), REPAIRED, 6,
         "3 tempos of 0 left out, the first at tick 16 of track 1"),
    Case("short tempo", smf(b"\x00\xff\x51\x02\x07\xa1" + THREE), REPAIRED, 3, "too short"),
    Case("metre 0/4", smf(b"\x00\xff\x58\x04\x00\x02\x18\x08" + THREE), REPAIRED, 3,
         "impossible metre at tick 0"),
    Case("metre 4/2**99", smf(b"\x00\xff\x58\x04\x04\x63\x18\x08" + THREE), REPAIRED, 3, "metre"),
    Case("key of 80 sharps", smf(b"\x00\xff\x59\x02\x50\x00" + THREE), REPAIRED, 3,
         "impossible key at tick 0"),
    Case("key of mode 9", smf(b"\x00\xff\x59\x02\x01\x09" + THREE), REPAIRED, 3, "impossible key"),
    Case("text too long", smf(NOTE + b"\x00\xff\x01\x7fabc" + THREE), REPAIRED, 4, "damaged place"),
    Case("text swallows half a note", smf(NOTE + b"\x00\xff\x01\x05abc" + NOTE * 6 + END),
         REPAIRED, 6, "damaged place"),
    Case("text swallows notes", smf(NOTE + b"\x00\xff\x01\x1eabc" + NOTE * 6 + END), REPAIRED, 7,
         "damaged place"),
    Case("misnamed track", smf(THREE, THREE, THREE).replace(b"MTrk", b"M\x80\0k", 2).replace(
        b"M\x80\0k", b"MTrk", 1), REPAIRED, 9, "1 track not called MTrk"),
    # -- messages
    Case("velocity above 127", smf(b"\x00\x90\x3c\xff\x10\x80\x3c\x40" + THREE), REPAIRED, 4,
         "1 value above 127 set to 127"),
    Case("pitch above 127", smf(b"\x00\x90\xbc\x40\x10\x80\x3c\x40" + THREE), REPAIRED, 3,
         "1 damaged place"),
    Case("no status", smf(b"\x00\x3c\x40" + THREE), REPAIRED, 3, "1 damaged place"),
    Case("running status behind sysex", smf(NOTE + b"\x00\xf0\x02a\xf7\x05\x3c\x00" + THREE),
         REPAIRED, 4, "no status behind a system message"),
    Case("realtime messages", smf(NOTE + b"\x00\xf8\x00\xfe" + THREE), REPAIRED, 4,
         "2 system messages"),
    Case("song position, tune request", smf(NOTE + b"\x00\xf2\x01\x02\x00\xf6" + THREE), REPAIRED,
         4, "2 system messages"),
    Case("endless sysex", smf(NOTE + b"\x00\xf0\x7f\x41\x10" + THREE), REPAIRED, 4,
         "damaged place"),
    Case("endless sysex at the end", smf(NOTE + b"\x00\xf0\x7f\x41\x10\x11\x12"), REPAIRED, 1,
         "track 1 breaks off within an event"),
    Case("sysex without length", smf(NOTE + b"\x00\xf0\x43\x10\x4c\x00\xf7" + NOTE * 20 + END),
         REPAIRED, 21, "damaged place"),
    Case("wait of 6 bytes", smf(b"\x80\x80\x80\x80\x80" + NOTE + THREE),
         REPAIRED, 4,         "1 wait written in more than 4 bytes"),
    Case("wait of 2**34", smf(varlen(2**34) + NOTE[1:] + THREE), REPAIRED, 4,
         "more than 4 bytes"),
    Case("wait of 2**62", smf(NOTE + varlen(2**62) + NOTE[1:] + THREE), REPAIRED, 5,
         "damaged place"),
    Case("wait without end", smf(NOTE + b"\xff" * 20 + THREE), REPAIRED, 4, "damaged place"),
    Case("junk in the middle", smf(NOTE * 3 + b"\xf5\xff\xfe\xc9\x91\xa4" + THREE), REPAIRED, 6,
         "left out"),
    # Found by fuzzing: going back to before one fault led to another and back again, for ever.
    Case("back and forth", raw.header(1) + b"MTrk\0\0\0\x49"
         + (NOTE + tempo(0)) + (NOTE + b"\x00\xff\x51\x03\x80\x3c\x40") + tempo(0)
         + (NOTE + b"\x00\xff\x51\x03\x00") + b"\x92" * 60 + b"\x93" + b"\x92" * 19
         + b"\x80\x3c\x40" + NOTE * 2 + END, REPAIRED, 5, "damaged"),
    # -- nothing in them
    Case("empty", b"", REJECTED, says="it is empty"),
    Case("text", b"Twinkle, twinkle, little star", REJECTED, says="it starts with b'Twin'"),
    Case("header only", TWO_TRACKS[:14], REJECTED, says="announces 2 tracks but it holds 0"),
    Case("part of a header", TWO_TRACKS[:9], REJECTED, says="ends within its header"),
    Case("RIFF without MIDI", b"RIFF\x0c\0\0\0RMIDjunk\0\0\0\0", REJECTED, says="holds no MIDI"),
    Case("noise in a track", smf(b"\xf4\xf5" * 50), REJECTED, says="longer than the standard's 4"),
    Case("zeros in a track", smf(bytes(99)), REJECTED, says="data where an event should start"),
]  # fmt: skip
