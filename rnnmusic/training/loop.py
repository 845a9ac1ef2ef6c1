"""The training loop: batches in, gradients down, validation, checkpoints, and back where it was.

Lightning Fabric places the model, runs the collectives and keeps the precision; every decision is
made here. Batches are global: with N devices each takes every N-th row and the gradients add up to
those of one process.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
from lightning_fabric import Fabric
from torch import Tensor

from rnnmusic import checkpoint
from rnnmusic.corpus import Corpus
from rnnmusic.corpus.batches import Batch
from rnnmusic.errors import InputError, RnnMusicError
from rnnmusic.files import unwritable
from rnnmusic.generator import GeneratorConfig, build
from rnnmusic.recurrent.belief.bounds import Bound
from rnnmusic.recurrent.protocol import State, detach
from rnnmusic.training import state as run_state
from rnnmusic.training.averaging import WeightAverage
from rnnmusic.training.data import make_batches, some_steps
from rnnmusic.training.evaluation import evaluate
from rnnmusic.training.hardware import Hardware
from rnnmusic.training.log import CsvLog, tensorboard_logger
from rnnmusic.training.objective import Objective
from rnnmusic.training.recipe import Recipe
from rnnmusic.training.schedule import after_validation, kl_weight, learning_rate
from rnnmusic.training.state import Progress
from rnnmusic.training.status import Observer, Pace, Status
from rnnmusic.training.teaching import Teaching

SAVE_EVERY_S = 60.0  # how much work a crash may cost


@dataclass(frozen=True)
class Result:
    """How a run ended: its best checkpoint and why it stopped."""

    best: Path
    best_nll: float | None
    best_step: int
    steps: int
    elapsed_s: float
    reason: str  # "epochs", "time", "patience" or "stopped"
    rank: int = 0  # of the process that tells; the others computed the same


def train(
    corpus: Corpus,
    recipe: Recipe,
    run_folder: str | os.PathLike[str],
    *,
    resume: bool = False,
    hardware: Hardware | None = None,
    observer: Observer | None = None,
    should_stop: Callable[[], bool] | None = None,
    max_steps: int | None = None,
    tensorboard: bool = False,
) -> Result:
    """Train a generator on a corpus; leave best/, last/, recipe.toml and log.csv in `run_folder`.

    `should_stop`, asked after every step, ends the run there, saved so that `resume=True` goes on
    bit for bit (same thread count, one process; with several devices from the last validation).
    `max_steps` ends it likewise after so many optimiser steps in all. InputError: a corpus that
    can't be trained on, or nothing to resume. UsageError: a run stands in `run_folder` already.
    """
    hardware = hardware or Hardware()
    folder = Path(run_folder)
    run_state.check_folder(folder, resume)
    fabric = hardware.launch(recipe)
    run = _Run(fabric, corpus, recipe, folder, observer, should_stop, max_steps)
    run.start(resume, tensorboard)
    return run.go()


class _Run:
    """One run: the objects of the loop and the progress they have made."""

    def __init__(
        self,
        fabric: Fabric,
        corpus: Corpus,
        recipe: Recipe,
        folder: Path,
        observer: Observer | None,
        should_stop: Callable[[], bool] | None,
        max_steps: int | None,
    ) -> None:
        self.fabric, self.folder = fabric, folder
        self.observer, self.should_stop, self.max_steps = observer, should_stop, max_steps
        self.training = recipe.training
        train_pieces = corpus.splits["train"]
        if not len(train_pieces):
            raise InputError("The corpus has no pieces to train on: its train split is empty.")
        # With one or two pieces there is nothing to hold out; then we say how well they are learnt.
        self.valid_pieces = corpus.splits["valid"] or train_pieces
        config = GeneratorConfig(corpus.encoding, recipe.model, recipe.head)
        self.recipe = replace(recipe, head=config.head)  # the head has its name by now
        self.generator = build(config, seed=self.training.seed)
        self.generator.fit_marginals(some_steps(train_pieces, corpus.encoding))
        optimizer = torch.optim.AdamW(
            self.generator.parameters(),
            lr=self.training.learning_rate,
            weight_decay=self.training.weight_decay,
        )
        bound = Bound(self.training.bound, self.training.particles)
        objective = Objective(self.generator, bound, free_bits=self.training.free_bits)
        self.objective, self.optimizer = fabric.setup(objective, optimizer)
        self.teaching = Teaching(self.generator, recipe)
        self.average = WeightAverage(self.generator, self.training.average_decay)
        self.batches = make_batches(
            train_pieces, corpus.encoding, recipe, fabric.global_rank, fabric.world_size
        )
        self.first_epoch_batches = self.epoch_batches = self.batches.batches_per_epoch(0)
        self.progress = Progress()
        self.carried: State | None = None
        self.valid_nll: float | None = None
        self.loss = math.nan  # of the last batch, nats per step of music
        self.log = CsvLog(folder / "log.csv")
        self.notes = {
            "corpus": corpus.name,
            "likelihood": self.generator.likelihood,
            "data": asdict(recipe.data),
            "training": asdict(recipe.training),
        }

    def start(self, resume: bool, tensorboard: bool) -> None:
        """Make the folder, or take up the run that is in it."""
        rows = self.recipe.data.batch_size // self.fabric.world_size
        if resume:
            self.progress, self.carried = run_state.load(
                self.folder / "last", self.generator, self.optimizer, self.average.tensors, rows
            )
            self.progress.finished = ""
        if self.fabric.is_global_zero:
            try:
                self.folder.mkdir(parents=True, exist_ok=True)
                (self.folder / "recipe.toml").write_text(self.recipe.to_toml(), encoding="utf-8")
                self.log.open(self.progress.log_bytes)
            except OSError as error:
                raise unwritable(self.folder, error) from error
        self.tensorboard = tensorboard_logger(self.folder) if tensorboard else None
        self.pace = Pace(self.progress)
        self.saved_at = time.monotonic()

    def go(self) -> Result:
        """Epochs of batches until something ends them."""
        p = self.progress
        try:
            while not p.finished and p.epoch < self.training.max_epochs:
                self._epoch()
            p.finished = p.finished or "epochs"
            if p.finished == "stopped":
                if self.fabric.world_size == 1:
                    self._save()
            elif p.train_steps:
                self._validate()  # what the last steps were worth must not be lost
        finally:
            self.log.close()
        return Result(
            self.folder / "best",
            p.best_nll,
            p.best_step,
            p.step,
            self.pace.elapsed_s,
            p.finished,
            self.fabric.global_rank,
        )

    def _epoch(self) -> None:
        """The rest of an epoch, or the part of it that comes before the run's end."""
        p = self.progress
        self.epoch_batches = self.batches.batches_per_epoch(p.epoch)
        if p.batch == 0:
            self._seed_epoch()
            self.carried = None
        for batch in self.batches.epoch(p.epoch, start=p.batch):
            self._optimise(batch)
            p.batch += 1
            if self.training.validate_every and p.step % self.training.validate_every == 0:
                self._validate()
            self._tell()
            p.finished = p.finished or self._reason_to_stop()
            if p.finished:
                return
            if self.fabric.world_size == 1 and time.monotonic() > self.saved_at + SAVE_EVERY_S:
                self._save()
        p.epoch, p.batch = p.epoch + 1, 0
        if not self.training.validate_every:
            self._validate()
            self._tell()

    def _optimise(self, batch: Batch) -> None:
        """One optimiser step."""
        batch = batch.to(self.fabric.device)
        rate = self._learning_rate()
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        batch = self.teaching.applied(batch, self.carried, self.progress.step)
        nll, after = self.objective(batch, self.carried, kl_weight(self.training, self.progress))
        if self.recipe.data.chunk_length:
            self.carried = detach(after)
        totals = torch.stack([nll.detach().double(), batch.mask.sum().double()])
        totals = self._sum_over_devices(totals)
        total_nll, count = map(float, totals.tolist())
        if not math.isfinite(total_nll):
            raise RnnMusicError(
                f"The loss became {total_nll} at step {self.progress.step}; lower learning_rate "
                f"({self.training.learning_rate}) or clip_norm ({self.training.clip_norm})."
            )
        # Distributed gradients are averaged over devices: undo that, and divide by the count of
        # the whole batch, so that any number of devices computes the same gradient.
        self.fabric.backward(nll * self.fabric.world_size / max(count, 1.0))
        if self.training.clip_value:
            self.fabric.clip_gradients(
                self.objective, self.optimizer, clip_val=self.training.clip_value
            )
        if self.training.clip_norm:
            self.fabric.clip_gradients(
                self.objective,
                self.optimizer,
                max_norm=self.training.clip_norm,
                error_if_nonfinite=False,
            )
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.progress.step += 1
        self.progress.train_nll_sum += total_nll
        self.progress.train_steps += int(count)
        self.average.update(self.progress.step)
        self.loss = total_nll / max(count, 1.0)

    def _learning_rate(self) -> float:
        return learning_rate(self.training, self.progress, self.first_epoch_batches)

    def _validate(self) -> None:
        """Measure, remember the best, move the plateau schedule, log, save."""
        p = self.progress
        with self.average.applied():
            nll = self.valid_nll = self._validation_nll()
            if after_validation(self.training, p, nll) and self.fabric.is_global_zero:
                notes = {**self.notes, "valid_nll": nll, "step": p.step}
                checkpoint.save(self.generator, self.folder / "best", **notes)
        row = {
            "step": p.step,
            "epoch": p.epoch,
            "train_nll": p.train_nll_sum / max(p.train_steps, 1),
            "valid_nll": nll,
            "learning_rate": self._learning_rate(),
            "elapsed_s": self.pace.elapsed_s,
        }
        if self.fabric.is_global_zero:
            p.log_bytes = self.log.write(row)
            if self.tensorboard is not None:
                self.tensorboard.log_metrics(row, step=p.step)
        p.train_nll_sum, p.train_steps = 0.0, 0
        self._save()

    def _validation_nll(self) -> float:
        """Pooled nats per step over the validation pieces, each device its share of them."""
        rank, world = self.fabric.global_rank, self.fabric.world_size
        share = self.valid_pieces[rank::world]
        totals = torch.zeros(2, dtype=torch.float64, device=self.fabric.device)
        if len(share):
            # The bare generator: distributed wrappers talk to each other in every forward pass,
            # and the shares needn't be of one size.
            with self.fabric.autocast():
                likelihood = evaluate(self.generator, share)
            totals += torch.tensor([likelihood.pooled * likelihood.steps, likelihood.steps])
        total_nll, count = self._sum_over_devices(totals).tolist()
        return float(total_nll / count)

    def _sum_over_devices(self, values: Tensor) -> Tensor:
        if self.fabric.world_size == 1:
            return values
        summed = self.fabric.all_reduce(values, reduce_op="sum")
        return summed if isinstance(summed, Tensor) else values

    def _reason_to_stop(self) -> str:
        """Why to stop after this step, agreed between devices; empty to go on."""
        out_of_time = self.pace.is_over(self.training)
        asked = self.should_stop is not None and self.should_stop()
        if self.max_steps is not None and self.progress.step >= self.max_steps:
            asked = True
        votes = torch.tensor([float(asked), float(out_of_time)], device=self.fabric.device)
        asked_by, out_by = self._sum_over_devices(votes).tolist()
        return "stopped" if asked_by else "time" if out_by else ""

    def _seed_epoch(self) -> None:
        # Dropout draws from torch's global generator; seeding it per epoch and rank makes an epoch
        # a function of (seed, epoch) whatever came before.
        p, fabric = self.progress, self.fabric
        torch.manual_seed((self.training.seed * 1_000_003 + p.epoch) * 1009 + fabric.global_rank)

    def _save(self) -> None:
        self.progress.elapsed_s = self.pace.elapsed_s
        if self.fabric.is_global_zero:
            run_state.save(
                self.folder / "last",
                self.generator,
                {**self.notes, "valid_nll": self.valid_nll, "step": self.progress.step},
                self.progress,
                self.optimizer,
                self.average.tensors,
                self.carried,
            )
        self.fabric.barrier()
        self.saved_at = time.monotonic()

    def _tell(self) -> None:
        if self.observer is None or not self.fabric.is_global_zero:
            return
        p = self.progress
        self.observer(
            Status(
                step=p.step,
                epoch=p.epoch,
                batch=p.batch,
                batches=self.epoch_batches,
                train_nll=p.train_nll_sum / p.train_steps if p.train_steps else self.loss,
                valid_nll=self.valid_nll,
                best_nll=p.best_nll,
                learning_rate=self._learning_rate(),
                steps_per_s=self.pace.steps_per_s,
                elapsed_s=self.pace.elapsed_s,
                eta_s=self.pace.eta_s(self.training, self.epoch_batches),
            )
        )
