"""mido and pretty_midi as oracles: they read our files as we do, and we read theirs."""

import io
from collections import Counter
from dataclasses import replace

import mido
import numpy as np
import pretty_midi
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from rnnmusic import midi
from rnnmusic.errors import InputError
from rnnmusic.score import BEND, CONTROL, KEY, METRE, NOTE, TEMPO, Score, Track, sort_notes, table
from tests.score.strategies import scores

# pretty_midi keeps a table of every tick's time, so its music stays short here.
_tick = st.integers(0, 20_000)


@st.composite
def separate_notes(draw):
    """NOTE tables in which no two notes of a pitch touch: all readers agree on these."""
    ends = Counter()
    rows = []
    for gap, length, pitch, velocity in draw(
        st.lists(
            st.tuples(
                st.integers(1, 500), st.integers(1, 900), st.integers(0, 127), st.integers(1, 127)
            ),
            max_size=15,
        )
    ):
        start = ends[pitch] + gap
        ends[pitch] = start + length
        rows.append((start, start + length, pitch, velocity))
    return sort_notes(table(NOTE, rows))


@st.composite
def modest_scores(draw):
    """Scores that pretty_midi can hold: a tempo per tick at most, at tick 0 first."""
    tempos = {0: draw(st.integers(100_000, 3_000_000))}
    tempos |= draw(st.dictionaries(_tick, st.integers(100_000, 3_000_000), max_size=4))
    # A tempo stated again is one pretty_midi skips.
    steps = sorted(tempos.items())
    changes = [step for i, step in enumerate(steps) if not i or step[1] != steps[i - 1][1]]
    tracks = [
        Track(
            notes=draw(separate_notes().filter(len)),
            program=draw(st.integers(0, 127)),
            is_drum=draw(st.booleans()),
            name=draw(st.text("abc é", max_size=4)),
            controls=table(
                CONTROL,
                draw(st.lists(st.tuples(_tick, st.just(64), st.integers(0, 127)), max_size=4)),
            ),
            bends=table(
                BEND, draw(st.lists(st.tuples(_tick, st.integers(-8192, 8191)), max_size=4))
            ),
        )
        for _ in range(draw(st.integers(1, 3)))
    ]
    metres = draw(
        st.lists(
            st.tuples(_tick, st.integers(1, 32), st.sampled_from([1, 2, 4, 8, 16])), max_size=3
        )
    )
    keys = draw(st.lists(st.tuples(_tick, st.integers(-5, 6), st.booleans()), max_size=3))
    return Score(
        ticks_per_quarter=draw(st.sampled_from([24, 220, 480, 960])),
        tracks=tuple(tracks),
        tempos=table(TEMPO, changes),
        metres=table(METRE, metres),
        keys=table(KEY, keys),
    )


def saved(file: mido.MidiFile) -> bytes:
    buffer = io.BytesIO()
    file.save(file=buffer)
    return buffer.getvalue()


@given(scores())
def test_mido_reads_the_messages_we_write(score):
    ours = mido.MidiFile(file=io.BytesIO(midi.dumps(score)), charset="utf-8")
    theirs = score.to_mido()
    assert ours.ticks_per_beat == theirs.ticks_per_beat
    assert [absolute(t) for t in ours.tracks] == [absolute(t) for t in theirs.tracks]


def absolute(track: mido.MidiTrack) -> list[tuple[int, str]]:
    """Each message with its tick."""
    tick, rows = 0, []
    for message in track:
        tick += message.time
        rows.append((tick, str(message.copy(time=0))))
    return rows


@given(scores())
def test_what_mido_saves_and_holds_is_read_the_same(score):
    file = score.to_mido()
    expected = midi.read(midi.dumps(score))
    assert midi.read(saved(file)) == expected
    assert Score.from_mido(file) == expected
    reread = mido.MidiFile(file=io.BytesIO(saved(file)))  # as Latin-1, mido's habit
    assert Score.from_mido(reread) == expected


@given(modest_scores())
def test_mido_agrees_on_every_note_and_its_seconds(score):
    # Two drum tracks share a channel, where mido's merged stream can't tell them apart.
    assume(sum(track.is_drum for track in score.tracks) <= 1)
    file = mido.MidiFile(file=io.BytesIO(midi.dumps(score)))
    playing, notes, now = {}, [], 0.0
    for message in file:  # merged and timed in seconds by mido
        now += message.time
        if message.type == "note_on":
            playing.setdefault((message.channel, message.note), []).append((now, message.velocity))
        elif message.type == "note_off":
            start, velocity = playing[message.channel, message.note].pop(0)
            notes.append((start, now, message.note, velocity))
    ours = score.notes(drums=True)
    expected = zip(
        score.seconds(ours["start_tick"]),
        score.seconds(ours["end_tick"]),
        ours["pitch"].tolist(),
        ours["velocity"].tolist(),
        strict=True,
    )
    for got, want in zip(
        sorted(notes, key=lambda n: (n[2], n[0], n[3], n[1])),
        sorted(expected, key=lambda n: (n[2], n[0], n[3], n[1])),
        strict=True,
    ):
        assert got == pytest.approx(want, abs=1e-9)


