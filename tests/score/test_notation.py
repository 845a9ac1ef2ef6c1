"""Notation by way of music21: its own corpus and small scores made for each rule."""

import sys
import warnings
from fractions import Fraction

import numpy as np
import pytest

from rnnmusic.errors import InputError
from rnnmusic.score import Score
from rnnmusic.score.notation import from_music21


@pytest.fixture(scope="module")
def m21():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns when it is imported the first time
        import music21
    return music21


def tune(m21, text: str):
    """A part in music21's own short notation."""
    return m21.converter.parse(f"tinynotation: {text}")


def quarters(score: Score, *columns: str) -> list[tuple[float, ...]]:
    """Notes' columns, ticks counted in quarters."""
    notes = score.notes(drums=True)
    per_quarter = {"start_tick": score.ticks_per_quarter, "end_tick": score.ticks_per_quarter}
    values = [(notes[c] / per_quarter.get(c, 1)).tolist() for c in columns]
    return list(zip(*values, strict=True))


@pytest.mark.parametrize("number", ["66.6", "269", "227.1", "133.6", "5.7", "8.6"])
def test_chorales_have_music21s_notes_and_bar_lines(m21, number):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        chorale = m21.corpus.parse(f"bach/bwv{number}")
        repeats = chorale.recurse().getElementsByClass("RepeatMark")
        played = chorale.expandRepeats() if repeats else chorale
        score = Score.from_music21(chorale)
    first = played.parts[0].getElementsByClass("Measure")[0]
    metre = first.barDuration.quarterLength
    upbeat = first.duration.quarterLength
    shift = metre - upbeat if upbeat < metre else 0.0

    assert len(score.tracks) == len(played.parts) >= 4
    for track, part in zip(score.tracks, played.parts, strict=True):
        want = sorted(
            ((n.offset + shift) * 480, (n.offset + shift + n.quarterLength) * 480, n.pitch.midi)
            for n in part.stripTies().flatten().notes
        )
        assert score.ticks_per_quarter == 480
        assert track.notes[["start_tick", "end_tick", "pitch"]].tolist() == want
        assert track.name == part.partName

    lines = set((score.bar_starts() / 480).tolist())
    whole = [
        measure.offset + shift
        for measure in played.parts[0].getElementsByClass("Measure")
        if measure.duration.quarterLength == measure.barDuration.quarterLength
    ]
    assert len(whole) >= 8
    assert lines >= set(whole)
    notated = {m.offset + shift for m in played.parts[0].getElementsByClass("Measure")}
    end = played.highestTime + shift
    assert {line for line in lines if 0 < line < end} <= notated


def test_metre_key_tempo_and_names(m21):
    part = tune(m21, "3/4 c4 d e f g a b")
    part.insert(0, m21.key.Key("f#"))
    part = part.makeMeasures()
    part.getElementsByClass("Measure")[0].insert(0, m21.tempo.MetronomeMark(number=90))
    part.insert(6, m21.tempo.MetronomeMark(number=40, referent="half"))
    part.metadata = m21.metadata.Metadata(title="Étude")
    part.partName = "flute"
    score = from_music21(part)
    assert score.keys.tolist() == [(0, 3, True)]
    assert score.metres.tolist() == [(0, 3, 4)]
    assert score.tempos.tolist() == [(0, 666_667), (2880, 750_000)]
    assert (score.name, score.tracks[0].name) == ("Étude", "flute")
    assert from_music21(part, name="mine").name == "mine"


def bars(m21, *lengths: float, metre: str = "4/4"):
    """A part of measures of such lengths, one note each."""
    part = m21.stream.Part()
    for i, length in enumerate(lengths):
        measure = m21.stream.Measure(number=i)
        if not i:
            measure.append(m21.meter.TimeSignature(metre))
        measure.append(m21.note.Note("C4", quarterLength=length))
        part.append(measure)
    return part


@pytest.mark.parametrize(
    ("lengths", "bar_lines", "metres"),
    [
        # An upbeat, and a bar that a repeat sign splits into 3 and 1.
        ((1, 4, 3, 1, 4), [0, 4, 8, 12, 16], [(0, 4, 4)]),
        # A bar cut short: the metre is stated again where the next one starts.
        ((4, 3, 4, 4), [0, 4, 7, 11, 15], [(0, 4, 4), (7, 4, 4)]),
        # A bar too long for its metre gets one of its own.
        ((4, 5, 4, 4), [0, 4, 9, 13, 17], [(0, 4, 4), (4, 5, 4), (9, 4, 4)]),
        ((4, 4.5, 4), [0, 4, 8.5, 12.5], [(0, 4, 4), (4, 9, 8), (8.5, 4, 4)]),
        # A last bar that makes up for the upbeat is nothing special.
        ((1, 4, 3), [0, 4, 8], [(0, 4, 4)]),
    ],
)
def test_bar_lines_stand_where_they_are_notated(m21, lengths, bar_lines, metres):
    score = from_music21(bars(m21, *lengths))
    assert quarters(score, "start_tick")[0] == (4 - lengths[0],)
    end = round((sum(lengths) + 4 - lengths[0]) * 480)
    lines = score.bar_starts(end) / 480
    assert [line for line in lines.tolist() if line <= bar_lines[-1]] == bar_lines
    assert [(tick / 480, n, d) for tick, n, d in score.metres.tolist()] == metres


