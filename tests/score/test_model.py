"""Score itself: time, bars, pedals, transposition, and what it refuses."""

from dataclasses import replace
from fractions import Fraction

import mido
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnmusic.errors import InputError
from rnnmusic.score import CONTROL, KEY, METRE, NOTE, TEMPO, Score, Track, sort_notes, table
from tests.score.strategies import metre_tables, note_tables, scores, ticks


def played_seconds(score: Score, tick: int) -> float:
    """Seconds at a tick by mido's arithmetic, tempo by tempo."""
    elapsed, before, tempo = 0.0, 0, 500_000
    for at, after in score.tempos.tolist():
        if at > tick:
            break
        elapsed += mido.tick2second(at - before, score.ticks_per_quarter, tempo)
        before, tempo = at, after
    return elapsed + mido.tick2second(tick - before, score.ticks_per_quarter, tempo)


@given(scores(max_tracks=0), ticks)
def test_seconds_are_midos(score, tick):
    assert score.seconds(tick) == pytest.approx(played_seconds(score, tick), rel=1e-12, abs=1e-9)


@given(scores(max_tracks=0), st.lists(ticks, max_size=10))
def test_ticks_invert_seconds(score, at):
    assert score.ticks(score.seconds(at)).tolist() == at


@given(
    st.dictionaries(st.integers(0, 2**58), st.integers(1, 0xFFFFFF), max_size=4),
    st.lists(st.integers(0, 2**58), min_size=1, max_size=4),
    st.sampled_from([1, 480, 32767]),
)
def test_seconds_of_any_tick_are_right(tempos, at, resolution):
    score = Score(ticks_per_quarter=resolution, tempos=table(TEMPO, tempos.items()))
    changes = [(0, 500_000), *sorted(tempos.items())]
    for tick, seconds in zip(at, score.seconds(at).tolist(), strict=True):
        ends = [min(tick, change) for change, _ in changes[1:]] + [tick]
        spent = sum(
            (end - min(tick, begin)) * tempo
            for (begin, tempo), end in zip(changes, ends, strict=True)
        )
        assert seconds == pytest.approx(float(Fraction(spent, resolution * 10**6)), rel=1e-15)
    assert score.seconds(at[0]) == score.seconds(at)[0]
    assert score.ticks(score.seconds(at)) == pytest.approx(at, rel=1e-9, abs=1)


def test_the_last_tempo_of_a_tick_counts():
    tempos = table(TEMPO, [(0, 1_000_000), (0, 250_000), (480, 9), (480, 2_000_000)])
    assert Score(tempos=tempos).seconds([0, 480, 960]).tolist() == [0.0, 0.25, 2.25]


def test_duration_and_shapes():
    score = Score(tracks=(Track(notes=table(NOTE, [(0, 960, 60, 64)])),))
    assert score.duration_s == 1.0
    assert score.seconds(np.zeros((2, 3))).shape == (2, 3)
    assert score.seconds(480).shape == ()
    assert Score().duration_s == 0.0


