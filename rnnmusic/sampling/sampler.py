"""Sampler: a generator played one step at a time, reproducibly, with a past it can return to."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rnnmusic.encodings.protocol import Encoding, Steps
from rnnmusic.generator import Generator
from rnnmusic.heads.protocol import Controls, normal
from rnnmusic.recurrent.protocol import State

LONGEST_BAR_STEPS = 1024


class Snapshot(NamedTuple):
    """Where a sampler stands: a value, unchanged by whatever is sampled after it was taken."""

    state: State
    rng_state: Tensor
    previous: Tensor  # (1, F), the step before the next one
    position: int  # index of the next step, as `Encoding.clock_at` counts


class Sampler:
    """Draws steps from a generator: the same seed, controls and prime give the same steps.

    It puts the generator in eval mode and works under `torch.inference_mode` on one thread, so
    that the number of cores changes neither the music nor a neighbour's timing. The clock runs
    in one metre, `quarters_per_bar`, from a bar line on.
    """

    def __init__(
        self,
        generator: Generator,
        *,
        seed: int,
        controls: Controls | None = None,
        quarters_per_bar: float = 4.0,
    ) -> None:
        self.controls = Controls() if controls is None else controls
        self.quarters_per_bar = quarters_per_bar
        self._generator = generator.eval()
        self._device = next(generator.parameters()).device
        self._dtype = torch.float32 if generator.encoding.is_real else torch.int64
        self._rng = torch.Generator(self._device).manual_seed(seed)
        with computing():
            self._state = generator.initial_state(1)
        self._previous = self._heard(self.encoding.start_step()[None])
        self._position = 0

    @property
    def encoding(self) -> Encoding:
        """The encoding whose steps are drawn."""
        return self._generator.encoding

    def prime(self, steps: Steps, clock: NDArray[np.uint8] | None = None) -> None:
        """Hear steps (T, F) as if they had just been drawn; the next one continues them.

        clock (T, C) is their metrical position where it isn't simply that of the next T steps;
        what is drawn then goes on from the last row of it.
        """
        if not len(steps):
            return
        if clock is None:
            clock = np.stack([self._clock(self._position + t) for t in range(len(steps))])
            self._position += len(steps)
        else:
            self._position = self._place_of(clock[-1]) + 1
        heard = self._heard(steps)
        inputs = torch.cat([self._previous, heard[:-1]])
        with computing():
            _, self._state = self._generator(
                inputs[None], self._positions(clock)[None], self._state
            )
        self._previous = heard[-1:]

    def next(self) -> Steps:
        """Draw the next step (F,), int64, or float32 where columns are real-valued."""
        clock = self._positions(self._clock(self._position)[None])
        with computing():
            hidden, self._state = self._generator.step(
                self._previous, clock, self._state, self._noise()
            )
            self._previous = self._generator.head.sample(hidden, self.controls, self._rng)
        self._position += 1
        previous = self._previous[0]
        # numpy doesn't know the short floats that some models compute in.
        drawn: Steps = (
            (previous.float() if self.encoding.is_real else previous).cpu().numpy().copy()
        )
        return drawn

    def snapshot(self) -> Snapshot:
        """Where the sampler stands now, to `restore` later, any number of times."""
        return Snapshot(self._state, self._rng.get_state(), self._previous, self._position)

    def restore(self, snapshot: Snapshot) -> None:
        """Return to a snapshot: the same steps follow, unless `controls` have changed."""
        self._state, rng_state, self._previous, self._position = snapshot
        self._rng.set_state(rng_state)

    def _noise(self) -> Tensor | None:
        """What latent variables are drawn with; the temperature divides their precision too."""
        count = self._generator.recurrent.noise_size
        if not count:
            return None
        like = next(self._generator.parameters())
        drawn = normal((1, count), like, self._rng).to(like.dtype)
        return drawn * math.sqrt(self.controls.temperature)

    def _clock(self, index: int) -> NDArray[np.uint8]:
        return self.encoding.clock_at(index, quarters_per_bar=self.quarters_per_bar)

    def _place_of(self, clock_row: NDArray[np.uint8]) -> int:
        """The first index with this clock row; 0, a bar line, if the metre here has none such."""
        for index in range(LONGEST_BAR_STEPS):
            if np.array_equal(self._clock(index), clock_row):
                return index
        return 0

    def _heard(self, steps: Steps) -> Tensor:
        return torch.tensor(steps, dtype=self._dtype, device=self._device)

    def _positions(self, clock: NDArray[np.uint8]) -> Tensor:
        return torch.tensor(clock.astype(np.int64), device=self._device)


@contextmanager
def computing() -> Iterator[None]:
    """Torch for playing: one thread, no gradients."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.inference_mode():
            yield
    finally:
        torch.set_num_threads(threads)
