"""Conducting: the orders that change where the music goes, at a bar line or at once."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from rnnmusic.errors import UsageError
from rnnmusic.live.directing.stage import Stage
from rnnmusic.live.steering.orders import ORDERS, WHEN, Argument
from rnnmusic.sampling.stepper import Stepper

#: Orders that don't wait for a bar line unless they are told to.
AT_ONCE = ("freeze", "resume", "store", "adapt")
BRANCHES = {1: "a", 2: "b"}
#: Times computed from seconds are this inexact.
ROUNDING = 1e-6


class Conducting:
    """Rewind, loop, branch, keep, freeze, resume, store, morph, swap and adapt.

    Those that jump in the music wait for the next bar line unless "now" is their last argument;
    freeze, resume and adapt are at once unless "bar" is. A state is always stored at once.
    """

    def __init__(
        self, stage: Stage, quarters_per_bar: float, load: Callable[[str], Stepper]
    ) -> None:
        self._stage, self._bar, self._load = stage, quarters_per_bar, load
        self.stepper: Stepper | None = None  # that was swapped in last
        self.checkpoint: str | None = None  # and its name
        self._performer = stage.performer
        self._orders: dict[str, Callable[..., None]] = {
            "rewind": self._rewind,
            "loop": self._loop,
            "branch": self._performer.branch,
            "keep": self._keep,
            "freeze": self._performer.freeze,
            "resume": self._performer.resume,
            "morph": self._morph,
            "swap": self._swap,
            "adapt": self._adapt,
        }

    def knows(self, name: str) -> bool:
        """Whether this is one of its orders."""
        return name in self._orders or name == "store"

    def order(self, name: str, arguments: Sequence[Argument], at_quarters: float) -> None:
        """Give an order; RnnMusicError when it makes no sense."""
        given = list(ORDERS[name].parse(arguments))
        is_at_bar = name not in AT_ONCE
        if given and given[-1] in WHEN:
            is_at_bar = given.pop() == "bar"
        if name == "store":
            if is_at_bar:
                raise UsageError("A state is stored as it is now; leave out when.")
            self._performer.store(str(given[0]), at_quarters)
            return
        if is_at_bar:
            line = math.ceil(at_quarters / self._bar - ROUNDING) * self._bar
            at_quarters = max(at_quarters, line)
        self._stage.order(at_quarters, lambda at: self._orders[name](at, *given))

    def _rewind(self, at: float, bars: Any = 1) -> None:
        self._performer.rewind(_whole("bars", bars), at)

    def _loop(self, at: float, bars: Any = 1, times: Any = None) -> None:
        self._performer.loop(
            _whole("bars", bars), at, None if times is None else _whole("times", times)
        )

    def _keep(self, at: float, which: Any) -> None:
        if which not in BRANCHES:
            raise UsageError(f"There is no continuation {which}; keep 1 or 2.")
        self._performer.keep(BRANCHES[which], at)

    def _morph(self, at: float, first: Any, second: Any, share: Any) -> None:
        self._performer.morph(first, second, share, at)

    def _adapt(self, at: float, what: Any) -> None:
        self._performer.adapt(what, at)

    def _swap(self, at: float, name: Any) -> None:
        self.stepper, self.checkpoint = self._load(name), name
        self._performer.swap(self.stepper, at)


def _whole(what: str, number: Any) -> int:
    if number != round(number):
        raise UsageError(f"{number} {what} were asked for; give a whole number.")
    return int(number)
