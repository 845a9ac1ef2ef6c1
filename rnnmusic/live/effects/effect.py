"""A filter between the inputs and the outputs of a sound card or of JACK, in real time.

The driver's thread calls `Effect.process` for each block. It waits for nothing and never raises:
what goes wrong is counted, and what can't go on is silent.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from rnnmusic.filters.forms import Form
from rnnmusic.live.timing.clock import Stop

RAMP_S = 0.02  # coefficients change over this time, without clicks
LOOK_EVERY_S = 0.02  # how often the waiting thread looks at the stop

Block = NDArray[np.float32]


class Processor(Protocol):
    """What `Effect` asks of a filter with memory: rnnmusic.filters.streaming.Stream."""

    @property
    def inputs(self) -> int:
        """Channels that go in."""
        ...

    @property
    def outputs(self) -> int:
        """Channels that come out."""
        ...

    def process(self, block: Block) -> Block:
        """Filter the next block (inputs, frames) to (outputs, frames)."""
        ...

    def change(self, form: Form, ramp_s: float) -> None:
        """Become another filter, over so many seconds from the next block on."""
        ...

    def reset(self) -> None:
        """Forget everything that was heard."""
        ...


@dataclass(frozen=True)
class EffectReport:
    """How a performance went.

    blocks, frames: filtered; xruns: blocks that came or went too late, by the driver's count;
    faults: blocks that were silenced because the input or the filter wasn't finite; load: the
    longest time that a block took, as a part of the time it lasts.
    """

    blocks: int
    frames: int
    xruns: int
    faults: int
    load: float


class Effect:
    """A filter with memory, called for each block by a driver.

    sample_rate_hz: what the driver runs at; block_frames: the most frames that a block has.
    """

    def __init__(self, processor: Processor, block_frames: int, sample_rate_hz: float) -> None:
        self.inputs, self.outputs = processor.inputs, processor.outputs
        self.error: Exception | None = None
        self._processor = processor
        self._rate = sample_rate_hz
        self._input = np.zeros((self.inputs, block_frames), dtype=np.float32)
        self._next: Form | None = None
        self._blocks = self._frames = self._xruns = self._faults = 0
        self._load = 0.0
        # The first block may compile a kernel, which takes seconds.
        processor.process(self._input)
        processor.reset()

    def change(self, form: Form) -> None:
        """Become another filter with the next block, ramped; called from any thread."""
        self._next = form  # one reference, taken by the driver's thread: no lock is needed

    def count_xrun(self) -> None:
        """Note that the driver was too late."""
        self._xruns += 1

    def input(self, frames: int) -> Block:
        """The buffer (inputs, frames) to put the next block's input into."""
        if frames > self._input.shape[1]:  # a driver that breaks its word, once
            self._input = np.zeros((self.inputs, frames), dtype=np.float32)
        return self._input[:, :frames]

    def process(self, frames: int) -> Block | None:
        """Filter what is in `input(frames)`; None for silence where that has failed."""
        started = time.perf_counter()
        try:
            form, self._next = self._next, None
            if form is not None:
                self._processor.change(form, RAMP_S)
            block = self._processor.process(self.input(frames))
            # A sum of finite numbers is finite at these levels, and takes no array to find out.
            if not np.isfinite(block.sum(dtype=np.float64)):
                self._faults += 1
                self._processor.reset()  # else the filter would remember it for ever
                return None
        except Exception as error:
            # The driver's thread has nobody to raise to: the waiting thread does it.
            self.error = error
            return None
        self._blocks += 1
        self._frames += frames
        self._load = max(self._load, (time.perf_counter() - started) * self._rate / frames)
        return block

    def wait(self, stop: Stop, longest_s: float) -> None:
        """Return when stop is set, or after so long; raises what `process` met with."""
        end = time.monotonic() + longest_s
        while not stop.is_set() and self.error is None and time.monotonic() < end:
            time.sleep(min(longest_s, LOOK_EVERY_S))
        if self.error is not None:
            raise self.error

    def report(self) -> EffectReport:
        """How it went so far."""
        return EffectReport(self._blocks, self._frames, self._xruns, self._faults, self._load)
