"""Sequences laid end to end, and the order of what a chunk of messages keeps."""

from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from rnnmusic.score import METRE, NOTE, Score, Track, table
from rnnmusic.score.assembly import Chunk, end_to_end
from tests.score.strategies import key_tables, tempo_tables

_tick = st.integers(0, 5000)
_metres = st.lists(
    st.tuples(_tick, st.integers(1, 7), st.sampled_from([1, 4, 8, 64])), max_size=3
).map(lambda rows: table(METRE, rows))


@st.composite
def sequences(draw):
    notes = table(NOTE, draw(st.lists(st.tuples(_tick, _tick, st.just(60), st.just(1)))))
    early = draw(tempo_tables)
    return Score(
        tracks=(Track(notes=notes),),
        tempos=early[early["tick"] < 5000],
        metres=draw(_metres),
        keys=draw(key_tables.map(lambda keys: keys[keys["tick"] < 5000])),
        name=draw(st.sampled_from(["", "suite"])),
    )


@given(st.lists(sequences(), min_size=1, max_size=5))
def test_each_sequence_starts_on_the_bar_line_after_all_before(played):
    joined = end_to_end(played)
    assert joined.name == played[0].name
    assert len(joined.tracks) == len(played)
    start, tempos, metres = 0, [], []
    for i, (score, track) in enumerate(zip(played, joined.tracks, strict=True)):
        moved = [(a + start, b + start, *rest) for a, b, *rest in score.tracks[0].notes.tolist()]
        assert track.notes.tolist() == moved
        # A later sequence that says nothing starts at 120 and in 4/4.
        for rows, own, default in (
            (tempos, score.tempos.tolist(), (0, 500_000)),
            (metres, score.metres.tolist(), (0, 4, 4)),
        ):
            if i and (not own or own[0][0] > 0):
                own = [default, *own]
            rows += [(tick + start, *values) for tick, *values in own]
        so_far = end_to_end(played[: i + 1])
        maps = (so_far.tempos, so_far.metres, so_far.keys)
        last = max(so_far.end_tick, *(int(m["tick"].max(initial=0)) for m in maps))
        start = int(so_far.bar_starts(last)[-1])
    assert joined.tempos.tolist() == tempos
    assert joined.metres.tolist() == metres


def test_tiny_bars_and_long_waits_take_no_memory():
    far = 2**40
    tiny = Score(
        tracks=(Track(notes=table(NOTE, [(0, far + 1, 60, 64)])),),
        metres=table(METRE, [(0, 1, 32768)]),
    )
    joined = end_to_end([tiny, tiny, replace(tiny, metres=table(METRE))])
    assert [t.notes["start_tick"].tolist() for t in joined.tracks] == [
        [0],
        [far + 1],
        [2 * far + 2],
    ]


def test_many_sequences_are_joined():
    bar = Score(tracks=(Track(notes=table(NOTE, [(0, 1900, 60, 64)])),))
    joined = end_to_end([bar] * 3000)
    assert [int(t.notes["start_tick"][0]) for t in joined.tracks] == list(range(0, 5_760_000, 1920))
    assert end_to_end([]) == Score()


def test_what_waits_for_a_note_keeps_its_place_in_the_file():
    chunk = Chunk()
    note = (0x90, 60, 64)
    for status, *data in (
        note,
        (0xC0, 5, 0),
        (0xB0, 7, 100),  # waits for program 5 or the next note
        (0xE0, 0, 0),
        (0xC0, 0, 0),
        (0xB0, 7, 50),  # program 0 has played
        (0xE0, 0, 64),
        note,
    ):
        chunk.message(10, status, *data)
    (track,) = chunk.tracks(20, "")
    assert track.controls["value"].tolist() == [100, 50]
    assert track.bends["value"].tolist() == [-8192, 0]
    assert np.array_equal(track.notes["pitch"], [60, 60])
