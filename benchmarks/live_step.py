"""One step of live playing: torch eager, numpy and the compiled step, microseconds.

    python benchmarks/live_step.py [--json] [--quick]

A step takes the step before, moves the state and draws the next one with fresh random numbers.
Batch 1, one thread. The contestants take turns in one run, a block of steps each, and play music
of their own. wall is the clock on the wall; cpu is this thread's processor time, which leaves out
what neighbours on a busy machine take.

- torch: `Generator.step` and `Head.sample` in inference mode, as `Sampler` calls them;
- numpy: the equations with the input weights folded into a table of rows, BLAS on one thread;
- compiled: `rnnmusic.sampling.compiled`, with a shaping (biases, temperatures, top-p) and dice;
  "no head" is its recurrence alone, without drawing.

Cases: hidden-512 GRU and LSTM, and gated and diagonal flavours at 256, over rolls of 200 columns
with independent notes; a hidden-512 GRU over note events (281 values in 4 factors); and the shipped
bach-gru (NADE).
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from rnnmusic import checkpoint
from rnnmusic.encodings import NoteEvents, PianoRoll
from rnnmusic.encodings.protocol import Encoding
from rnnmusic.generator import Generator, GeneratorConfig, HeadConfig, ModelConfig, build
from rnnmusic.heads import Controls
from rnnmusic.sampling.compiled import export
from rnnmusic.sampling.dice import Dice
from rnnmusic.sampling.shaping import plain

BLOCK_STEPS = 50
TOP_P = 0.98
BAR_STEPS = 16  # of a roll; note events have no clock
ROLL_200 = PianoRoll(lowest_pitch=14, highest_pitch=113)

Step = Callable[[], None]
Array = NDArray[Any]


def made_up(name: str, size: int, encoding: Any = ROLL_200, head: str = "bernoulli") -> Generator:
    config = GeneratorConfig(encoding, ModelConfig(name, size=size), HeadConfig(head))
    generator = build(config, seed=1)
    if head == "bernoulli":
        # Some eight notes a frame, as music has.
        torch.nn.init.constant_(generator.head.logits.bias, -3.2)
    return generator.eval()


CASES: dict[str, Callable[[], Generator]] = {
    "gru-512, 200 columns": lambda: made_up("gru", 512),
    "gru-512, note events": lambda: made_up("gru", 512, NoteEvents(), "categorical"),
    "lstm-512, 200 columns": lambda: made_up("lstm", 512),
    "gru-256, 200 columns": lambda: made_up("gru", 256),
    "lstm-256, 200 columns": lambda: made_up("lstm", 256),
    "peephole-lstm-256": lambda: made_up("peephole-lstm", 256),
    "gru-before-256": lambda: made_up("gru-before", 256),
    "slstm-256": lambda: made_up("slstm", 256),
    "phased-lstm-256": lambda: made_up("phased-lstm", 256),
    "gated-feedback-256": lambda: made_up("gated-feedback", 256),
    "ssm-256, 200 columns": lambda: made_up("ssm", 256),
    "lru-256, 200 columns": lambda: made_up("lru", 256),
    "s4d-256, 200 columns": lambda: made_up("s4d", 256),
    "s5-256, 200 columns": lambda: made_up("s5", 256),
    "mingru-256, 200 columns": lambda: made_up("mingru", 256),
    "rg-lru-256, 200 columns": lambda: made_up("rg-lru", 256),
    "arma-256, 200 columns": lambda: made_up("arma", 256),
    "bach-gru (384, NADE)": lambda: checkpoint.load("bach-gru").generator,
}


def bar(encoding: Encoding) -> list[Array]:
    """The clock of one bar, made beforehand: it is the same work for all."""
    return [encoding.clock_at(index) for index in range(BAR_STEPS)]


def torch_step(generator: Generator) -> Step:
    rng, controls, encoding = (
        torch.Generator().manual_seed(1),
        Controls(1.0, TOP_P),
        generator.encoding,
    )
    with torch.inference_mode():
        state = generator.initial_state(1)
    previous = torch.tensor(encoding.start_step())[None]
    clocks = [torch.tensor(clock[None].astype(np.int64)) for clock in bar(encoding)]
    index = 0

    def step() -> None:
        nonlocal state, previous, index
        with torch.inference_mode():
            hidden, state = generator.step(previous, clocks[index % BAR_STEPS], state)
            previous = generator.head.sample(hidden, controls, rng)
        index += 1

    return step


def compiled_step(generator: Generator) -> Step:
    stepper, dice, encoding = export(generator), Dice(1), generator.encoding
    shaping = plain(encoding.sizes, top_p=TOP_P)
    clocks = bar(encoding)
    state, previous, index = stepper.initial(), encoding.start_step(), 0

    def step() -> None:
        nonlocal state, previous, index
        hidden, state = stepper.hear(previous, clocks[index % BAR_STEPS], state)
        previous = stepper.draw(hidden, shaping, dice.uniforms(0, index, stepper.draws))
        index += 1

    return step


def network_step(generator: Generator) -> Step:
    """The compiled recurrence alone, hearing chords of eight notes or an event."""
    stepper, encoding = export(generator), generator.encoding
    rng, clocks = np.random.default_rng(1), bar(encoding)
    notes = (rng.random(len(encoding.sizes)) < 8 / len(encoding.sizes)).astype(np.int64)
    heard = notes if set(encoding.sizes) == {2} else encoding.start_step()
    state, index = stepper.initial(), 0

    def step() -> None:
        nonlocal state, index
        _, state = stepper.hear(heard, clocks[index % BAR_STEPS], state)
        index += 1

    return step


def numpy_step(generator: Generator) -> Step | None:
    """None for what isn't written out here."""
    advance, draw = _numpy_layer(generator), _numpy_head(generator)
    if advance is None or draw is None:
        return None
    encoding, rng = generator.encoding, np.random.default_rng(1)
    weights, bias = advance[1], advance[2]
    tables = [_array(table.weight) for table in generator.embedding.tables]
    width = tables[0].shape[1] if tables else 1
    rows = [t @ weights[k * width : (k + 1) * width] for k, t in enumerate(tables)]
    folded = np.concatenate([*rows, weights[len(tables) * width :]]) if rows else weights
    counts = [len(table) for table in tables] or [1] * len(encoding.sizes)
    offsets = np.cumsum([0, *counts, *encoding.clock_sizes])[:-1]
    columns = len(encoding.sizes)
    clocks = bar(encoding)
    state: Any = None
    previous, index = encoding.start_step(), 0

    def step() -> None:
        nonlocal state, previous, index
        heard = offsets[:columns] + previous if tables else np.flatnonzero(previous)
        clock = offsets[columns:] + clocks[index % BAR_STEPS]
        drive = bias + folded[np.concatenate([heard, clock])].sum(0)
        y, state = advance[0](drive, state)
        previous = draw(y, rng)
        index += 1

    return step


