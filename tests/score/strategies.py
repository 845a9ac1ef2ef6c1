"""Hypothesis strategies for Scores: everything that a MIDI file can say, odd corners included."""

import numpy as np
from hypothesis import strategies as st

from rnnmusic.score import BEND, CONTROL, KEY, METRE, NOTE, TEMPO, Score, Track, sort_notes, table

ticks = st.integers(0, 3000) | st.integers(0, 10_000_000)
names = st.text(st.characters(exclude_categories=("Cs",)), max_size=12)


@st.composite
def note_tables(draw, max_size=20, pitches=None, min_length=0):
    """NOTE tables in canonical order; few pitches, so that notes of one pitch often overlap."""
    pitches = pitches or (st.integers(58, 62) | st.integers(0, 127))
    rows = draw(
        st.lists(
            st.tuples(ticks, st.integers(min_length, 2000), pitches, st.integers(1, 127)),
            max_size=max_size,
        )
    )
    return sort_notes(table(NOTE, [(s, s + length, p, v) for s, length, p, v in rows]))


def _tables(dtype, *columns, max_size=6):
    rows = st.lists(st.tuples(ticks, *columns), max_size=max_size)
    return rows.map(lambda rows: table(dtype, rows))


control_tables = _tables(CONTROL, st.sampled_from([64, 64, 1, 7, 11, 67, 123]), st.integers(0, 127))
bend_tables = _tables(BEND, st.integers(-8192, 8191))
tempo_tables = _tables(TEMPO, st.integers(60_000, 6_000_000) | st.integers(1, 0xFFFFFF))
metre_tables = _tables(
    METRE, st.integers(1, 255), st.integers(0, 6).map(lambda power: 2**power), max_size=4
)
key_tables = _tables(KEY, st.integers(-7, 7), st.booleans(), max_size=4)


@st.composite
def tracks(draw, notes=None):
    """Tracks, drums now and then, possibly without notes or without any event."""
    return Track(
        notes=draw(note_tables() if notes is None else notes),
        program=draw(st.integers(0, 127)),
        is_drum=draw(st.sampled_from([False, False, False, True])),
        name=draw(names),
        controls=draw(control_tables),
        bends=draw(bend_tables),
    )


@st.composite
def scores(draw, max_tracks=4, notes=None):
    """Scores of any resolution with tempo, metre and key maps that may start late or repeat."""
    return Score(
        ticks_per_quarter=draw(st.sampled_from([1, 24, 96, 220, 480, 960, 32767])),
        tracks=tuple(draw(st.lists(tracks(notes), max_size=max_tracks))),
        tempos=draw(tempo_tables),
        metres=draw(metre_tables),
        keys=draw(key_tables),
        name=draw(names),
    )


def merged_by_tick(tables, dtype):
    """Event tables concatenated and sorted by tick, in order within a tick."""
    events = np.concatenate([np.empty(0, dtype=dtype), *tables])
    return events[np.argsort(events["tick"], kind="stable")]
