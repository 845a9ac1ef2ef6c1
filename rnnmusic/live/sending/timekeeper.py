"""Timekeeper: the beat clock of a performance, kept in step and made known."""

from __future__ import annotations

from rnnmusic.live.exchange.shared import Board
from rnnmusic.live.exchange.wire import Moved, Transport
from rnnmusic.live.messages import CONTINUE, SONG_POSITION, START, STOP, TICK
from rnnmusic.live.ports.protocol import TimeSource
from rnnmusic.live.session.writer import SessionWriter
from rnnmusic.live.timing.beat import BeatClock
from rnnmusic.live.timing.follow import ClockFollower
from rnnmusic.live.timing.link import LinkFollower

_TRANSPORT = {START: "start", CONTINUE: "continue", STOP: "stop"}


class Timekeeper:
    """Owns the beat clock, and tells the board and the recording whatever becomes of it.

    clock: what all due times are told in. shared_clock: what the board and the inputs speak of, if
    that is another one: two clocks drift apart, so their distance is measured again and again.
    follower, link: steer `beat` by another machine's ticks or by Ableton Link; None and None: the
    tempo is ours.
    """

    def __init__(
        self,
        beat: BeatClock,
        clock: TimeSource,
        board: Board,
        *,
        shared_clock: TimeSource | None = None,
        follower: ClockFollower | None = None,
        link: LinkFollower | None = None,
        recorder: SessionWriter | None = None,
    ) -> None:
        self.beat = beat
        self._clock, self._shared_clock, self._board = clock, shared_clock, board
        self._follower, self._link, self._recorder = follower, link, recorder
        self._ahead_s = 0.0
        self.publish()

    @property
    def is_following(self) -> bool:
        """Whether another machine says when to start."""
        return self._follower is not None or self._link is not None

    @property
    def is_linked(self) -> bool:
        """Whether `poll` is to be called, some ten times a second."""
        return self._link is not None

    def at_s(self, shared_s: float) -> float:
        """A time of the shared clock, told by `clock`."""
        return shared_s + self._ahead_s

    def publish(self) -> None:
        """Tell the others how time runs now."""
        if self._shared_clock is not None:
            self._ahead_s = self._clock.now() - self._shared_clock.now()
        anchor_s, anchor_quarters, speed = anchor = self.beat.anchor()
        shared_anchor = (anchor_s - self._ahead_s, anchor_quarters, speed)
        self._board.publish_clock(shared_anchor, self.beat.swing)
        if self._recorder is not None:
            self._recorder.clock(anchor, self.beat.swing)

    def start(self, at_s: float) -> None:
        """Let our own clock run."""
        self.beat.resume(at_s)
        self.publish()

    def change(self, name: str, value: float, now_s: float) -> None:
        """Set "tempo" (in vain while another machine's ticks do) or "swing"."""
        if name == "swing":
            self.beat.set_swing(value, now_s)
        elif name == "tempo" and self._link is not None:
            self._link.set_tempo(value)
        elif name == "tempo" and self._follower is None:
            self.beat.set_tempo(value, now_s)
        self.publish()

    def follow(self, message: bytes, time_s: float) -> Moved | Transport | None:
        """Hear the other machine's clock; return what it did beside going on.

        Moved has the moments of the score before and after the jump.
        """
        follower, before = self._follower, self.beat.quarters_at(time_s)
        if follower is None:
            return None
        happened: Moved | Transport | None = None
        status = message[0]
        if status == TICK:
            moved_to = follower.tick(time_s)
            happened = None if moved_to is None else Moved(before, moved_to)
        elif status == SONG_POSITION:
            follower.position(message[1] | message[2] << 7)
        elif status in _TRANSPORT:
            {START: follower.start, CONTINUE: follower.continue_, STOP: follower.stop}[status](
                time_s
            )
            happened = Transport(_TRANSPORT[status], self.beat.quarters_at(time_s))
        self.publish()
        return happened

    def poll(self) -> Moved | None:
        """Let Link put the clock on its beat; return whether that was a jump."""
        if self._link is None:
            return None
        before = self.beat.quarters_at(self._clock.now())
        moved_to = self._link.poll()
        self.publish()
        return None if moved_to is None else Moved(before, moved_to)

    def is_lost(self, now_s: float) -> bool:
        """Whether the other machine's ticks have just stopped to come."""
        lost = self._follower is not None and self._follower.check(now_s)
        self.publish()
        return lost