def test_metres_that_midi_cannot_say_leave_the_one_before(m21):
    part = bars(m21, 4, 4, 4)
    part.getElementsByClass("Measure")[1].timeSignature = m21.meter.TimeSignature("1/6")
    assert from_music21(part).metres.tolist() == [(0, 4, 4)]


def test_ties_chords_graces_and_symbols(m21):
    tied = m21.chord.Chord(["C4", "E4"], quarterLength=2)
    tied.notes[0].tie = m21.tie.Tie("start")
    after = m21.chord.Chord(["C4", "F4"], quarterLength=1)
    after.notes[0].tie = m21.tie.Tie("stop")
    grace = m21.note.Note("B4").getGrace()
    loud = m21.note.Note("C4", quarterLength=1)
    loud.volume.velocity = 101
    part = m21.stream.Part()
    part.append([tied, after, grace, loud])
    part.insert(0, m21.harmony.ChordSymbol("Am7"))
    score = from_music21(part)
    assert quarters(score, "start_tick", "end_tick", "pitch", "velocity") == [
        (0, 3, 60, 64),
        (0, 2, 64, 64),
        (2, 3, 65, 64),
        (3, 4, 60, 101),
    ]


def test_tuplets_are_exact_and_too_many_are_rounded(m21):
    part = m21.stream.Part()
    part.append([m21.note.Note("C4", quarterLength=Fraction(1, 7)) for _ in range(7)])
    score = from_music21(part)
    assert score.ticks_per_quarter == 3360
    assert score.tracks[0].notes["start_tick"].tolist() == list(range(0, 3360, 480))
    part.append([m21.note.Note("C4", quarterLength=Fraction(1, 11)) for _ in range(11)])
    rounded = from_music21(part)
    assert rounded.ticks_per_quarter == 10_080
    starts = rounded.tracks[0].notes["start_tick"]
    exact = [i * 1440 for i in range(7)] + [10_080 + i * 10_080 / 11 for i in range(11)]
    assert np.abs(starts - exact).max() <= 0.5


def test_repeats_are_played_out(m21):
    part = bars(m21, 4, 4, 4)
    measures = part.getElementsByClass("Measure")
    measures[1].leftBarline = m21.bar.Repeat(direction="start")
    measures[1].rightBarline = m21.bar.Repeat(direction="end")
    assert from_music21(part).note_count == 4
    # In one part of two the sign would pull the parts asunder.
    both = m21.stream.Score([part, bars(m21, 4, 4, 4)])
    assert [len(t.notes) for t in from_music21(both).tracks] == [3, 3]


def test_transposing_instruments_programs_and_drums(m21):
    clarinet = m21.stream.Part([m21.instrument.Clarinet()])
    clarinet.append(m21.note.Note("D4"))
    clarinet.atSoundingPitch = False
    kit = m21.stream.Part([m21.instrument.BassDrum()])
    kit.append(m21.note.Unpitched(storedInstrument=m21.instrument.BassDrum()))
    score = from_music21(m21.stream.Score([clarinet, kit]))
    reed, drums = score.tracks
    assert (reed.program, reed.is_drum, reed.notes["pitch"].tolist()) == (71, False, [60])
    assert drums.is_drum
    assert drums.notes["pitch"].tolist() == [m21.instrument.BassDrum().percMapPitch]


def test_a_flat_stream_and_an_empty_one(m21):
    flat = m21.stream.Stream([m21.meter.TimeSignature("3/8"), m21.note.Note("C4")])
    score = from_music21(flat)
    assert score.metres.tolist() == [(0, 3, 8)]
    assert score.note_count == 1
    empty = from_music21(m21.stream.Score())
    assert (empty.note_count, len(empty.metres), len(empty.tempos)) == (0, 0, 0)


def test_without_music21_one_sentence_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "music21", None)
    with pytest.raises(InputError, match=r"pip install rnnmusic\[scores\]"):
        from_music21(object())