def _array(tensor: Any) -> Array:
    return np.ascontiguousarray(tensor.detach().numpy())


def _sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


def _numpy_layer(generator: Generator) -> tuple[Callable[..., Any], Array, Array] | None:
    layer, size = generator.recurrent.layers[0], generator.recurrent.output_size
    name = generator.config.model.name
    zeros = np.zeros(size, np.float32)
    if name == "gru":
        recurrent, inner = _array(layer.weight_hh), _array(layer.bias_hh)

        def gru(drive: Array, h: Array | None) -> tuple[Array, Array]:
            h = zeros if h is None else h
            total = recurrent @ h + inner
            r, z = _sigmoid((drive + total)[: 2 * size]).reshape(2, size)
            n = np.tanh(drive[2 * size :] + r * total[2 * size :])
            h = n + z * (h - n)
            return h, h

        return gru, _array(layer.weight_ih).T.copy(), _array(layer.bias_ih)
    if name == "lstm":
        recurrent = _array(layer.weight_hh)

        def lstm(drive: Array, state: Any) -> tuple[Array, Any]:
            h, c = (zeros, zeros) if state is None else state
            i, f, g, o = (drive + recurrent @ h).reshape(4, size)
            c = _sigmoid(f) * c + _sigmoid(i) * np.tanh(g)
            h = _sigmoid(o) * np.tanh(c)
            return h, (h, c)

        return lstm, _array(layer.weight_ih).T.copy(), _array(layer.bias_ih + layer.bias_hh)
    if name == "ssm":
        (form,) = layer.filters()
        pole = form.pole.astype(np.complex64)
        readout = np.concatenate([form.c.real, -form.c.imag], 1).astype(np.float32)
        modes = len(pole)

        def ssm(drive: Array, h: Array | None) -> tuple[Array, Array]:
            h = np.zeros(modes, np.complex64) if h is None else h
            y = readout @ np.concatenate([h.real, h.imag]) + drive[2 * modes :]
            return y, pole * h + drive[:modes] + 1j * drive[modes : 2 * modes]

        weights = np.concatenate([form.b.real, form.b.imag, form.d]).T.astype(np.float32)
        return ssm, weights, np.zeros(weights.shape[1], np.float32)
    return None


