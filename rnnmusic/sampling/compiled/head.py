"""CompiledHead: a distribution over the next step as one kernel call."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from rnnmusic.encodings.protocol import Steps
from rnnmusic.errors import InputError, UsageError
from rnnmusic.sampling.compiled.arithmetic import Doubles, Floats
from rnnmusic.sampling.shaping import Shaping

#: What a kernel says of a draw: it went well, or why not.
DRAWN, NOT_A_NUMBER, BAD_SHAPING, NOTHING_LEFT = range(4)


class Decide(Protocol):
    """A kernel with its weights: hidden (H,) and a shaping with its dice -> status, step (F,)."""

    def __call__(
        self,
        hidden: Floats,
        bias: Doubles,
        temperature: Doubles,
        top_p: float,
        most: int,
        uniforms: Doubles,
    ) -> tuple[int, Steps]:
        """One of the statuses above, and the step if it is DRAWN."""
        ...


class CompiledHead:
    """What is alike in all heads: shapes and troubles.

    columns: F. width: how many logits a shaping has a bias for. draws: how many dice; None: F.
    """

    def __init__(
        self, columns: int, width: int, decide: Decide, *, draws: int | None = None
    ) -> None:
        self.draws = columns if draws is None else draws
        self._shapes = (width,), (columns,), (self.draws,)
        self._decide = decide

    def draw(self, hidden: Floats, shaping: Shaping, uniforms: Doubles) -> Steps:
        """The next step (F,) int64, by `draws` numbers in [0, 1).

        InputError for a model that gives NaN; UsageError for a shaping or dice that don't fit the
        steps, that aren't numbers, or that forbid every value of a column.
        """
        # Copies: a kernel is compiled anew for arrays that are strided or mustn't be written to.
        bias, temperature, dice = (
            np.array(part, dtype=np.float64)
            for part in (shaping.bias, shaping.temperature, uniforms)
        )
        if (bias.shape, temperature.shape, dice.shape) != self._shapes:
            raise UsageError(
                f"Biases {bias.shape}, temperatures {temperature.shape} and dice {dice.shape} "
                f"don't fit these steps; give {', '.join(map(str, self._shapes))}."
            )
        if not 0.0 < shaping.top_p <= 1.0:
            raise UsageError(f"top_p is {shaping.top_p}; give a number above 0 and at most 1.")
        top_p, most = float(shaping.top_p), int(shaping.most)
        status, step = self._decide(hidden, bias, temperature, top_p, most, dice)
        if status == DRAWN:
            return step
        if status == NOT_A_NUMBER:
            raise InputError(
                "The model's outputs aren't numbers (NaN); take an earlier checkpoint, or train "
                "again at a lower learning rate."
            )
        if status == NOTHING_LEFT:
            raise UsageError(
                "The shaping forbids every value of a column; leave one that may be drawn."
            )
        raise UsageError(
            "A bias of the shaping isn't a number (NaN), or one of its temperatures isn't a finite "
            "number from 0 up; give such numbers."
        )
