from __future__ import annotations

from rnnmusic.encodings.protocol import NoteMessage
from rnnmusic.live.listening.harmonise import Harmonise
from rnnmusic.live.listening.keys import Keys
from rnnmusic.live.listening.modes import Partner

ANSWERS = {60: (52, 55, 60), 64: (55, 57), 67: (48, 52, 55)}


def answer(forced, at_quarters):
    return ANSWERS[forced[-1]]


class Duo:
    def __init__(self, voices=3, polyphony=None):
        self.polyphony = polyphony
        self.mode, self.keys = Harmonise(voices), Keys(0, 127)

    def play(self, time, *message):
        touch = self.keys.hear(message, time)
        self.mode.hear(touch, time + 0.1, self.keys)
        return self.mode.reply(touch, time + 0.1, Partner(answer, self.polyphony))


def test_a_note_is_answered_at_once_and_as_long_as_it_lasts():
    duo = Duo()
    assert duo.play(1.0, 0x90, 60, 90) == [NoteMessage(1.1, 55, 90), NoteMessage(1.1, 52, 90)]
    assert duo.play(2.0, 0x80, 60, 0) == [NoteMessage(2.1, 55, 0), NoteMessage(2.1, 52, 0)]


def test_the_pedal_holds_the_answer_too():
    duo = Duo()
    duo.play(0.0, 0xB0, 64, 127)
    duo.play(1.0, 0x90, 60, 90)
    assert duo.play(2.0, 0x80, 60, 0) == []
    assert len(duo.play(3.0, 0xB0, 64, 0)) == 2


def test_a_voice_of_two_notes_ends_with_the_last():
    duo = Duo()
    duo.play(1.0, 0x90, 60, 90)
    assert [note.pitch for note in duo.play(1.5, 0x90, 64, 90)] == [57]
    assert [note.pitch for note in duo.play(2.0, 0x80, 60, 0)] == [52]
    assert [note.pitch for note in duo.play(2.5, 0x80, 64, 0)] == [55, 57]


def test_voices_are_limited_and_the_nearest_come_first():
    duo = Duo(voices=2)
    assert [note.pitch for note in duo.play(1.0, 0x90, 67, 90)] == [55, 52]
    assert duo.play(1.5, 0x90, 60, 90) == []


def test_a_polyphony_cap_holds_for_all_voices_together():
    duo = Duo(polyphony=2)
    duo.play(1.0, 0x90, 67, 90)
    assert duo.play(1.5, 0x90, 60, 90) == []


def test_what_is_held_is_not_doubled():
    duo = Duo()
    duo.keys.hear((0x90, 55, 90), 1.0)
    assert [note.pitch for note in duo.play(1.5, 0x90, 60, 90)] == [52]


def test_where_the_model_would_add_nothing_now_the_next_beat_is_asked():
    asked = []

    def answer_on_beats(forced, at_quarters):
        asked.append(at_quarters)
        return () if at_quarters % 1 else (52,)

    mode, keys = Harmonise(3), Keys(0, 127)
    replies = mode.reply(keys.hear((0x90, 60, 90), 1.3), 1.4, Partner(answer_on_beats))
    assert asked == [1.4, 2.0]
    assert replies == [NoteMessage(1.4, 52, 90)]


def test_a_note_struck_again_is_answered_anew():
    duo = Duo()
    duo.play(1.0, 0x90, 60, 90)
    again = duo.play(2.0, 0x90, 60, 80)
    assert [(note.pitch, note.velocity) for note in again] == [(55, 0), (52, 0), (55, 80), (52, 80)]


def test_leaving_ends_every_voice():
    duo = Duo()
    duo.play(1.0, 0x90, 60, 90)
    assert {note.pitch for note in duo.mode.leave(3.0)} == {52, 55}
    assert duo.mode.leave(3.0) == []


def test_it_never_plays_of_its_own():
    assert not Harmonise(3).turn(5.0).plays
