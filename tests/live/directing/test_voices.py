from __future__ import annotations

import pytest

from rnnmusic.errors import UsageError
from rnnmusic.live.directing.voices import Voice, Voices, parse


@pytest.mark.parametrize(
    ("text", "voice"),
    [
        ("36-59@2:33", Voice(1, 33, 0, 36, 59)),
        ("60-127@1:0", Voice(0, 0, 0, 60, 127)),
        ("38@10", Voice(9, None, 0, 38, 38)),
        ("lowest@2:33/3", Voice(1, 33, 2, rank="lowest")),
        (" all@16 ", Voice(15)),
    ],
)
def test_a_voice_is_read(text, voice):
    assert parse(text) == voice


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("36-59", "Can't read the voice '36-59'; write PITCHES@CHANNEL"),
        ("bass@2", "Can't read the voice"),
        ("36-59@0", "channel 0; a channel is a number from 1 to 16"),
        ("36-59@17", "channel 17"),
        ("36-128@1", "pitch 128; a pitch is a number from 0 to 127"),
        ("60-50@1", "goes from pitch 60 down to 50"),
        ("all@1:128", "program 128"),
        ("all@1/0", "output 0"),
    ],
)
def test_what_is_no_voice_is_refused_in_a_sentence(text, sentence):
    with pytest.raises(UsageError, match=r"^[^\n]+$") as error:
        parse(text)
    assert sentence in str(error.value)


def test_notes_go_to_the_first_voice_that_takes_them():
    voices = Voices([parse("36-59@2"), parse("50-72@3")], 0)
    assert [voices.of(pitch, [pitch]).channel for pitch in (40, 55, 60, 80)] == [1, 1, 2, 0]


def test_ranks_are_those_of_what_sounds():
    voices = Voices([parse("lowest@2"), parse("highest@3")], 0)
    chord = [48, 60, 67]
    assert [voices.of(pitch, chord).channel for pitch in chord] == [1, 0, 2]
    assert voices.of(60, [60]).channel == 1


def test_voices_behind_one_that_takes_all_are_left_out():
    assert len(Voices([parse("all@10"), parse("60@1")], 0).all) == 1
    assert Voices([parse("all@10"), parse("60@1")], 0).only_drums
    assert Voices([parse("36@10")], 9).only_drums
    assert not Voices([parse("36@10")], 0).only_drums