@given(modest_scores())
def test_pretty_midi_agrees_on_every_note_and_its_seconds(score):
    theirs = pretty_midi.PrettyMIDI(io.BytesIO(midi.dumps(score)))
    for track, part in zip(score.tracks, theirs.instruments, strict=True):
        assert (part.program, part.is_drum) == (track.program, track.is_drum)
        got = sorted((n.pitch, n.start, n.end, n.velocity) for n in part.notes)
        want = sorted(
            zip(
                track.notes["pitch"].tolist(),
                score.seconds(track.notes["start_tick"]).tolist(),
                score.seconds(track.notes["end_tick"]).tolist(),
                track.notes["velocity"].tolist(),
                strict=True,
            )
        )
        assert [n[0::3] for n in got] == [n[0::3] for n in want]
        assert np.allclose([n[1:3] for n in got], [n[1:3] for n in want], rtol=0, atol=1e-9)
    for tick in (0, 1, 999, score.end_tick):
        assert theirs.tick_to_time(tick) == pytest.approx(float(score.seconds(tick)), abs=1e-9)


@given(modest_scores())
def test_pretty_midi_round_trip_keeps_everything(score):
    assert Score.from_pretty_midi(score.to_pretty_midi()) == score


@given(modest_scores())
def test_what_pretty_midi_writes_is_read_the_same(score):
    buffer = io.BytesIO()
    # pretty_midi fills in a 4/4 of its own where no metre stands at the start.
    score = replace(score, metres=table(METRE, [(0, 3, 4)]))
    score.to_pretty_midi().write(buffer)
    read = midi.read(buffer.getvalue())
    # It rounds its own tempos down when it writes, and orders the events of one tick in its way.
    assert read.tempos["tick"].tolist() == score.tempos["tick"].tolist()
    written, held = (s.tempos["microseconds_per_quarter"] for s in (read, score))
    assert np.all((held - written >= 0) & (held - written <= 1))
    assert read.metres.tolist() == score.metres.tolist()
    assert sorted(read.keys.tolist()) == sorted(score.keys.tolist())
    for got, want in zip(read.tracks, score.tracks, strict=True):
        assert (got.program, got.is_drum, got.name) == (want.program, want.is_drum, want.name)
        assert np.array_equal(got.notes, want.notes)
        assert sorted(got.controls.tolist()) == sorted(want.controls.tolist())
        assert sorted(got.bends.tolist()) == sorted(want.bends.tolist())


def test_a_pretty_midi_made_by_hand():
    theirs = pretty_midi.PrettyMIDI(resolution=480, initial_tempo=100)
    part = pretty_midi.Instrument(33, name="bass")
    part.notes = [pretty_midi.Note(90, 40, 0.6, 1.2), pretty_midi.Note(80, 36, 0.0, 0.6)]
    part.control_changes = [pretty_midi.ControlChange(64, 127, 0.3)]
    theirs.instruments.append(part)
    theirs.key_signature_changes.append(pretty_midi.KeySignature(13, 0.0))  # C sharp minor
    score = Score.from_pretty_midi(theirs, name="etude")
    assert score.name == "etude"
    assert score.tempos.tolist() == [(0, 600_000)]
    assert score.keys.tolist() == [(0, 4, True)]
    assert score.tracks[0].notes.tolist() == [(0, 480, 36, 80), (480, 960, 40, 90)]
    assert score.tracks[0].pedal.tolist() == [(240, 960)]


def test_objects_without_meaning_are_refused():
    file = mido.MidiFile()
    file.tracks.append(mido.MidiTrack([mido.MetaMessage("set_tempo", tempo=0)]))
    with pytest.raises(InputError, match="tempo at tick 0 is 0"):
        Score.from_mido(file)
    theirs = pretty_midi.PrettyMIDI(initial_tempo=1.0)
    with pytest.raises(InputError, match="tempo of 60000000"):
        Score.from_pretty_midi(theirs)


def test_mido_sequences_are_laid_end_to_end():
    score = Score(tracks=(Track(notes=table(NOTE, [(0, 480, 60, 64)])),))
    file = score.to_mido()
    sequences = mido.MidiFile(type=2, ticks_per_beat=480)
    sequences.tracks += [file.tracks[1], file.tracks[1]]
    joined = Score.from_mido(sequences)
    assert [t.notes["start_tick"].tolist() for t in joined.tracks] == [[0], [1920]]
    assert Score.from_mido(mido.MidiFile()) == Score()
