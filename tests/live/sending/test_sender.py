from __future__ import annotations

import math
from collections import Counter
from operator import attrgetter

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from rnnmusic.live.exchange.commit import MARGIN_S
from rnnmusic.live.exchange.wire import HeardMessage, Moved, Transport
from rnnmusic.live.messages import (
    CONTINUE,
    START,
    STOP,
    TICK,
    control_change,
    is_note_on,
    note_off,
    note_on,
    panic,
    program_change,
)
from rnnmusic.live.plan import Plan, Planned
from rnnmusic.live.sending.sender import SenderSettings
from tests.live.sending.harness import Stage

ON, OFF = note_on(0, 60, 80), note_off(0, 60)


def note(start: float, end: float, pitch: int = 60, port: int = 0) -> list[Planned]:
    return [
        Planned(start, note_on(0, pitch, 80), port=port),
        Planned(end, note_off(0, pitch), port=port),
    ]


def test_messages_leave_when_they_are_due():
    stage = Stage(tempo_bpm=120)
    stage.window.commit(Plan(8.0, (*note(0, 1), *note(1, 1.5, 62))))
    stage.play(0.0)
    start_s = stage.beat.due_s(0.0)
    assert stage.ports[0].began == (start_s, 120)
    stage.play(3.0)
    assert [(when - start_s, message) for when, _, message in stage.ports[0].sent] == [
        (0.0, ON),
        (0.5, OFF),
        (0.5, note_on(0, 62, 80)),
        (pytest.approx(0.75), note_off(0, 62)),
    ]
    assert stage.sender.tally.result()["lateness_max_us"] == pytest.approx(0, abs=1e-3)


def test_nothing_is_played_before_anything_is_settled():
    stage = Stage()
    stage.play(10.0)
    assert stage.ports[0].sent == []
    assert not stage.beat.is_running
    stage.window.commit(Plan(0.0))
    stage.play(10.0)
    assert not stage.beat.is_running


def test_a_port_with_a_lead_is_handed_messages_early_with_their_due_time():
    stage = Stage(leads_s=(0.0, 0.02))
    assert stage.board.lead_s == 0.02
    stage.window.commit(Plan(8.0, (*note(1, 2), *note(1, 2, port=1))))
    stage.play(3.0)
    at_s = stage.beat.due_s(1.0)
    (when, due, _), (early, its_due, _) = (port.sent[0] for port in stage.ports)
    assert (when, due) == (at_s, at_s)
    assert (early, its_due) == (pytest.approx(at_s - 0.02), pytest.approx(at_s))


def test_tempo_and_swing_move_what_is_planned_already():
    stage = Stage(tempo_bpm=60)
    stage.window.commit(Plan(9.0, (*note(1, 1.5), *note(2.5, 3))))
    stage.play(0.05)  # the first beat
    stage.window.commit(Plan(9.0, clock=(("tempo", 120.0), ("swing", 0.6))))
    start_s = stage.clock.now()
    stage.play(4.0)
    times_s = [when - start_s for when, _, _ in stage.ports[0].sent]
    assert times_s == pytest.approx([0.5, 0.8, 1.3, 1.5])


def test_humanised_notes_are_put_off():
    stage = Stage(tempo_bpm=60)
    stage.window.commit(Plan(9.0, (Planned(1.0, ON, 0.03), Planned(2.0, OFF, 0.03))))
    stage.play(4.0)
    start_s = stage.beat.due_s(0.0)
    times_s = [when - start_s for when, _, _ in stage.ports[0].sent]
    assert times_s == pytest.approx([1.03, 2.03])


def test_a_late_note_is_left_out_and_its_end_becomes_nothing():
    stage = Stage(tempo_bpm=60)
    stage.window.commit(Plan(9.0, tuple(note(0, 4, 72))))
    stage.play(2.0)
    now = stage.quarters
    late = note(now - 0.021, now + 1, 60) + note(now - 0.019, now + 1, 61)
    stage.window.commit(Plan(9.0, tuple(late)))
    stage.play(5.0)
    assert [m[1] for m in stage.ports[0].notes] == [72, 61, 61, 72]
    assert stage.sender.tally.dropped == 1
    assert [planned for _, planned, _ in stage.minutes.dropped_] == [late[0]]


