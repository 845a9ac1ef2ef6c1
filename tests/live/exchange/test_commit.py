from __future__ import annotations

import math

import pytest

from rnnmusic.live.exchange.commit import MARGIN_S, CommitWindow
from rnnmusic.live.messages import note_off, note_on
from rnnmusic.live.plan import Plan, Planned
from tests.live.sending.harness import Stage


def test_a_plan_larger_than_the_ring_is_handed_over_whole():
    stage = Stage(tempo_bpm=60)
    pitches = [36 + i % 48 for i in range(1000)]
    messages = [
        message
        for i, pitch in enumerate(pitches)
        for message in (
            Planned(i / 100, note_on(0, pitch, 80)),
            Planned(i / 100 + 0.005, note_off(0, pitch)),
        )
    ]
    stage.window.commit(Plan(99.0, tuple(messages)))
    stage.play(12.0)
    assert [m[1] for m in stage.ports[0].notes[::2]] == pitches
    assert stage.sender.tally.dropped == 0


def test_whoever_is_told_to_stop_does_not_wait_for_room():
    stage = Stage()
    window = CommitWindow(
        stage.board, stage.plans, lambda: None, sleep=lambda _: stage.board.stop()
    )
    window.commit(Plan(9.0, tuple(Planned(0.0, b"\x80\x3c\x00") for _ in range(300))))
    assert stage.board.is_stopping


@pytest.mark.parametrize("lead_s", [0.0, 0.03])
def test_the_boundary_is_as_early_as_lead_and_margin_allow(lead_s):
    stage = Stage(tempo_bpm=60, leads_s=(lead_s,))
    stage.window.commit(Plan(9.0))
    stage.play(1.0)
    at = stage.window.hold(stage.clock.now())
    assert at == pytest.approx(stage.quarters + lead_s + MARGIN_S)
    assert stage.board.hold_quarters == at
    assert stage.window.hold(stage.clock.now(), earliest=5.0) == 5.0
    stage.window.commit(Plan(9.0))
    assert stage.board.hold_quarters == math.inf


def test_the_boundary_follows_the_swing():
    stage = Stage(tempo_bpm=60)
    stage.window.commit(Plan(9.0, clock=(("swing", 0.75),)))
    stage.play_until(stage.clock.now())
    stage.play_until(stage.beat.due_s(1.5))
    assert stage.window.hold(stage.clock.now(), margin_s=0.0) == pytest.approx(1.5)
