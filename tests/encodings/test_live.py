"""Both encodings, one step or message at a time, against their whole-piece versions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnmusic.encodings import NoteEvents, NoteMessage, PianoRoll
from rnnmusic.errors import InputError
from tests.encodings.music import (
    encodings_with_steps,
    events,
    messages_of,
    notes_from_messages,
    notes_of,
    rolls,
    rows,
    score_of,
)

both = st.one_of(rolls(), events())


@given(encodings_with_steps(both))
def test_live_decoder_agrees_with_decode(drawn):
    encoding, steps = drawn
    decoder = encoding.live_decoder()
    messages, horizon = [], 0.0
    for step in steps:
        messages += decoder.push(step)
        assert decoder.horizon_quarters >= horizon
        horizon = decoder.horizon_quarters
    assert horizon == pytest.approx(encoding.elapsed_quarters(steps))
    messages += decoder.flush()
    assert decoder.flush() == []
    score = encoding.decode(steps)
    assert notes_from_messages(messages, score.ticks_per_quarter) == notes_of(score)


@given(encodings_with_steps(both))
def test_nothing_arrives_behind_the_horizon(drawn):
    encoding, steps = drawn
    decoder = encoding.live_decoder()
    sent = 0.0
    for step in steps:
        safe = decoder.horizon_quarters
        for message in decoder.push(step):
            # Only the end of a note already sounding may lie before the horizon of this step.
            assert message.time_quarters >= sent
            assert message.velocity == 0 or message.time_quarters >= safe
            sent = message.time_quarters


@given(both, rows(), st.lists(st.floats(0, 30), max_size=12), st.sampled_from([96, 480, 1001]))
def test_live_encoder_agrees_with_encode(encoding, notes, pulls, tpq):
    middle = (encoding.lowest_pitch + encoding.highest_pitch) // 2
    notes = [(0, tpq, middle, 64), *notes]  # the piece begins at time 0, as live music does
    score = score_of(notes, ticks_per_quarter=tpq)
    expected = encoding.encode(score).steps
    encoder = encoding.live_encoder()
    messages = messages_of(score)
    collected = []
    for until in sorted(pulls):
        while messages and messages[0].time_quarters < until:
            encoder.push(messages.pop(0))
        collected.append(encoder.pull(until))
    for message in messages:
        encoder.push(message)
    collected.append(encoder.pull(score.end_tick / tpq + 2))
    steps = np.concatenate(collected)
    assert steps.dtype == encoding.dtype
    assert np.array_equal(steps[: len(expected)], expected)
    if encoding.is_binary:
        assert not steps[len(expected) :].any()  # silence, as long as nobody plays
    else:
        assert len(steps) == len(expected)


@given(both, rows())
def test_steps_come_as_early_as_they_are_certain(encoding, notes):
    """Pulling after every message gives the same steps as pulling once."""
    score = score_of(notes)
    often, once = encoding.live_encoder(), encoding.live_encoder()
    collected = []
    for message in messages_of(score):
        collected.append(often.pull(message.time_quarters))
        often.push(message)
        once.push(message)
    end = score.end_tick / 480 + 2
    collected.append(often.pull(end))
    assert np.array_equal(np.concatenate(collected), once.pull(end))


def test_a_note_of_no_length_after_a_long_rest_lasts_from_its_placed_onset():
    encoding = NoteEvents(exact_quarters=1)
    notes = [(0, 480, 60, 64), (480 * 9 + 40, 480 * 9 + 40, 64, 64)]
    expected = encoding.encode(score_of(notes)).steps
    encoder = encoding.live_encoder()
    for message in messages_of(score_of(notes)):
        encoder.push(message)
    # The shift of 109 steps is rounded down to 108, so the note's one step becomes two.
    assert encoding.duration_values[expected[1, 2]] == 2
    assert np.array_equal(encoder.pull(20), expected)


def test_a_held_note_does_not_block_the_events_for_ever():
    encoding = NoteEvents(longest_quarters=8)
    encoder = encoding.live_encoder()
    encoder.push(NoteMessage(0.0, 60, 64))
    encoder.push(NoteMessage(1.0, 64, 64))
    encoder.push(NoteMessage(2.0, 64, 0))
    assert len(encoder.pull(7.9)) == 0
    steps = encoder.pull(8.0)
    assert len(steps) == 2
    assert encoding.duration_values[steps[0, 2]] == 96
    encoder.push(NoteMessage(9.0, 60, 0))
    assert len(encoder.pull(100.0)) == 0


def test_roll_frames_come_while_a_note_is_held():
    encoder = PianoRoll().live_encoder()
    encoder.push(NoteMessage(0.0, 21, 64))
    assert len(encoder.pull(0.1)) == 0  # a note at 0.12 would still belong to the first frame
    steps = encoder.pull(0.63)
    assert [np.flatnonzero(row).tolist() for row in steps] == [[0], [1], [1]]
    assert encoder.pull(0.63).shape == (0, 176)
    encoder.push(NoteMessage(0.5, 22, 64))  # late: it counts for the next frame
    assert np.flatnonzero(encoder.pull(0.9)[0]).tolist() == [1, 2]


@pytest.mark.parametrize("encoding", [PianoRoll(), NoteEvents()])
def test_stray_messages_are_harmless(encoding):
    encoder = encoding.live_encoder()
    encoder.push(NoteMessage(0.0, 60, 0))  # an off without an on
    encoder.push(NoteMessage(0.0, 5, 64))  # out of range
    encoder.push(NoteMessage(0.0, 60, 64))
    encoder.push(NoteMessage(0.5, 60, 0))
    encoder.push(NoteMessage(0.6, 60, 0))
    encoder.push(NoteMessage(1.0, 60, 64))
    encoder.push(NoteMessage(2.0, 60, 0))
    found = notes_of(encoding.decode(encoder.pull(4.0)))
    assert [note[:3] for note in found] == [(0, 240, 60), (480, 960, 60)]


def test_absurd_pulls_and_steps_are_refused():
    with pytest.raises(InputError, match="at most"):
        PianoRoll().live_encoder().pull(1e9)
    with pytest.raises(InputError, match="stay within"):
        NoteEvents().live_decoder().push(NoteEvents().start_step())
    with pytest.raises(InputError, match="shape"):
        PianoRoll().live_decoder().push(np.zeros(88, np.uint8))
