from __future__ import annotations

import math

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from rnnmusic.live.messages import control_change, is_note_off, is_note_on, note_off, note_on
from rnnmusic.live.plan import Planned
from rnnmusic.live.sending.agenda import Agenda

# Few values, so that many things happen at one moment.
MOMENTS = st.sampled_from([0.0, 0.25, 0.5, 1.0, 1.5])
KEYS = st.tuples(st.integers(0, 1), st.sampled_from([60, 61]))
MESSAGES = st.one_of(
    KEYS.map(lambda key: note_on(*key, 80)),
    KEYS.map(lambda key: note_off(*key)),
    KEYS.map(lambda key: control_change(key[0], 7, key[1])),
)
PLANNED = st.builds(Planned, MOMENTS, MESSAGES, st.sampled_from([0.0, 0.01]), st.integers(0, 1))


def key_of(planned: Planned) -> tuple[int, int, int]:
    return planned.port, planned.message[0] & 0x0F, planned.message[1]


class AgendaMachine(RuleBasedStateMachine):
    """An agenda against a list that is searched through for whatever is wanted."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds_per_quarter = 0.5
        self.start_s = 0.0
        self.agenda = Agenda(self.time_s)
        self.planned: list[Planned] = []  # in order of arrival

    def time_s(self, planned: Planned) -> float:
        return self.start_s + planned.time_quarters * self.seconds_per_quarter + planned.delay_s

    @rule(planned=PLANNED)
    def add(self, planned):
        self.agenda.add(planned)
        self.planned.append(planned)

    @rule(quarters=MOMENTS)
    def retract(self, quarters):
        kept = [planned for planned in self.planned if planned.time_quarters < quarters]
        assert self.agenda.retract(quarters) == len(self.planned) - len(kept)
        self.planned = kept

    @rule(seconds_per_quarter=st.sampled_from([0.3, 0.5, 1.0]), start_s=st.sampled_from([0, 1]))
    def change_the_clock(self, seconds_per_quarter, start_s):
        self.seconds_per_quarter, self.start_s = seconds_per_quarter, start_s
        self.agenda.reschedule()

    @rule(now_s=st.floats(0, 3))
    def pop_what_is_due_and_put_some_of_it_back(self, now_s):
        entry = self.agenda.pop(now_s)
        due = [planned for planned in self.planned if self.time_s(planned) <= now_s]
        assert (entry is None) == (not due)
        if entry is not None:
            assert entry.time_s == min(map(self.time_s, due))
            self.agenda.put_back(entry)

    @rule(now_s=st.floats(0, 3))
    def play(self, now_s):
        played = []
        while (entry := self.agenda.pop(now_s)) is not None:
            assert entry.time_s == self.time_s(entry.planned)
            played.append(entry.planned)
        self.check(played)
        assert sorted(played) == sorted(p for p in self.planned if self.time_s(p) <= now_s)
        self.planned = [p for p in self.planned if self.time_s(p) > now_s]

    @rule()
    def take_all(self):
        played = self.agenda.take_all()
        assert sorted(played) == sorted(self.planned)
        self.check(played)
        self.planned = []

    def check(self, played: list[Planned]) -> None:
        """Order by time; at one moment ends, others, beginnings; but no end before its own on."""
        assert [self.time_s(p) for p in played] == sorted(map(self.time_s, played))
        for i, later in enumerate(played):
            for earlier in played[:i]:
                if self.time_s(earlier) != self.time_s(later):
                    continue
                if is_note_off(later.message) and not is_note_off(earlier.message):
                    assert self.begins_and_ends_at_once(later)
                elif is_note_on(earlier.message):
                    assert is_note_on(later.message) or is_note_off(later.message)

    def begins_and_ends_at_once(self, end: Planned) -> bool:
        return any(
            is_note_on(on.message)
            and key_of(on) == key_of(end)
            and on.time_quarters == end.time_quarters
            for on in self.planned[: self.last_place(end)]
        )

    def last_place(self, planned: Planned) -> int:
        return len(self.planned) - self.planned[::-1].index(planned)

    @invariant()
    def size_and_next_moment(self):
        assert len(self.agenda) == len(self.planned)
        assert self.agenda.next_s == min(map(self.time_s, self.planned), default=math.inf)


AgendaMachine.TestCase.settings = settings(max_examples=80, stateful_step_count=40, deadline=None)
TestAgenda = AgendaMachine.TestCase


def order(*planned: Planned) -> list[bytes]:
    agenda = Agenda(lambda p: p.time_quarters + p.delay_s)
    for p in planned:
        agenda.add(p)
    return [p.message for p in agenda.take_all()]


def test_at_one_moment_ends_come_first_and_beginnings_last():
    on, off, other = note_on(0, 60, 80), note_off(0, 61), control_change(0, 7, 3)
    assert order(Planned(1.0, on), Planned(1.0, other), Planned(1.0, off)) == [off, other, on]


def test_messages_alike_keep_their_order():
    settings_of_a_bank = [control_change(0, n, 1) for n in (0, 32, 7, 0, 32)]
    assert order(*(Planned(1.0, m) for m in settings_of_a_bank)) == settings_of_a_bank


def test_a_note_without_length_ends_after_it_began():
    on, off = note_on(0, 60, 80), note_off(0, 60)
    assert order(Planned(1.0, on), Planned(1.0, off)) == [on, off]
    assert order(Planned(1.0, off), Planned(1.0, on)) == [off, on]  # one note after another


def test_of_a_stopped_clock_nothing_is_due():
    agenda = Agenda(lambda _: math.inf)
    agenda.add(Planned(0.0, note_on(0, 60, 80)))
    assert agenda.next_s == math.inf
    assert agenda.pop(1e12) is None
