"""Keys and chords as performers write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnmusic.errors import UsageError
from rnnmusic.sampling.scales import (
    SCALES,
    Harmony,
    parse_chord,
    parse_key,
    parse_pitch,
)

TONICS = {"C": 0, "C#": 1, "Db": 1, "D": 2, "Eb": 3, "E": 4, "F": 5, "F#": 6, "Gb": 6, "G": 7}
TONICS |= {"Ab": 8, "A": 9, "Bb": 10, "B": 11, "Cb": 11, "E#": 5, "F##": 7, "Bbb": 9}


def classes(harmony: Harmony | None) -> list[int]:
    """The pitch classes open in the top octaves, where no bass note stands alone."""
    assert harmony is not None
    return sorted({pitch % 12 for pitch in range(60, 128) if harmony.allowed[pitch]})


@pytest.mark.parametrize(
    ("text", "name", "wanted"),
    [
        ("C", "C major", [0, 2, 4, 5, 7, 9, 11]),
        ("c", "C major", [0, 2, 4, 5, 7, 9, 11]),
        ("CM", "C major", [0, 2, 4, 5, 7, 9, 11]),
        ("Am", "A minor", [0, 2, 4, 5, 7, 9, 11]),
        ("F# minor", "F# minor", [1, 2, 4, 6, 8, 9, 11]),
        ("F♯ min", "F# minor", [1, 2, 4, 6, 8, 9, 11]),
        ("Bb major", "Bb major", [0, 2, 3, 5, 7, 9, 10]),
        ("bb minor", "Bb minor", [0, 1, 3, 5, 6, 8, 10]),
        ("D dorian", "D dorian", [0, 2, 4, 5, 7, 9, 11]),
        ("  D   Dorian ", "D dorian", [0, 2, 4, 5, 7, 9, 11]),
        ("A minor pentatonic", "A minor pentatonic", [0, 2, 4, 7, 9]),
        ("pentatonic A", "A major pentatonic", [1, 4, 6, 9, 11]),
        ("E blues", "E blues", [2, 4, 7, 9, 10, 11]),
        ("whole tone C", "C whole tone", [0, 2, 4, 6, 8, 10]),
        ("bebop D", "D bebop", [0, 1, 2, 4, 6, 7, 9, 11]),
        ("chromatic", "chromatic", list(range(12))),
        ("C octatonic", "C octatonic", [0, 2, 3, 5, 6, 8, 9, 11]),
        ("c Eb f g bb", "C Eb F G Bb", [0, 3, 5, 7, 10]),
    ],
)
def test_keys(text: str, name: str, wanted: list[int]) -> None:
    harmony = parse_key(text)
    assert harmony.name == name
    assert classes(harmony) == wanted


@given(st.sampled_from(sorted(TONICS)), st.sampled_from(sorted(SCALES)))
def test_a_scale_on_any_tonic_is_its_intervals_from_there(tonic: str, scale: str) -> None:
    wanted = sorted({(TONICS[tonic] + interval) % 12 for interval in SCALES[scale]})
    for text in (f"{tonic} {scale}", f"{scale} {tonic}"):
        harmony = parse_key(text)
        assert classes(harmony) == wanted
        assert parse_key(harmony.name) == harmony


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("C", [0, 4, 7]),
        ("Am7", [0, 4, 7, 9]),
        ("Bdim", [2, 5, 11]),
        ("Bdim7", [2, 5, 8, 11]),
        ("Fmaj9", [0, 4, 5, 7, 9]),
        ("FM9", [0, 4, 5, 7, 9]),
        ("Gsus4", [0, 2, 7]),
        ("G7sus", [0, 2, 5, 7]),
        ("Dm7b5", [0, 2, 5, 8]),
        ("Dø", [0, 2, 5, 8]),
        ("Bbmaj7#11", [2, 4, 5, 9, 10]),
        ("C6", [0, 4, 7, 9]),
        ("C6/9", [0, 2, 4, 7, 9]),
        ("CmM7", [0, 3, 7, 11]),
        ("Cm(maj7)", [0, 3, 7, 11]),
        ("CΔ", [0, 4, 7, 11]),
        ("C7(b9)", [0, 1, 4, 7, 10]),
        ("C7#9", [0, 3, 4, 7, 10]),
        ("C7b9#9", [0, 1, 3, 4, 7, 10]),
        ("C13b9", [0, 1, 4, 7, 9, 10]),
        ("C7+", [0, 4, 8, 10]),
        ("C9sus4", [0, 2, 5, 7, 10]),
        ("Cadd11", [0, 4, 5, 7]),
        ("C13", [0, 2, 4, 7, 9, 10]),
        ("C7alt", [0, 1, 3, 4, 8, 10]),
        ("C+", [0, 4, 8]),
        ("C5", [0, 7]),
        ("C-7", [0, 3, 7, 10]),
        ("Cadd9", [0, 2, 4, 7]),
        ("C7no5", [0, 4, 10]),
        ("C E G", [0, 4, 7]),
        ("C/Bb", [0, 4, 7, 10]),
        ("c/e", [0, 4, 7]),
    ],
)
def test_chords(text: str, wanted: list[int]) -> None:
    assert classes(parse_chord(text)) == wanted


def test_a_slash_chord_leaves_only_its_bass_open_below_c3() -> None:
    chord = parse_chord("C/E")
    assert chord is not None
    assert [p for p in range(36, 60) if chord.allowed[p]] == [40, 48, 52, 55]


@pytest.mark.parametrize("text", ["60 64 67", "C4 E4 G4", "c4, e4, g4"])
def test_pitches_are_exactly_those(text: str) -> None:
    chord = parse_chord(text)
    assert chord is not None
    assert [pitch for pitch in range(128) if chord.allowed[pitch]] == [60, 64, 67]


def test_no_chord_is_none() -> None:
    assert parse_chord("N.C.") is None
    assert parse_chord("nc") is None


NAMES = ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")


@given(st.integers(0, 127))
def test_a_pitch_is_its_number_or_its_name(pitch: int) -> None:
    name = f"{NAMES[pitch % 12]}{pitch // 12 - 1}"
    assert parse_pitch(str(pitch)) == parse_pitch(name) == pitch


@pytest.mark.parametrize("text", ["H#", "", "   ", "C foo", "Am7x", "mixolydian", "12", "Q dorian"])
def test_what_is_no_key_is_refused_in_a_sentence(text: str) -> None:
    with pytest.raises(UsageError, match=r"^Asked for .*; .*\.$"):
        parse_key(text)


@pytest.mark.parametrize(
    "text", ["H#", "", "Cfoo", "60 64 128", "C4 E4 G12", "C/H", "-3", "C add3"]
)
def test_what_is_no_chord_is_refused_in_a_sentence(text: str) -> None:
    with pytest.raises(UsageError, match=r"^Asked for .*; .*\.$"):
        parse_chord(text)


@given(st.text(max_size=12) | st.text(alphabet="ABCGabdgjm#b+-/0123456789 sudi", max_size=12))
def test_no_text_does_worse_than_be_refused(text: str) -> None:
    for parse in (parse_key, parse_chord):
        try:
            harmony = parse(text)
        except UsageError:
            continue
        assert harmony is None or any(harmony.allowed)


def test_a_key_with_an_unknown_scale_names_those_there_are() -> None:
    with pytest.raises(UsageError, match="hirajoshi"):
        parse_key("C nonsense")
