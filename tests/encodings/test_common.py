"""What every encoding must do: configuration, refusals, transposition."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnmusic.encodings import ENCODINGS, Encoding, NoteEvents, PianoRoll, from_config
from rnnmusic.errors import InputError, UsageError
from rnnmusic.score import METRE, NOTE, Score, Track, table
from tests.encodings.music import encodings_with_steps, events, notes_of, rolls, score_of

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
        ({}, "choose one of note-events, piano-roll"),
        ({"name": "midi"}, "choose one of note-events, piano-roll"),
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
def test_scores_without_a_sayable_note_are_refused(encoding: Encoding):
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
def test_what_is_left_out_is_counted(encoding: Encoding):
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
def test_absurd_times_are_refused(encoding: Encoding, note):
    with pytest.raises(InputError, match="check the file"):
        encoding.encode(score_of([note]))


@kinds
def test_the_longest_piece_fits(encoding: Encoding):
    last = 2_000_000 * 480 // encoding.steps_per_quarter
    with pytest.raises(InputError, match="check the file"):
        encoding.encode(score_of([(last, last, 60, 64)]))
    late = score_of([(last - 480, last - 240, 60, 64)])
    assert len(encoding.encode(late).steps) <= 16 * encoding.steps_per_quarter


@kinds
def test_broken_metres_do_not_exhaust_memory(encoding: Encoding):
    metres = [(0, 1, 32768), (480, 3, 4), (960, 1, 16384), (2**60, 2, 4)]
    score = score_of([(480, 960, 60, 64), (480 * 40_000, 480 * 40_001, 60, 64)])
    broken = Score(tracks=score.tracks, metres=table(METRE, metres))
    assert len(encoding.encode(broken).steps) >= 2


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
def test_decode_refuses_what_is_not_steps(encoding: Encoding):
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
def test_decode_refuses_unplayable_options(encoding: Encoding):
    steps = np.zeros((1, len(encoding.sizes)), np.uint8)
    for tempo in (0, -3, float("nan"), float("inf"), 1e9, 1):
        with pytest.raises(UsageError, match="bpm"):
            encoding.decode(steps, tempo_bpm=tempo)
    for program in (-1, 128):
        with pytest.raises(UsageError, match="General MIDI"):
            encoding.decode(steps, program=program)
