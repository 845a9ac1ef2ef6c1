"""Parse + piano-roll of performances: rnnmusic against pretty_midi, same files, same grid.

    python benchmarks/roll_speed.py [--grid 12] [--files 8] [--rounds 7] [--notes 5000] [--json]

Writes seeded piano performances of about five minutes, of three kinds: `plain` has notes and one
tempo; `pedal` has two messages of a continuous sustain pedal per note besides, as recordings from
a sensing piano do; `rubato` has that pedal and a tempo change every bar. In each round every
library goes through all files of a kind, one library after the other, in one process and thread;
medians over the rounds count. `--grid` is columns per quarter note: 12 holds sixteenths and
triplets, 48 is about the hundredth of a second that pretty_midi counts in.

pretty_midi draws with `get_piano_roll(fs=..., pedal_threshold=None)`, its quickest way: where the
tempo stays those are the very columns of our grid. In `rubato`, columns of equal musical length
are unequal in seconds, which takes `get_piano_roll(times=...)`; as that is slower, both are shown
and `ratio` is against the quicker one. For context: mido's parse, and symusic's parse handed to
our encoder. The `cpu` ratio counts processor time. Before the rounds come the costs of the first
files: our loops run as plain Python for the first song or two, then are compiled.

The rolls are compared on pitches 21..108 as sounding or not. They can't be identical: rnnmusic
rounds the ends of notes to the nearest column, pretty_midi marks each column that a note touches
and counts in hundredths of a second. So `cells_within_one_column` is the share of sounding cells
that have a sounding cell of the same pitch at most one column away in the other roll.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import rnnmusic.midi
from rnnmusic.encodings import PianoRoll
from rnnmusic.score import CONTROL, NOTE, SUSTAIN_PEDAL, TEMPO, Score, Table, Track, sort_notes

TICKS_PER_QUARTER = 480
QUARTERS = 600  # five minutes at 120 bpm
KINDS = ("plain", "pedal", "rubato")
PEDAL_PER_NOTE = 2
COLD_START = """
import time
from rnnmusic.encodings._drawing import DRAW, SURVEY
from rnnmusic.midi.reader import SCAN
ready = time.perf_counter()
for kernel in (SCAN, SURVEY, DRAW):
    kernel.with_patience(-1).for_work(1)
print(time.perf_counter() - ready)
"""

Packed = NDArray[np.uint8]  # (columns, 11): 88 pitches as bits


def performance(kind: str, seed: int, note_count: int) -> Score:
    """Seeded piano performance: off the grid, hands in chords of any size."""
    rng = np.random.default_rng(seed)
    length = QUARTERS * TICKS_PER_QUARTER
    notes = np.empty(note_count, dtype=NOTE)
    notes["start_tick"] = rng.integers(0, length, note_count)
    notes["end_tick"] = notes["start_tick"] + rng.lognormal(5.5, 0.8, note_count).astype(int) + 20
    notes["pitch"] = rng.normal(64, 12, note_count).clip(21, 108)
    notes["velocity"] = rng.normal(70, 18, note_count).clip(1, 127)
    notes = sort_notes(notes)
    # A piano key is up before it is struck again.
    order = np.lexsort((notes["start_tick"], notes["pitch"]))
    mine = notes[order]
    again = mine["pitch"][1:] == mine["pitch"][:-1]
    cut = np.where(again, mine["start_tick"][1:], mine["end_tick"][:-1])
    mine["end_tick"][:-1] = np.minimum(mine["end_tick"][:-1], cut)
    mine = mine[mine["end_tick"] > mine["start_tick"]]

    pedal = np.empty(0 if kind == "plain" else PEDAL_PER_NOTE * note_count, dtype=CONTROL)
    pedal["tick"] = np.sort(rng.integers(0, length, len(pedal)))
    pedal["number"] = SUSTAIN_PEDAL
    pedal["value"] = 64 + 63 * np.sin(pedal["tick"] / TICKS_PER_QUARTER * np.pi)
    tempos = np.empty(QUARTERS // 4 if kind == "rubato" else 1, dtype=TEMPO)
    tempos["tick"] = np.arange(len(tempos)) * 4 * TICKS_PER_QUARTER
    tempos["microseconds_per_quarter"] = 500_000
    if kind == "rubato":
        tempos["microseconds_per_quarter"] = 6e7 / rng.uniform(100, 140, len(tempos))
    track = Track(notes=sort_notes(mine), controls=pedal)
    return Score(ticks_per_quarter=TICKS_PER_QUARTER, tracks=(track,), tempos=tempos)


def column_times(score: Score, ticks_per_step: int) -> NDArray[np.float64]:
    """Seconds at which the columns of the grid begin, and at which the last one ends."""
    columns = int(score.notes()["end_tick"].max()) // ticks_per_step + 2
    return score.seconds(np.arange(columns + 1) * ticks_per_step)


class Stopwatch:
    """Wall and processor seconds per label, summed over the files of a round."""

    def __init__(self) -> None:
        self.rounds: list[dict[str, NDArray[np.float64]]] = []

    def time(self, label: str, work: Callable[[], Any]) -> Any:
        """Run work and add its seconds to the label."""
        wall, cpu = time.perf_counter(), time.process_time()
        result = work()
        spent = np.array([time.perf_counter() - wall, time.process_time() - cpu])
        self.rounds[-1][label] = self.rounds[-1].get(label, 0.0) + spent
        return result

    def median_s(self, *labels: str, cpu: bool = False) -> float:
        """Median over the rounds of the labels' sum, in seconds."""
        return statistics.median(
            sum(float(seconds[label][int(cpu)]) for label in labels) for seconds in self.rounds
        )


