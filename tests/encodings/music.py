"""Random music for the tests of encodings: scores, steps and streams of messages."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import pairwise
from unittest.mock import patch

import numpy as np
from hypothesis import strategies as st

from rnnmusic.encodings import (
    Encoding,
    NoteEvents,
    NoteMessage,
    PianoRoll,
    grid,
    pianoroll,
)
from rnnmusic.encodings import events as note_events
from rnnmusic.score import METRE, NOTE, Score, Track, sort_notes, table

Row = tuple[int, int, int, int]  # start, end, pitch, velocity


KERNELS = ((grid, "SURVEY"), (pianoroll, "DRAW"), (note_events, "PLACE"))


@contextmanager
def kernels_with(patience: int) -> Iterator[None]:
    """Encode as plain Python until so much work is done, then compiled."""
    with ExitStack() as stack:
        for module, name in KERNELS:
            kernel = getattr(module, name).with_patience(patience)
            stack.enter_context(patch.object(module, name, kernel))
        yield


def score_of(rows: list[Row], *, ticks_per_quarter: int = 480, metres=(), parts: int = 1) -> Score:
    """A score of the notes, dealt out to `parts` tracks."""
    tracks = [
        Track(notes=sort_notes(np.array(rows[i::parts], dtype=NOTE)), program=i)
        for i in range(parts)
    ]
    return Score(
        ticks_per_quarter=ticks_per_quarter, tracks=tuple(tracks), metres=table(METRE, metres)
    )


def notes_of(score: Score) -> list[Row]:
    return score.notes().tolist()


@st.composite
def rows(draw, *, longest=2000, latest=8000, pitches=(55, 60)) -> list[Row]:
    """Notes crowded on few pitches, so that they overlap and repeat."""
    note = st.tuples(
        st.integers(0, latest),
        st.integers(0, longest),
        st.integers(*pitches),
        st.integers(1, 127),
    )
    drawn = draw(st.lists(note, min_size=1, max_size=30))
    return [(start, start + length, pitch, velocity) for start, length, pitch, velocity in drawn]


metre = st.tuples(st.sampled_from([1, 2, 3, 4, 5, 6, 7, 9, 12]), st.sampled_from([2, 4, 8, 16]))


@st.composite
def metres(draw) -> list[tuple[int, int, int]]:
    """Metre changes, some of them in mid-bar."""
    ticks = draw(st.lists(st.integers(0, 9000), max_size=4, unique=True))
    return [(tick, *draw(metre)) for tick in sorted(ticks)]


grids = st.sampled_from([1, 2, 3, 4, 6, 7, 12, 24])


def rolls() -> st.SearchStrategy[PianoRoll]:
    return st.builds(
        PianoRoll,
        steps_per_quarter=grids,
        lowest_pitch=st.sampled_from([0, 50, 55]),
        highest_pitch=st.sampled_from([60, 62, 127]),
        articulation=st.booleans(),
        metrical=st.booleans(),
    )


def events() -> st.SearchStrategy[NoteEvents]:
    return st.builds(
        NoteEvents,
        steps_per_quarter=grids,
        lowest_pitch=st.sampled_from([0, 50, 55]),
        highest_pitch=st.sampled_from([60, 62, 127]),
        velocity_bins=st.sampled_from([1, 16, 32, 127]),
        exact_quarters=st.sampled_from([1, 3, 4]),
        longest_quarters=st.sampled_from([4, 10, 64]),
    )


@st.composite
def steps_for(draw, encoding: Encoding) -> np.ndarray:
    """Any legal array for the encoding, dense on a few pitches so that notes meet."""
    count = draw(st.integers(0, 40))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    if isinstance(encoding, PianoRoll):
        steps = np.zeros((count, encoding.width), dtype=np.uint8)
        used = min(encoding.width, 8)
        density = draw(st.sampled_from([0.1, 0.5, 0.9]))
        steps[:, :used] = rng.random((count, used)) < density
        return steps
    sizes = np.minimum(encoding.sizes, draw(st.sampled_from([3, 10, 1000])))
    ids = rng.integers(0, sizes, size=(count, len(sizes)))
    ids[rng.random(count) < 0.4, 0] = 0  # chords
    return ids.astype(encoding.dtype)


@st.composite
def encodings_with_steps(draw, kinds) -> tuple[Encoding, np.ndarray]:
    encoding = draw(kinds)
    return encoding, draw(steps_for(encoding))


def messages_of(score: Score) -> list[NoteMessage]:
    """The score as a performer would play it: in time order, an off before an on at one time."""
    tpq = score.ticks_per_quarter
    stream = []
    for start, end, pitch, velocity in notes_of(score):
        stream.append((start, 1, NoteMessage(start / tpq, pitch, velocity)))
        # A note of no length still ends after it began.
        stream.append((end, 0 if end > start else 2, NoteMessage(end / tpq, pitch, 0)))
    stream.sort(key=lambda entry: entry[:2])
    return [message for _, _, message in stream]


def notes_from_messages(messages: list[NoteMessage], ticks_per_quarter: int) -> list[Row]:
    """Pair ons and offs into notes, checking that the stream is legal and in time order."""
    began: dict[int, tuple[float, int]] = {}
    found = []
    for before, after in pairwise(messages):
        assert before.time_quarters <= after.time_quarters
    for time, pitch, velocity in messages:
        tick = round(time * ticks_per_quarter)
        if velocity:
            assert pitch not in began, "struck while sounding"
            began[pitch] = (tick, velocity)
        else:
            start, loudness = began.pop(pitch)
            assert tick > start
            found.append((start, tick, pitch, loudness))
    assert not began, "a note never ends"
    return sorted(found, key=lambda row: (row[0], row[2]))