def test_ends_are_never_left_out():
    stage = Stage(tempo_bpm=60)
    stage.window.commit(Plan(9.0, tuple(note(0, 9)[:1])))
    stage.play(2.0)
    stage.window.commit(Plan(9.0, (Planned(0.5, OFF),)))
    stage.play(0.001)
    assert stage.ports[0].messages == [ON, OFF]


def test_when_the_sampler_falls_behind_there_is_silence_until_it_is_back():
    stage = Stage(tempo_bpm=60)
    stage.window.commit(Plan(1.0, tuple(note(0.5, 3)[:1])))
    stage.play_until(stage.beat.due_s(0.0) if stage.beat.is_running else stage.clock.now())
    stage.play(0.05 + 1.0 + 0.24)
    assert stage.ports[0].synthesiser.down
    stage.play(0.02)
    assert not stage.ports[0].synthesiser.down
    stage.play(3.0)
    assert [report["kind"] for report in stage.reports] == ["stalled"]
    now = stage.quarters
    stage.window.commit(Plan(now + 4, (Planned(3.0, OFF), *note(now + 1, now + 2))))
    stage.play(3.0)
    assert [report["kind"] for report in stage.reports] == ["stalled", "caught up"]
    # Time hasn't shifted, and the end of the note that was silenced cuts nothing short.
    whens = [when for when, _, message in stage.ports[0].sent if message == ON]
    assert whens == pytest.approx([stage.beat.due_s(0.5), stage.beat.due_s(now + 1)])
    assert stage.ports[0].messages == [ON, OFF, ON, OFF]
    assert stage.sender.tally.stalls == 1


def test_the_end_closes_everything():
    stage = Stage(tempo_bpm=60)
    stage.window.commit(Plan(math.inf, (Planned(0.0, ON), Planned(9.0, OFF))))
    stage.window.end(2.0)
    stage.play(60.0)
    assert stage.sender.is_over
    stage.sender.close()
    assert stage.ports[0].messages == [ON, OFF, *panic(0)]
    assert stage.minutes.ended == 2.0
    assert stage.reports == []


def test_a_held_future_waits_and_is_replaced():
    stage = Stage(tempo_bpm=60)
    stage.window.commit(Plan(9.0, (*note(1, 3, 60), *note(1.6, 3, 61))))
    stage.play(1.5)
    at = stage.window.hold(stage.clock.now())
    assert at == pytest.approx(stage.quarters + MARGIN_S)
    stage.play(0.2)  # a slow sampler: 61 is due meanwhile, and held
    assert stage.ports[0].notes == [ON]
    new = (Planned(at + 0.3, note_on(0, 65, 80)), Planned(4.0, OFF))
    stage.window.commit(Plan(9.0, new, retract_quarters=at))
    stage.play(4.0)
    assert stage.ports[0].notes == [ON, note_on(0, 65, 80), OFF]


def test_the_boundary_lies_behind_all_that_may_have_been_sent():
    stage = Stage(leads_s=(0.5,), tempo_bpm=60)
    stage.window.commit(Plan(9.0, tuple(note(1.0, 9))))
    stage.play(0.05 + 0.5 + 0.5 + 0.1)  # handed over at 0.5
    at = stage.window.hold(stage.clock.now() - 0.3)
    assert at == math.nextafter(1.0, 2)
    stage.window.commit(Plan(9.0, retract_quarters=at))


