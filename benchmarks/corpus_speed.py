"""A folder of MIDI performances to a store: files per second, notes per second, peak memory.

    python benchmarks/corpus_speed.py [--files 2000] [--notes 5000] [--grid 12] [--workers 2]
                                      [--many 10000] [--remi-files 40] [--json]

Writes seeded piano performances with a sustain pedal, every second one with a new tempo in every
bar (`roll_speed.performance`), and measures, all in one run:

`build`: `rnnmusic.corpus.build` of the folder as piano-roll and as note events, each in a fresh
process. numba's cache is warm: the first build of all, of 40 files with a cache of its own, fills
it and is told as `first_ever_s`. `files_per_s` divides by the whole life of the process, its
start, its imports and the loading of the compiled loops included; `build_files_per_s` by the call
alone, `loaded_files_per_s` by the call in a process that has built 40 other files before.
`core_ms_per_file` is processor time, which tells how much of a busy machine was ours.

`rebuild`: the same call again over the unchanged folder, then the command
`python -m rnnmusic corpus build`, from the start of its process to its end.

`threads`: parsing and encoding alone (`midi.read`, then `encode_packed`, as the builder does), by
one thread and by `--workers`.

`remi`: notes per second of NoteEvents against MidiTok's REMI with as fine a vocabulary (12
positions to a quarter, 32 velocities, no programs), on the same first files, turn by turn; with
parsing (REMI's by symusic) and without.

`memory`: highest resident memory of a building process over the number of files. `--many` files
are the same ones under other divisions (ticks per quarter), which makes other music of them.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from roll_speed import performance

import rnnmusic.midi
from rnnmusic import corpus
from rnnmusic.encodings import NoteEvents, PianoRoll, ScoreEncoding, from_config
from rnnmusic.score import Score

FEW = 40  # files that make it worth while to compile
ROUNDS = 5
MEBIBYTE = 1 << 20

Figures = dict[str, float]


def write_files(folder: Path, count: int, note_count: int) -> int:
    """Write the performances; returns the number of their notes."""
    folder.mkdir()
    notes = 0
    for seed in range(count):
        score = performance("rubato" if seed % 2 else "pedal", seed, note_count)
        (folder / f"{seed:05}.mid").write_bytes(rnnmusic.midi.dumps(score))
        notes += score.note_count
    return notes


def write_variants(folder: Path, originals: Path, count: int) -> None:
    """Write copies of the files that differ in their ticks per quarter, bytes 12 and 13."""
    folder.mkdir()
    paths = sorted(originals.iterdir())
    for index in range(count):
        data = bytearray(paths[index % len(paths)].read_bytes())
        data[12:14] = (480 - 7 * (index // len(paths))).to_bytes(2, "big")
        (folder / f"{index:05}.mid").write_bytes(data)


# -- building, in a process of its own -----------------------------------------------------


def build_here(folder: Path, stores: Sequence[Path], config: str, workers: int) -> None:
    """Build each store from the folder in turn; print seconds, processor seconds and memory."""
    encoding = from_config(json.loads(config))
    calls = []
    for store in stores:
        began = time.perf_counter()
        report = corpus.build([folder], store, encoding, workers=workers)
        calls.append(time.perf_counter() - began)
    usage = resource.getrusage(resource.RUSAGE_SELF)
    figures = {
        "call_s": calls,
        "core_s": usage.ru_utime + usage.ru_stime,
        "memory_mib": usage.ru_maxrss * 1024 / MEBIBYTE,
        "kept": report.counts["kept"],
    }
    print(json.dumps(figures))


def run_build(folder: Path, stores: Sequence[Path], encoding: ScoreEncoding, workers: int) -> Any:
    """`build_here` in a fresh process: its figures, and its whole life as `process_s`."""
    began = time.perf_counter()
    run = subprocess.run(
        [
            *(sys.executable, __file__, "--build", folder, json.dumps(encoding.to_config())),
            *(str(workers), *stores),
        ],
        capture_output=True,
        text=True,
    )
    if run.returncode:
        raise SystemExit(run.stderr)
    return {**json.loads(run.stdout), "process_s": time.perf_counter() - began}


def measure_build(
    base: Path, encoding: ScoreEncoding, file_count: int, workers: int
) -> tuple[Figures, Figures]:
    """Figures of building the folder, and of building it again."""
    store, folder = base / f"{encoding.name}.store", base / "files"
    once = run_build(folder, [store], encoding, workers)
    again = run_build(folder, [store], encoding, workers)
    command = [sys.executable, "-m", "rnnmusic", "corpus", "build", folder, "-o", store]
    began = time.perf_counter()
    subprocess.run([*command, "--encoding", encoding.name], check=True, capture_output=True)
    rebuild = {
        "call_s": again["call_s"][0],
        "process_s": again["process_s"],
        "command_s": time.perf_counter() - began,
    }
    loaded = run_build_loaded(base, encoding, workers)
    return {
        "kept": once["kept"],
        "files_per_s": file_count / once["process_s"],
        "build_files_per_s": file_count / once["call_s"][0],
        "loaded_files_per_s": file_count / loaded["call_s"][1],
        "core_ms_per_file": once["core_s"] / file_count * 1e3,
        "memory_mib": once["memory_mib"],
    }, rebuild
