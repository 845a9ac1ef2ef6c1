from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnmusic.encodings import NoteEvents
from rnnmusic.errors import InputError
from tests.encodings.music import events, metres, notes_of, rows, score_of, steps_for

EVENTS = NoteEvents()
STEP = 40  # ticks of 480 to a quarter


def test_values_are_exact_for_a_bar_and_then_widen():
    values = EVENTS.shift_values.tolist()
    assert values[:49] == list(range(49))
    assert values[49:57] == [54, 60, 66, 72, 78, 84, 90, 96]
    assert values[-1] == 64 * 12
    assert EVENTS.duration_values.tolist() == values[1:]
    assert EVENTS.sizes == (81, 88, 80, 32)


def test_durations_take_the_nearest_value_and_the_shorter_at_a_tie():
    ids = EVENTS.duration_ids([-3, 0, 1, 48, 50, 51, 52, 54, 10_000])
    assert EVENTS.duration_values[ids].tolist() == [1, 1, 1, 48, 48, 48, 54, 54, 768]


@given(events())
def test_values_rise_and_leave_gaps_of_an_eighth_at_most(encoding):
    values = encoding.shift_values
    exact = encoding.exact_quarters * encoding.steps_per_quarter
    gaps = np.diff(values)
    assert values[0] == 0
    assert (gaps >= 1).all()
    assert (gaps[:exact] == 1).all()
    assert (gaps <= np.maximum(1, np.ceil(values[:-1] / 8))).all()
    assert values[-1] >= encoding.longest_quarters * encoding.steps_per_quarter
    assert encoding.dtype.itemsize == (1 if max(encoding.sizes) <= 256 else 2)


@given(st.integers(1, 127))
def test_velocity_bins_keep_their_middles(bins):
    encoding = NoteEvents(velocity_bins=bins)
    ids = np.arange(bins)
    velocity = encoding.velocities(ids)
    assert velocity.min() >= 1
    assert velocity.max() <= 127
    assert encoding.velocity_ids(velocity).tolist() == ids.tolist()
    everyone = np.arange(1, 128)
    error = np.abs(encoding.velocities(encoding.velocity_ids(everyone)) - everyone)
    assert error.max() <= np.ceil(127 / bins) / 2


def test_a_tune_as_tuples():
    tune = [(480, 600, 60, 100), (720, 960, 64, 100), (720, 960, 67, 50)]
    steps, clock, left_out = EVENTS.encode(score_of(tune))
    quiet, loud = EVENTS.velocity_ids([50, 100])
    assert steps.tolist() == [[12, 39, 2, loud], [6, 43, 5, loud], [0, 46, 5, quiet]]
    assert clock.shape == (3, 0)
    assert left_out == {}


def test_the_first_shift_counts_from_its_bar():
    score = score_of([(480 * 7, 480 * 8, 60, 80)], metres=[(0, 3, 4)])
    assert EVENTS.encode(score).steps[0, 0] == 12


def reference_encode(encoding: NoteEvents, score) -> list[list[int]]:
    """Steps by the rules as written, one sound at a time."""

    def nearest(tick: int) -> int:
        exact = Fraction(tick * encoding.steps_per_quarter, score.ticks_per_quarter)
        return math.floor(exact + Fraction(1, 2))

    notes = [
        (nearest(start), max(nearest(end), nearest(start) + 1), pitch, velocity)
        for start, end, pitch, velocity in notes_of(score)
        if encoding.lowest_pitch <= pitch <= encoding.highest_pitch
    ]
    onsets = sorted({(start, pitch) for start, _, pitch, _ in notes})
    lines = [nearest(tick) for tick in score.bar_starts().tolist()]
    placed = max(line for line in lines if line <= onsets[0][0])
    asked = None
    steps = []
    for onset, pitch in onsets:
        end = max(end for start, end, p, _ in notes if p == pitch and start <= onset)
        end = min([end, *(start for start, p in onsets if p == pitch and start > onset)])
        loudest = max(v for start, _, p, v in notes if (start, p) == (onset, pitch))
        shift = 0
        if onset != asked:
            shift = max(i for i, v in enumerate(encoding.shift_values) if v <= onset - placed)
            placed += int(encoding.shift_values[shift])
            asked = onset
        errors = np.abs(encoding.duration_values - (end - placed))
        row = [shift, pitch - encoding.lowest_pitch, int(errors.argmin())]
        steps.append([*row, int(encoding.velocity_ids(loudest))])
    return steps


@pytest.mark.usefixtures("either_way")
@given(
    events(),
    rows(latest=20_000),
    rows(latest=400_000, longest=60_000),
    metres(),
    st.sampled_from([24, 96, 480, 1001]),
    st.integers(1, 3),
)
def test_encoding_matches_the_rules_note_by_note(encoding, near, far, changes, tpq, parts):
    inside = (480, 960, encoding.lowest_pitch, 64)
    score = score_of([inside, *near, *far], ticks_per_quarter=tpq, metres=changes, parts=parts)
    steps, clock, left_out = encoding.encode(score)
    assert steps.tolist() == reference_encode(encoding, score)
    assert steps.dtype == encoding.dtype
    assert steps.flags.c_contiguous
    assert clock.shape == (len(steps), 0)
    assert sum(left_out.values()) == score.note_count - len(steps)


