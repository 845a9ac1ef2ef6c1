"""SampledAhead: music sampled ahead, of which everything not yet sent can be taken back."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import NamedTuple

from rnnmusic.encodings.protocol import NoteMessage
from rnnmusic.live.performing.flow import Flow, Scene
from rnnmusic.live.performing.looping import Looping
from rnnmusic.live.performing.others import Others
from rnnmusic.live.performing.past import PLAYING, Frozen, Moment, Past, Place, Resting
from rnnmusic.live.performing.tape import Tape
from rnnmusic.sampling.steering import Steering

#: How far back the music can go.
KEPT_BARS = 64

#: What we can be doing.
PLAY, REST, LOOP, FREEZE = "play", "rest", "loop", "freeze"

Messages = list[NoteMessage]

_TURN = attrgetter("at_quarters", "number")


class Order(NamedTuple):
    """Something to do when the music comes to a time; number: the order of giving them.

    kind: what we are doing after it; empty: what we did before.
    """

    at_quarters: float
    number: int
    carry_out: Callable[[Place, float], tuple[Place, Messages]]
    kind: str = ""


class SampledAhead:
    """Moves on from place to place, and back; carries out orders when their time comes.

    What has been returned lies on the tape; the past holds every place, so that everything at or
    after any time can be taken back and comes again, the orders too.
    """

    def __init__(self, place: Place, steering: Steering, quarters_per_bar: float) -> None:
        self.steering = steering
        self.quarters_per_bar = quarters_per_bar
        self._place = place
        self._past = Past()
        self._others = Others()
        self._tape = Tape()
        self._pending: list[Order] = []  # by time, then number
        self._done: list[Order] = []
        self._owed: Messages = []  # on the tape, to be returned by `extend`
        self._orders = 0
        self._oldest_quarters = 0.0
        self._notices: list[str] = []

    @property
    def ready_quarters(self) -> float:
        """Everything before is settled, unless it is taken back."""
        return self._place.ready_quarters

    @property
    def sounding(self) -> tuple[int, ...]:
        """Our pitches that sound at the end of what was sampled, rising."""
        return self._tape.sounding

    @property
    def activity(self) -> str:
        """What we are doing once all that was ordered is carried out: PLAY, REST, LOOP, FREEZE."""
        ordered = next((order.kind for order in reversed(self._pending) if order.kind), None)
        names = {Resting: REST, Looping: LOOP, Frozen: FREEZE}
        return ordered or names.get(type(self._place.activity), PLAY)

    def take_notices(self) -> tuple[str, ...]:
        """The sentences for the performer since the last call."""
        notices, self._notices = tuple(self._notices), []
        return notices

    def extend(self, until_quarters: float) -> Messages:
        """Sample on until everything before a time is settled; our messages, in time order."""
        messages, self._owed = self._owed, []
        while self.ready_quarters < until_quarters:
            moved = self._move(until_quarters, Scene(self.steering, self._others))
            messages += self._tape.put(moved)
        self._forget(self.ready_quarters - self.quarters_per_bar * (KEPT_BARS + 1))
        return messages

    def revise(self, from_quarters: float) -> None:
        """Take back what lies at or after a time; `extend` samples it anew as it is steered now.

        Where less than that is settled, it has become too late: nothing comes before the time.
        """
        place = self._back_to(from_quarters)
        self._tape.cut(from_quarters)
        self._owed = [m for m in self._owed if m.time_quarters < from_quarters]
        self._place = place.flow.bounded(place, from_quarters)

    def amend(self, notes: Sequence[NoteMessage], from_quarters: float) -> None:
        """Let the model hear messages of other players, from when they were played on.

        Their times may lie in the past; a note that isn't over goes on until its off comes. The
        model hears the music up to `from_quarters` again with them in it, as if all of it had been
        encoded together; what it plays from there on is sampled anew, and nothing of ours before
        that changes.
        """
        flow = self._place.flow
        changes = [change for note in notes if (change := self._others.hear(note)) is not None]
        if flow.hears_lengths:
            changes += self._others.lengthen(from_quarters)
        changed = [flow.first_changed(change, self._past) for change in changes]
        settled = self.ready_quarters
        self.revise(from_quarters)
        first = max(min(changed, default=math.inf), self._past.begin_quarters)
        if first < from_quarters:
            self._hear_again(first, from_quarters, settled)

    def _hear_again(
        self, first_quarters: float, until_quarters: float, settled_quarters: float
    ) -> None:
        """Take the same steps of ours between two times, with what the others are known to play."""
        kept = [m for m in self._past.since(first_quarters) if m.own is not None]
        scene = Scene(self.steering, self._others, kept)
        self._place = self._back_to(first_quarters)
        late = []
        while self.ready_quarters < until_quarters:
            messages = self._move(until_quarters, scene)
            # The others were sent before.
            late += [m for m in messages if m.time_quarters >= settled_quarters and not m.velocity]
        self._owed += self._tape.put(late)
        self._place = self._place.flow.bounded(self._place, until_quarters)

    def _back_to(self, time_quarters: float) -> Place:
        """Undo what was done at or after a time; the place before it."""
        again = [order for order in self._done if order.at_quarters >= time_quarters]
        self._done = [order for order in self._done if order.at_quarters < time_quarters]
        self._pending = sorted([*again, *self._pending], key=_TURN)
        return self._past.cut(time_quarters) or self._place

    def _move(self, until_quarters: float, scene: Scene) -> Messages:
        """Take a step, let time pass, or carry out the next order."""
        place = self._place
        limit = math.inf
        if self._pending:
            limit = max(self._pending[0].at_quarters, place.ready_quarters)
        stop = limit if scene.kept is None else min(limit, until_quarters)
        if isinstance(place.activity, Looping | Frozen):
            settled, messages = self._idle(place, min(stop, until_quarters))
            if settled.ready_quarters < stop or settled.activity is not place.activity:
                self._place = settled
                return messages
        else:
            advance = place.flow.advance(place, until_quarters, stop, scene)
            if advance is not None:
                if advance.moment is not None:
                    self._past.add(advance.moment)
                if advance.notice is not None:
                    self._notices.append(advance.notice)
                self._place = advance.place
                return advance.messages
            settled, messages = place.flow.settle(place, stop)
        # What is settled at `stop` is undone together with what happens there.
        self._past.add(Moment(stop, place))
        self._place = settled
        if scene.kept is None or stop < until_quarters:
            order = self._pending.pop(0)
            self._done.append(order)
            self._place, more = order.carry_out(settled, stop)
            messages = [*messages, *more]
        return messages

    def _idle(self, place: Place, stop_quarters: float) -> tuple[Place, Messages]:
        """Let time pass without the network."""
        activity = place.activity
        if isinstance(activity, Frozen):
            return place._replace(ready_quarters=stop_quarters), []
        if not isinstance(activity, Looping):
            raise TypeError(f"{activity} isn't idle")
        stop = min(stop_quarters, activity.until_quarters)
        messages = activity.between(place.ready_quarters, stop)
        if stop < activity.until_quarters:
            return place._replace(ready_quarters=stop), messages
        flow = place.flow
        moved = flow.only(flow.moved(place, activity.since_quarters, stop), activity.sounding)
        ours = flow.sounding(moved)
        messages += [NoteMessage(stop, p, 0) for p in activity.sounding if p not in ours]
        return moved._replace(activity=PLAYING), messages

    def _order(
        self,
        at_quarters: float,
        carry_out: Callable[[Place, float], tuple[Place, Messages]],
        kind: str = "",
    ) -> None:
        """Take back what lies at or after a time, where something is to be done."""
        # What comes before a later time isn't bound by it.
        if at_quarters <= max(self.ready_quarters, self._tape.end_quarters):
            self.revise(at_quarters)
        self._orders += 1
        order = Order(at_quarters, self._orders, carry_out, kind)
        self._pending = sorted([*self._pending, order], key=_TURN)

    def _cut(self, place: Place, at_quarters: float) -> tuple[Place, Messages]:
        """End our notes."""
        ends = [NoteMessage(at_quarters, pitch, 0) for pitch in self._tape.sounding]
        return place.flow.silenced(place), ends

    def _awake(self, place: Place, at_quarters: float) -> Place:
        """The place when the network goes on from where it stood still."""
        activity = place.activity
        if isinstance(activity, Frozen):
            moved = place.flow.moved(place, activity.since_quarters, at_quarters)
            return moved._replace(activity=PLAYING)
        if isinstance(activity, Looping):
            moved = place.flow.moved(place, activity.since_quarters, at_quarters)
            return place.flow.silenced(moved)._replace(activity=PLAYING)
        return place

    def _unheard(self, place: Place, until_quarters: float) -> Place:
        """The place when the model has gone on until a time without being heard."""
        scene = Scene(self.steering, self._others)
        flow: Flow = place.flow
        while place.ready_quarters < until_quarters:
            advance = flow.advance(place, until_quarters, until_quarters, scene)
            if advance is None:
                break
            place = advance.place
        return flow.silenced(flow.settle(place, until_quarters)[0])

    def _forget(self, before_quarters: float) -> None:
        """Drop what is too old to return to."""
        if before_quarters <= self._oldest_quarters + self.quarters_per_bar:
            return  # not for every step
        self._oldest_quarters = before_quarters
        self._past.forget(before_quarters)
        self._tape.forget(before_quarters)
        self._others.forget(before_quarters)
        self._done = [order for order in self._done if order.at_quarters >= before_quarters]
