from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnmusic.corpus.facts import Facts, facts, tempo_of
from rnnmusic.score import NOTE, TEMPO, Score, Track, table


def score(end_tick: int, tempos: list[tuple[int, int]]) -> Score:
    notes = table(NOTE, [(0, end_tick, 60, 64)])
    return Score(tracks=(Track(notes=notes),), tempos=table(TEMPO, tempos))


@given(
    st.integers(1, 2000),
    st.lists(st.tuples(st.integers(0, 2500), st.integers(1, 10**6)), max_size=8),
)
def test_the_tempo_is_the_median_over_time(end: int, tempos: list[tuple[int, int]]) -> None:
    piece = score(end, tempos)
    median = tempo_of(piece)
    # The oracle asks the tempo map for the time that each tick takes.
    pace = [float(piece.seconds(tick + 1) - piece.seconds(tick)) * 480 for tick in range(end)]
    slower = math.fsum(p for p in pace if 60 / p < median * (1 - 1e-6))
    faster = math.fsum(p for p in pace if 60 / p > median * (1 + 1e-6))
    half = math.fsum(pace) / 2 * (1 + 1e-6)
    assert slower <= half
    assert faster <= half
    assert any(60 / p == pytest.approx(median, rel=1e-4) for p in pace)


def test_a_score_that_names_no_tempo_has_the_standards() -> None:
    assert tempo_of(score(480, [])) == 120
    assert tempo_of(Score()) == 120


def test_tempos_that_nothing_is_played_at() -> None:
    assert tempo_of(score(480, [(0, 600_000), (960, 100_000)])) == pytest.approx(100)
    assert tempo_of(Score(tempos=table(TEMPO, [(0, 600_000), (0, 300_000)]))) > 0


def test_a_ritardando_moves_nothing() -> None:
    slowing = [(0, 500_000), *((4000 + 20 * i, 500_000 + 20_000 * i) for i in range(40))]
    assert tempo_of(score(4800, slowing)) == 120


def test_facts_are_both() -> None:
    assert facts(score(480, [(0, 600_000)])).tempo_bpm == pytest.approx(100)
    assert facts(Score()).key == Facts().key == -1
    assert math.isnan(Facts().tempo_bpm)
