"""What the tests of the director share: small models, and the sender's view of its plans."""

from __future__ import annotations

import math
from bisect import insort
from functools import cache

from rnnmusic import checkpoint
from rnnmusic.generator import GeneratorConfig, HeadConfig, ModelConfig, build
from rnnmusic.live.directing.director import Director
from rnnmusic.live.directing.settings import DirectorSettings
from rnnmusic.live.events import Event, Extend
from rnnmusic.live.messages import NOTE_OFF, NOTE_ON
from rnnmusic.live.plan import Plan, Planned
from rnnmusic.sampling.compiled import export
from rnnmusic.sampling.stepper import Stepper
from tests.sampling.conftest import ROLL, untrained

GRAIN = 0.25


@cache
def load(name: str) -> Stepper:
    """An untrained small model ("roll", "events", "modes" with linear ones), or one of the zoo."""
    if name == "modes":
        config = GeneratorConfig(ROLL, ModelConfig("lru", size=16), HeadConfig("bernoulli"))
        return export(build(config, seed=1))
    is_small = name in ("roll", "events")
    return export(untrained(name) if is_small else checkpoint.load(name).generator)


class Stream:
    """A director's plans put together as the sender does: take back, then add."""

    def __init__(self, settings: DirectorSettings) -> None:
        self.director = Director(settings, load)
        self.messages: list[Planned] = []  # by time
        self.plans: list[Plan] = []
        self.events: list[Event] = []
        self.notices: list[str] = []
        self.ready_quarters = settings.start_quarters

    def handle(self, event: Event) -> Plan:
        """Apply an event, and check what any plan has to keep to."""
        plan = self.director.handle(event)
        floor = self.ready_quarters  # what was settled stays as it is,
        if not isinstance(event, Extend):  # but for what lies behind the event
            floor = min(floor, event.at_quarters)
        if plan.retract_quarters is not None:
            assert not isinstance(event, Extend), "only what happens can take something back"
            assert plan.retract_quarters >= event.at_quarters
            floor = plan.retract_quarters
            self.messages = [m for m in self.messages if m.time_quarters < floor]
        for message in plan.messages:
            assert message.time_quarters >= floor, (message, floor)
            insort(self.messages, message, key=_place)
        assert all(m.time_quarters < plan.ready_quarters for m in plan.messages)
        self.ready_quarters = plan.ready_quarters
        self.events.append(event)
        self.plans.append(plan)
        self.notices += plan.notices
        return plan

    def play(self, until_quarters: float) -> None:
        """Let time go on, as the sampler does."""
        while self.ready_quarters < until_quarters:
            before = self.ready_quarters
            self.handle(Extend(before + GRAIN))
            assert self.ready_quarters > before

    def notes(self) -> list[tuple[float, float, int, int]]:
        """(start, end, channel, pitch) of every note; those that go on end in infinity.

        AssertionError when a note ends that doesn't sound, or is struck while it does.
        """
        found: list[tuple[float, float, int, int]] = []
        down: dict[tuple[int, int, int], float] = {}
        for message in self.messages:
            kind, channel = message.message[0] & 0xF0, message.message[0] & 0x0F
            key = (message.port, channel, message.message[1])
            if kind == NOTE_ON:
                assert key not in down, (key, message)
                down[key] = message.time_quarters
            elif kind == NOTE_OFF:
                start = down.pop(key)
                assert message.time_quarters > start
                found.append((start, message.time_quarters, channel, key[2]))
        found += [(start, math.inf, channel, pitch) for (_, channel, pitch), start in down.items()]
        return sorted(found)


def _place(message: Planned) -> tuple[float, bool]:
    return message.time_quarters, message.message[0] & 0xF0 == NOTE_ON
