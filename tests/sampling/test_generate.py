from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnmusic.errors import InputError, UsageError
from rnnmusic.sampling.generate import ending_at, generate
from rnnmusic.sampling.guard import LARGEST_CHORD, StallGuard
from rnnmusic.score import CONTROL, METRE, NOTE, TEMPO, Score, Track, table


def waltz() -> Score:
    """Two bars and a beat of 3/4 at 90 quarters a minute, on a harpsichord."""
    notes = table(NOTE, [(480 * q, 480 * q + 480, 60 + q, 80) for q in range(7)])
    return Score(
        tracks=(Track(notes, program=6),),
        tempos=table(TEMPO, [(0, 666_667)]),
        metres=table(METRE, [(0, 3, 4)]),
    )


def quarters(score: Score, column: str) -> np.ndarray:
    return np.asarray(score.notes()[column] / score.ticks_per_quarter)


def test_the_same_arguments_give_the_same_score(generator):
    first = generate(generator, bars=4, seed=2)
    assert first == generate(generator, bars=4, seed=2)
    assert first != generate(generator, bars=4, seed=3)


@pytest.mark.parametrize("bars", [1, 3])
def test_fills_the_bars_and_no_more(generator, bars):
    score = generate(generator, bars=bars, seed=2)
    assert score.note_count > 0
    assert (bars - 1) * 4 <= quarters(score, "start_tick").max() < bars * 4
    assert quarters(score, "end_tick").max() <= bars * 4
    assert len(score.bar_starts(bars * 4 * score.ticks_per_quarter)) == bars + 1


def test_a_prime_is_heard_and_continued(generator):
    prime = waltz()
    score = generate(generator, bars=2, seed=4, prime=prime)
    played = {(float(n["start_tick"]) / score.ticks_per_quarter, n["pitch"]) for n in score.notes()}
    assert played >= {(float(q), 60 + q) for q in range(7)}
    # Its third bar is completed, then come two new ones.
    assert 12 <= quarters(score, "start_tick").max() < 15
    assert quarters(score, "end_tick").max() <= 15
    assert score.metres.tolist() == [(0, 3, 4)]
    assert score.tempos["microseconds_per_quarter"].tolist() == [666_667]
    assert {track.program for track in score.tracks} == {6}
    other = generate(generator, bars=2, seed=4, prime=prime, tempo_bpm=60, program=40)
    assert other.tempos["microseconds_per_quarter"].tolist() == [1_000_000]
    assert {track.program for track in other.tracks} == {40}
    assert np.array_equal(other.notes(), score.notes())


def test_a_prime_without_notes_is_refused(generator):
    with pytest.raises(InputError):
        generate(generator, bars=2, seed=4, prime=Score())


def test_no_bars_are_refused(generator):
    with pytest.raises(UsageError, match="0 bars"):
        generate(generator, bars=0, seed=0)


@given(
    st.lists(st.tuples(st.integers(0, 50), st.integers(1, 50), st.integers(0, 127))),
    st.integers(1, 60),
)
def test_ending_cuts_exactly_what_lies_beyond(spans, end_tick):
    notes = table(NOTE, [(start, start + length, pitch, 1) for start, length, pitch in spans])
    track = Track(notes, controls=table(CONTROL, [(10, 64, 127), (55, 64, 0)]))
    (cut,) = ending_at(Score(tracks=(track,)), end_tick).tracks
    assert [tuple(n) for n in cut.notes] == [
        (start, min(end, end_tick), pitch, velocity)
        for start, end, pitch, velocity in notes.tolist()
        if start < end_tick
    ]
    assert (cut.notes["end_tick"] > cut.notes["start_tick"]).all()
    assert cut.controls["tick"].tolist() == [tick for tick in (10, 55) if tick <= end_tick]
    assert np.array_equal(track.notes, notes)  # the score given is a value


def test_the_guard_allows_chords_and_refuses_standing_still():
    guard = StallGuard()
    for moment in (0.0, 0.5, 1.0):
        for _ in range(LARGEST_CHORD):
            guard.check(moment)
    with pytest.raises(InputError, match="temperature"):
        guard.check(1.0)
