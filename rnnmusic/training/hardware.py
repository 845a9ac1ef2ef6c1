"""Where a run computes: Lightning Fabric's devices and strategies, and torch's threads."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from lightning_fabric import Fabric

from rnnmusic.errors import UsageError
from rnnmusic.training.recipe import Recipe


@dataclass(frozen=True)
class Hardware:
    """Where to train, in Lightning Fabric's words."""

    accelerator: str = "cpu"
    devices: int = 1
    strategy: str = "auto"
    num_nodes: int = 1
    threads: int = 1  # torch threads per process; two are slower on a busy machine

    @property
    def world_size(self) -> int:
        """Processes in all."""
        return self.devices * self.num_nodes

    def launch(self, recipe: Recipe) -> Fabric:
        """Start the processes (this one included) and return the Fabric that joins them.

        UsageError when the machine lacks the hardware or the batch can't be shared evenly.
        """
        if self.world_size < 1 or recipe.data.batch_size % self.world_size:
            raise UsageError(
                f"batch_size {recipe.data.batch_size} can't be shared evenly by "
                f"{self.world_size} devices; make it a multiple."
            )
        torch.set_num_threads(self.threads)
        strategy = self.strategy
        if strategy == "ddp" and recipe.model.learned_initial_state:
            # A chunk without a piece start in it doesn't touch the learned state.
            strategy = "ddp_find_unused_parameters_true"
        try:
            fabric = Fabric(
                accelerator=self.accelerator,
                devices=self.devices,
                num_nodes=self.num_nodes,
                strategy=strategy,
                precision=recipe.training.precision,  # type: ignore[arg-type]
            )
        except (ValueError, RuntimeError, TypeError) as error:
            raise UsageError(f"Can't train on that hardware: {error}") from error
        fabric.launch()
        return fabric
