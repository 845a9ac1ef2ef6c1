from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnmusic.encodings import PianoRoll
from rnnmusic.errors import InputError
from tests.encodings.music import metres, notes_of, rolls, rows, score_of, steps_for


def reference_roll(encoding: PianoRoll, score) -> tuple[np.ndarray, int, int]:
    """Frames from tick 0, first sounding step and number of notes, by the rules as written."""

    def nearest(tick: int) -> int:
        exact = Fraction(tick * encoding.steps_per_quarter, score.ticks_per_quarter)
        return math.floor(exact + Fraction(1, 2))

    pitches = encoding.highest_pitch - encoding.lowest_pitch + 1
    notes = [
        (nearest(start), max(nearest(end), nearest(start) + 1), pitch - encoding.lowest_pitch)
        for start, end, pitch, _ in notes_of(score)
        if encoding.lowest_pitch <= pitch <= encoding.highest_pitch
    ]
    last = max((end for _, end, _ in notes), default=0)
    struck = np.zeros((last, pitches), dtype=bool)
    sounding = np.zeros((last, pitches), dtype=bool)
    for start, end, pitch in notes:
        struck[start, pitch] = True
        sounding[start:end, pitch] = True
    if encoding.articulation:
        roll = np.stack([struck, sounding & ~struck], axis=-1).reshape(last, -1)
    else:
        roll = sounding
    first = min((start for start, _, _ in notes), default=0)
    return roll.astype(np.uint8), first, len(notes)


@pytest.mark.usefixtures("either_way")
@given(rolls(), rows(), metres(), st.sampled_from([1, 24, 96, 480, 1001]), st.integers(1, 3))
def test_encoding_matches_the_rules_note_by_note(encoding, notes, changes, tpq, parts):
    score = score_of(notes, ticks_per_quarter=tpq, metres=changes, parts=parts)
    expected, first, kept = reference_roll(encoding, score)
    if not kept:
        with pytest.raises(InputError, match="nothing else"):
            encoding.encode(score)
        return
    steps, clock, left_out = encoding.encode(score)
    origin = len(expected) - len(steps)
    assert not expected[:origin].any()
    assert np.array_equal(steps, expected[origin:])
    assert steps.dtype == np.uint8
    assert steps.flags.c_contiguous
    assert clock.shape == (len(steps), len(encoding.clock_sizes))
    if not encoding.metrical:
        assert origin == first
    packed = encoding.encode_packed(score)
    assert np.array_equal(packed.steps, np.packbits(expected[origin:], axis=1))

    struck = len(notes_of(encoding.decode(steps)))
    assert left_out.get("pitches out of range", 0) == len(notes) - kept
    assert left_out.get("notes merged on the grid", 0) == kept - struck


