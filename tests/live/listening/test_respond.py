from __future__ import annotations

import math

import pytest

from rnnmusic.errors import UsageError
from rnnmusic.live.listening.keys import Keys
from rnnmusic.live.listening.respond import PhraseSettings, Respond


class Performer:
    """Plays notes to a mode as they come, a little after they were played."""

    def __init__(self, mode):
        self.mode, self.keys = mode, Keys(0, 127)

    def on(self, time, pitch=60, channel=0):
        self._send(time, (0x90 | channel, pitch, 64))

    def off(self, time, pitch=60):
        self._send(time, (0x80, pitch, 0))

    def notes(self, *spans):
        for start, end in spans:
            self.on(start)
            self.off(end)

    def _send(self, time, message):
        self.mode.hear(self.keys.hear(message, time), time + 0.02, self.keys)


def turns(mode, until=64.0):
    """The stretches that we play."""
    found, at = [], 0.0
    while at < until:
        turn = mode.turn(at)
        assert turn.until_quarters > at
        if turn.plays:
            found.append((at, turn.until_quarters))
        at = turn.until_quarters
    return found


@pytest.mark.parametrize("bars", [1, 2, 3, 5])
def test_an_answer_has_as_many_bars_as_the_phrase(bars):
    mode = Respond(PhraseSettings(), 4.0)
    end = 4.0 * bars
    Performer(mode).notes(*((t / 2, t / 2 + 0.45) for t in range(int(2 * end))))
    assert turns(mode) == [(end + 4.0, 2 * end + 4.0)]


def test_nothing_is_answered_before_something_is_played():
    assert turns(Respond(PhraseSettings(), 4.0)) == []


def test_hands_may_be_a_little_early_and_late():
    mode = Respond(PhraseSettings(), 4.0)
    Performer(mode).notes((3.9, 5.0), (7.0, 8.1))
    assert turns(mode) == [(12.0, 16.0)]


def test_answers_may_begin_and_last_by_beats():
    mode = Respond(PhraseSettings(unit="beat", silence_quarters=1.0), 4.0)
    Performer(mode).notes((1.0, 1.5), (2.0, 3.4))
    assert turns(mode) == [(5.0, 8.0)]


def test_the_length_of_answers_can_be_given():
    mode = Respond(PhraseSettings(answer_bars=3), 4.0)
    Performer(mode).notes((0.0, 1.0))
    assert turns(mode) == [(4.0, 16.0)]


def test_a_held_key_keeps_a_phrase_open():
    mode = Respond(PhraseSettings(), 4.0)
    performer = Performer(mode)
    performer.on(0.0)
    assert turns(mode) == []
    performer.off(9.0)
    assert turns(mode) == [(12.0, 24.0)]


def test_playing_on_before_the_answer_begins_takes_it_back():
    mode = Respond(PhraseSettings(), 4.0)
    performer = Performer(mode)
    performer.notes((0.0, 1.0))
    assert turns(mode) == [(4.0, 8.0)]
    performer.notes((3.5, 4.5))
    assert turns(mode) == [(8.0, 16.0)]


def test_playing_into_an_answer_stops_it_at_the_next_beat_and_begins_a_phrase():
    mode = Respond(PhraseSettings(), 4.0)
    performer = Performer(mode)
    performer.notes((0.0, 3.9))
    assert turns(mode) == [(8.0, 12.0)]
    performer.on(9.3)
    assert turns(mode) == [(8.0, 10.0)]
    performer.off(11.9)
    assert turns(mode) == [(8.0, 10.0), (16.0, 20.0)]


def test_an_answer_may_go_on_whatever_is_played_into_it():
    mode = Respond(PhraseSettings(when_interrupted="continue"), 4.0)
    performer = Performer(mode)
    performer.notes((0.0, 3.9), (9.0, 10.0))
    assert turns(mode) == [(8.0, 12.0)]
    performer.notes((12.5, 13.0))
    assert [turn for turn in turns(mode) if turn[0] > 12.0] == [(16.0, 20.0)]


def test_letting_go_of_a_key_is_no_interruption():
    mode = Respond(PhraseSettings(phrase_bars=1), 4.0)
    performer = Performer(mode)
    performer.on(0.0)
    performer.off(5.0)
    assert turns(mode) == [(4.0, 8.0)]


def test_phrases_by_bars_are_answered_at_the_bar_line():
    mode = Respond(PhraseSettings(phrase_bars=2), 3.0)
    performer = Performer(mode)
    performer.notes((2.9, 4.0), (5.0, 6.0), (8.0, 8.5))
    assert turns(mode) == [(9.0, 15.0)]
    performer.on(16.0)
    assert [turn for turn in turns(mode) if turn[0] > 15.0] == [(21.0, 27.0)]


def test_an_answer_never_begins_before_what_can_still_be_changed():
    mode, keys = Respond(PhraseSettings(), 4.0), Keys(0, 127)
    for time, message in ((0.0, (0x90, 60, 64)), (1.0, (0x80, 60, 0))):
        mode.hear(keys.hear(message, time), 9.0, keys)
    assert turns(mode) == [(12.0, 16.0)]


def test_an_answer_doesnt_begin_before_the_one_that_was_interrupted_is_over():
    mode = Respond(PhraseSettings(silence_quarters=0.1, unit="beat"), 3.5)
    performer = Performer(mode)
    performer.notes((0.0, 3.0))
    assert turns(mode) == [(4.0, 7.0)]
    performer.notes((4.0, 4.1), (4.2, 4.3))
    assert turns(mode) == [(4.0, 5.0), (5.0, 6.0)]


def test_drums_make_phrases():
    mode = Respond(PhraseSettings(), 4.0)
    Performer(mode).on(1.0, 38, channel=9)
    assert turns(mode) == [(4.0, 8.0)]


def test_a_jump_of_the_clock_moves_what_is_to_come():
    mode = Respond(PhraseSettings(), 4.0)
    Performer(mode).notes((0.0, 1.0))
    mode.move(8.0)
    assert turns(mode) == [(12.0, 16.0)]


@pytest.mark.parametrize(
    "wrong",
    [
        {"silence_quarters": 0.0},
        {"silence_quarters": math.nan},
        {"phrase_bars": 0},
        {"answer_bars": 65},
        {"unit": "second"},
        {"when_interrupted": "shout"},
    ],
)
def test_settings_that_make_no_sense_are_refused(wrong):
    with pytest.raises(UsageError, match=r"[.]$"):
        PhraseSettings(**wrong)
