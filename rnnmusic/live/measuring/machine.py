"""Measuring a machine for live playing: what a step costs and whether JACK keeps its frames.

`reactions` measures an engine as it plays. Both are for `rnnmusic live bench` and benchmarks.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from rnnmusic.sampling.stepper import Stepper

#: A step draws at most one beat ahead; a beat of sixteenths at 120 quarters a minute has these.
_WARM_STEPS = 64
_JACK_INTERVAL_S = 0.004
_JACK_GRACE_S = 0.25


@dataclass(frozen=True)
class Spread:
    """How a quantity is spread over `count` observations, in the unit that its name says."""

    p50: float
    p99: float
    max: float
    count: int


def spread(values: Sequence[float]) -> Spread:
    """Nearest-rank quantiles: each is a value that was observed; NaN where there is none."""
    if not values:
        return Spread(math.nan, math.nan, math.nan, 0)
    ordered = sorted(values)
    p50, p99 = (ordered[math.ceil(share * len(ordered)) - 1] for share in (0.5, 0.99))
    return Spread(p50, p99, ordered[-1], len(ordered))


class StepCost(NamedTuple):
    """What one step of a generator costs: hearing the one before and drawing the next.

    step_us: wall time of each. is_compiled: whether it ran without torch.
    """

    step_us: Spread
    is_compiled: bool


def step_cost(stepper: Stepper, *, steps: int = 1000, seed: int = 0) -> StepCost:
    """Play so many steps on end, after a few that warm the caches, and time each."""
    from rnnmusic.sampling.dice import Dice
    from rnnmusic.sampling.shaping import plain

    encoding, dice, shaping = stepper.encoding, Dice(seed), plain(stepper.encoding.sizes)
    previous, state = encoding.start_step(), stepper.initial()
    taken_us = []
    for index in range(_WARM_STEPS + steps):
        clock = encoding.clock_at(index)
        uniforms = dice.uniforms(0, index, stepper.draws)
        began_ns = time.perf_counter_ns()
        hidden, state = stepper.hear(previous, clock, state)
        previous = stepper.draw(hidden, shaping, uniforms)
        taken_us.append((time.perf_counter_ns() - began_ns) / 1e3)
    return StepCost(spread(taken_us[_WARM_STEPS:]), stepper.is_compiled)


class FrameError(NamedTuple):
    """Where messages arrived in a JACK graph, against the frame they were due at.

    worst_frames: the largest distance either way. lost: messages that never arrived. xruns:
    periods that the server or the machine missed meanwhile.
    """

    notes: int
    worst_frames: int
    lost: int
    xruns: int


def jack_frame_error(notes: int = 500) -> FrameError:
    """Send notes to a client of our own and compare frames; DeviceError where no server answers."""
    from rnnmusic.live.ports.jack_driver import jack_driver

    driver = jack_driver()
    try:
        output: Any = driver.virtual_output("bench")
        try:
            listener = _Listener(output.name)
            try:
                return _played(driver.clock, output, listener, notes)
            finally:
                listener.close()
        finally:
            output.close()
    finally:
        driver.close()


def _played(clock: Any, output: Any, listener: _Listener, notes: int) -> FrameError:
    due_s = clock.now() + 2 * output.lead_s
    wanted = []
    for number in range(notes):
        time.sleep(max(0.0, due_s - output.lead_s - clock.now()))
        # A number in two bytes of seven bits: what arrives can be told apart.
        output.send(bytes((0x90, number % 128, 1 + number // 128 % 127)), due_s)
        wanted.append(clock.frame_at(due_s))
        due_s += _JACK_INTERVAL_S
    time.sleep(output.lead_s + _JACK_GRACE_S)
    errors = [abs(a - b) for a, b in zip(wanted, listener.frames(clock), strict=False)]
    return FrameError(notes, max(errors, default=0), notes - len(errors), output.xruns)


class _Listener:
    """A JACK client that notes the frame of every message, in the order of arrival."""

    def __init__(self, source: str) -> None:
        from rnnmusic.live.ports.jack_client import open_client

        self._heard: list[int] = []
        self._client = open_client("rnnmusic-bench")
        self._port = self._client.midi_inports.register("in")
        self._client.set_process_callback(self._process)
        self._client.activate()
        self._client.connect(source, self._port)

    def frames(self, clock: Any) -> list[int]:
        """The server's frames of what was heard."""
        return [clock.unwrapped(frame) for frame in self._heard]

    def close(self) -> None:
        """Leave the graph."""
        from rnnmusic.live.ports.jack_client import close_client

        close_client(self._client)

    def _process(self, _frames: int) -> None:
        start = self._client.last_frame_time
        self._heard += [start + offset for offset, _ in self._port.incoming_midi_events()]