def run_ours(encoding: PianoRoll, paths: list[Path], watch: Stopwatch) -> list[Packed]:
    rolls = []
    for path in paths:
        score = watch.time("rnnmusic parse", partial(rnnmusic.midi.read, path))
        encoded = watch.time("rnnmusic roll", partial(encoding.encode, score))
        rolls.append(np.packbits(encoded.steps, axis=1))  # as a corpus store would
    return rolls


def run_theirs(
    paths: list[Path], times: list[NDArray[np.float64]], steps_per_s: float, watch: Stopwatch
) -> list[Packed]:
    import pretty_midi

    rolls = []
    for path, at in zip(paths, times, strict=True):
        midi = watch.time("pretty_midi parse", partial(pretty_midi.PrettyMIDI, str(path)))
        draw = partial(midi.get_piano_roll, pedal_threshold=None)
        watch.time("pretty_midi roll", partial(draw, fs=steps_per_s))
        roll = watch.time("pretty_midi roll at times", partial(draw, times=at))
        rolls.append(np.packbits((roll[21:109] > 0).T, axis=1))
    return rolls


def run_others(encoding: PianoRoll, paths: list[Path], watch: Stopwatch) -> None:
    import mido
    import symusic

    for path in paths:
        watch.time("mido parse", partial(mido.MidiFile, path))
    for path in paths:
        parsed = watch.time("symusic parse and our roll", partial(symusic.Score, path))
        watch.time(
            "symusic parse and our roll", lambda parsed=parsed: encoding.encode(_adopted(parsed))
        )


def _adopted(parsed: Any) -> Score:
    columns = parsed.tracks[0].notes.numpy()
    notes: Table = np.empty(len(columns["time"]), dtype=NOTE)
    notes["start_tick"], notes["end_tick"] = columns["time"], columns["time"] + columns["duration"]
    notes["pitch"], notes["velocity"] = columns["pitch"], columns["velocity"]
    return Score(ticks_per_quarter=parsed.ticks_per_quarter, tracks=(Track(notes=notes),))


def agreement(our_bits: Packed, their_bits: Packed, first: int) -> tuple[float, float]:
    """Cells sounding in both / in either, and the share matched within one column.

    Our roll begins at the first note, which is column `first` of theirs.
    """
    ours, theirs = np.unpackbits(our_bits, axis=1), np.unpackbits(their_bits, axis=1)
    both = np.zeros((2, max(len(ours) + first, len(theirs)) + 2, 88), dtype=bool)
    both[0, 1 + first : 1 + first + len(ours)] = ours
    both[1, 1 : 1 + len(theirs)] = theirs
    near = both.copy()
    near[:, 1:] |= both[:, :-1]
    near[:, :-1] |= both[:, 1:]
    matched = (both & near[::-1]).sum() / both.sum()
    return float(both.all(axis=0).sum() / both.any(axis=0).sum()), float(matched)


