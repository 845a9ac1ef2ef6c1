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
from typing import Any

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
from rnnmusic.sampling.compiled import states
from rnnmusic.sampling.compiled.binary import bernoulli, nade
from rnnmusic.sampling.compiled.categorical import categorical
from rnnmusic.sampling.compiled.head import CompiledHead
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
    return ExportedStepper(
        encoding, network, make_head(generator.head), copy.deepcopy(generator.head)
    )


class ExportedStepper:
    """A `Stepper` of a network and a head that were exported."""

    def __init__(
        self,
        encoding: ScoreEncoding,
        network: CompiledNetwork | TorchNetwork,
        head: CompiledHead,
        exported_from: Head,
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
        make = STEP_LOGITS.get(type(self._exported_from))
        return None if make is None else make(self._exported_from)
