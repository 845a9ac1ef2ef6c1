from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from rnnmusic.corpus import _shingles
from rnnmusic.corpus.fingerprints import (
    LANES,
    NO_FAMILY,
    NO_SKETCH,
    SKETCH_SIZE,
    components,
    similar,
    sketch,
)
from rnnmusic.score import NOTE, Score, Table, Track, table

seeds = st.integers(0, 1000)


def tune(seed: int, count: int = 120, voices: int = 1) -> Score:
    """Chords of so many voices, an octave apart, that walk at random."""
    rng = np.random.default_rng(seed)
    rows = []
    for voice in range(voices):
        walk = np.cumsum(rng.integers(-4, 5, count))
        pitch = 48 + 12 * voice + np.abs(walk % 22 - 11)
        start = np.arange(count) * 240
        rows += [(t, t + 240, p, 64) for t, p in zip(start.tolist(), pitch.tolist(), strict=True)]
    return Score(tracks=(Track(notes=table(NOTE, rows)),))


def with_notes(score: Score, notes: Table) -> Score:
    return replace(score, tracks=(Track(notes=notes),))


def words(*scores: Score) -> NDArray[np.uint64]:
    return np.array([sketch(score).words for score in scores])


def agreeing(one: Score, other: Score) -> int:
    a, b = words(one, other).view(np.uint8)
    return int((a == b).sum())


@settings(max_examples=40, deadline=None)
@given(seeds, st.integers(-20, 20), st.sampled_from([2, 3, 7]), st.integers(1, 150))
def test_key_time_units_dynamics_and_instruments_dont_count(
    seed: int, semitones: int, times: int, count: int
) -> None:
    score = tune(seed, count, voices=2)
    notes = score.transposed(semitones).notes()
    for field in ("start_tick", "end_tick"):
        notes[field] = notes[field] * times + 1000
    notes["velocity"] = 1
    drum = Track(notes=table(NOTE, [(50, 60, 36, 100)]), is_drum=True)
    low, high = notes[notes["pitch"] < 66], notes[notes["pitch"] >= 66]
    other = Score(
        ticks_per_quarter=96,
        tracks=(Track(notes=high, program=40), drum, Track(notes=low), Track(notes=low)),
    )
    mine, its = sketch(score), sketch(other)
    assert mine.family == its.family != NO_FAMILY
    assert np.array_equal(mine.words, its.words)


@given(seeds, seeds, st.integers(3, 150))
def test_other_music_is_of_another_family(one: int, other: int, count: int) -> None:
    first, second = tune(one, count), tune(other, count)
    intervals = [np.diff(score.notes()["pitch"].astype(int)) for score in (first, second)]
    same = np.array_equal(*intervals)
    assert (sketch(first).family == sketch(second).family) == same


def test_rhythm_tells_families_apart_and_the_smallest_pieces_are_like_no_other() -> None:
    short = tune(0, 5)
    notes = short.notes()
    notes["start_tick"][2:] += 120
    other = with_notes(short, notes)
    assert sketch(other).family != sketch(short).family
    trivial = [tune(seed, 7) for seed in range(300)]
    families = {sketch(score).family for score in trivial}
    pairs = similar(words(*trivial))
    assert len(families) > 250
    assert len(components(np.arange(300), pairs)) - len(pairs) == len(families)


