"""What a file keeps: everything, per format, through our writer and reader."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnmusic import midi
from rnnmusic.errors import InputError
from rnnmusic.score import BEND, CONTROL, KEY, METRE, NOTE, TEMPO, Score, Track, table
from rnnmusic.score.messages import as_heard
from tests.score.strategies import merged_by_tick, note_tables, scores


def heard(track: Track) -> Track:
    return replace(track, notes=as_heard(track.notes))


def has_events(track: Track) -> bool:
    return bool(len(track.notes) or len(track.controls) or len(track.bends))


@given(scores())
def test_format_1_keeps_a_score_but_for_tracks_without_events(score):
    expected = replace(score, tracks=tuple(heard(t) for t in score.tracks if has_events(t)))
    assert midi.read(midi.dumps(score)) == expected


@given(scores(max_tracks=8), st.sampled_from([0, 2]))
def test_one_chunk_formats_lose_track_names_and_gather_drums(score, file_format):
    one_kit = [replace(t, program=7) if t.is_drum else t for t in score.tracks]
    score = replace(score, tracks=tuple(one_kit))
    kit = [t for t in score.tracks if t.is_drum]
    drums = Track(
        notes=as_heard(np.concatenate([np.empty(0, dtype=NOTE), *(t.notes for t in kit)])),
        program=7,
        is_drum=True,
        controls=merged_by_tick([t.controls for t in kit], CONTROL),
        bends=merged_by_tick([t.bends for t in kit], BEND),
    )
    # Tracks come back by channel; the eight at most stay below the drums', which is the tenth.
    tracks = [*(heard(t) for t in score.tracks if not t.is_drum), drums]
    # The one chunk's name is the score's; a sequence of format 2 hands it to its tracks too.
    name = score.name if file_format == 2 else ""
    expected = tuple(replace(t, name=name) for t in tracks if has_events(t))
    assert midi.read(midi.dumps(score, format=file_format)) == replace(score, tracks=expected)


@given(note_tables(max_size=12))
def test_nested_notes_keep_starts_velocities_and_ends(notes):
    (track,) = midi.read(midi.dumps(Score(tracks=(Track(notes=notes, program=1),)))).tracks or (
        Track(program=1),
    )
    for columns in (["pitch", "start_tick", "velocity"], ["pitch", "end_tick"]):
        before, after = sorted(notes[columns].tolist()), sorted(track.notes[columns].tolist())
        assert before == after
    again = midi.read(midi.dumps(Score(tracks=(track,))))
    assert [t.notes.tolist() for t in again.tracks if len(t.notes)] == (
        [track.notes.tolist()] if len(notes) else []
    )


def test_notes_that_follow_or_overlap_in_order_are_kept_one_by_one():
    notes = table(
        NOTE, [(0, 10, 60, 1), (5, 20, 60, 2), (20, 20, 60, 3), (20, 30, 60, 4), (30, 31, 60, 5)]
    )
    assert np.array_equal(as_heard(notes), notes)
    (track,) = midi.read(midi.dumps(Score(tracks=(Track(notes=notes),)))).tracks
    assert np.array_equal(track.notes, notes)


def test_events_of_one_tick_keep_their_order():
    pedal = table(CONTROL, [(5, 64, value) for value in (127, 0, 127, 1, 90, 0)])
    tempos = table(TEMPO, [(5, tempo) for tempo in (500_001, 499_999, 16_777_215, 1)])
    metres = table(METRE, [(5, 3, 4), (5, 7, 8), (5, 1, 32768)])
    keys = table(KEY, [(5, -7, True), (5, 7, False)])
    tracks = (Track(controls=pedal, name="pedals only"),)
    score = Score(tracks=tracks, tempos=tempos, metres=metres, keys=keys)
    assert midi.read(midi.dumps(score)) == score


def test_forty_tracks_share_channels_but_come_back_apart():
    tracks = tuple(
        Track(notes=table(NOTE, [(i, 100 + i, 60, 64)]), program=i % 3, name=f"part {i}")
        for i in range(40)
    )
    assert midi.read(midi.dumps(Score(tracks=tracks))).tracks == tracks
    with pytest.raises(InputError, match="40 pitched tracks but one chunk holds 15"):
        midi.dumps(Score(tracks=tracks), format=0)


def test_times_beyond_32_bits_are_kept():
    notes = table(NOTE, [(0, 2**33, 60, 64), (2**31 - 1, 2**31, 61, 64), (2**40, 2**40 + 1, 62, 1)])
    score = Score(tracks=(Track(notes=notes),), tempos=table(TEMPO, [(2**35, 400_000)]))
    # 2**40 ticks are 4096 of the longest waits that a file can say.
    assert midi.read(midi.dumps(score)) == score


@pytest.mark.parametrize(
    ("score", "complaint"),
    [
        (Score(tracks=(Track(notes=table(NOTE, [(0, 1, 60, 0)])),)), "velocity of 0"),
        (Score(tracks=(Track(notes=table(NOTE, [(0, 1, 128, 1)])),)), "pitch above 127"),
        (Score(tracks=(Track(notes=table(NOTE, [(5, 4, 60, 1)])),)), "ends before it starts"),
        (Score(tracks=(Track(notes=table(NOTE, [(-1, 4, 60, 1)])),)), "before tick 0"),
        (Score(tracks=(Track(program=128),)), "program 128"),
        (Score(tracks=(Track(controls=table(CONTROL, [(0, 64, 200)])),)), "controller number"),
        (Score(tracks=(Track(bends=table(BEND, [(0, 9000)])),)), "pitch bend"),
        (Score(tempos=table(TEMPO, [(0, 2**24)])), "slower than 3.58"),
        (Score(metres=table(METRE, [(0, 4, 6)])), "metre 4/6"),
        (Score(keys=table(KEY, [(0, 8, False)])), "more than 7"),
        (Score(keys=table(KEY, [(-3, 1, False)])), "before tick 0"),
    ],
)
@pytest.mark.parametrize("file_format", [0, 1])
def test_what_midi_cannot_say_is_refused(score, complaint, file_format):
    with pytest.raises(InputError, match=complaint):
        midi.dumps(score, format=file_format)


def test_drums_of_two_programs_need_format_1():
    kits = tuple(Track(notes=table(NOTE, [(0, 9, 36, 9)]), is_drum=True, program=p) for p in (0, 8))
    assert midi.read(midi.dumps(Score(tracks=kits))).tracks == kits
    with pytest.raises(InputError, match="several programs"):
        midi.dumps(Score(tracks=kits), format=0)


def test_other_formats_are_refused():
    with pytest.raises(InputError, match="format 3"):
        midi.dumps(Score(), format=3)
