"""NADE's sparse form against the dense ones: time, and the difference in nats per frame.

    python benchmarks/nade.py [ROLLS.npz] [--json]

Frames are drawn from the training split of ROLLS.npz (keys `train_roll`, bits packed by row), or
made up: each of 88 columns sounds with probability 4/88. Shapes are those of a training step: 16
rows of 64 frames. One thread and its CPU time, which a busy machine blurs less than the
clock on the wall; the contestants take turns, and the median of the rounds counts.

Three contestants compute the same numbers:

- sparse: `NadeHead.log_prob`, notes + 1 hidden states per frame;
- dense: `NadeHead.dense_log_prob`, the equation as it stands, 88 hidden states per frame at once;
- loop: the dense form one column after another (algorithm 1 of Larochelle & Murray 2011), which
  computes as many states but keeps the present one in the cache: the stronger opponent.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from rnnmusic.heads import NadeHead
from rnnmusic.heads.binary import decision_log_prob

COLUMNS, FRAMES, HIDDEN = 88, 16 * 64, 256


def frames_from(path: Path | None) -> Tensor:
    if path is None:
        return torch.rand(FRAMES, COLUMNS) < 4 / COLUMNS
    with np.load(path) as arrays:
        roll = torch.from_numpy(np.unpackbits(arrays["train_roll"], axis=1, count=COLUMNS))
    return roll[torch.randperm(len(roll))[:FRAMES]].bool()


def loop_log_prob(head: NadeHead, hidden: Tensor, value: Tensor) -> Tensor:
    bias, state = head.visible_bias(hidden), head.hidden_bias(hidden)
    active = value.to(state.dtype)
    logits = []
    for column in range(COLUMNS):
        logits.append(torch.sigmoid(state) @ head.readout[column])
        state = state + active[:, column : column + 1] * head.weight[column]
    return decision_log_prob(bias + torch.stack(logits, 1), value).sum(1)


def measure(width: int, value: Tensor, rounds: int) -> dict[str, float]:
    head = NadeHead(HIDDEN, (2,) * COLUMNS, width=width)
    head.initialise_bias(value)
    hidden = torch.randn(len(value), HIDDEN).tanh().requires_grad_()
    contestants: dict[str, Callable[[], Tensor]] = {
        "sparse": lambda: head.log_prob(hidden, value),
        "dense": lambda: head.dense_log_prob(hidden, value),
        "loop": lambda: loop_log_prob(head, hidden, value),
    }
    forward: dict[str, list[float]] = {name: [] for name in contestants}
    training: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(rounds):
        for name, run in contestants.items():
            # Untimed first: the one before leaves the caches and the heap as it needs them.
            torch.autograd.backward(run().sum())
            began_s = time.process_time()
            with torch.no_grad():
                run()
            middle_s = time.process_time()
            torch.autograd.backward(run().sum())
            forward[name].append(middle_s - began_s)
            training[name].append(time.process_time() - middle_s)
    result: dict[str, float] = {"width": width, "frames": len(value)}
    result["notes_per_frame"] = float(value.sum() / len(value))
    for name in contestants:
        result[f"{name}_forward_ms"] = 1e3 * statistics.median(forward[name])
        result[f"{name}_training_ms"] = 1e3 * statistics.median(training[name])
    for name in ("dense", "loop"):
        for kind in ("forward", "training"):
            ratio = result[f"{name}_{kind}_ms"] / result[f"sparse_{kind}_ms"]
            result[f"times_faster_than_{name}_{kind}"] = ratio
    with torch.no_grad():
        nats = contestants["sparse"]()
        result["nats_per_frame"] = float(-nats.mean())
        for name in ("dense", "loop"):
            result[f"difference_to_{name}_nats"] = float((nats - contestants[name]()).abs().max())
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("rolls", nargs="?", type=Path, help=".npz with train_roll")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    parser.add_argument("--rounds", type=int, default=7, help="how often each is timed")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    value = frames_from(arguments.rolls)
    results = [measure(width, value, arguments.rounds) for width in (128, 256)]
    if arguments.json:
        frames = str(arguments.rolls or "synthetic")
        print(json.dumps({"frames": frames, "threads": 1, "results": results}, indent=2))
        return
    for result in results:
        print(
            f"{result['frames']} frames of {result['notes_per_frame']:.1f} notes, "
            f"{result['width']:.0f} hidden units"
        )
        for kind, label in (("forward", "forward"), ("training", "forward + backward")):
            print(f"  {label}:")
            print(f"    sparse  {result[f'sparse_{kind}_ms']:8.1f} ms")
            for name in ("dense", "loop"):
                print(
                    f"    {name:6}  {result[f'{name}_{kind}_ms']:8.1f} ms: sparse is "
                    f"{result[f'times_faster_than_{name}_{kind}']:.1f} times faster"
                )
        print(
            f"  largest difference at {result['nats_per_frame']:.1f} nats per frame: "
            f"{result['difference_to_dense_nats']:.1e} to dense, "
            f"{result['difference_to_loop_nats']:.1e} to loop"
        )


if __name__ == "__main__":
    main()
