"""Frames drawn given a note above others."""

from __future__ import annotations

import numpy as np
import pytest

from rnnmusic.encodings import PianoRoll
from rnnmusic.live.performing.roll_answers import RollAnswers
from rnnmusic.sampling.dice import Dice
from rnnmusic.sampling.shape import Context, Shaper
from rnnmusic.sampling.steering import Steering

ENCODING = PianoRoll(lowest_pitch=60, highest_pitch=61, articulation=False)


class TwoPitches:
    """The lower pitch is there half the time; the upper mostly with it, seldom without."""

    draws = 2

    def draw(self, hidden, shaping, uniforms):
        lower = int(uniforms[0] < 0.5)
        upper = int(uniforms[1] < (0.4 if lower else 0.1) or shaping.bias[1] == np.inf)
        return np.array([lower, upper])


def test_what_is_below_a_given_note_is_as_likely_as_given_it():
    answers = RollAnswers(TwoPitches(), ENCODING)
    shaper, dice = Shaper(ENCODING), Dice(1)
    free = shaper.shape(Steering(), Context())
    given = shaper.shape(Steering(), Context(forced=(61,)))
    frames = np.array(
        [
            answers.frame(np.empty(0), free, given, 61, dice.uniforms(0, index, answers.draws))
            for index in range(2000)
        ]
    )
    assert frames[:, 1].all()
    assert frames[:, 0].mean() == pytest.approx(0.8, abs=0.04)  # Bayes: 0.2 / (0.2 + 0.05)


def test_a_note_that_cannot_be_is_still_given():
    class Never(TwoPitches):
        def draw(self, hidden, shaping, uniforms):
            return np.array([uniforms[0] < 0.5, shaping.bias[1] == np.inf]).astype(np.int64)

    answers = RollAnswers(Never(), ENCODING)
    shaping = Shaper(ENCODING).shape(Steering(), Context(forced=(61,)))
    uniforms = Dice(1).uniforms(0, 0, answers.draws)
    assert answers.frame(np.empty(0), shaping, shaping, 61, uniforms)[1] == 1
