"""Networks that can't be exported, stepped by torch with states as arrays."""

from __future__ import annotations

import copy
import hashlib
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rnnmusic.encodings.protocol import Steps
from rnnmusic.generator import Generator
from rnnmusic.heads.protocol import as_normal
from rnnmusic.recurrent import State, tree_map
from rnnmusic.sampling.compiled.arithmetic import Floats
from rnnmusic.sampling.compiled.states import map_leaves
from rnnmusic.sampling.dice import Dice
from rnnmusic.sampling.sampler import computing


class TorchNetwork:
    """Embedding and recurrence of a generator as it is now: a copy, on the CPU, in float32.

    States are those of the recurrence for one row, with arrays for tensors. It computes as
    `Sampler` does: in inference mode, on one thread. Latent variables are drawn by dice that are
    named by what is heard and the state, so that `hear` stays a function of its arguments.
    """

    is_compiled = False

    def __init__(self, generator: Generator) -> None:
        self._generator = copy.deepcopy(generator).float().cpu().eval()

    def initial(self) -> Any:
        """The state before the first step."""
        with computing():
            # Copies: a learned initial state is a view of its parameter.
            return tree_map(lambda part: part.numpy().copy(), self._generator.initial_state(1))

    def hear(self, previous: Steps, clock: NDArray[np.uint8], state: Any) -> tuple[Floats, Any]:
        """As in `Stepper`."""
        steps, positions = (
            torch.tensor(np.array(row, dtype=np.int64)[None]) for row in (previous, clock)
        )
        with computing():
            before = map_leaves(torch.from_numpy, state)
            noise = self._noise(steps, before)
            hidden, after = self._generator.step(steps, positions, before, noise)
            return hidden[0].numpy(), tree_map(Tensor.numpy, after)

    def _noise(self, steps: Tensor, state: State) -> Tensor | None:
        count = self._generator.recurrent.noise_size
        if not count:
            return None
        name = hashlib.blake2b(steps.numpy().tobytes(), digest_size=16)
        tree_map(lambda part: name.update(part.contiguous().numpy().tobytes()), state)
        uniforms = Dice(int.from_bytes(name.digest(), "little")).uniforms(0, 0, count)
        return as_normal(torch.from_numpy(uniforms)).float()[None]
