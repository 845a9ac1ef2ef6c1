"""NoteAnswers: the notes that a model of note events adds to those that another player strikes."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from rnnmusic.live.performing.note_words import NoteWords
from rnnmusic.live.performing.past import Place
from rnnmusic.sampling.dice import Dice
from rnnmusic.sampling.shape import Context, Shaper
from rnnmusic.sampling.steering import Steering
from rnnmusic.sampling.stepper import Stepper

#: Notes that an answer has at most.
LARGEST_ANSWER = 4

#: How loud and, in quarters, how long the notes are taken to be that are answered.
VELOCITY, QUARTERS = 80, 1


class NoteAnswers:
    """Lets the model hear the notes and draws those with a shift of 0 that it puts on them."""

    def __init__(self, stepper: Stepper, shaper: Shaper, words: NoteWords, dice: Dice) -> None:
        self._stepper = stepper
        self._shaper = shaper
        self._words = words
        self._dice = dice
        self._clock = np.empty(0, dtype=np.uint8)

    def to(
        self, place: Place, forced: Iterable[int], onset_step: int, steering: Steering
    ) -> tuple[int, ...]:
        """The MIDI pitches added to some at a step, rising; at least one where one is open."""
        words, stepper = self._words, self._stepper
        pitches = [pitch for pitch in sorted(set(forced)) if words.covers(pitch)]
        state, previous = place.state, place.previous
        placed, last = place.step, place.onset_step
        until = onset_step + QUARTERS * words.steps_per_quarter
        for pitch in pitches:
            _, state = stepper.hear(previous, self._clock, state)
            note = words.other(onset_step, pitch, VELOCITY)
            previous, placed = words.say(note, until, placed, last)
            last = onset_step
        found: list[int] = []
        while len(found) < LARGEST_ANSWER:
            hidden, state = stepper.hear(previous, self._clock, state)
            shaping = self._shaper.shape(steering, Context(recent=place.recent))
            if shaping is None:
                break
            bias = self._at_once(shaping.bias, (*pitches, *found), is_forced=not found)
            if bias is None:
                break
            uniforms = self._dice.uniforms(place.take, place.draw + len(found), stepper.draws)
            previous = stepper.draw(hidden, shaping._replace(bias=bias), uniforms)
            if words.shifts[int(previous[0])]:
                break
            found.append(int(previous[1]) + words.lowest_pitch)
        return tuple(sorted(found))

    def _at_once(
        self, bias: NDArray[np.float64], taken: Iterable[int], *, is_forced: bool
    ) -> NDArray[np.float64] | None:
        """A bias without some pitches and, where that is forced, without moving on in time; None
        when no pitch is left."""
        shifts, pitch_count = self._stepper.encoding.sizes[:2]
        bias = bias.copy()
        pitches = bias[shifts : shifts + pitch_count]
        pitches[[pitch - self._words.lowest_pitch for pitch in taken]] = -np.inf
        if is_forced:
            bias[1:shifts] = -np.inf
        return bias if np.isfinite(pitches).any() else None
