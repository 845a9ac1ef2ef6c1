"""A run between two steps, on disk: resuming from `last/` gives the bits an unbroken run gives."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from rnnmusic import checkpoint
from rnnmusic.errors import InputError, UsageError
from rnnmusic.files import existing_folder, replacing_folder
from rnnmusic.generator import Generator
from rnnmusic.recurrent.protocol import State, tree_map

PROGRESS_FILE = "training.json"
TENSORS_FILE = "training.safetensors"


@dataclass
class Progress:
    """Where a run stands. Everything the loop decides by is here, so that it can be resumed."""

    epoch: int = 0
    batch: int = 0  # batches of this epoch already used
    step: int = 0  # optimiser steps so far
    elapsed_s: float = 0.0  # over all resumes
    best_nll: float | None = None
    best_step: int = 0
    validations_since_best: int = 0
    rate_scale: float = 1.0  # what the plateau schedule has made of the learning rate
    train_nll_sum: float = 0.0  # nats since the last validation
    train_steps: int = 0  # frames or notes since the last validation
    log_bytes: int = 0  # length of log.csv; rows after it belong to a lost future
    finished: str = ""  # why the run ended, when it did


def check_folder(folder: Path, resume: bool) -> None:
    """Refuse to write over a run, and to resume where there is none."""
    last = existing_folder(folder / "last")
    if resume and not (last / PROGRESS_FILE).is_file():
        raise InputError(
            f"There is no run to resume in {folder}: it has no last/; leave --resume out."
        )
    # Other ranks of one launch come here after rank 0 made the folder.
    if not resume and int(os.environ.get("LOCAL_RANK", "0")) == 0 and folder.exists():
        if not folder.is_dir():
            raise UsageError(f"{folder} is a file; give a folder for the run.")
        if any(folder.iterdir()):
            raise UsageError(
                f"{folder} is not empty; give a new folder, or --resume to go on with its run."
            )


def save(
    folder: Path,
    generator: Generator,
    notes: dict[str, Any],
    progress: Progress,
    optimizer: torch.optim.Optimizer,
    average: dict[str, Tensor],
    carried: State | None,
) -> None:
    """Write `last/`: the generator, the optimiser, averaged weights, carried state and RNG."""
    tensors: dict[str, Tensor] = {"rng": torch.get_rng_state()}
    tensors |= {f"average.{name}": t for name, t in average.items()}
    tensors |= {f"carried.{i}": t for i, t in enumerate(_leaves(carried))}
    optimizer_state = optimizer.state_dict()
    for index, slots in optimizer_state["state"].items():
        tensors |= {f"optimizer.{index}.{slot}": t for slot, t in slots.items()}
    with replacing_folder(folder) as temporary:
        checkpoint.write_model(temporary, generator, notes)
        checkpoint.write_tensors(tensors, temporary / TENSORS_FILE)
        (temporary / PROGRESS_FILE).write_text(json.dumps(asdict(progress), indent=2) + "\n")


def load(
    folder: Path,
    generator: Generator,
    optimizer: torch.optim.Optimizer,
    average: dict[str, Tensor],
    batch_size: int,
) -> tuple[Progress, State | None]:
    """Put everything `save` wrote back in place; return the progress and the carried state."""
    folder = existing_folder(folder)
    try:
        progress = Progress(**json.loads((folder / PROGRESS_FILE).read_text()))
        tensors = load_file(folder / TENSORS_FILE)
        generator.load_state_dict(load_file(folder / checkpoint.WEIGHTS_FILE))
    except (OSError, ValueError, TypeError, SafetensorError, RuntimeError) as error:
        raise InputError(
            f"Can't resume from {folder}: {str(error).splitlines()[0]}; train without --resume "
            "into a new folder."
        ) from error
    slots: dict[int, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        kind, _, rest = name.partition(".")
        if kind == "optimizer":
            index, slot = rest.split(".")
            slots.setdefault(int(index), {})[slot] = tensor
        elif kind == "average":
            average[rest].copy_(tensor)
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": slots, "param_groups": groups})
    torch.set_rng_state(tensors["rng"])
    carried = None
    if "carried.0" in tensors:
        device = next(generator.parameters()).device
        leaves = iter(range(len(tensors)))
        carried = tree_map(
            lambda _: tensors[f"carried.{next(leaves)}"].to(device),
            generator.initial_state(batch_size),
        )
    return progress, carried


def _leaves(state: State | None) -> list[Tensor]:
    leaves: list[Tensor] = []

    def keep(tensor: Tensor) -> Tensor:
        leaves.append(tensor)
        return tensor

    if state is not None:
        tree_map(keep, state)
    return leaves
