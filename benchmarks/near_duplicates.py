"""How well sketches find the versions of a piece, and what they cost.

    python benchmarks/near_duplicates.py [SOURCE ...] [--pieces 200000]

Every piece of the sources (by default Bach's chorales) is made into versions of itself. Recall is
the share of versions that are grouped with their pieces, among all of them. Whether groups of the
pieces as they are belong together is for the reader to judge: they are printed.
"""

from __future__ import annotations

import argparse
import sys
import time
import tracemalloc
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from rnnmusic import midi
from rnnmusic.corpus import fingerprints, notation, splits
from rnnmusic.corpus.sources import expand
from rnnmusic.errors import InputError
from rnnmusic.score import NOTE, Score, Table, Track

Version = Callable[[Score, np.random.Generator], Score]


def with_notes(score: Score, notes: Table) -> Score:
    """The score with these notes in one track."""
    return replace(score, tracks=(Track(notes=np.sort(notes, order=["start_tick", "pitch"])),))


def edited(share: float) -> Version:
    """A share of the notes: a third deleted, a third moved, a third joined by another."""

    def edit(score: Score, rng: np.random.Generator) -> Score:
        notes = score.notes()
        chosen = rng.permutation(len(notes))[: max(1, round(len(notes) * share))]
        deleted, moved, joined = (chosen[kind::3] for kind in range(3))
        pitch = notes["pitch"].astype(int)
        pitch[moved] += rng.integers(1, 5, len(moved)) * rng.choice([-1, 1], len(moved))
        notes["pitch"] = np.clip(pitch, 0, 127)
        others = notes[joined].copy()
        others["pitch"] = np.clip(pitch[joined] + rng.integers(-7, 8, len(joined)), 0, 127)
        others["start_tick"] += rng.integers(0, 3, len(joined)) * (score.ticks_per_quarter // 4)
        others["end_tick"] = np.maximum(others["end_tick"], others["start_tick"] + 1)
        return with_notes(score, np.concatenate([np.delete(notes, deleted), others]))

    return edit


def transposed(score: Score, rng: np.random.Generator) -> Score:
    """Up or down, as far as the keyboard allows and an octave at most."""
    pitch = score.notes()["pitch"].astype(int)
    low, high = max(-12, -pitch.min()), min(12, 127 - pitch.max())
    return score.transposed(int(rng.integers(low, high + 1)))


def doubled(score: Score, rng: np.random.Generator) -> Score:
    """Notes twice or three times as long."""
    notes, times = score.notes(), int(rng.integers(2, 4))
    notes["start_tick"] *= times
    notes["end_tick"] *= times
    return with_notes(score, notes)


def truncated(score: Score, rng: np.random.Generator) -> Score:
    """The first two thirds."""
    return with_notes(score, score.notes()[: len(score.notes()) * 2 // 3])


def quantised(steps_per_quarter: int) -> Version:
    """Onsets on a coarser grid."""

    def quantise(score: Score, rng: np.random.Generator) -> Score:
        notes, step = score.notes(), score.ticks_per_quarter / steps_per_quarter
        for field in ("start_tick", "end_tick"):
            notes[field] = np.rint(np.rint(notes[field] / step) * step)
        notes["end_tick"] = np.maximum(notes["end_tick"], notes["start_tick"] + 1)
        return with_notes(score, notes)

    return quantise


def unsteady(deviation_quarters: float) -> Version:
    """Every onset off by itself, normally distributed."""

    def play(score: Score, rng: np.random.Generator) -> Score:
        notes, fine = score.notes(), 960 // score.ticks_per_quarter + 1
        off = rng.normal(0, deviation_quarters * score.ticks_per_quarter * fine, len(notes))
        notes["start_tick"] = np.maximum(notes["start_tick"] * fine + np.rint(off).astype(int), 0)
        notes["end_tick"] = np.maximum(notes["end_tick"] * fine, notes["start_tick"] + 1)
        return with_notes(replace(score, ticks_per_quarter=score.ticks_per_quarter * fine), notes)

    return play


VERSIONS: dict[str, Version] = {
    "transposed": transposed,
    "other note values": doubled,
    "5 % of notes changed": edited(0.05),
    "10 % of notes changed": edited(0.1),
    "20 % of notes changed": edited(0.2),
    "first two thirds": truncated,
    "quantised to 16ths": quantised(4),
    "quantised to 8ths": quantised(2),
    "onsets off by 0.01 quarters": unsteady(0.01),
    "onsets off by 0.02 quarters": unsteady(0.02),
}


def performance(seed: int, count: int = 5000) -> Score:
    """Chords under a melody, as unsteady as a hand is."""
    rng = np.random.default_rng(seed)
    notes = np.zeros(count, dtype=NOTE)
    degree = np.abs(np.cumsum(rng.integers(-2, 3, count)) % 28 - 14)
    is_chord = rng.random(count) < 0.4
    scale = np.array([0, 2, 4, 5, 7, 9, 11])[degree % 7] + 12 * (degree // 7)
    notes["pitch"] = np.where(is_chord, 36, 60) + rng.integers(12) + scale
    after = np.where(is_chord, 0, rng.choice([120, 240, 240, 360, 480], count))
    notes["start_tick"] = np.cumsum(after) + rng.integers(0, 15, count)
    notes["end_tick"], notes["velocity"] = notes["start_tick"] + 200, 64
    return with_notes(Score(), notes)


def words_of(scores: Sequence[Score]) -> NDArray[np.uint64]:
    """The sketches of scores (N, SKETCH_SIZE)."""
    return np.array([fingerprints.sketch(score).words for score in scores])


def measure_recall(scores: Sequence[Score], *, seed: int = 0) -> None:
    """Print the share of versions found, of each kind."""
    originals = words_of(scores)
    for name, version in VERSIONS.items():
        rng = np.random.default_rng(seed)
        others = words_of([version(score, rng) for score in scores])
        both = np.concatenate((originals, others))
        labels = fingerprints.components(np.arange(len(both)), fingerprints.similar(both))
        found = np.mean(labels[: len(scores)] == labels[len(scores) :])
        print(f"  {name:28} recall {found:.3f}")


def print_groups(scores: Sequence[Score], names: Sequence[str], shown: int) -> None:
    """Print how many pieces are related, and which."""
    sketches = [fingerprints.sketch(score) for score in scores]
    families = np.array([sketch.family for sketch in sketches], dtype=np.uint64)
    groups = splits.group(np.array([sketch.words for sketch in sketches]), families)
    numbers, sizes = np.unique(groups, return_counts=True)
    related = numbers[sizes > 1]
    print(
        f"  {len(scores)} pieces in {len(numbers)} groups, {len(related)} of more than one piece, "
        f"the largest of {sizes.max()}"
    )
    for number in related[:shown]:
        print("    " + " | ".join(names[i] for i in np.flatnonzero(groups == number)))


def measure_cost(pieces: int) -> None:
    """Print time and memory of a sketch, and of finding pairs among many."""
    scores = [performance(seed) for seed in range(20)]
    words_of(scores)  # compiles
    begin = time.thread_time()
    for score in scores * 5:
        fingerprints.sketch(score)
    print(f"sketch of 5,000 notes: {(time.thread_time() - begin) * 10:.3f} ms")
    rng = np.random.default_rng(0)
    sketches = rng.integers(0, 1 << 63, (pieces, fingerprints.SKETCH_SIZE), dtype=np.uint64)
    copied = pieces // 10  # a tenth has a version at a similarity of about 0.4
    lanes, of = sketches.view(np.uint8), rng.integers(0, pieces - copied, copied)
    kept = rng.random((copied, fingerprints.LANES)) < 0.4
    lanes[-copied:] = np.where(kept, lanes[of], lanes[-copied:])
    tracemalloc.start()
    begin = time.thread_time()
    pairs = fingerprints.similar(sketches)
    seconds, peak = time.thread_time() - begin, tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    print(
        f"pairs among {pieces:,} pieces: {seconds:.1f} s, {len(pairs):,} of {copied:,} versions "
        f"found; {sketches.nbytes // pieces} bytes a piece kept, {peak / pieces:.0f} more while "
        "finding pairs"
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sources", nargs="*", default=["music21:bach"])
    parser.add_argument("--pieces", type=int, default=200_000)
    parser.add_argument("--shown", type=int, default=20, help="groups to print")
    options = parser.parse_args()
    for source in options.sources:
        scores, names = load(source)
        print(f"{source}:")
        print_groups(scores, names, options.shown)
        measure_recall(scores)
    measure_cost(options.pieces)


def load(source: str) -> tuple[list[Score], list[str]]:
    """The scores of a source that have 20 notes or more, and their names."""
    scores, names = [], []
    for item in expand([source]).items:
        try:
            is_notation = item.is_notation
            found = (
                [one.score for one in notation.load(item.path)]
                if is_notation
                else [midi.read(item.path)]
            )
        except InputError as error:
            print(f"{item.source}: {error}", file=sys.stderr)
            continue
        scores += [score for score in found if score.note_count >= 20]
        names += [f"{item.name} {score.name}" for score in found if score.note_count >= 20]
    return scores, names


if __name__ == "__main__":
    main()
