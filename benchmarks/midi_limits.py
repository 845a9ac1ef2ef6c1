"""What reading a MIDI file costs at worst: hostile files of 1 MB, and large whole ones.

    python benchmarks/midi_limits.py [--megabytes 100] [--only NAME ...] [--json]

Makes files that are small to make and hard to read, and reads each with `midi.load` in a fresh
process, `cold`, then again in the same one, `warm`. Cold includes loading the compiled scan, half
a second; it is compiled beforehand, which takes ten seconds once per installation. Importing
rnnmusic isn't in the times. The memory is the process's peak, of which numba alone takes 155 MB.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from rnnmusic.midi.limits import Limits

MILLION = 1_000_000
END = b"\x00\xff\x2f\x00"

READ = """
import json, resource, sys, time
from rnnmusic import midi
from rnnmusic.errors import InputError

figures = {}
for run in ("cold", "warm"):
    begin, cpu = time.perf_counter(), time.process_time()
    try:
        loaded = midi.load(sys.argv[1])
        figures["notes"] = loaded.score.note_count
        figures["verdict"] = "; ".join(loaded.repairs) or "kept"
    except InputError as error:
        figures["notes"], figures["verdict"] = 0, f"rejected: {error}"
    figures[f"{run}_s"] = time.perf_counter() - begin
    figures[f"{run}_cpu_s"] = time.process_time() - cpu
    if run == "cold":
        figures["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    loaded = None
print(json.dumps(figures))
"""


def smf(*tracks: bytes, file_format: int = 1, division: int = 480) -> bytes:
    """A file of these tracks' events."""
    fields = (file_format, len(tracks), division)
    head = b"MThd\x00\x00\x00\x06" + b"".join(field.to_bytes(2, "big") for field in fields)
    return head + b"".join(b"MTrk" + len(t).to_bytes(4, "big") + t for t in tracks)


def filled(unit: bytes, size: int) -> bytes:
    """The events over and over."""
    return unit * (size // len(unit))


def many_tracks(events: bytes, size: int, file_format: int) -> bytes:
    """As many tracks of these events as fit and are allowed."""
    count = min(Limits().max_tracks, size // (len(events) + 12))
    return smf(*[events + END] * count, file_format=file_format)


def performance(size: int) -> bytes:
    """Notes as a pianist plays them, each with its status: 8 bytes a note."""
    rng, count = np.random.default_rng(0), size // 8
    events = np.zeros((count, 8), dtype=np.uint8)
    events[:, 0], events[:, 4] = rng.integers(0, 40, count), rng.integers(1, 99, count)
    events[:, 1], events[:, 5] = 0x90, 0x80
    events[:, 2] = events[:, 6] = rng.integers(21, 109, count)
    events[:, 3] = events[:, 7] = 64
    return smf(events.tobytes() + END)


def noise(size: int, highest: int = 255) -> bytes:
    """Random bytes for events."""
    rng = random.Random(0)
    return smf(bytes(rng.randrange(highest + 1) for _ in range(size)))


def programs(size: int) -> bytes:
    """Each note on the next of 2,048 channels and programs, controllers waiting between."""
    unit = b"".join(
        bytes([0, 0xB0 | c, 64, 1, 0, 0xC0 | c, p, 0, 0x90 | c, 60, 9, 0, 0x90 | c, 60, 0])
        for p in range(128)
        for c in range(16)
    )
    return smf(filled(unit, size) + END)


def tracks_of_programs(size: int) -> bytes:
    """Tracks that each have all 2,048 parts."""
    unit = b"".join(
        bytes([0, 0xC0 | c, p, 0, 0x90 | c, 60, 9]) for p in range(128) for c in range(16)
    )
    return smf(*[unit + END] * (size // len(unit)))


def overlapping(size: int) -> bytes:
    """Messages that each swallow the next few and end in a fault."""
    unit = b"\x00\xff\x01\x0c\x00\x90\x3c\x40\x00\x80\x3c\x40\x00\xf0\x7f\xff\xf4"
    return smf(filled(unit, size))


def hostile(size: int) -> dict[str, Callable[[], bytes]]:
    """Makers of files of this size, by name."""
    note = b"\x00\x90\x3c\x40\x10\x80\x3c\x40"
    chord = b"".join(b"\x00" + bytes([p, 64]) for p in range(127, -1, -1))
    return {
        "performance": lambda: performance(size),
        "performance cut off": lambda: performance(size)[: size // 2],
        "one pitch, no ends": lambda: smf(b"\x00\x90\x3c\x40" + filled(b"\x01\x3c\x40", size)),
        "one pitch, no ends, then all": lambda: smf(
            b"\x00\x90\x3c\x40"
            + filled(b"\x01\x3c\x40", size // 2)
            + filled(b"\x01\x3c\x00", size // 2)
            + END
        ),
        "one chord at tick 0": lambda: smf(b"\x00\x90\x3c\x40" + filled(chord, size) + END),
        "one-byte messages": lambda: smf(b"\x00\xd0\x01" + filled(b"\x00\x01", size) + END),
        "program changes": lambda: smf(b"\x00\xc0\x01" + filled(b"\x00\x01\x00\x02", size) + END),
        "empty texts": lambda: smf(filled(b"\x00\xff\x01\x00", size) + END),
        "tempos": lambda: smf(filled(b"\x01\xff\x51\x03\x06\x1a\x80", size) + note + END),
        "tempos of 0": lambda: smf(filled(b"\x01\xff\x51\x03\x00\x00\x00", size) + note + END),
        "metres": lambda: smf(filled(b"\x01\xff\x58\x04\x01\x0f\x18\x08", size) + note + END),
        "names": lambda: smf(filled(b"\x00\xff\x03\x01a", size) + note + END),
        "longest waits": lambda: smf(filled(b"\xff\xff\xff\x7f\x90\x3c\x40", size) + END),
        "endless sysex": lambda: smf(note + b"\x00\xf0" + filled(b"\x7f", size)),
        "sysex after sysex": lambda: smf(filled(b"\x00\xf0\x01\xf7", size) + note + END),
        "sysex too long, each": lambda: smf(filled(b"\x00\xf0\xff\x7f\x01", size) + note + END),
        "texts too long, each": lambda: smf(filled(b"\x00\xff\x01\x83\xff\x7f", size) + note + END),
        "messages in messages": lambda: overlapping(size),
        "programs interleaved": lambda: programs(size),
        "all programs in each track": lambda: tracks_of_programs(size),
        "empty tracks": lambda: many_tracks(b"", size, 1),
        "empty sequences": lambda: many_tracks(b"", size, 2),
        "tracks of a note": lambda: many_tracks(note, size, 1),
        "sequences of a note": lambda: many_tracks(note, size, 2),
        "tracks of no length": lambda: smf(*[b""] * min(Limits().max_tracks, size // 8)),
        "tracks of wrong length": lambda: many_tracks(note, size, 1).replace(
            b"MTrk\x00\x00\x00\x0c", b"MTrk\x00\x00\x00\x0b"
        ),
        "track names all over": lambda: smf(filled(b"MTrk", size)),
        "headers all over": lambda: filled(b"MThd", size) + smf(note + END),
        "chunks of no length": lambda: smf(note + END) + filled(b"abcd\x00\x00\x00\x00", size),
        "values above 127": lambda: smf(filled(b"\x00\x90\x3c\xff", size) + END),
        "no status anywhere": lambda: smf(filled(b"\x00\x01", size)),
        "statuses only": lambda: smf(filled(b"\x90", size)),
        "realtime only": lambda: smf(filled(b"\x00\xf8", size)),
        "waits only": lambda: smf(filled(b"\xff\xff\xff\x7f", size)),
        "zeros": lambda: smf(bytes(size)),
        "noise": lambda: noise(size),
        "noise below 128": lambda: noise(size, 127),
        "noise, mostly statuses": lambda: smf(
            bytes(random.Random(1).choice(b"\x00\x90\x80\xff\xf0\x3c\x51\x03") for _ in range(size))
        ),
    }


def measure(data: bytes) -> dict[str, Any]:
    """Figures of reading a file in a fresh process."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file.mid"
        path.write_bytes(data)
        command = [sys.executable, "-c", READ, str(path)]
        run = subprocess.run(command, capture_output=True, text=True, check=True)
    figures: dict[str, Any] = json.loads(run.stdout)
    return {"bytes": len(data), **figures}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--megabytes", type=int, default=100, help="of the large files; 0: none")
    parser.add_argument("--only", nargs="*", metavar="NAME", help="files to read")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    measure(performance(MILLION))  # compiles the scan
    makers = hostile(MILLION)
    large = options.megabytes * MILLION
    for name in ("performance", "performance cut off", "one pitch, no ends") if large else ():
        makers[f"{name}, {options.megabytes} MB"] = hostile(large)[name]
    results = {}
    for name, make in makers.items():
        if options.only and name not in options.only:
            continue
        figures = results[name] = measure(make())
        if not options.json:
            times = f"{figures['cold_s']:6.2f} {figures['warm_s']:6.2f} s"
            times += f" (cpu {figures['cold_cpu_s']:5.2f} {figures['warm_cpu_s']:5.2f} s)"
            size = f"{figures['peak_mb']:6.0f} MB {figures['notes']:9} notes"
            print(f"{name:32} {times} {size}  {figures['verdict'][:90]}", flush=True)
    if options.json:
        print(json.dumps(results))


if __name__ == "__main__":
    main()