@given(metre_tables, st.integers(0, 50_000), st.sampled_from([1, 24, 480]))
def test_bar_starts_are_those_of_a_naive_loop(metres, until, resolution):
    metres = metres.copy()
    metres["tick"] %= 50_000
    metres = metres[np.argsort(metres["tick"], kind="stable")]
    changes = {tick: (n, d) for tick, n, d in metres.tolist()}  # the last of a tick counts
    lines, at, (numerator, denominator) = [], 0, changes.get(0, (4, 4))
    while not lines or lines[-1] < until:
        lines.append(at)
        bar = max(1, resolution * 4 * numerator // denominator)
        cut = [tick for tick in sorted(changes) if at < tick <= at + bar]
        at = cut[0] if cut else at + bar
        numerator, denominator = changes.get(at, (numerator, denominator))
    score = Score(ticks_per_quarter=resolution, metres=metres)
    assert score.bar_starts(until).tolist() == lines
    assert score.next_bar(until) == lines[-1]


def test_more_bars_than_memory_holds_are_refused():
    tiny, far = (0, 1, 32768), 2**40
    with pytest.raises(InputError, match="10000000 bars"):
        Score(metres=table(METRE, [tiny])).bar_starts(far)
    late = Score(metres=table(METRE, [(0, 3, 4), (5000, 1, 32768), (far, 4, 4)]))
    assert late.bar_starts(1441).tolist() == [0, 1440, 2880]
    assert late.next_bar(far - 7) == far - 7


def test_bars_reach_the_end_of_the_music():
    score = Score(tracks=(Track(notes=table(NOTE, [(0, 2000, 60, 64)])),))
    assert score.bar_starts().tolist() == [0, 1920, 3840]


@given(scores(), st.integers(-12, 12))
def test_transposing_moves_pitched_notes_only_and_back(score, semitones):
    notes = [n for t in score.tracks if not t.is_drum for n in t.notes["pitch"].tolist()]
    if any(not 0 <= pitch + semitones <= 127 for pitch in notes):
        with pytest.raises(InputError, match="use a smaller interval"):
            score.transposed(semitones)
        return
    moved = score.transposed(semitones)
    for before, after in zip(score.tracks, moved.tracks, strict=True):
        shift = 0 if before.is_drum else semitones
        assert after.notes["pitch"].tolist() == [p + shift for p in before.notes["pitch"].tolist()]
    assert moved.transposed(-semitones) == score


@given(note_tables(max_size=30), st.randoms(use_true_random=False))
def test_sorted_notes_are_in_the_canonical_order(notes, random):
    shuffled = notes[random.sample(range(len(notes)), len(notes))]
    by_hand = sorted(notes.tolist(), key=lambda n: (n[0], n[2], n[1], n[3]))
    assert sort_notes(shuffled).tolist() == by_hand


def test_pedal_spans():
    values = [(0, 0), (10, 64), (15, 127), (20, 63), (20, 64), (30, 0), (40, 100)]
    controls = table(CONTROL, [(tick, 64, value) for tick, value in values] + [(5, 1, 127)])
    track = Track(notes=table(NOTE, [(0, 90, 60, 1)]), controls=controls)
    assert track.pedal.tolist() == [(10, 20), (20, 30), (40, 90)]
    assert Track().pedal.tolist() == []


def test_notes_of_all_tracks_in_order():
    high, low = table(NOTE, [(0, 9, 72, 1), (9, 10, 72, 1)]), table(NOTE, [(0, 9, 48, 1)])
    score = Score(tracks=(Track(notes=high), Track(notes=low), Track(notes=low, is_drum=True)))
    assert score.notes()["pitch"].tolist() == [48, 72, 72]
    assert score.notes(drums=True)["pitch"].tolist() == [48, 48, 72, 72]
    assert score.note_count == 4
    assert Score().notes().dtype == NOTE


@given(scores())
def test_equality_is_by_value(score):
    copy = replace(
        score, tempos=score.tempos.copy(), tracks=tuple(replace(t) for t in score.tracks)
    )
    assert copy == score
    assert replace(score, name=score.name + "x") != score
    assert replace(score, tracks=(*score.tracks, Track())) != score
    assert score != "a score"
    assert Track() != "a track"


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"ticks_per_quarter": 0}, "MIDI allows 1 to 32767"),
        ({"ticks_per_quarter": 32768}, "MIDI allows 1 to 32767"),
        ({"tempos": table(TEMPO, [(0, 0)])}, "time stands still"),
        ({"metres": table(METRE, [(0, 0, 4)])}, "a 0 in it"),
        ({"metres": table(METRE, [(0, 4, 0)])}, "a 0 in it"),
        ({"keys": table(KEY, [(0, 1, False), (5, 2, False)])[::-1]}, "keys out of order"),
    ],
)
def test_scores_without_meaning_are_refused(fields, complaint):
    with pytest.raises(InputError, match=complaint):
        Score(**fields)