def _numpy_head(generator: Generator) -> Callable[[Array, np.random.Generator], Array] | None:
    head = generator.head
    if head.name == "bernoulli":
        weight, bias = _array(head.logits.weight), _array(head.logits.bias)

        def bernoulli(h: Array, rng: np.random.Generator) -> Array:
            return (rng.random(len(bias)) < _sigmoid(weight @ h + bias)).astype(np.int64)

        return bernoulli
    if head.name == "nade":
        weight = np.concatenate([_array(head.visible_bias.weight), _array(head.hidden_bias.weight)])
        bias = np.concatenate([_array(head.visible_bias.bias), _array(head.hidden_bias.bias)])
        moves, readout = _array(head.weight), _array(head.readout)
        columns = np.arange(len(moves))

        def nade(h: Array, rng: np.random.Generator) -> Array:
            total = weight @ h + bias
            draws = rng.random(len(columns))
            limits = np.log(draws / (1 - draws)) - total[: len(columns)]
            state, step = total[len(columns) :], np.zeros(len(columns), np.int64)
            while True:
                found = readout @ _sigmoid(state) > limits
                if not found.any():
                    return step
                lowest = found.argmax()
                step[lowest] = 1
                state = state + moves[lowest]
                limits[: lowest + 1] = np.inf

        return nade
    return None


def measure(steps: dict[str, Step], rounds: int) -> dict[str, dict[str, float]]:
    wall_ns: dict[str, list[int]] = {name: [] for name in steps}
    cpu_ns: dict[str, list[int]] = {name: [] for name in steps}
    for step in steps.values():  # caches, kernels and the heap
        for _ in range(2 * BLOCK_STEPS):
            step()
    for _ in range(rounds):
        for name, step in steps.items():
            for _ in range(5):  # what the one before has put out of the caches
                step()
            for _ in range(BLOCK_STEPS):
                cpu_began_ns, began_ns = time.thread_time_ns(), time.perf_counter_ns()
                step()
                wall_ns[name].append(time.perf_counter_ns() - began_ns)
                cpu_ns[name].append(time.thread_time_ns() - cpu_began_ns)
    return {
        name: {
            f"{kind}_p{share}_us": float(np.percentile(taken_ns[name], share)) / 1e3
            for kind, taken_ns in (("wall", wall_ns), ("cpu", cpu_ns))
            for share in (50, 99)
        }
        for name in steps
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    parser.add_argument("--quick", action="store_true", help="fewer rounds")
    arguments = parser.parse_args()
    rounds = 8 if arguments.quick else 60
    torch.set_num_threads(1)
    results = {}
    with threadpool_limits(1):
        for name, make in CASES.items():
            generator = make()
            steps = {
                "torch": torch_step(generator),
                "compiled": compiled_step(generator),
                "compiled, no head": network_step(generator),
            }
            if (plain_step := numpy_step(generator)) is not None:
                steps["numpy"] = plain_step
            results[name] = measure(steps, rounds)
    if arguments.json:
        print(
            json.dumps({"threads": 1, "steps": rounds * BLOCK_STEPS, "results": results}, indent=2)
        )
        return
    print(f"microseconds a step, {rounds * BLOCK_STEPS} steps each")
    print(f"{'':24}{'wall p50':>10}{'p99':>9}{'cpu p50':>10}{'p99':>9}")
    for name, contestants in results.items():
        print(name)
        for contestant, figures in contestants.items():
            ratio = contestants["torch"]["wall_p50_us"] / figures["wall_p50_us"]
            wall = f"{figures['wall_p50_us']:10.1f}{figures['wall_p99_us']:9.1f}"
            cpu = f"{figures['cpu_p50_us']:10.1f}{figures['cpu_p99_us']:9.1f}"
            print(f"  {contestant:22}{wall}{cpu}   {ratio:4.1f} times as fast as torch")


if __name__ == "__main__":
    main()