def test_what_is_heard_goes_to_the_sampler_and_through():
    stage = Stage(SenderSettings(thru=0), tempo_bpm=60)
    stage.window.commit(Plan(9.0))
    stage.play(1.05)
    stage.sender.heard(ON, stage.clock.now() - 0.25, 3)
    stage.sender.heard(b"\xfe", stage.clock.now(), 3)  # active sensing: not music
    assert stage.answers() == [HeardMessage(pytest.approx(0.75), ON, 3)]
    assert stage.ports[0].messages == [ON]
    assert stage.minutes.heard_ == [(pytest.approx(0.75), ON)]
    stage.sender.close()
    assert stage.ports[0].messages == [ON, OFF, *panic(0)]


def test_an_output_can_double_the_first():
    stage = Stage(SenderSettings(doubles=(2,)), leads_s=(0.0, 0.0, 0.1), tempo_bpm=60)
    stage.window.commit(Plan(9.0, tuple(note(0.5, 3)) + tuple(note(1, 2, port=1, pitch=72))))
    stage.play(2.0)
    at = stage.window.hold(stage.clock.now())
    stage.window.commit(Plan(9.0, retract_quarters=at))
    stage.play(0.3)
    stage.sender.close()
    first, second, third = (port.notes for port in stage.ports)
    assert first == third == [ON, OFF]
    assert second != first
    assert stage.sender.tally.notes == 2
    assert {planned.port for _, planned in stage.minutes.sent_} == {0, 1}


def test_notes_before_the_music_begins_are_no_part_of_it():
    stage = Stage(SenderSettings(thru=0), tempo_bpm=60)
    for message in (ON, OFF, control_change(0, 1, 9)):
        stage.sender.heard(message, stage.clock.now(), 0)
    heard = [record.message for record in stage.answers()]
    assert heard == [OFF, control_change(0, 1, 9)]
    assert stage.ports[0].messages[0] == ON  # passed on all the same


def test_pedals_held_through_are_lifted_when_playing_stops():
    stage = Stage(SenderSettings(thru=0))
    stage.sender.heard(control_change(5, 64, 127), stage.clock.now(), 0)
    stage.sender.close()
    assert stage.ports[0].messages[1:] == panic(5)


def test_a_full_ring_to_the_sampler_is_counted_and_loses_no_thru():
    stage = Stage(SenderSettings(thru=0))
    stage.window.commit(Plan(9.0))
    stage.play(1.0)
    for i in range(300):
        stage.sender.heard((ON, OFF)[i % 2], stage.clock.now(), 0)
    assert stage.sender.tally.unheard == 300 - 256
    assert len(stage.ports[0].messages) == 300


@pytest.mark.parametrize("fails_at_once", [True, False])
def test_a_vanished_port_is_dropped_and_silenced_when_it_returns(fails_at_once):
    stage = Stage(leads_s=(0.0, 0.0), tempo_bpm=60)
    stage.window.commit(Plan(99.0, (Planned(0.0, program_change(0, 7)),)))
    both = [m for port in (0, 1) for q in range(8) for m in note(q, q + 0.9, port=port)]
    stage.window.commit(Plan(99.0, tuple(both)))
    stage.play(1.3)
    stage.ports[0].unplug()
    stage.play(0.2 if not fails_at_once else 1.0)
    lost = {"kind": "port", "port": 0, "is_alive": False}
    assert [{**report, "text": ""} for report in stage.reports] == [{**lost, "text": ""}]
    assert (0, 0, 60) not in stage.sender.sounding
    stage.play(2.0)
    stage.ports[0].plug()
    stage.play(5.0)
    assert [report["is_alive"] for report in stage.reports] == [False, True]
    messages = stage.ports[0].messages
    after = messages[messages.index(b"") + 1 :]
    assert after[:4] == [*panic(0), program_change(0, 7)]
    assert after[4] == ON
    assert stage.ports[1].notes == [ON, OFF] * 8  # the other played on


def test_the_end_of_a_note_begun_while_the_port_was_away_cuts_nothing_short():
    stage = Stage(tempo_bpm=60)
    stage.window.commit(Plan(99.0, (*note(0, 1), *note(2, 5), *note(4, 6))))
    stage.play(1.5)
    stage.ports[0].unplug()
    stage.play(1.5)
    stage.ports[0].plug()
    stage.play_until(stage.beat.due_s(5.5))
    assert stage.ports[0].synthesiser.down == {(0, 60)}  # the note from 4 to 6
    stage.play(1.0)
    assert not stage.ports[0].synthesiser.down


