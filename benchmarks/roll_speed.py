"""Parse + piano-roll of performances: rnnmusic against pretty_midi, same files, same grid.

    python benchmarks/roll_speed.py [--grid 12] [--files 8] [--rounds 7] [--notes 5000] [--json]

Writes seeded performances (about five minutes, a tempo change every bar, pedal) to a temporary
folder. In each round both sides go through all files, one side after the other, in one process;
medians over the rounds count. `--grid` is columns per quarter note: 12 holds sixteenths and
triplets, 48 is about the hundredth of a second that pretty_midi counts in. As the tempo changes,
columns are unequal in seconds, so pretty_midi draws this grid with `get_piano_roll(times=...)`,
the pedal not applied; computing those times isn't counted. Shown besides: its evenly spaced
`get_piano_roll(fs=...)` with as many columns, which is quicker but knows no beats, and what
symusic, under our reader, takes alone.

The rolls are compared on pitches 21..108 as sounding or not. They can't be identical: rnnmusic
rounds the ends of notes to the nearest column, pretty_midi marks each column that a note touches
and counts in hundredths of a second. So `cells_within_one_column` is the share of sounding cells
that have a sounding cell of the same pitch at most one column away in the other roll.
"""

from __future__ import annotations

import argparse
import json
import statistics
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
from rnnmusic.score import CONTROL, NOTE, SUSTAIN_PEDAL, TEMPO, Score, Track, sort_notes

TICKS_PER_QUARTER = 480
QUARTERS = 600  # five minutes at 120 bpm
LABELS = (
    "rnnmusic parse",
    "rnnmusic roll",
    "symusic parse",
    "pretty_midi parse",
    "pretty_midi roll",
    "pretty_midi even roll",
)

Packed = NDArray[np.uint8]  # (columns, 11): 88 pitches as bits


def performance(seed: int, note_count: int) -> Score:
    """Seeded piano performance: off the grid, a tempo per bar, the pedal changed each quarter."""
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

    pedal = np.empty(2 * QUARTERS, dtype=CONTROL)
    pedal["tick"] = np.arange(2 * QUARTERS) * (TICKS_PER_QUARTER // 2)
    pedal["number"] = SUSTAIN_PEDAL
    pedal["value"] = np.tile([100, 0], QUARTERS)
    tempos = np.empty(QUARTERS // 4, dtype=TEMPO)
    tempos["tick"] = np.arange(QUARTERS // 4) * 4 * TICKS_PER_QUARTER
    tempos["microseconds_per_quarter"] = 6e7 / rng.uniform(100, 140, QUARTERS // 4)
    track = Track(notes=sort_notes(mine), controls=pedal)
    return Score(ticks_per_quarter=TICKS_PER_QUARTER, tracks=(track,), tempos=tempos)


def column_times(score: Score, ticks_per_step: int) -> NDArray[np.float64]:
    """Seconds at which the columns of the grid begin, and at which the last one ends."""
    columns = int(score.notes()["end_tick"].max()) // ticks_per_step + 2
    return score.seconds(np.arange(columns + 1) * ticks_per_step)


class Stopwatch:
    """Seconds per label, summed over the files of a round."""

    def __init__(self) -> None:
        self.rounds: list[dict[str, float]] = []

    def start_round(self) -> None:
        """Count from zero again, keeping the rounds before."""
        self.rounds.append(dict.fromkeys(LABELS, 0.0))

    def time(self, label: str, work: Callable[[], Any]) -> Any:
        """Run work and add its seconds to the label."""
        began = time.perf_counter()
        result = work()
        self.rounds[-1][label] += time.perf_counter() - began
        return result

    def median_ms(self, *labels: str, files: int) -> float:
        """Median over the rounds of the labels' sum, in milliseconds per file."""
        sums = [sum(seconds[label] for label in labels) for seconds in self.rounds]
        return statistics.median(sums) / files * 1e3


def run_ours(encoding: PianoRoll, paths: list[Path], watch: Stopwatch) -> list[Packed]:
    import symusic

    rolls = []
    for path in paths:
        score = watch.time("rnnmusic parse", partial(rnnmusic.midi.read, path))
        encoded = watch.time("rnnmusic roll", partial(encoding.encode, score))
        rolls.append(np.packbits(encoded.steps, axis=1))  # as a corpus store would
    for path in paths:
        watch.time("symusic parse", partial(symusic.Score, path))
    return rolls


def run_theirs(
    paths: list[Path], times: list[NDArray[np.float64]], watch: Stopwatch
) -> list[Packed]:
    import pretty_midi

    rolls = []
    for path, at in zip(paths, times, strict=True):
        midi = watch.time("pretty_midi parse", partial(pretty_midi.PrettyMIDI, str(path)))
        draw = partial(midi.get_piano_roll, pedal_threshold=None)
        roll = watch.time("pretty_midi roll", partial(draw, times=at))
        watch.time("pretty_midi even roll", partial(draw, fs=(len(at) - 1) / at[-1]))
        rolls.append(np.packbits((roll[21:109] > 0).T, axis=1))
    return rolls


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


def measure(grid: int, file_count: int, rounds: int, note_count: int) -> dict[str, float]:
    encoding = PianoRoll(steps_per_quarter=grid, articulation=False, metrical=False)
    ticks_per_step = TICKS_PER_QUARTER // grid
    watch = Stopwatch()
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / f"{seed}.mid" for seed in range(file_count)]
        scores = [performance(seed, note_count) for seed in range(file_count)]
        for path, score in zip(paths, scores, strict=True):
            rnnmusic.midi.write(score, path)
        times = [column_times(score, ticks_per_step) for score in scores]
        for _ in range(1 + rounds):
            watch.start_round()
            ours = run_ours(encoding, paths, watch)
            theirs = run_theirs(paths, times, watch)
    del watch.rounds[0]  # it paid for the imports

    firsts = [
        (2 * int(score.notes()["start_tick"][0]) + ticks_per_step) // (2 * ticks_per_step)
        for score in scores
    ]
    equal, near = zip(*map(agreement, ours, theirs, firsts), strict=True)
    ms = {label: watch.median_ms(label, files=file_count) for label in LABELS}
    total = partial(watch.median_ms, files=file_count)
    our_total = total("rnnmusic parse", "rnnmusic roll")
    return {
        "grid": grid,
        "files": file_count,
        "notes_per_file": statistics.mean(score.note_count for score in scores),
        **{label.replace(" ", "_") + "_ms": value for label, value in ms.items()},
        "parse_ratio": ms["pretty_midi parse"] / ms["rnnmusic parse"],
        "roll_ratio": ms["pretty_midi roll"] / ms["rnnmusic roll"],
        "parse_and_roll_ratio": total("pretty_midi parse", "pretty_midi roll") / our_total,
        "parse_and_even_roll_ratio": total("pretty_midi parse", "pretty_midi even roll")
        / our_total,
        "cells_in_both_over_either": statistics.mean(equal),
        "cells_within_one_column": statistics.mean(near),
    }


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
    figures = measure(options.grid, options.files, options.rounds, options.notes)
    if options.json:
        print(json.dumps(figures))
        return
    for name, value in figures.items():
        print(f"{name:28} {value:10.3f}")


if __name__ == "__main__":
    main()
