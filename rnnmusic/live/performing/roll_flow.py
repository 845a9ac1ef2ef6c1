"""RollFlow: the music of frames. A frame that is heard is ours or another player's note by note."""

from __future__ import annotations

import math
from collections.abc import Iterable
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from rnnmusic.encodings.pianoroll import PianoRoll
from rnnmusic.encodings.protocol import NoteMessage, Steps
from rnnmusic.encodings.roll_live import RollDecoding
from rnnmusic.live.performing.flow import (
    NOTHING_TO_PLAY,
    SAME_STEP,
    Advance,
    Flow,
    Scene,
    with_struck,
)
from rnnmusic.live.performing.others import Change
from rnnmusic.live.performing.past import PLAYING, Moment, Past, Place, Resting
from rnnmusic.live.performing.roll_answers import RollAnswers
from rnnmusic.sampling.dice import Dice
from rnnmusic.sampling.shape import Context
from rnnmusic.sampling.shaping import Shaping
from rnnmusic.sampling.stepper import Hidden, Stepper

#: Bars are looked through for the place of a clock row up to this length.
LONGEST_BAR_STEPS = 1024

Pitches = tuple[int, ...]


class RollFlow(Flow):
    """Frame n stands at n / steps_per_quarter of score time, so that the clock that the network is
    told is always that of the score."""

    encoding: PianoRoll
    hears_lengths = False

    def __init__(self, stepper: Stepper, dice: Dice, quarters_per_bar: float) -> None:
        super().__init__(stepper, dice, quarters_per_bar)
        self._grid = self.encoding.steps_per_quarter
        self._lowest = self.encoding.lowest_pitch
        self._decoder = self.encoding.live_decoder()
        self._answers = RollAnswers(stepper, self.encoding)

    def begin(self, at_quarters: float) -> Place:
        """The place where nothing has been heard yet."""
        step = self._frame_from(at_quarters)
        return Place(
            flow=self,
            state=self.stepper.initial(),
            previous=self.encoding.start_step(),
            step=step,
            onset_step=step,
            decoding=RollDecoding(step),
            take=0,
            draw=0,
            ready_quarters=at_quarters,
        )

    def advance(
        self, place: Place, until_quarters: float, limit_quarters: float, scene: Scene
    ) -> Advance | None:
        """Take the next frame if it stands before the limit."""
        step = place.step
        time = step / self._grid
        if time >= limit_quarters or (scene.kept is not None and not self._kept(scene)):
            return None
        struck, going_on = scene.others.frame(step, self._grid) if scene.others else ((), ())
        hidden, state = self.stepper.hear(place.previous, self._clock(step), place.state)
        own = self._own(place, hidden, struck, going_on, scene)
        is_stuck = own is None
        own = np.zeros(self.encoding.width, dtype=np.int64) if own is None else own
        self._decoder.restore(place.decoding)
        messages = self._decoder.push(own)
        heard = own
        if struck or going_on:
            heard = self._merged(own, struck, going_on)
            state = self._learned(hidden, heard, state, theirs=own == 0)
        ready = min((step + 1) / self._grid, limit_quarters)
        is_over = isinstance(place.activity, Resting) and place.activity.until_quarters <= ready
        after = place._replace(
            state=state,
            previous=heard,
            step=step + 1,
            onset_step=step + 1,
            decoding=self._decoder.snapshot(),
            draw=place.draw + 1,
            ready_quarters=ready,
            recent=with_struck(place.recent, messages),
            floors=tuple(floor for floor in place.floors if floor > step + 1),
            is_stuck=is_stuck,
            activity=PLAYING if is_over else place.activity,
        )
        notice = NOTHING_TO_PLAY if is_stuck and not place.is_stuck else None
        moment = Moment(time, place, own, heard, draw=after.draw)
        return Advance(after, moment, messages, notice)

    def settle(self, place: Place, at_quarters: float) -> tuple[Place, list[NoteMessage]]:
        """The place when no frame comes before a time: frames say all at their beginning."""
        return place._replace(ready_quarters=at_quarters), []

    def bounded(self, place: Place, from_quarters: float) -> Place:
        """The place when nothing of what lies before a time can be changed any more."""
        floor = self._frame_from(from_quarters)
        return place._replace(
            ready_quarters=min(place.ready_quarters, from_quarters),
            floors=(floor,) if floor > place.step else (),
        )

    def sounding(self, place: Place) -> Pitches:
        """Our pitches that sound, rising."""
        return tuple(sorted(self._pitches(place)))

    def only(self, place: Place, pitches: Iterable[int]) -> Place:
        """The place without those notes of ours that aren't of some pitches."""
        columns = self._pitches(place) & frozenset(pitches)
        lowered = frozenset(pitch - self._lowest for pitch in columns)
        return place._replace(decoding=RollDecoding(place.step, lowered))

    def moved(self, place: Place, from_quarters: float, to_quarters: float) -> Place:
        """The place as if the frame to come stood at or after another time."""
        step = self._frame_from(to_quarters)
        decoding = RollDecoding(step, place.decoding[1])
        return place._replace(
            step=step, onset_step=step, decoding=decoding, ready_quarters=to_quarters, floors=()
        )

    def first_changed(self, change: Change, past: Past) -> float:
        """The frame in which a note begins or isn't heard any more."""
        half = 0.5 / self._grid
        return change.time_quarters - half - SAME_STEP

    def after(
        self,
        steps: Steps,
        clock: NDArray[np.uint8] | None,
        at_quarters: float,
        length_quarters: float | None = None,
    ) -> Place:
        """The place when frames have been heard before a time."""
        place = self.begin(at_quarters)
        if not len(steps):
            return place
        bar = max(1, round(self._quarters_per_bar * self._grid))
        if length_quarters is not None:
            lacking = 0
        elif clock is None or not clock.shape[1]:
            lacking = -len(steps) % bar
        else:
            lacking = self._frames_left(clock[-1])
        step = place.step - lacking
        rows = [self._clock(step - len(steps) + t) for t in range(len(steps))]
        state, previous = self._fed(steps, rows if clock is None else list(clock))
        return place._replace(
            state=state,
            previous=previous,
            step=step,
            onset_step=step,
            decoding=RollDecoding(step),
            ready_quarters=min(at_quarters, step / self._grid),
        )

    def answered_from(self, at_quarters: float) -> float:
        """After the frame before that in which the time lies."""
        return at_quarters - (1 - SAME_STEP) / self._grid

    def answer(self, place: Place, forced: Pitches, at_quarters: float, scene: Scene) -> Pitches:
        """The other pitches of the frame of this place when these are struck in it."""
        forced = self._within(forced)
        free = self.shaper.shape(scene.steering, Context((), place.recent))
        given = self.shaper.shape(scene.steering, Context((), place.recent, forced=forced))
        if free is None or given is None:
            return ()
        hidden, _ = self.stepper.hear(place.previous, self._clock(place.step), place.state)
        uniforms = self._dice.uniforms(place.take, place.draw, self._answers.draws)
        if forced:
            drawn = self._answers.frame(hidden, free, given, max(forced), uniforms)
        else:
            drawn = self.stepper.draw(hidden, free, uniforms[: self.stepper.draws])
        struck, held = self.encoding.split(drawn)
        found = frozenset((np.flatnonzero(struck | held) + self._lowest).tolist())
        return tuple(sorted(found - frozenset(forced)))

    # -- frames --------------------------------------------------------------------------

    def _own(
        self, place: Place, hidden: Hidden, struck: Pitches, going_on: Pitches, scene: Scene
    ) -> Steps | None:
        """The frame of ours, kept or silent or drawn; None when the steering leaves none."""
        if scene.kept is not None:
            return scene.kept.pop(0).own
        time, activity = place.step / self._grid, place.activity
        if isinstance(activity, Resting) and time < activity.until_quarters:
            return np.zeros(self.encoding.width, dtype=np.int64)
        if place.floors and place.step < place.floors[-1]:  # too late: what sounds goes on
            return self._frame((), self._pitches(place))
        return self._draw(place, hidden, struck, going_on, scene)

    def _draw(
        self, place: Place, hidden: Hidden, struck: Pitches, going_on: Pitches, scene: Scene
    ) -> Steps | None:
        """A frame of ours, given what the others play in it; None when there is none."""
        struck = self._within(struck)
        shaping = self.shaper.shape(
            scene.steering, Context(self.sounding(place), place.recent, forced=struck)
        )
        if shaping is None:
            return None
        uniforms = self._uniforms(place.take, place.draw)
        if not scene.others:
            return self.stepper.draw(hidden, shaping, uniforms)
        ours = self._pitches(place)
        held = [pitch for pitch in self._within(going_on) if pitch not in ours]
        before = self._within(chain(*scene.others.frame(place.step - 1, self._grid)))
        ended = [pitch for pitch in before if pitch not in {*ours, *struck, *going_on}]
        drawn = self.stepper.draw(hidden, self._with_held(shaping, held, ended), uniforms).copy()
        columns = self.encoding.columns_per_pitch
        for pitch in struck:  # a note that both strike is theirs
            column = (pitch - self._lowest) * columns
            drawn[column : column + columns] = 0
        for pitch in held:
            drawn[(pitch - self._lowest) * columns + columns - 1] = 0
        return drawn

    def _with_held(self, shaping: Shaping, held: list[int], ended: list[int]) -> Shaping:
        """A shaping in which it is known that some pitches go on and others don't."""
        columns = self.encoding.columns_per_pitch
        bias = shaping.bias.copy()
        for pitches, value in ((held, np.inf), (ended, -np.inf)):
            for pitch in pitches:
                bias[(pitch - self._lowest) * columns + columns - 1] = value
        most = shaping.most if shaping.most < 0 else shaping.most + len(held)
        return shaping._replace(bias=bias, most=most)

    def _merged(self, own: Steps, struck: Pitches, going_on: Pitches) -> Steps:
        """A frame with the notes of others: a pitch sounds while any of its notes does."""
        columns = self.encoding.columns_per_pitch
        frame = own.copy()
        for pitch in self._within(struck):
            column = (pitch - self._lowest) * columns
            frame[column : column + columns] = 0
            frame[column] = 1
        for pitch in self._within(going_on):
            column = (pitch - self._lowest) * columns
            if not frame[column]:
                frame[column + columns - 1] = 1
        return frame

    def _frame(self, struck: Iterable[int], going_on: Iterable[int]) -> Steps:
        empty = np.zeros(self.encoding.width, dtype=np.int64)
        return self._merged(empty, tuple(struck), tuple(going_on))

    def _pitches(self, place: Place) -> frozenset[int]:
        columns: frozenset[int] = place.decoding[1]
        return frozenset(column + self._lowest for column in columns)

    def _within(self, pitches: Iterable[int]) -> Pitches:
        highest = self.encoding.highest_pitch
        return tuple(pitch for pitch in pitches if self._lowest <= pitch <= highest)

    def _frame_from(self, time_quarters: float) -> int:
        """The first frame at or after a time."""
        return math.ceil(time_quarters * self._grid - SAME_STEP)

    def _frames_left(self, clock_row: NDArray[np.uint8]) -> int:
        """How many frames follow one with this clock row until the next bar line."""
        bar = min(LONGEST_BAR_STEPS, round(self._quarters_per_bar * self._grid))
        for step in range(bar):
            if np.array_equal(self._clock(step), clock_row):
                return bar - 1 - step
        return 0