def follow_ticks(stage: Stage, count: int, tick_s: float = 60 / 24 / 120) -> None:
    for _ in range(count):
        stage.sender.heard(bytes((TICK,)), stage.clock.now(), 0)
        stage.play(tick_s)


def following() -> Stage:
    return Stage(SenderSettings(sync_input=0, clock_out=(1,)), follows=True, leads_s=(0.0, 0.0))


def test_another_machine_starts_stops_and_continues_us():
    stage = following()
    stage.window.commit(Plan(99.0, tuple(m for q in range(40) for m in note(q, q + 0.5))))
    stage.play(5.0)
    assert not stage.ports[0].sent
    follow_ticks(stage, 24)  # ticks alone start nothing
    assert not stage.ports[0].sent
    stage.sender.heard(bytes((START,)), stage.clock.now(), 0)
    follow_ticks(stage, 24 * 2 + 6)
    assert stage.ports[0].notes == [ON, OFF, ON, OFF, ON]
    stage.sender.heard(bytes((STOP,)), stage.clock.now(), 0)
    assert stage.ports[0].notes[-1] == OFF  # at once
    stage.play(60.0)
    assert len(stage.ports[0].notes) == 6
    assert stage.sender.tally.stalls == 0
    stage.sender.heard(bytes((CONTINUE,)), stage.clock.now(), 0)
    follow_ticks(stage, 30)
    assert stage.ports[0].notes[6:] == [ON, OFF]
    names = [r.name for r in stage.answers() if isinstance(r, Transport)]
    assert names == ["start", "stop", "continue"]
    out = [m[0] for m in stage.ports[1].messages if m[0] >= 0xF8 and m[0] != TICK]
    assert out[:3] == [START, STOP, CONTINUE]


def test_after_a_jump_nothing_plays_until_the_sampler_has_answered():
    stage = following()
    stage.window.commit(Plan(99.0, tuple(m for q in range(40) for m in note(q, q + 0.5))))
    stage.play(0.1)
    stage.sender.heard(bytes((START,)), stage.clock.now(), 0)
    follow_ticks(stage, 24 + 8)
    assert stage.ports[0].notes == [ON, OFF, ON]
    stage.answers()
    stage.sender.heard(bytes((STOP,)), stage.clock.now(), 0)
    stage.sender.heard(bytes((START,)), stage.clock.now(), 0)
    follow_ticks(stage, 5)
    moved = next(r for r in stage.answers() if isinstance(r, Moved))
    assert (moved.to_quarters, stage.quarters > 4) == (4.0, True)
    assert stage.board.sent_quarters < moved.at_quarters < 4.0
    assert stage.ports[0].notes == [ON, OFF, ON, OFF]
    # From there on it is played anew.
    stage.window.commit(
        Plan(99.0, tuple(note(4.5, 4.7, 72)), retract_quarters=moved.at_quarters),
        answers=moved,
    )
    follow_ticks(stage, 24)
    assert [m[1] for m in stage.ports[0].notes[4:]] == [72, 72]


def test_ticks_that_fail_to_come_silence_us_and_are_reported():
    stage = following()
    stage.window.commit(Plan(99.0, tuple(note(0, 50))))
    stage.sender.heard(bytes((START,)), stage.clock.now(), 0)
    follow_ticks(stage, 24)
    assert stage.ports[0].synthesiser.down
    stage.play(1.0)
    assert not stage.ports[0].synthesiser.down
    assert [report["kind"] for report in stage.reports] == ["clock"]