@pytest.mark.usefixtures("either_way")
@given(
    rolls(),
    rows(longest=100_000, latest=65_000_000_000),
    st.sampled_from([32767, 32765, 9973]),
)
def test_steps_are_exact_in_the_longest_pieces_of_the_finest_ticks(encoding, notes, tpq):
    limit = 1_999_990 * tpq // encoding.steps_per_quarter
    begin = min(min(start for start, *_ in notes), limit - 200_000)
    near = [(s - (s - begin) // 50_000 * 50_000, e - s, *rest) for s, e, *rest in notes]
    notes = [(start, start + length, *rest) for start, length, *rest in near]
    encoding = replace(encoding, metrical=False, lowest_pitch=55, highest_pitch=60)
    steps, _, _ = encoding.encode(score_of(notes, ticks_per_quarter=tpq))

    def nearest(tick: int) -> int:
        return math.floor(Fraction(tick * encoding.steps_per_quarter, tpq) + Fraction(1, 2))

    sounds = {
        (step, pitch - 55)
        for start, end, pitch, _ in notes
        for step in range(nearest(start), max(nearest(end), nearest(start) + 1))
    }
    origin = min(step for step, _ in sounds)
    columns = steps.reshape(len(steps), -1, encoding.columns_per_pitch).any(axis=2)
    assert set(zip(*(c.tolist() for c in np.nonzero(columns)), strict=True)) == {
        (step - origin, pitch) for step, pitch in sounds
    }
    assert len(steps) == max(step for step, _ in sounds) + 1 - origin


@given(rolls(), rows(), metres())
def test_clock_follows_the_bar_lines(encoding, notes, changes):
    score = score_of([*notes, (100, 500, 60, 64)], metres=changes)
    steps, clock, _ = encoding.encode(score)
    if not encoding.metrical:
        assert clock.shape == (len(steps), 0)
        return
    grid = Fraction(encoding.steps_per_quarter, score.ticks_per_quarter)
    lines = sorted({math.floor(t * grid + Fraction(1, 2)) for t in score.bar_starts().tolist()})
    expected, first, _ = reference_roll(encoding, score)
    origin = max(line for line in lines if line <= first)
    assert len(steps) == len(expected) - origin
    for t, (step, quarter) in enumerate(clock.tolist(), start=origin):
        place = t - max(line for line in lines if line <= t)
        assert step == place % encoding.steps_per_quarter
        assert quarter == min(15, place // encoding.steps_per_quarter)


def test_clock_in_three_four_then_six_eight():
    score = score_of([(0, 480 * 12, 60, 64)], metres=[(0, 3, 4), (480 * 6, 6, 8), (480 * 9, 5, 4)])
    clock = PianoRoll(steps_per_quarter=1).encode(score).clock
    assert clock[:, 0].tolist() == [0] * 12
    assert clock[:, 1].tolist() == [0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2]


def test_long_bars_clip_the_clock():
    score = score_of([(0, 480 * 20, 60, 64)], metres=[(0, 20, 4)])
    clock = PianoRoll(steps_per_quarter=1).encode(score).clock
    assert clock[:, 1].tolist() == [*range(16), 15, 15, 15, 15]


@given(rolls(), st.sampled_from([1.0, 2.0, 3.0, 3.5, 4.0, 4.5, 6.0]), st.integers(0, 90))
def test_clock_at_agrees_with_encode(encoding, quarters_per_bar, index):
    metre = (0, round(quarters_per_bar * 2), 8)
    bars = 480 * 96
    score = score_of([(0, bars, 60, 64)], metres=[metre])
    clock = encoding.encode(score).clock
    row = encoding.clock_at(index, quarters_per_bar=quarters_per_bar)
    assert row.dtype == np.uint8
    assert row.tolist() == clock[index].tolist()


def test_leading_bars_are_trimmed_to_the_bar_line_or_the_note():
    notes = [(480 * 7 + 240, 480 * 9, 60, 64)]  # in the third bar of 3/4, on its second quarter
    score = score_of(notes, metres=[(0, 3, 4)])
    metrical, clock, _ = PianoRoll().encode(score)
    assert len(metrical) == 3 * 4
    assert np.flatnonzero(metrical.any(axis=1))[0] == 6
    assert clock[0].tolist() == [0, 0]
    free = PianoRoll(metrical=False).encode(score).steps
    assert len(free) == 6
    assert free[0].any()


def canonical(encoding: PianoRoll, steps: np.ndarray) -> np.ndarray:
    """What a roll means: struck wins, nothing held out of silence, no silence at the ends."""
    steps = steps.copy()
    if encoding.articulation:
        struck, held = steps[:, 0::2], steps[:, 1::2]
        held &= 1 - struck
        for t in range(len(steps)):
            fresh = held[t] & ~(struck[t - 1] | held[t - 1] if t else np.zeros_like(held[t])) & 1
            struck[t] |= fresh
            held[t] &= 1 - fresh
    filled = np.flatnonzero(steps.any(axis=1))
    bar = 4 * encoding.steps_per_quarter if encoding.metrical else 1
    return steps[filled[0] // bar * bar : filled[-1] + 1]


@given(rolls(), st.data())
def test_every_array_decodes_and_encodes_back_to_its_meaning(encoding, data):
    steps = data.draw(steps_for(encoding))
    score = encoding.decode(steps)
    assert score.ticks_per_quarter % encoding.steps_per_quarter == 0
    if not steps.any():
        assert score.note_count == 0
        return
    again, _, left_out = encoding.encode(score)
    assert np.array_equal(again, canonical(encoding, steps))
    assert left_out == {}


@given(rows(latest=100, longest=40), st.booleans())
def test_scores_on_the_grid_survive(drawn, articulation):
    encoding = PianoRoll(articulation=articulation, metrical=False)
    taken: set[tuple[int, int]] = set()
    kept = []
    for start, end, pitch, _ in [(0, 4, 72, 80), *drawn]:
        # A step of silence after each note keeps repeated notes apart without articulation.
        cells = {(t, pitch) for t in range(start, max(end, start + 1) + 1)}
        if not cells & taken:
            taken |= cells
            kept.append((start * 120, max(end, start + 1) * 120, pitch, 80))
    score = score_of(kept)
    back = encoding.decode(encoding.encode(score).steps, tempo_bpm=90, program=7)
    assert back.ticks_per_quarter == 480
    assert notes_of(back) == notes_of(score)
    assert back.tracks[0].program == 7
    assert back.tempos.tolist() == [(0, 666667)]


def test_repeated_notes_need_articulation():
    score = score_of([(0, 480, 60, 80), (480, 960, 60, 80)])
    with_strikes = PianoRoll().encode(score)
    assert len(notes_of(PianoRoll().decode(with_strikes.steps))) == 2
    assert with_strikes.left_out == {}
    plain = PianoRoll(articulation=False)
    merged = plain.encode(score)
    assert notes_of(plain.decode(merged.steps)) == [(0, 960, 60, 80)]
    assert merged.left_out == {"notes merged on the grid": 1}


def test_columns_interleave_struck_and_held():
    score = score_of([(0, 360, 21, 80), (120, 240, 23, 80)])
    steps = PianoRoll().encode(score).steps
    assert steps.shape == (3, 176)
    assert [np.flatnonzero(row).tolist() for row in steps] == [[0], [1, 4], [1]]


def test_elapsed_and_start_step():
    encoding = PianoRoll()
    assert encoding.elapsed_quarters(np.zeros((10, 176), np.uint8)) == 2.5
    assert encoding.start_step().tolist() == [0] * 176
    assert encoding.is_binary
    assert encoding.sizes == (2,) * 176
