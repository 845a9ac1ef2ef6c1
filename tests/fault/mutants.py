"""Real MIDI files of several programs' making, and ways to break them."""

from __future__ import annotations

import io
import random
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np

from rnnmusic import midi
from rnnmusic.score import BEND, CONTROL, KEY, METRE, NOTE, TEMPO, Score, Track, sort_notes, table
from tests.midi import raw

TELLING = (b"MTrk", b"MThd", b"\xff\x2f\x00", b"\xff\x51\x03", b"\xf0", b"\xf7", b"\x00" * 4)
TELLING_BYTES = bytes([0, 1, 0x7F, 0x80, 0x81, 0x90, 0xC0, 0xF0, 0xF7, 0xFE, 0xFF])


def exports(folder: Path) -> list[bytes]:
    """A small piece as our writer, mido, pretty_midi, symusic and music21 write it."""
    import symusic

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # music21 warns when it is imported the first time
        import music21
    score = _piece()
    files = [midi.dumps(score, format=file_format) for file_format in (0, 1, 2)]
    buffer = io.BytesIO()
    score.to_mido().save(file=buffer)
    files.append(buffer.getvalue())
    path = folder / "export.mid"
    score.to_pretty_midi().write(str(path))
    files.append(path.read_bytes())
    path.write_bytes(files[1])
    symusic.Score(path).dump_midi(path)
    files.append(path.read_bytes())
    stream = music21.converter.parse("tinyNotation: 3/4 c4 d8 f g16 a g f# e4 r c'2.")
    stream.write("midi", fp=path)
    files.append(path.read_bytes())
    running = b"\x00\x90" + b"\x00".join(bytes([p, 64, 9, p, 0]) for p in range(40, 80))
    files.append(raw.smf(running + raw.END, file_format=0))
    wrapped = files[1]
    files.append(b"RIFF" + (len(wrapped) + 12).to_bytes(4, "little") + b"RMIDdata"
                 + len(wrapped).to_bytes(4, "little") + wrapped)  # fmt: skip
    files.append(raw.smf(raw.NOTE * 20 + raw.END, raw.NOTE * 9 + raw.END, division=0xE728))
    return files


def _piece() -> Score:
    rng = np.random.default_rng(0)
    notes = np.empty(40, dtype=NOTE)
    notes["start_tick"] = rng.integers(0, 4000, 40)
    notes["end_tick"] = notes["start_tick"] + rng.integers(1, 500, 40)
    notes["pitch"], notes["velocity"] = rng.integers(40, 80, 40), rng.integers(1, 128, 40)
    return Score(
        tracks=(
            Track(notes=sort_notes(notes), controls=table(CONTROL, [(0, 64, 127), (999, 64, 0)])),
            Track(notes=sort_notes(notes), program=40, name="Flöte", bends=table(BEND, [(9, -99)])),
            Track(notes=sort_notes(notes[:9]), is_drum=True),
        ),
        tempos=table(TEMPO, [(0, 400_000), (960, 700_000)]),
        metres=table(METRE, [(0, 3, 4), (1440, 6, 8)]),
        keys=table(KEY, [(0, -3, True)]),
        name="piece",
    )


def mutant(files: list[bytes], rng: random.Random) -> bytes:
    """One of the files with one to five things wrong."""
    data = bytearray(rng.choice(files))
    for _ in range(rng.choice([1, 1, 1, 2, 3, 5])):
        if data:
            rng.choice(MUTATIONS)(data, files, rng)
    return bytes(data)


def _flip(data: bytearray, files: list[bytes], rng: random.Random) -> None:
    data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)


def _set(data: bytearray, files: list[bytes], rng: random.Random) -> None:
    at = rng.randrange(len(data))
    size = rng.choice([1, 1, 2, 4, 16])
    data[at : at + size] = bytes(rng.choices(TELLING_BYTES, k=len(data[at : at + size])))


def _delete(data: bytearray, files: list[bytes], rng: random.Random) -> None:
    at = rng.randrange(len(data))
    del data[at : at + rng.choice([1, 1, 2, 3, 8, 50])]


def _insert(data: bytearray, files: list[bytes], rng: random.Random) -> None:
    at = rng.randrange(len(data) + 1)
    data[at:at] = rng.choice([rng.choice(TELLING), rng.randbytes(rng.choice([1, 2, 3, 30]))])


def _double(data: bytearray, files: list[bytes], rng: random.Random) -> None:
    at = rng.randrange(len(data))
    data[at:at] = data[at : at + rng.choice([1, 4, 20, 200])]


def _cut(data: bytearray, files: list[bytes], rng: random.Random) -> None:
    del data[rng.randrange(len(data)) :]


def _swap_chunks(data: bytearray, files: list[bytes], rng: random.Random) -> None:
    first, *chunks = bytes(data).split(b"MTrk")
    rng.shuffle(chunks)
    data[:] = b"MTrk".join([first, *chunks])


def _change_length(data: bytearray, files: list[bytes], rng: random.Random) -> None:
    at = rng.choice([data.find(b"MThd"), data.find(b"MTrk"), data.rfind(b"MTrk")])
    if at >= 0:
        old = int.from_bytes(data[at + 4 : at + 8], "big")
        near = min(max(0, old + rng.randint(-20, 20)), 0xFFFFFFFF)
        size = rng.choice([0, 1, 0x7FFFFFFF, 0xFFFFFFFF, near, near, near % 0x100])
        data[at + 4 : at + 8] = size.to_bytes(4, "big")


def _splice(data: bytearray, files: list[bytes], rng: random.Random) -> None:
    other = rng.choice(files)
    data[rng.randrange(len(data)) :] = other[rng.randrange(len(other)) :]


MUTATIONS: list[Callable[[bytearray, list[bytes], random.Random], None]] = [
    *(_flip, _flip, _set, _set, _delete, _insert, _double),
    *(_cut, _swap_chunks, _change_length, _splice),
]
