"""The compiled step: a trained generator as a function of arrays, without torch's dispatch.

`export` takes the weights once. What is linear in the step before and in the clock becomes a table
of rows to add up, each layer one kernel that streams its recurrent weights once, and each head one
kernel that shapes and draws. A step then costs about as much as reading the weights from memory.

A flavour of recurrence is exported by a function in `network.LAYERS`, a head by one in `HEADS`;
a network with a flavour that isn't there runs through torch, under the same head.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from rnnmusic.encodings.protocol import ScoreEncoding, Steps
from rnnmusic.errors import UsageError
from rnnmusic.generator import Generator
from rnnmusic.heads import (
    BernoulliHead,
    FactoredCategoricalHead,
    Head,
    NadeHead,
    PitchAxisHead,
    RbmHead,
    TiedHead,
)
from rnnmusic.recurrent import Recurrent
from rnnmusic.sampling.compiled import states
from rnnmusic.sampling.compiled.adapting_poles import MovingPoles
from rnnmusic.sampling.compiled.binary import bernoulli, nade
from rnnmusic.sampling.compiled.categorical import categorical
from rnnmusic.sampling.compiled.head import CompiledHead
from rnnmusic.sampling.compiled.logit_gradients import LOGIT_GRADIENTS, LogitGradient
from rnnmusic.sampling.compiled.logits import STEP_LOGITS, StepLogits
from rnnmusic.sampling.compiled.network import LAYERS, CompiledNetwork
from rnnmusic.sampling.compiled.pitch_heads import pitch_axis, tied
from rnnmusic.sampling.compiled.rbm import rbm
from rnnmusic.sampling.compiled.through_torch import TorchNetwork
from rnnmusic.sampling.compiled.weights import check_finite
from rnnmusic.sampling.kinds import score_encoding
from rnnmusic.sampling.shaping import Shaping
from rnnmusic.sampling.stepper import Hidden, State, Stepper

__all__ = ["HEADS", "LAYERS", "ExportedStepper", "export"]

#: How each head becomes a `CompiledHead`.
HEADS: dict[type[Head], Callable[[Any], CompiledHead]] = {
    BernoulliHead: bernoulli,
    NadeHead: nade,
    FactoredCategoricalHead: categorical,
    TiedHead: tied,
    PitchAxisHead: pitch_axis,
    RbmHead: rbm,
}


def export(generator: Generator) -> Stepper:
    """The generator as it is now, as a `Stepper`; later training doesn't change it.

    Its kernels are compiled here: seconds once per installation, a fraction of one per process
    after that. UsageError for a generator of sound or one whose head isn't in `HEADS`; InputError
    for weights that aren't finite.
    """
    encoding = score_encoding(generator.encoding)
    make_head = HEADS.get(type(generator.head))
    if make_head is None:
        raise UsageError(
            f"The {generator.head.name} head can't be steered step by step; play a model with one "
            f"of {', '.join(head.name for head in HEADS)}."
        )
    check_finite(generator)
    can_export = CompiledNetwork.can_export(generator)
    network = CompiledNetwork(generator) if can_export else TorchNetwork(generator)
    return ExportedStepper(encoding, network, make_head(generator.head), copy.deepcopy(generator))


class ExportedStepper:
    """A `Stepper` of a network and a head that were exported."""

    def __init__(
        self,
        encoding: ScoreEncoding,
        network: CompiledNetwork | TorchNetwork,
        head: CompiledHead,
        exported_from: Generator,
    ) -> None:
        self.encoding = encoding
        self._network = network
        self._head = head
        self._exported_from = exported_from

    @property
    def is_compiled(self) -> bool:
        """Whether it runs without torch."""
        return self._network.is_compiled

    @property
    def draws(self) -> int:
        """How many random numbers `draw` takes."""
        return self._head.draws

    def initial(self) -> State:
        """The state before the first step."""
        return self._network.initial()

    def hear(self, previous: Steps, clock: NDArray[np.uint8], state: State) -> tuple[Hidden, State]:
        """As in `Stepper`; InputError for a step or clock that isn't one of the encoding's."""
        return self._network.hear(previous, clock, state)

    def draw(self, hidden: Hidden, shaping: Shaping, uniforms: NDArray[np.float64]) -> Steps:
        """As in `Stepper`; errors as in `CompiledHead.draw`."""
        return self._head.draw(hidden, shaping, uniforms)

    def mix(self, first: State, second: State, share: float) -> State:
        """As in `Stepper`; errors as in `states.mix`."""
        return states.mix(first, second, share)

    def step_logits(self) -> StepLogits | None:
        """What says how likely given steps are, compiled now; None where the head can't."""
        head = self._exported_from.head
        make = STEP_LOGITS.get(type(head))
        return None if make is None else make(head)

    def logit_gradient(self) -> LogitGradient | None:
        """How what is wrong with those logits goes back to what the head read; None likewise."""
        head = self._exported_from.head
        make = LOGIT_GRADIENTS.get(type(head))
        return None if make is None else make(head)

    def with_moving_poles(self) -> tuple[ExportedStepper, MovingPoles]:
        """The same with a last layer that can be taught; UsageError for one that can't."""
        generator = self._exported_from
        poles = MovingPoles(cast("Recurrent", generator.recurrent.layers[-1]))
        if not CompiledNetwork.can_export(generator):
            raise UsageError(
                "The layers below this model's last one run through torch; play without "
                "--adapt-cell."
            )
        network = CompiledNetwork(generator, poles.layer)
        return ExportedStepper(self.encoding, network, self._head, generator), poles
