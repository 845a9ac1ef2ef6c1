"""NoteFlow: the music of note events. Time moves by shifts; the others' notes come in between."""

from __future__ import annotations

import math
from collections.abc import Iterable
from itertools import takewhile

import numpy as np
from numpy.typing import NDArray

from rnnmusic.encodings.events import NoteEvents
from rnnmusic.encodings.events_live import EventsDecoding
from rnnmusic.encodings.grid import nearest_step
from rnnmusic.encodings.protocol import NoteMessage, Steps
from rnnmusic.live.performing.flow import (
    NOTHING_TO_PLAY,
    SAME_STEP,
    Advance,
    Flow,
    Scene,
    with_struck,
)
from rnnmusic.live.performing.note_answers import NoteAnswers
from rnnmusic.live.performing.note_words import Drawn, Note, NoteWords
from rnnmusic.live.performing.others import Change
from rnnmusic.live.performing.past import PLAYING, Moment, Past, Place, Resting
from rnnmusic.sampling.dice import Dice
from rnnmusic.sampling.guard import LARGEST_CHORD
from rnnmusic.sampling.shape import Context
from rnnmusic.sampling.steering import Steering
from rnnmusic.sampling.stepper import Hidden, State, Stepper

STALLED = (
    f"The model put {LARGEST_CHORD} notes on one moment and stopped moving in time; it rests for a "
    "beat: raise the temperature or top-p, or use another checkpoint."
)