def test_midi_clock_goes_out_24_to_the_quarter_with_a_start():
    stage = Stage(SenderSettings(clock_out=(0,)), tempo_bpm=60, start_quarters=-4.0)
    stage.window.commit(Plan(99.0))
    stage.play(0.05 + 4.0 + 2.0)
    ticks = [due for _, due, message in stage.ports[0].sent if message == bytes((TICK,))]
    start_s = stage.beat.due_s(-4.0)
    assert ticks == pytest.approx([start_s + i / 24 for i in range(24 * 6 + 1)], abs=1e-9)
    (start,) = [due for _, due, m in stage.ports[0].sent if m == bytes((START,))]
    assert start_s + 4.0 - 1 / 24 < start < start_s + 4.0
    stage.sender.close()
    assert stage.ports[0].messages[-1] == bytes((STOP,))


class SenderMachine(RuleBasedStateMachine):
    """A sampler that plans, changes its mind, dawdles; ports that come and go; tempo that moves.

    `score` is what the sampler has planned and not taken back. Whatever happens, each message of
    it is played or left out exactly once, in order, and nothing else is.
    """

    PITCHES = (60, 61)

    @initialize(leads_s=st.sampled_from([(0.0, 0.0), (0.0, 0.03), (0.05, 0.01)]))
    def start(self, leads_s):
        self.stage = Stage(leads_s=leads_s, tempo_bpm=90)
        self.score: list[Planned] = []  # in order of time, also beyond what has been handed over
        self.ready = 0.0
        self.over = False

    def teardown(self):
        stage = getattr(self, "stage", None)
        if stage is None:
            return
        for port in stage.ports:
            if not port.is_alive:
                port.plug()
        stage.play(0.2)
        at = stage.window.hold(stage.clock.now())
        self.change(at, max(at, self.ready), [])
        end = max((p.time_quarters for p in self.score), default=at)
        end = max(end, self.ready, at) + 1.0  # also those that humanising has put off
        self.hand_over(end)
        stage.window.end(end)
        stage.play(300.0)
        assert stage.sender.is_over
        assert stage.sender.sounding == []
        stage.sender.close()
        for port in stage.ports:
            assert not port.synthesiser.down
        self.compare(lambda planned: True)

    # The sampler.

    def hand_over(self, ready: float, retract: float | None = None) -> None:
        start = self.ready if retract is None else min(retract, self.ready)
        messages = tuple(p for p in self.score if start <= p.time_quarters < ready)
        self.ready = ready
        self.stage.window.commit(Plan(ready, messages, retract))

    def change(self, at: float, ready: float, notes: list[tuple[Planned, Planned]]) -> None:
        """From `at` on the score has these notes only, and what sounds there ends there."""
        old = [p for p in self.score if p.time_quarters < at]
        ends = Counter((p.port, p.message[1], p.delay_s) for p in old if not is_note_on(p.message))
        begun = Counter((p.port, p.message[1], p.delay_s) for p in old if is_note_on(p.message))
        cut = [
            Planned(at, note_off(0, pitch), delay_s, port)
            for port, pitch, delay_s in (begun - ends).elements()
        ]
        new = [message for pair in notes for message in pair]
        self.score = old + sorted(cut + new, key=attrgetter("time_quarters"))
        self.hand_over(ready, retract=at)

    def notes_from(self, data, at: float, until: float) -> list[tuple[Planned, Planned]]:
        notes = []
        for _ in range(data.draw(st.integers(0, 4))):
            start = at + data.draw(st.floats(0, 1, exclude_max=True)) * (until - at)
            length = data.draw(st.sampled_from([0.0, 0.1, 0.5, 3.0]))
            pitch, port = data.draw(st.sampled_from(self.PITCHES)), data.draw(st.integers(0, 1))
            delay_s = data.draw(st.sampled_from([0.0, 0.0, 0.03]))
            notes.append(
                (
                    Planned(start, note_on(0, pitch, 80), delay_s, port),
                    Planned(start + length, note_off(0, pitch), delay_s, port),
                )
            )
        return notes

    @rule(data=st.data(), quarters=st.sampled_from([0.1, 0.5, 1.0]))
    def extend(self, data, quarters):
        until = self.ready + quarters
        for pair in self.notes_from(data, self.ready, until):
            self.score += pair
        self.score.sort(key=attrgetter("time_quarters"))
        self.hand_over(until)

    @rule(data=st.data(), dawdle_s=st.sampled_from([0.0, 0.001, 0.01, 0.4]))
    def revise(self, data, dawdle_s):
        stage = self.stage
        was_ready = self.ready
        known = [p for p in self.score if p.time_quarters < was_ready]
        at = stage.window.hold(stage.clock.now())
        stage.play(dawdle_s)  # the future is held meanwhile
        before = [p for _, p in stage.minutes.sent_] + [p for _, p, _ in stage.minutes.dropped_]
        assert all(p.time_quarters < at for p in before)
        ready = max(at, self.ready) + 0.5
        self.change(at, ready, self.notes_from(data, at, ready))
        settled = min(at, was_ready)
        assert [p for p in self.score if p.time_quarters < settled] == [
            p for p in known if p.time_quarters < settled
        ]

    @rule(seconds=st.sampled_from([0.0, 0.005, 0.1, 0.7]))
    def play(self, seconds):
        self.stage.play(seconds)

    @rule(bpm=st.sampled_from([40.0, 120.0, 300.0]), swing=st.sampled_from([0.5, 0.66]))
    def change_the_clock(self, bpm, swing):
        self.stage.window.commit(Plan(self.ready, clock=(("tempo", bpm), ("swing", swing))))

    @rule(seconds=st.sampled_from([0.03, 0.5]))
    def the_sender_is_kept_from_running(self, seconds):
        self.stage.clock.time_s += seconds

    @rule(port=st.integers(0, 1))
    def unplug_or_plug(self, port):
        port = self.stage.ports[port]
        port.plug() if not port.is_alive else port.unplug()
        self.stage.play(0.2)  # noticed by then

    @precondition(lambda self: self.stage.beat.is_running)
    @rule()
    def panic(self):
        self.stage.sender.panic()
        assert self.stage.sender.sounding == []
        for port in self.stage.ports:
            assert not port.synthesiser.down

    @invariant()
    def what_was_played_is_what_was_planned(self):
        if hasattr(self, "stage"):
            sent = self.stage.board.sent_quarters
            self.compare(lambda planned: planned.time_quarters <= sent, is_whole=False)

    def compare(self, is_due, *, is_whole: bool = True) -> None:
        minutes = self.stage.minutes
        noted = [p for _, p in minutes.sent_] + [p for _, p, _ in minutes.dropped_]
        wanted = Counter(p._replace(delay_s=0.0) for p in self.score if is_due(p))
        assert not Counter(noted) - wanted
        if is_whole:
            assert Counter(noted) == wanted
        # Whatever was left out began a note, and too late.
        assert all(is_note_on(p.message) for _, p, _ in minutes.dropped_)


SenderMachine.TestCase.settings = settings(max_examples=150, stateful_step_count=30, deadline=None)
TestSenderMachine = SenderMachine.TestCase


@pytest.mark.slow
def test_a_million_events_drift_by_nothing():
    """Five hours at 120 bpm: every message leaves when a single product says it should."""
    stage = Stage(tempo_bpm=120)
    quarters, worst_s, start_s = 0.0, 0.0, None
    for _ in range(5000):
        notes = (note(quarters + i / 13, quarters + i / 13 + 0.05) for i in range(100))
        quarters += 100 / 13
        stage.window.commit(Plan(quarters, tuple(m for pair in notes for m in pair)))
        if start_s is None:
            stage.play(0.0)
            start_s = stage.beat.due_s(0.0)
        stage.play_until(stage.beat.due_s(quarters - 0.5))
        for when_s, planned in stage.minutes.sent_:
            worst_s = max(worst_s, abs(when_s - start_s - planned.time_quarters * 0.5))
        stage.minutes.sent_.clear()
        stage.ports[0].sent.clear()
    assert stage.sender.tally.messages > 990_000
    assert worst_s < 1e-6
    assert stage.sender.tally.dropped == 0
