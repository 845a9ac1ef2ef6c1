"""What the tests of sending share: a sender on simulated time, its ports and its minutes."""

from __future__ import annotations

import math
from typing import Any

import pytest

from rnnmusic.errors import DeviceError
from rnnmusic.live.exchange.commit import CommitWindow
from rnnmusic.live.exchange.ring import Ring
from rnnmusic.live.exchange.shared import Board
from rnnmusic.live.exchange.wire import Record, decode
from rnnmusic.live.messages import CONTROL_CHANGE
from rnnmusic.live.plan import Planned
from rnnmusic.live.sending.sender import Sender, SenderSettings
from rnnmusic.live.sending.timekeeper import Timekeeper
from rnnmusic.live.timing.beat import BeatClock
from rnnmusic.live.timing.follow import ClockFollower
from tests.live.playing import Synthesiser


class Now:
    """A clock that stands where it is put."""

    def __init__(self) -> None:
        self.time_s = 100.0

    def now(self) -> float:
        return self.time_s


class StagePort:
    """An output with an instrument at its end, which can be unplugged."""

    clock = None

    def __init__(self, clock: Now, lead_s: float = 0.0) -> None:
        self.name, self.lead_s = "stage", lead_s
        self.is_alive = True
        self.fails_at_once = True  # or it is only found gone by `is_alive`
        self.began: tuple[float, float] | None = None
        self.sent: list[tuple[float, float, bytes]] = []  # (when, due, message)
        self.synthesiser = Synthesiser()
        self._clock = clock

    def begin(self, start_s: float, tempo_bpm: float) -> None:
        self.began = (start_s, tempo_bpm)

    def send(self, message: bytes, time_s: float) -> None:
        if not self.is_alive:
            raise DeviceError("The port is gone.")
        self.sent.append((self._clock.now(), time_s, message))
        try:
            self.synthesiser.hear(message)
        except (AssertionError, KeyError) as error:  # no ordinary exception: those are survived
            pytest.fail(f"a key was struck or released twice: {error}")

    def unplug(self) -> None:
        self.is_alive = False
        self.synthesiser = Synthesiser()

    def plug(self) -> None:
        self.is_alive = True
        self.sent.append((self._clock.now(), math.nan, b""))  # a mark

    def close(self) -> None:
        pass

    @property
    def messages(self) -> list[bytes]:
        return [message for _, _, message in self.sent]

    @property
    def notes(self) -> list[bytes]:
        return [m for m in self.messages if m and m[0] & 0xF0 < CONTROL_CHANGE]


class Minutes:
    """Keeps what a SessionWriter would write."""

    def __init__(self) -> None:
        self.sent_: list[tuple[float, Planned]] = []
        self.dropped_: list[tuple[float, Planned, str]] = []
        self.unplanned: list[bytes] = []
        self.heard_: list[tuple[float, bytes]] = []
        self.ended: float | None = None

    def sent(self, time_s, message, *, due_s, time_quarters=None, port=0):
        if time_quarters is None:
            self.unplanned.append(message)
        else:
            self.sent_.append((time_s, Planned(time_quarters, message, port=port)))

    def dropped(self, time_s, message, *, due_s, time_quarters, port=0, why="late"):
        self.dropped_.append((time_s, Planned(time_quarters, message, port=port), why))

    def heard(self, time_s, message, *, time_quarters, port=0):
        self.heard_.append((time_quarters, message))

    def clock(self, anchor, swing=0.5):
        pass

    def end(self, time_s, time_quarters):
        self.ended = time_quarters


class Stage:
    """A sender, the sampler's side of it, and time that passes when it is told to."""

    def __init__(
        self,
        settings: SenderSettings | None = None,
        *,
        tempo_bpm: float = 120.0,
        leads_s: tuple[float, ...] = (0.0,),
        follows: bool = False,
        start_quarters: float = 0.0,
    ) -> None:
        self.clock, self.minutes = Now(), Minutes()
        self.board = Board(memoryview(bytearray(Board.size_bytes())))
        self.board.clear()
        self.plans, self.heard = (
            Ring(memoryview(bytearray(Ring.size_bytes(256))), 256) for _ in "ab"
        )
        self.ports = [StagePort(self.clock, lead_s) for lead_s in leads_s]
        self.reports: list[dict[str, Any]] = []
        self.beat = BeatClock(
            tempo_bpm=tempo_bpm, start_s=self.clock.now(), start_quarters=start_quarters
        )
        self.beat.stop(self.clock.now())
        self.follower = ClockFollower(self.beat) if follows else None
        timekeeper = Timekeeper(self.beat, self.clock, self.board, follower=self.follower)
        self.sender = Sender(
            self.clock,
            timekeeper,
            self.ports,
            self.board,
            self.plans,
            self.heard,
            settings or SenderSettings(),
            self.reports.append,
            recorder=self.minutes,
        )
        # A full ring is emptied by the sender, which runs when the sampler waits.
        self.window = CommitWindow(
            self.board,
            self.plans,
            lambda: None,
            sleep=lambda seconds: self.play_until(self.clock.now() + seconds),
        )

    @property
    def quarters(self) -> float:
        return self.beat.quarters_at(self.clock.now())

    def play(self, seconds: float) -> None:
        self.play_until(self.clock.now() + seconds)

    def play_until(self, time_s: float) -> None:
        clock = self.clock
        for _ in range(100_000):
            next_s = self.sender.advance(clock.now())
            if next_s > time_s or self.sender.is_over:
                clock.time_s = max(clock.now(), time_s)
                return
            clock.time_s = max(clock.now(), next_s)
        raise AssertionError(f"the sender wakes and does nothing: {next_s} {clock.now()} {time_s}")

    def answers(self) -> list[Record]:
        """What the sampler has been told."""
        records = []
        while (data := self.heard.pop()) is not None:
            records.append(decode(data))
        return records