class NoteFlow(Flow):
    """The next note of ours and of the others race: the earlier, then the lower, is taken.

    A note of ours that was drawn behind one of the others is drawn anew when that has been heard,
    given that nothing came before it. What is drawn anew because time has passed keeps its dice
    while they still lead to a legal onset, and is else drawn with the next ones among those left:
    both together are just the distribution given that nothing has happened.
    """

    encoding: NoteEvents
    hears_lengths = True

    def __init__(self, stepper: Stepper, dice: Dice, quarters_per_bar: float) -> None:
        super().__init__(stepper, dice, quarters_per_bar)
        self._words = NoteWords(self.encoding)
        self._answers = NoteAnswers(stepper, self.shaper, self._words, dice)
        self._grid = self.encoding.steps_per_quarter
        self._decoder = self.encoding.live_decoder()
        self._no_clock = np.empty(0, dtype=np.uint8)

    def begin(self, at_quarters: float) -> Place:
        """The place where nothing has been heard yet; shifts count from here."""
        step = self._words.step_from(at_quarters)
        return Place(
            flow=self,
            state=self.stepper.initial(),
            previous=self.encoding.start_step(),
            step=step,
            onset_step=step,
            decoding=EventsDecoding(step),
            take=0,
            draw=0,
            ready_quarters=at_quarters,
            heard=(step, -1),
        )

    def advance(
        self, place: Place, until_quarters: float, limit_quarters: float, scene: Scene
    ) -> Advance | None:
        """Take the next note of ours or of the others before the limit, or let time pass."""
        other = self._words.others(place.heard, scene.others)
        if other is not None and other.onset / self._grid >= limit_quarters:
            other = None
        if scene.kept is None and isinstance(place.activity, Resting):
            rest = place.activity.until_quarters
            if other is not None and other.onset / self._grid < rest:
                return self._take_other(place, *self._hear(place), other, scene)
            if min(rest, limit_quarters) > until_quarters:
                return Advance(place._replace(ready_quarters=until_quarters), None, [])
            if rest >= limit_quarters:
                return None
            place = self._over(place, rest)
        hidden, state = self._hear(place)
        place = self._caught_up(place)
        own = (
            self._draw(place, hidden, scene.steering)
            if scene.kept is None
            else self._words.kept(self._kept(scene))
        )
        if other is not None and (own is None or other[:2] < own.note[:2]):
            # The dice that were thrown in vain aren't thrown again.
            draw = place.draw if own is None or scene.kept is not None else own.draw
            return self._take_other(place._replace(draw=draw), hidden, state, other, scene)
        if own is None:
            return self._stuck(place, limit_quarters) if scene.kept is None else None
        if own.note.onset / self._grid >= limit_quarters:
            return None
        return self._take_own(place, state, own, other, scene)

    def settle(self, place: Place, at_quarters: float) -> tuple[Place, list[NoteMessage]]:
        """The place when no note comes before a time, and the ends due before it."""
        self._decoder.restore(place.decoding)
        # Not those due at that very time: they could be taken back, and nobody would know of them.
        messages = self._decoder.settle(self._words.step_from(at_quarters) - 1)
        settled = place._replace(
            decoding=self._decoder.snapshot(),
            ready_quarters=at_quarters,
            floors=self._with_floor(place, at_quarters),
        )
        return settled, messages

    def bounded(self, place: Place, from_quarters: float) -> Place:
        """The place when nothing of what lies before a time can be changed any more."""
        floor = self._words.step_from(from_quarters)
        if place.is_stuck:  # what it waited for may be open now
            place = place._replace(floors=tuple(f for f in place.floors if f < floor))
        return place._replace(
            ready_quarters=min(place.ready_quarters, from_quarters),
            floors=self._with_floor(place, from_quarters),
        )

    def sounding(self, place: Place) -> tuple[int, ...]:
        """Our pitches that sound, rising."""
        return tuple(sorted(pitch for pitch, _, _ in self._spans(place)))

    def only(self, place: Place, pitches: Iterable[int]) -> Place:
        """The place without those notes of ours that aren't of some pitches."""
        kept = frozenset(pitches)
        spans = tuple(span for span in self._spans(place) if span[0] in kept)
        return place._replace(decoding=EventsDecoding(place.decoding[0], spans))

    def moved(self, place: Place, from_quarters: float, to_quarters: float) -> Place:
        """The place as if what came at one time came at another."""
        by = round((to_quarters - from_quarters) * self._grid)
        floor = self._words.step_from(to_quarters)
        spans = tuple((pitch, start + by, end + by) for pitch, start, end in self._spans(place))
        return place._replace(
            step=min(place.step + by, floor),
            onset_step=min(place.onset_step + by, floor),
            decoding=EventsDecoding(place.decoding[0] + by, spans),
            ready_quarters=to_quarters,
            floors=(floor,),
            heard=(floor, -1),
            crowd=0,
        )

    def first_changed(self, change: Change, past: Past) -> float:
        """The onset of the first note whose ids are others now: perhaps one that is cut."""
        began = change.start_quarters - 0.5 / self._grid - SAME_STEP
        step = nearest_step(change.start_quarters, self._grid)
        played = takewhile(lambda moment: moment.before.flow is self, past.backwards())
        return self._words.cut_by(step, change.pitch, began, played)

    def after(
        self,
        steps: Steps,
        clock: NDArray[np.uint8] | None,
        at_quarters: float,
        length_quarters: float | None = None,
    ) -> Place:
        """The place when notes have been heard before a time."""
        place = self.begin(at_quarters)
        if not len(steps):
            return place
        state, previous = self._fed(steps, [self._no_clock] * len(steps))
        bar = self._quarters_per_bar * self._grid
        onset, end = self._words.extent(steps)
        if length_quarters is None:
            length = round(math.ceil(end / bar - SAME_STEP) * bar)
        else:
            length = self._words.step_from(length_quarters)
        step = place.step - max(0, length - onset)
        return place._replace(
            state=state,
            previous=previous,
            step=step,
            onset_step=step,
            decoding=EventsDecoding(step),
            ready_quarters=min(at_quarters, step / self._grid),
        )

    def answered_from(self, at_quarters: float) -> float:
        """After the notes of this time."""
        return at_quarters + SAME_STEP

    def answer(
        self, place: Place, forced: tuple[int, ...], at_quarters: float, scene: Scene
    ) -> tuple[int, ...]:
        """Notes that the model adds to these at their moment, at least one where one is open."""
        onset = max(nearest_step(at_quarters, self._grid), place.onset_step)
        place = self._caught_up(place._replace(floors=(onset,)))
        return self._answers.to(place, forced, onset, scene.steering)

    # -- the race ------------------------------------------------------------------------

    def _draw(self, place: Place, hidden: Hidden, steering: Steering) -> Drawn | None:
        """Our next note, given that it doesn't begin before the floors; None when there is none."""
        spans = self._spans(place)
        sounding = tuple(pitch for pitch, _, _ in spans)
        remaining = tuple(end - place.step for _, _, end in spans)
        drawn = None
        draw, earliest = place.draw, place.step
        for floor in (place.onset_step, *place.floors):
            earliest = max(earliest, floor)
            if drawn is not None and drawn.note.onset >= earliest:
                continue
            context = Context(sounding, place.recent, earliest - place.step, remaining=remaining)
            shaping = self.shaper.shape(steering, context)
            if shaping is None:
                return None
            step = self.stepper.draw(hidden, shaping, self._uniforms(place.take, draw))
            draw += 1
            drawn = self._words.drawn(step, place.step, draw)
        return drawn

    def _take_own(
        self, place: Place, state: State, own: Drawn, other: Note | None, scene: Scene
    ) -> Advance:
        """Our note, which another player may strike at the same time."""
        note, words = own.note, self._words
        origin = note.onset - words.shifts[int(own.step[0])]
        self._decoder.restore(EventsDecoding(origin, self._spans(place)))
        messages = self._decoder.push(own.step)
        heard_key, said = place.heard, note
        if other is not None and other[:2] == note[:2]:
            heard_key = (other.onset, other.pitch + words.lowest_pitch)
            said = note._replace(velocity=max(note.velocity, other.velocity))
        until = words.until(note, note.onset + note.duration, scene.others, self._kept(scene))
        heard, step = words.say(said, until, place.step, place.onset_step)
        crowd = place.crowd + 1 if note.onset == place.onset_step else 1
        is_stalled = crowd >= LARGEST_CHORD
        after = place._replace(
            state=state,
            previous=heard,
            step=step,
            onset_step=note.onset,
            decoding=self._decoder.snapshot(),
            draw=own.draw,
            ready_quarters=note.onset / self._grid,
            recent=with_struck(place.recent, messages),
            floors=(note.onset + self._grid,) if is_stalled else (),
            heard=heard_key,
            crowd=0 if is_stalled else crowd,
            is_stuck=False,
            activity=PLAYING,
        )
        if scene.kept is not None:
            scene.kept.pop(0)
        moment = Moment(note.onset / self._grid, place, own.step, heard, until, own.draw)
        return Advance(after, moment, messages, STALLED if is_stalled else None)

    def _take_other(
        self, place: Place, hidden: Hidden, state: State, other: Note, scene: Scene
    ) -> Advance:
        """Another player's note."""
        words, pitch = self._words, other.pitch + self._words.lowest_pitch
        ours = [end for held, _, end in self._spans(place) if held == pitch]
        end = max([other.onset + 1, *ours])
        until = words.until(other, end, scene.others, self._kept(scene))
        heard, step = words.say(other, until, place.step, place.onset_step)
        self._decoder.restore(place.decoding)
        messages = self._decoder.settle(other.onset)
        after = place._replace(
            state=self._learned(hidden, heard, state),
            previous=heard,
            step=step,
            onset_step=other.onset,
            decoding=self._decoder.snapshot(),
            ready_quarters=max(place.ready_quarters, other.onset / self._grid),
            floors=tuple(floor for floor in place.floors if floor > other.onset),
            heard=(other.onset, pitch),
        )
        moment = Moment(other.onset / self._grid, place, None, heard, until, place.draw)
        return Advance(after, moment, messages)

    # -- time ----------------------------------------------------------------------------

    def _stuck(self, place: Place, limit_quarters: float) -> Advance | None:
        """Nothing may be played: rest until the next beat, and look again."""
        latest = max([place.ready_quarters, *(floor / self._grid for floor in place.floors)])
        beat = math.floor(latest + SAME_STEP) + 1.0
        if beat >= limit_quarters:
            return None
        settled, messages = self.settle(place, beat)
        notice = None if place.is_stuck else NOTHING_TO_PLAY
        moment = Moment(beat, place)
        return Advance(settled._replace(is_stuck=True), moment, messages, notice)

    def _over(self, place: Place, rest_quarters: float) -> Place:
        """The place when a rest is over."""
        floor = max([self._words.step_from(rest_quarters), *place.floors])
        return place._replace(
            activity=PLAYING,
            floors=(floor,),
            ready_quarters=max(place.ready_quarters, rest_quarters),
        )

    def _caught_up(self, place: Place) -> Place:
        """The place from which a shift leads past the floors, after a rest longer than any."""
        floor = max([place.step, *place.floors])
        return place._replace(step=max(place.step, floor - self._words.shifts[-1]))

    def _with_floor(self, place: Place, from_quarters: float) -> tuple[int, ...]:
        floor = self._words.step_from(from_quarters)
        if isinstance(place.activity, Resting):
            return (floor,)
        if floor <= max([place.onset_step, *place.floors]):
            return place.floors
        return (*place.floors, floor)

    def _hear(self, place: Place) -> tuple[Hidden, State]:
        return self.stepper.hear(place.previous, self._no_clock, place.state)

    def _spans(self, place: Place) -> tuple[tuple[int, int, int], ...]:
        """Of our notes that sound: pitch, start and end."""
        spans: tuple[tuple[int, int, int], ...] = place.decoding.sounding
        return spans
