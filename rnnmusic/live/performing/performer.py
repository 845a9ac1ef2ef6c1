"""Performer: a model's music, sampled ahead, and all that a player can ask of it.

Besides the issue's interface: `take_notices()` gives the sentences for the player that came up;
`store` and `keep` take a time, as all orders do.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rnnmusic.encodings.protocol import NoteMessage, Steps
from rnnmusic.errors import UsageError
from rnnmusic.live.performing.flow import Flow, Scene
from rnnmusic.live.performing.flows import flow_of, reencoded
from rnnmusic.live.performing.looping import looping
from rnnmusic.live.performing.past import PLAYING, Fork, Frozen, Place, Resting
from rnnmusic.live.performing.sampled_ahead import FREEZE, LOOP, PLAY, REST, Messages, SampledAhead
from rnnmusic.sampling.dice import Dice
from rnnmusic.sampling.steering import Steering
from rnnmusic.sampling.stepper import Adaptive, State, Stepper

#: What a model that is swapped in hears first.
SWAP_BARS = 4

#: Orders that `resume` puts an end to.
IDLE = (REST, LOOP, FREEZE)

#: The part of a bar by which rounding may put a bar line off.
ROUNDING = 1e-9


class _Stored(NamedTuple):
    """A state of a network."""

    stepper: Stepper
    state: State


class Performer(SampledAhead):
    """Plays a model, alone or with others, deterministically.

    `extend` samples on and returns our messages; whatever else is asked for holds from a time on:
    what lies at or after it is taken back (the sender forgets it), and the next `extend` returns
    what comes instead. What came before it stays as it was sent. The stream that results is legal
    whatever is asked for, in any order: each note on has one off. With nothing changed, what is
    sampled anew is the same to the bit.

    Times are in quarters of the score and never go back. Orders for a later time wait for it, and
    are carried out again when something earlier changes.

    UsageError for an encoding that can't be steered, and a bar that isn't of 0 to 64 quarters.
    """

    def __init__(
        self,
        stepper: Stepper,
        *,
        seed: int,
        steering: Steering | None = None,
        quarters_per_bar: float = 4.0,
    ) -> None:
        if not 0 < quarters_per_bar <= 64:
            raise UsageError(
                f"A bar of {quarters_per_bar:g} quarters was asked for; give more than 0, up to 64."
            )
        self._dice = Dice(seed)
        flow = flow_of(stepper, self._dice, quarters_per_bar)
        super().__init__(flow.begin(0.0), steering or Steering(), quarters_per_bar)
        self._takes = 0
        self._stored: dict[str, _Stored] = {}

    def prime(self, steps: Steps, clock: NDArray[np.uint8] | None = None) -> None:
        """Hear steps (T, F) before the first beat, from a bar line on; clock (T, C) as `encode`
        gives it. The model ends their last bar unheard. UsageError once the music has begun."""
        if len(self._past) or self._place.ready_quarters > 0:
            raise UsageError("The music has begun; prime the model before it.")
        self._place = self._unheard(self._place.flow.after(steps, clock, 0.0), 0.0)

    def answer(self, forced: Sequence[int], at_quarters: float) -> tuple[int, ...]:
        """The pitches that the model would sound together with these at a time, these left out;
        the music doesn't move on."""
        moment = self._past.first_step(self._place.flow.answered_from(at_quarters))
        place = self._place if moment is None else moment.before
        scene = Scene(self.steering, self._others)
        return place.flow.answer(place, tuple(forced), at_quarters, scene)

    @property
    def is_adapting(self) -> bool:
        """Whether the model learns from what it hears."""
        return _is_adapting(self._place)

    # -- orders --------------------------------------------------------------------------

    def rest(self, from_quarters: float, until_quarters: float) -> None:
        """Be silent from one time until another, which may be infinite: our notes end, the model
        hears rests and the others."""
        self._order(from_quarters, partial(self._rest, until_quarters), REST)

    def resume(self, from_quarters: float) -> None:
        """Play on: an end to resting, looping and standing still, also where only ordered."""
        self._order(from_quarters, self._resume, PLAY)
        self._pending = [
            order
            for order in self._pending
            if order.kind not in IDLE or order.at_quarters <= from_quarters
        ]

    def jump(self, from_quarters: float, to_quarters: float) -> None:
        """What would come at one time comes at another, a later one; our notes end.

        UsageError for an earlier one.
        """
        if to_quarters < from_quarters:
            raise UsageError(
                f"A jump from quarter {from_quarters:g} back to {to_quarters:g} was asked for; "
                "time only goes on: rewind instead."
            )
        self._order(from_quarters, partial(self._jump, to_quarters), PLAY)

    def rewind(self, bars: int, from_quarters: float, *, again: bool = False) -> None:
        """Go on from the state of so many bars ago: another take, or the same one again.

        The time of the score goes on. Where the past doesn't reach so far, it's fewer bars.
        """
        _check_bars(bars)
        take = None if again else self._new_take()
        self._order(from_quarters, partial(self._rewind, bars, take), PLAY)

    def loop(self, bars: int, from_quarters: float, times: int | None = None) -> None:
        """Repeat our messages of the last bars, so many times or (None) until `resume`.

        The network stands still meanwhile and goes on from the end of the stretch.
        """
        _check_bars(bars)
        if times is not None and times < 1:
            raise UsageError(f"A loop of {times} times was asked for; give at least 1, or none.")
        self._order(from_quarters, partial(self._loop, bars, times), LOOP)

    def branch(self, from_quarters: float) -> None:
        """Try an alternative, B, to what would come: A."""
        self._order(from_quarters, partial(self._branch, self._new_take()))

    def keep(self, which: str, from_quarters: float) -> None:
        """Decide for a branch. "b" goes on as it is. "a" goes on where it was left: from the point
        where B began, or as far after it as the bar has come since, which is sampled unheard."""
        if which not in ("a", "b"):
            raise UsageError(f"Asked to keep branch {which!r}; there are 'a' and 'b'.")
        self._order(from_quarters, partial(self._keep, which))

    def freeze(self, from_quarters: float) -> None:
        """Let what sounds go on sounding, and the network stand still, until `resume`."""
        self._order(from_quarters, self._freeze, FREEZE)

    def store(self, name: str, from_quarters: float) -> None:
        """Keep the network's state at a time under a name."""
        moment = self._past.first_step(from_quarters)
        place = self._place if moment is None else moment.before
        self._stored[name] = _Stored(place.flow.stepper, place.state)

    def morph(self, first: str, second: str, share: float, from_quarters: float) -> None:
        """Go on from a state between two stored ones: share 0 is the first, 1 the second.

        UsageError for a name that nothing was stored under, states of different models and a share
        outside 0..1.
        """
        for name in (first, second):
            if name not in self._stored:
                known = ", ".join(self._stored) or "none so far"
                raise UsageError(f"There is no stored state {name!r}; there are: {known}.")
        if not 0.0 <= share <= 1.0:
            raise UsageError(f"A share of {share} was asked for; give 0 to 1.")
        a, b = self._stored[first], self._stored[second]
        if a.stepper is not b.stepper:
            raise UsageError(
                f"{first!r} and {second!r} are states of different models; store both again."
            )
        mixed = _Stored(a.stepper, a.stepper.mix(a.state, b.state, share))
        self._order(from_quarters, partial(self._morph, mixed))

    def swap(self, stepper: Stepper, from_quarters: float) -> None:
        """Go on with another model, which first hears the last bars."""
        flow = flow_of(stepper, self._dice, self.quarters_per_bar)
        self._order(from_quarters, partial(self._swap, flow))

    def adapt(self, what: str, from_quarters: float) -> None:
        """Go on learning from the others ("on"), no more ("off"), or forget what was learned."""
        self._order(from_quarters, partial(self._adapt, what))

    # -- how orders are carried out ------------------------------------------------------

    def _rest(self, until: float, place: Place, at: float) -> tuple[Place, Messages]:
        place, messages = self._cut(self._awake(place, at), at)
        return place._replace(activity=Resting(until)), messages

    def _resume(self, place: Place, at: float) -> tuple[Place, Messages]:
        flow = place.flow
        woken = self._awake(place, at)
        sounding = flow.sounding(woken)
        stale = [NoteMessage(at, p, 0) for p in self._tape.sounding if p not in sounding]
        return woken._replace(activity=PLAYING), stale

    def _jump(self, to: float, place: Place, at: float) -> tuple[Place, Messages]:
        place, messages = self._cut(self._awake(place, at), at)
        moved = place.flow.moved(place, at, to)
        return moved, [message._replace(time_quarters=to) for message in messages]

    def _rewind(
        self, bars: int, take: int | None, place: Place, at: float
    ) -> tuple[Place, Messages]:
        count = min(bars, self._bars_back(at))
        if not count:
            self._notices.append("There is no bar to go back to yet; it plays on.")
            return place, []
        if count < bars:
            self._notices.append(f"The past reaches back {count} bars; it goes there.")
        begin = at - count * self.quarters_per_bar
        moment = self._past.first_step(begin)
        earlier = place if moment is None else moment.before
        _, ends = self._cut(place, at)
        moved = earlier.flow.moved(earlier.flow.silenced(earlier), begin, at)
        moved = moved._replace(activity=PLAYING, fork=place.fork)
        return moved._replace(take=earlier.take if take is None else take), ends

    def _loop(
        self, bars: int, times: int | None, place: Place, at: float
    ) -> tuple[Place, Messages]:
        bars = min(bars, self._bars_back(at))
        if not bars:
            self._notices.append("There is no bar to repeat yet; it plays on.")
            return place, []
        begin = at - bars * self.quarters_per_bar
        until = math.inf if times is None else at + times * (at - begin)
        activity = looping(self._tape.between(begin, at), begin, at, until)
        _, messages = self._cut(place, at)
        return self._awake(place, at)._replace(activity=activity), messages

    def _branch(self, take: int, place: Place, at: float) -> tuple[Place, Messages]:
        fork = Fork(at, self._awake(place, at)._replace(fork=None))
        return place._replace(take=take, fork=fork), []

    def _keep(self, which: str, place: Place, at: float) -> tuple[Place, Messages]:
        fork = place.fork
        if fork is None:
            self._notices.append("There is no branch to decide for; it plays on.")
            return place, []
        if which == "b":
            return place._replace(fork=None), []
        left = fork.place
        begin = at - (at - fork.at_quarters) % self.quarters_per_bar
        place, messages = self._cut(place, at)
        moved = left.flow.moved(left.flow.silenced(left), fork.at_quarters, begin)
        return self._unheard(moved._replace(activity=PLAYING), at), messages

    def _freeze(self, place: Place, at: float) -> tuple[Place, Messages]:
        return self._awake(place, at)._replace(activity=Frozen(at)), []

    def _morph(self, mixed: _Stored, place: Place, at: float) -> tuple[Place, Messages]:
        if place.flow.stepper is not mixed.stepper:
            self._notices.append("The stored states are another model's; it plays on.")
            return place, []
        return place._replace(state=mixed.state), []

    def _adapt(self, what: str, place: Place, at: float) -> tuple[Place, Messages]:
        stepper = place.flow.stepper
        if not isinstance(stepper, Adaptive):
            self._notices.append(
                "This performance doesn't follow anyone; begin it with --adapt or --adapt-cell."
            )
            return place, []
        if what == "forget":
            return place._replace(state=stepper.forgotten(place.state)), []
        return place._replace(state=stepper.switched(place.state, is_on=what == "on")), []

    def _swap(self, flow: Flow, place: Place, at: float) -> tuple[Place, Messages]:
        bar = self.quarters_per_bar
        begin = max(0.0, math.floor(at / bar + ROUNDING) - SWAP_BARS) * bar
        messages = [*self._tape.between(begin, at), *self._others.messages(begin, at)]
        heard = flow.after(reencoded(messages, begin, at, flow.encoding), None, at, at - begin)
        activity = self._awake(place, at).activity
        settled = heard._replace(take=place.take, draw=place.draw, activity=activity)
        if isinstance(flow.stepper, Adaptive):
            kept = flow.stepper.switched(settled.state, is_on=_is_adapting(place))
            settled = settled._replace(state=kept)
        return flow.bounded(settled, at), self._cut(place, at)[1]

    # -- small things --------------------------------------------------------------------

    def _bars_back(self, at: float) -> int:
        """How many whole bars the past reaches back."""
        return math.floor((at - self._oldest_quarters) / self.quarters_per_bar + ROUNDING)

    def _new_take(self) -> int:
        self._takes += 1
        return self._takes


def _check_bars(bars: int) -> None:
    if bars < 1:
        raise UsageError(f"{bars} bars were asked for; give at least 1.")


def _is_adapting(place: Place) -> bool:
    stepper = place.flow.stepper
    return isinstance(stepper, Adaptive) and stepper.is_learning(place.state)