@pytest.mark.parametrize("voices", [1, 3])
def test_edited_pieces_stay_similar_and_others_arent(voices: int) -> None:
    scores = [tune(seed, 150, voices) for seed in range(60)]
    rng = np.random.default_rng(0)
    edited = []
    for score in scores:
        notes = score.notes()
        chosen = rng.permutation(len(notes))[: len(notes) // 20]
        notes["pitch"][chosen[::2]] += 1
        edited.append(with_notes(score, np.delete(notes, chosen[1::2])))
    cut = [with_notes(score, score.notes()[: 100 * voices]) for score in scores]
    labels = components(np.arange(180), similar(words(*scores, *edited, *cut)))
    assert labels.tolist() == [*range(60)] * 3


def test_chords_may_be_rolled() -> None:
    score = tune(3, 200, voices=4)
    notes = score.notes()
    notes["start_tick"] += np.random.default_rng(0).integers(0, 10, len(notes))  # of 240
    rolled = with_notes(score, notes[np.argsort(notes["start_tick"], kind="stable")])
    assert agreeing(score, rolled) > 0.9 * LANES


def test_drums_alone_have_a_family_and_silence_has_none() -> None:
    beats = [(t * 100, t * 100 + 50, 36 + t % 5 * t % 7, 90) for t in range(200)]
    drums = Score(tracks=(Track(notes=table(NOTE, beats), is_drum=True),))
    moved = drums.tracks[0].notes.copy()
    moved["pitch"] += 1
    other = Score(tracks=(Track(notes=moved, is_drum=True),))
    assert sketch(drums).family not in (NO_FAMILY, sketch(other).family)
    assert len(similar(words(drums, other))) == 0
    assert len(similar(words(drums, drums))) == 1
    nothing = sketch(Score())
    assert nothing.family == NO_FAMILY
    assert np.array_equal(nothing.words, NO_SKETCH)


def test_nothing_is_similar_to_nothing() -> None:
    assert similar(np.array([NO_SKETCH] * 5)).shape == (0, 2)
    assert similar(np.empty((0, SKETCH_SIZE), dtype=np.uint64)).shape == (0, 2)


def test_absurd_times_and_lone_notes_are_no_trouble() -> None:
    far = table(NOTE, [(0, 1, 60, 64), (1 << 61, (1 << 61) + 1, 62, 64), (5, 6, 70, 64)])
    assert sketch(Score(tracks=(Track(notes=far),))).family
    assert sketch(tune(0, 1)).family == sketch(tune(1, 1)).family


def test_the_machine_code_says_what_python_says() -> None:
    compiled = _shingles.SKETCH.with_patience(0)
    plain = _shingles.SKETCH.with_patience(1 << 60)
    for seed, count, voices in ((0, 400, 3), (1, 30, 1), (2, 4, 1), (3, 1, 1)):
        notes = tune(seed, count, voices).notes()
        keys = np.unique(notes["start_tick"] << 7 | notes["pitch"])
        lanes = [np.zeros(LANES, dtype=np.uint8) for _ in range(2)]
        families = [
            kernel.for_work(1)(keys, 3000.0, 60.0, True, out)
            for kernel, out in zip((compiled, plain), lanes, strict=True)
        ]
        assert families[0] == families[1]
        assert np.array_equal(*lanes)


@given(st.integers(1, 40), st.sets(st.integers(0, 10_000), max_size=80), st.randoms())
def test_lanes_estimate_the_jaccard_similarity(
    shared: int, others: set[int], random: object
) -> None:
    a = np.array([*range(20_000, 20_000 + shared), *sorted(others)[::2]], dtype=np.int64)
    b = np.array([*range(20_000, 20_000 + shared), *sorted(others)[1::2]], dtype=np.int64)
    lanes = np.zeros((2, LANES), dtype=np.uint8)
    for turns, out in zip((a, b), lanes, strict=True):
        _shingles._minhash(turns, out)
    jaccard = shared / (shared + len(others))
    # The bound is 5 standard errors: hypothesis looks for the worst.
    assert abs((lanes[0] == lanes[1]).mean() - jaccard) < 5 * 0.5 / LANES**0.5


@given(st.integers(1, 30), st.lists(st.tuples(st.integers(0, 29), st.integers(0, 29)), max_size=40))
def test_components_are_those_of_a_search(count: int, edges: list[tuple[int, int]]) -> None:
    edges = [(a % count, b % count) for a, b in edges]
    expected = list(range(count))
    for _ in range(count):
        for a, b in edges:
            expected[a] = expected[b] = min(expected[a], expected[b])
    pairs = np.array(edges, dtype=np.int64).reshape(-1, 2)
    assert components(np.arange(count), pairs).tolist() == expected
    half = components(np.arange(count), pairs[::2])
    assert components(half, pairs[1::2]).tolist() == expected


def test_chance_likenesses_dont_string_pieces_together() -> None:
    """Each sketch shares a quarter of its lanes with the next, and nothing with others."""
    rng = np.random.default_rng(0)
    lanes = rng.integers(0, 256, (200, LANES), dtype=np.uint8)
    for i in range(1, 200):
        kept = np.arange(i % 2, LANES, 4)
        lanes[i, kept] = lanes[i - 1, kept]
    labels = components(np.arange(200), similar(lanes.view(np.uint64)))
    assert np.unique(labels, return_counts=True)[1].max() <= 4
    assert len(np.unique(labels)) < 180


def test_copies_by_the_thousand_are_one_group() -> None:
    one = words(tune(0)).repeat(3000, axis=0)
    pairs = similar(np.concatenate([words(tune(1)), one]))
    assert len(pairs) == 2999
    assert components(np.arange(3001), pairs).tolist() == [0] + [1] * 3000
