from __future__ import annotations

from rnnmusic.encodings.protocol import NoteMessage
from rnnmusic.live.listening.harmonise import Harmonise
from rnnmusic.live.listening.keys import Keys

ANSWERS = {60: (52, 55, 60), 64: (55, 57), 67: (48, 52, 55)}


def answer(forced, at_quarters):
    return ANSWERS[forced[-1]]


class Duo:
    def __init__(self, voices=3):
        self.mode, self.keys = Harmonise(voices), Keys(0, 127)

    def play(self, time, *message):
        return self.mode.reply(self.keys.hear(message, time), time + 0.1, answer)


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
