"""What every encoding must do: configuration, refusals, transposition."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnmusic.encodings import ENCODINGS, NoteEvents, PianoRoll, ScoreEncoding, from_config
from rnnmusic.errors import InputError, UsageError
from rnnmusic.score import METRE, NOTE, Score, Track, table
from tests.encodings.music import (
    encodings_with_steps,
    events,
    kernels_with,
    metres,
    notes_of,
    rolls,
    rows,
    score_of,
)

both = st.one_of(rolls(), events())


@given(both)
def test_configuration_survives_json(encoding):
    config = json.loads(json.dumps(encoding.to_config()))
    assert from_config(config) == encoding
    assert hash(from_config(config)) == hash(encoding)


def test_the_registry_builds_defaults_by_name():
    assert from_config({"name": "piano-roll"}) == PianoRoll()
    assert from_config({"name": "note-events"}) == NoteEvents()
    assert all(ENCODINGS[name].name == name for name in ENCODINGS)


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({}, f"choose one of {', '.join(sorted(ENCODINGS))}."),
        ({"name": "midi"}, f"choose one of {', '.join(sorted(ENCODINGS))}."),
        ({"name": ["piano-roll"]}, "no encoding named"),
        ("piano-roll", "must be a table"),
        ({"name": "piano-roll", "pitches": 88}, "no option 'pitches'; it knows steps_per_quarter"),
        ({"name": "piano-roll", "velocity_bins": 8}, "no option 'velocity_bins'"),
        ({"name": "piano-roll", "steps_per_quarter": 0}, "from 1 to 96"),
        ({"name": "piano-roll", "steps_per_quarter": 10**30}, "from 1 to 96"),
        ({"name": "piano-roll", "steps_per_quarter": 4.0}, "whole number"),
        ({"name": "piano-roll", "steps_per_quarter": True}, "whole number"),
        ({"name": "piano-roll", "steps_per_quarter": "4"}, "whole number"),
        ({"name": "piano-roll", "lowest_pitch": -1}, "from 0 to 127"),
        ({"name": "piano-roll", "highest_pitch": 128}, "from 0 to 127"),
        ({"name": "piano-roll", "lowest_pitch": 70, "highest_pitch": 60}, "swap them"),
        ({"name": "piano-roll", "articulation": 1}, "true or false"),
        ({"name": "piano-roll", "metrical": None}, "true or false"),
        ({"name": "note-events", "velocity_bins": 0}, "from 1 to 127"),
        ({"name": "note-events", "exact_quarters": 0}, "from 1 to 64"),
        ({"name": "note-events", "exact_quarters": 8, "longest_quarters": 4}, "from 8 to 256"),
    ],
)
def test_hostile_configurations_get_one_sentence(config, words):
    with pytest.raises(UsageError) as caught:
        from_config(config)
    message = str(caught.value)
    assert words in message
    assert "\n" not in message


kinds = pytest.mark.parametrize("encoding", [PianoRoll(), PianoRoll(metrical=False), NoteEvents()])


@kinds
def test_scores_without_a_sayable_note_are_refused(encoding: ScoreEncoding):
    notes = np.array([(0, 10, 40, 90)] * 3, dtype=NOTE)
    low = np.array([(0, 10, 3, 90)], dtype=NOTE)
    drums = Track(notes=notes, is_drum=True)
    with pytest.raises(InputError, match="has no notes"):
        encoding.encode(Score(name="nothing"))
    with pytest.raises(InputError, match="'beat' has 3 drum notes and nothing else"):
        encoding.encode(Score(tracks=(drums,), name="beat"))
    with pytest.raises(InputError, match="3 drum notes and 1 pitches out of range"):
        encoding.encode(Score(tracks=(drums, Track(notes=low))))


@kinds
def test_what_is_left_out_is_counted(encoding: ScoreEncoding):
    notes = np.array([(0, 480, 40, 90), (0, 240, 40, 90), (0, 480, 2, 90)], dtype=NOTE)
    drums = Track(notes=notes[:2], is_drum=True)
    encoded = encoding.encode(Score(tracks=(drums, Track(notes=notes))))
    assert encoded.left_out == {
        "drum notes": 2,
        "pitches out of range": 1,
        "notes merged on the grid": 1,
    }
    assert len(notes_of(encoding.decode(encoded.steps))) == 1


@kinds
@pytest.mark.parametrize(
    "note",
    [
        (2**62, 2**62 + 5, 60, 64),
        (0, 2**63 - 1, 60, 64),
        (2**40, 0, 60, 64),
        (-5, 100, 60, 64),
    ],
)
def test_absurd_times_are_refused(encoding: ScoreEncoding, note):
    with pytest.raises(InputError, match="check the file"):
        encoding.encode(score_of([note]))


@kinds
def test_the_longest_piece_fits(encoding: ScoreEncoding):
    last = 2_000_000 * 480 // encoding.steps_per_quarter
    with pytest.raises(InputError, match="check the file"):
        encoding.encode(score_of([(last, last, 60, 64)]))
    late = score_of([(last - 480, last - 240, 60, 64)])
    assert len(encoding.encode(late).steps) <= 16 * encoding.steps_per_quarter


@kinds
def test_broken_metres_do_not_exhaust_memory(encoding: ScoreEncoding):
    metres = [(0, 1, 32768), (480, 3, 4), (960, 1, 16384), (2**60, 2, 4)]
    score = score_of([(480, 960, 60, 64), (480 * 40_000, 480 * 40_001, 60, 64)])
    broken = Score(tracks=score.tracks, metres=table(METRE, metres))
    assert len(encoding.encode(broken).steps) >= 2


@given(both, rows(), metres(), st.integers(1, 3))
def test_packed_steps_are_those_that_stores_keep(encoding, notes, changes, parts):
    inside = (480, 960, encoding.lowest_pitch, 64)
    score = score_of([inside, *notes], metres=changes, parts=parts)
    steps, clock, left_out = encoding.encode(score)
    packed = encoding.encode_packed(score)
    rows_kept = np.packbits(steps, axis=1) if encoding.is_binary else steps
    assert packed.steps.dtype == (np.uint8 if encoding.is_binary else encoding.dtype)
    assert packed.steps.flags.c_contiguous
    assert np.array_equal(packed.steps, rows_kept)
    assert np.array_equal(packed.clock, clock)
    assert packed.left_out == left_out


@kinds
def test_threads_encode_as_one_does(encoding: ScoreEncoding):
    # Many small scores, so that the loops are compiled while others still run as plain Python.
    rng = np.random.default_rng(7)
    scores = []
    for _ in range(60):
        start = np.sort(rng.integers(0, 9000, 40))
        columns = start, start + rng.integers(1, 2000, 40), rng.integers(50, 60, 40)
        velocity = rng.integers(1, 128, 40)
        scores.append(score_of(list(zip(*(c.tolist() for c in (*columns, velocity)), strict=True))))
    with kernels_with(1 << 62):
        expected = [encoding.encode_packed(score) for score in scores]
    with kernels_with(500), ThreadPoolExecutor(4) as pool:
        found = list(pool.map(encoding.encode_packed, scores))
    for one, other in zip(expected, found, strict=True):
        assert np.array_equal(one.steps, other.steps)
        assert np.array_equal(one.clock, other.clock)
        assert one.left_out == other.left_out


def test_notes_that_end_before_they_start_last_a_step():
    score = score_of([(480, 0, 60, 64)])
    assert PianoRoll(metrical=False).encode(score).steps.shape[0] == 1
    assert NoteEvents().encode(score).steps[0, 2] == 0


@given(encodings_with_steps(both), st.integers(0, 40))
def test_transposition_moves_every_note_within_its_range(drawn, limit):
    encoding, steps = drawn
    low, high = encoding.transposition_range(steps, limit)
    assert -limit <= low <= 0 <= high <= limit
    score = encoding.decode(steps)
    before = steps.copy()
    for semitones in {low, high, 0}:
        moved = encoding.transpose(steps, semitones)
        assert moved is not steps
        assert moved.dtype == steps.dtype
        assert encoding.decode(moved) == score.transposed(semitones)
        assert np.array_equal(encoding.transpose(moved, -semitones), steps)
    assert np.array_equal(steps, before)
    if len(notes_of(score)):
        for semitones in (low - 1, high + 1):
            if abs(semitones) <= limit:
                with pytest.raises(InputError, match="room for"):
                    encoding.transpose(steps, semitones)


@kinds
def test_decode_refuses_what_is_not_steps(encoding: ScoreEncoding):
    width = len(encoding.sizes)
    for wrong in (
        np.zeros((3, width + 1), np.uint8),
        np.zeros(width, np.uint8),
        np.zeros((3, width)),
        np.zeros((1, 3, width), np.uint8),
    ):
        with pytest.raises(InputError, match="it reads integers"):
            encoding.decode(wrong)
    for value in (-1, 30_000):
        with pytest.raises(InputError, match="stay within"):
            encoding.decode(np.full((2, width), value))
    silence = encoding.decode(np.zeros((0, width), np.uint8))
    assert silence.note_count == 0


@kinds
def test_decode_refuses_unplayable_options(encoding: ScoreEncoding):
    steps = np.zeros((1, len(encoding.sizes)), np.uint8)
    for tempo in (0, -3, float("nan"), float("inf"), 1e9, 1):
        with pytest.raises(UsageError, match="bpm"):
            encoding.decode(steps, tempo_bpm=tempo)
    for program in (-1, 128):
        with pytest.raises(UsageError, match="General MIDI"):
            encoding.decode(steps, program=program)
