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
`core_ms_per_file` is processor time of that last call, all threads together: what an idle machine
would need at least.

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
import shutil
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
from rnnmusic.encodings import NoteEvents, PianoRoll, from_config

FEW = 40  # files that make it worth while to compile
ROUNDS = 5
KIBIBYTES_TO_A_MEBIBYTE = 1024

Figures = dict[str, float]
Symbolic = PianoRoll | NoteEvents


def write_files(folder: Path, count: int, note_count: int) -> None:
    """Write so many performances."""
    folder.mkdir()
    for seed in range(count):
        score = performance("rubato" if seed % 2 else "pedal", seed, note_count)
        (folder / f"{seed:05}.mid").write_bytes(rnnmusic.midi.dumps(score))


def write_variants(folder: Path, originals: Path, count: int) -> None:
    """Write copies of the files that differ in their ticks per quarter, bytes 12 and 13."""
    folder.mkdir()
    paths = sorted(originals.iterdir())
    for index in range(count):
        data = bytearray(paths[index % len(paths)].read_bytes())
        data[12:14] = (480 - 7 * (index // len(paths))).to_bytes(2, "big")
        (folder / f"{index:05}.mid").write_bytes(data)


# -- building, in a process of its own -----------------------------------------------------


def build_here(jobs: Sequence[tuple[str, str]], config: dict[str, Any], workers: int) -> None:
    """Build stores from folders, one after the other; print what the last one took."""
    for folder, store in jobs:
        began, core_began = time.perf_counter(), time.process_time()
        report = corpus.build([folder], store, from_config(config), workers=workers)
        taken, core = time.perf_counter() - began, time.process_time() - core_began
    figures = {
        "call_s": taken,
        "core_s": core,
        "memory_mib": peak_memory_mib(),
        "kept": report.counts["kept"],
    }
    print(json.dumps(figures))


def peak_memory_mib() -> float:
    """Most memory that this process has had resident.

    As Linux counts it for the program that runs now: `getrusage` tells what the process had that
    started it, if that was more.
    """
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    kibibytes = next(line.split()[1] for line in lines if line.startswith("VmHWM:"))
    return int(kibibytes) / KIBIBYTES_TO_A_MEBIBYTE


def build(encoding: Symbolic, workers: int, *jobs: tuple[Path, Path]) -> Figures:
    """`build_here` in a fresh process: what it took, and how long the process lived."""
    began = time.perf_counter()
    task = json.dumps([[list(map(str, job)) for job in jobs], encoding.to_config(), workers])
    command = [sys.executable, __file__, "--task", task]
    run = subprocess.run(command, capture_output=True, text=True)
    if run.returncode:
        raise SystemExit(run.stderr)
    return {**json.loads(run.stdout), "process_s": time.perf_counter() - began}


def measure_build(base: Path, encoding: Symbolic, file_count: int, workers: int) -> Figures:
    """Figures of building the folder, and of building it again."""
    few, many = (base / "few", base / f"few-{encoding.name}"), (base / "files", base / "store")
    first_ever = build(encoding, workers, few)
    once = build(encoding, workers, many)
    again = build(encoding, workers, many)
    command = [sys.executable, "-m", "rnnmusic", "corpus", "build", *map(str, many[:1])]
    command += ["--output", str(many[1]), "--encoding", encoding.name]
    command += ["--steps-per-quarter", str(encoding.steps_per_quarter)]
    began = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    command_s = time.perf_counter() - began
    shutil.rmtree(many[1])
    shutil.rmtree(few[1])
    loaded = build(encoding, workers, few, many)
    shutil.rmtree(many[1])
    if once["kept"] != file_count:
        raise SystemExit(f"Only {once['kept']} of {file_count} files were kept.")
    return {
        "first_ever_s": first_ever["process_s"],
        "files_per_s": file_count / once["process_s"],
        "build_files_per_s": file_count / once["call_s"],
        "loaded_files_per_s": file_count / loaded["call_s"],
        "core_ms_per_file": loaded["core_s"] / file_count * 1e3,
        "memory_mib": once["memory_mib"],
        "rebuild_s": again["call_s"],
        "rebuild_process_s": again["process_s"],
        "rebuild_command_s": command_s,
    }


def measure_memory(base: Path, encoding: Symbolic, count: int, workers: int) -> Figures:
    """Peak memory of building few files, and of building very many."""
    variants = base / "variants"
    write_variants(variants, base / "files", count)
    built = build(encoding, workers, (variants, base / "store"))
    shutil.rmtree(variants)
    shutil.rmtree(base / "store")
    return {
        "files": built["kept"],
        "memory_mib": built["memory_mib"],
        "files_per_s": count / built["process_s"],
    }


# -- parsing and encoding alone ------------------------------------------------------------


def seconds_for(work: Callable[[Any], Any], items: Sequence[Any], threads: int = 1) -> float:
    """Wall seconds to do the work for each item."""
    began = time.perf_counter()
    if threads == 1:
        for item in items:
            work(item)
    else:
        with ThreadPoolExecutor(threads) as pool:
            for _ in pool.map(partial(_all_of, work), (items[i::threads] for i in range(threads))):
                pass
    return time.perf_counter() - began


def _all_of(work: Callable[[Any], Any], items: Sequence[Any]) -> None:
    for item in items:
        work(item)


def measure_threads(paths: list[Path], encoding: Symbolic, workers: int) -> Figures:
    """Files per second of parsing and encoding without a store, medians of some rounds."""

    def parse_and_encode(path: Path) -> None:
        encoding.encode_packed(rnnmusic.midi.read(path))

    seconds_for(parse_and_encode, paths[:FEW])
    scores = [rnnmusic.midi.read(path) for path in paths[:FEW]]
    jobs: dict[str, tuple[Callable[[Any], Any], Sequence[Any], int]] = {
        "parse_ms": (rnnmusic.midi.read, paths, 1),
        "encode_ms": (encoding.encode_packed, scores, 1),
        "both_ms": (parse_and_encode, paths, 1),
        f"both_in_{workers}_threads_ms": (parse_and_encode, paths, workers),
    }
    rounds = [
        {name: seconds_for(*job) / len(job[1]) * 1e3 for name, job in jobs.items()}
        for _ in range(ROUNDS)
    ]
    return {name: statistics.median(taken[name] for taken in rounds) for name in jobs}


def measure_remi(paths: list[Path]) -> Figures:
    """Notes per second of NoteEvents and of MidiTok's REMI on the same files."""
    import symusic
    from miditok import REMI, TokenizerConfig

    config = TokenizerConfig(
        pitch_range=(21, 109),
        beat_res={(0, 4): 12, (4, 16): 4},
        num_velocities=32,
        use_programs=False,
    )
    remi, ours = REMI(config), NoteEvents()
    scores = [rnnmusic.midi.read(path) for path in paths]
    notes = sum(score.note_count for score in scores)
    theirs = [symusic.Score(path) for path in paths]
    jobs: dict[str, tuple[Callable[[Any], Any], Sequence[Any]]] = {
        "ours_with_parse": (lambda path: ours.encode(rnnmusic.midi.read(path)), paths),
        "remi_with_parse": (lambda path: remi.encode(symusic.Score(path)), paths),
        "ours": (ours.encode, scores),
        "remi": (remi.encode, theirs),
    }
    for work, items in jobs.values():
        work(items[0])
    rounds = [{name: seconds_for(*job) for name, job in jobs.items()} for _ in range(ROUNDS)]
    taken = {name: statistics.median(one[name] for one in rounds) for name in jobs}
    return {
        **{f"{name}_notes_per_s": notes / seconds for name, seconds in taken.items()},
        "ratio_with_parse": taken["remi_with_parse"] / taken["ours_with_parse"],
        "ratio": taken["remi"] / taken["ours"],
    }


def measure(options: argparse.Namespace, base: Path) -> dict[str, Any]:
    """All figures, by what is measured."""
    os.environ["NUMBA_CACHE_DIR"] = str(base / "numba")  # of the processes to come
    write_files(base / "files", options.files, options.notes)
    write_files(base / "few", FEW, options.notes)
    paths = sorted((base / "files").iterdir())
    encodings = (PianoRoll(steps_per_quarter=options.grid), NoteEvents())
    figures: dict[str, Any] = {
        "files": {
            "count": options.files,
            "notes_each": options.notes,
            "kilobytes_each": statistics.mean(path.stat().st_size for path in paths) / 1e3,
        }
    }
    for encoding in encodings:
        built = measure_build(base, encoding, options.files, options.workers)
        figures[f"build {encoding.name}"] = built
        figures[f"threads {encoding.name}"] = measure_threads(paths, encoding, options.workers)
    if options.remi_files:
        figures["remi"] = measure_remi(paths[: options.remi_files])
    if options.many:
        figures["memory"] = measure_memory(base, encodings[0], options.many, options.workers)
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--files", type=int, default=2000)
    parser.add_argument("--notes", type=int, default=5000)
    parser.add_argument("--grid", type=int, default=12, metavar="COLUMNS", help="to a quarter")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--many", type=int, default=10_000, help="files; 0: leave that out")
    parser.add_argument("--remi-files", type=int, default=40, help="0: leave MidiTok out")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--task", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.task:
        build_here(*json.loads(options.task))
        return
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(options, Path(folder))
    if options.json:
        print(json.dumps(figures))
        return
    for title, values in figures.items():
        print(f"\n{title}")
        for name, value in values.items():
            print(f"  {name:32} {value:14,.3f}")


if __name__ == "__main__":
    main()