@given(rows(latest=48, longest=40), metres())
def test_scores_on_the_grid_survive(drawn, changes):
    taken: set[tuple[int, int]] = set()
    kept = []
    middle = EVENTS.velocities(np.arange(32))
    for start, end, pitch, velocity in [(0, 4, 72, 80), *drawn]:
        cells = {(t, pitch) for t in range(start, max(end, start + 1))}
        if not cells & taken:
            taken |= cells
            last = max(end, start + 1)
            kept.append((start * STEP, last * STEP, pitch, int(middle[velocity % 32])))
    score = score_of(kept, metres=changes)
    steps, _, left_out = EVENTS.encode(score)
    assert notes_of(EVENTS.decode(steps)) == notes_of(score)
    assert left_out == {}


@given(rows(latest=200_000, longest=60_000), events())
def test_onset_errors_never_add_up(drawn, encoding):
    score = score_of([(0, 100, 60, 64), *drawn])
    steps = encoding.encode(score).steps
    grid = 480 / encoding.steps_per_quarter
    wanted = sorted(
        {
            int(np.floor(start / grid + 0.5))
            for start, _, p, _ in notes_of(score)
            if encoding.lowest_pitch <= p <= encoding.highest_pitch
        }
    )
    new_onset = np.concatenate(([True], steps[1:, 0] > 0))
    placed = np.cumsum(encoding.shift_values[steps[:, 0].astype(int)])[new_onset]
    assert len(placed) == len(wanted)  # chords neither split nor run together
    longest = int(encoding.shift_values[-1])
    exact = encoding.exact_quarters * encoding.steps_per_quarter
    for onset, heard, heard_before in zip(
        wanted, placed.tolist(), [0, *placed.tolist()], strict=False
    ):
        wait, lag = onset - heard_before, onset - heard
        assert lag >= 0
        if wait <= exact:
            assert lag == 0
        elif wait <= longest:
            assert lag <= wait / 8 + 1


def test_a_late_start_is_caught_up():
    encoding = NoteEvents(exact_quarters=1, longest_quarters=4)
    score = score_of([(0, 480, 60, 64), (480 * 9, 480 * 10, 60, 64), (480 * 10, 480 * 11, 62, 64)])
    steps = encoding.encode(score).steps
    assert np.cumsum(encoding.shift_values[steps[:, 0]]).tolist() == [0, 48, 96]
    far = [(480 * (9 + i), 480 * (10 + i), 60, 64) for i in range(3)]
    steps = encoding.encode(score_of([(0, 480, 60, 64), *far])).steps
    assert np.cumsum(encoding.shift_values[steps[:, 0]]).tolist()[-1] == 11 * 12


def reference_decode(encoding: NoteEvents, steps: np.ndarray) -> list[tuple[int, int, int, int]]:
    """Notes by the rules as written, one at a time."""
    now, sounding, done = 0, {}, []
    for shift, pitch, duration, velocity in steps.tolist():
        now += int(encoding.shift_values[shift])
        if pitch in sounding:
            start, end, loudness = sounding[pitch]
            if start == now:
                continue
            done.append((start, min(end, now), pitch, loudness))
        end = now + int(encoding.duration_values[duration])
        sounding[pitch] = (now, end, int(encoding.velocities(velocity)))
    done += [(start, end, pitch, loud) for pitch, (start, end, loud) in sounding.items()]
    return sorted(
        ((start, end, pitch + encoding.lowest_pitch, loud) for start, end, pitch, loud in done),
        key=lambda row: (row[0], row[2]),
    )


@given(events(), st.data())
def test_every_array_decodes_to_legal_notes(encoding, data):
    steps = data.draw(steps_for(encoding))
    score = encoding.decode(steps)
    per_step = score.ticks_per_quarter // encoding.steps_per_quarter
    found = [(s // per_step, e // per_step, p, v) for s, e, p, v in notes_of(score)]
    assert found == reference_decode(encoding, steps)
    assert all(end > start for start, end, _, _ in found)


@given(events(), st.data())
def test_decoding_then_encoding_settles(encoding, data):
    steps = data.draw(steps_for(encoding))
    if not len(steps):
        assert encoding.decode(steps).note_count == 0
        return
    once = encoding.encode(encoding.decode(steps))
    assert once.left_out == {}
    chord = once.steps[1:, 0] == 0
    assert (np.diff(once.steps[:, 1].astype(int))[chord] > 0).all()  # rising within a chord
    twice = encoding.encode(encoding.decode(once.steps))
    assert np.array_equal(once.steps, twice.steps)


def test_unisons_become_one_note_as_loud_as_the_loudest():
    steps, _, left_out = EVENTS.encode(
        score_of([(0, 960, 60, 40), (0, 480, 60, 90), (240, 300, 60, 20)], parts=2)
    )
    assert left_out == {"notes merged on the grid": 1}
    # The pitch is struck again at 240 and sounds as long as the longest of its notes.
    assert steps.tolist() == [
        [0, 39, 5, EVENTS.velocity_ids(90)],
        [6, 39, 17, EVENTS.velocity_ids(20)],
    ]


def test_start_step_lies_past_every_factor():
    assert EVENTS.start_step().tolist() == list(EVENTS.sizes)
    with pytest.raises(InputError, match="stay within"):
        EVENTS.decode(EVENTS.start_step()[None])


def test_elapsed_is_the_last_onset():
    steps = np.array([[12, 0, 0, 0], [6, 0, 0, 0], [0, 1, 0, 0]])
    assert EVENTS.elapsed_quarters(steps) == 1.5
    assert EVENTS.clock_at(3).shape == (0,)
    assert not EVENTS.is_binary