def measure(
    kind: str, grid: int, file_count: int, rounds: int, note_count: int
) -> dict[str, float]:
    """Figures of one kind of performance, milliseconds per file."""
    encoding = PianoRoll(steps_per_quarter=grid, articulation=False, metrical=False)
    ticks_per_step = TICKS_PER_QUARTER // grid
    watch = Stopwatch()
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / f"{seed}.mid" for seed in range(file_count)]
        scores = [performance(kind, seed, note_count) for seed in range(file_count)]
        for path, score in zip(paths, scores, strict=True):
            rnnmusic.midi.write(score, path)
        times = [column_times(score, ticks_per_step) for score in scores]
        for _ in range(1 + rounds):
            watch.rounds.append({})
            ours = run_ours(encoding, paths, watch)
            theirs = run_theirs(paths, times, 2.0 * grid, watch)
            run_others(encoding, paths, watch)
        kilobytes = statistics.mean(path.stat().st_size for path in paths) / 1e3
    del watch.rounds[0]  # it paid for imports and compilation

    firsts = [
        (2 * int(score.notes()["start_tick"][0]) + ticks_per_step) // (2 * ticks_per_step)
        for score in scores
    ]
    equal, near = zip(*map(agreement, ours, theirs, firsts), strict=True)
    seconds = watch.median_s
    mine, quick = ("rnnmusic parse", "rnnmusic roll"), ("pretty_midi parse", "pretty_midi roll")
    same = ("pretty_midi parse", "pretty_midi roll at times")
    return {
        "notes_per_file": statistics.mean(score.note_count for score in scores),
        "kilobytes_per_file": kilobytes,
        **{
            label.replace(" ", "_") + "_ms": seconds(label) / file_count * 1e3
            for label in sorted(watch.rounds[0])
        },
        "ratio": seconds(*quick) / seconds(*mine),
        "ratio_cpu": seconds(*quick, cpu=True) / seconds(*mine, cpu=True),
        "ratio_at_times": seconds(*same) / seconds(*mine),
        "ratio_of_parse": seconds(quick[0]) / seconds(mine[0]),
        "ratio_of_roll": seconds(quick[1]) / seconds(mine[1]),
        "ratio_of_parse_to_mido": seconds("mido parse") / seconds(mine[0]),
        "ratio_to_symusic_and_our_roll": seconds("symusic parse and our roll") / seconds(*mine),
        "cells_in_both_over_either": statistics.mean(equal),
        "cells_within_one_column": statistics.mean(near),
    }


def cold_start() -> dict[str, float]:
    """Seconds that compiling our loops takes, first ever and in a later process."""
    costs = []
    with tempfile.TemporaryDirectory() as cache:
        for _ in range(2):
            run = subprocess.run(
                [sys.executable, "-c", COLD_START],
                env={**os.environ, "NUMBA_CACHE_DIR": cache},
                capture_output=True,
                text=True,
                check=True,
            )
            costs.append(float(run.stdout))
    return {"compile_first_ever_s": costs[0], "compile_in_a_later_process_s": costs[1]}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    grids = [grid for grid in range(1, 97) if TICKS_PER_QUARTER % grid == 0]
    parser.add_argument("--grid", type=int, default=12, choices=grids, metavar="COLUMNS")
    parser.add_argument("--files", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--notes", type=int, default=5000)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    warnings.simplefilter("ignore")  # of the setuptools that pretty_midi imports
    figures: dict[str, Any] = {"grid": options.grid, "files": options.files, **cold_start()}
    for kind in KINDS:
        figures[kind] = measure(kind, options.grid, options.files, options.rounds, options.notes)
    figures["smallest_ratio"] = min(figures[kind]["ratio"] for kind in KINDS)
    if options.json:
        print(json.dumps(figures))
        return
    for name, value in figures.items():
        if name not in KINDS:
            print(f"{name:32} {value:10.3f}")
    print(f"\n{'':32}", *(f"{kind:>10}" for kind in KINDS))
    for name in figures[KINDS[0]]:
        print(f"{name:32}", *(f"{figures[kind][name]:10.3f}" for kind in KINDS))


if __name__ == "__main__":
    main()
