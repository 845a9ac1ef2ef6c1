"""What a batch teaches, and with which inputs: some steps only, inputs made up on the way."""

from __future__ import annotations

import torch
from torch import Tensor

from rnnmusic.corpus.batches import Batch
from rnnmusic.encodings import PianoRoll
from rnnmusic.errors import UsageError
from rnnmusic.generator import Generator
from rnnmusic.heads.binary import DecidingHead
from rnnmusic.heads.protocol import Controls
from rnnmusic.recurrent.protocol import State, where
from rnnmusic.tasks import only_last
from rnnmusic.training.recipe import Recipe


class Teaching:
    """A recipe's `teach`, `teach_pitches` and `sampled_inputs`; UsageError where they have no
    meaning."""

    def __init__(self, generator: Generator, recipe: Recipe) -> None:
        self.generator, self.training = generator, recipe.training
        if self.training.last_taught is not None and recipe.data.chunk_length:
            raise UsageError(
                f"teach is {self.training.teach!r}, but a carried chunk doesn't know where its "
                "piece ends; use chunk_length = 0."
            )
        changed = self.training.last_taught is not None or self.training.sampled_inputs
        if changed and generator.recurrent.is_bound:
            raise UsageError(
                f"The {generator.config.model.name} has latent variables that follow what was "
                'heard; leave sampled_inputs out, and teach = "every".'
            )

        self._choose_columns()

    def _choose_columns(self) -> None:
        """Tell the head which columns it learns from."""
        pitches, head = self.training.taught_pitches, self.generator.head
        if pitches is None:
            return
        encoding = self.generator.encoding
        if not isinstance(encoding, PianoRoll) or not isinstance(head, DecidingHead):
            raise UsageError(
                "teach_pitches chooses notes of a piano-roll under a nade, bernoulli, tied or "
                f"pitch-axis head, not of {type(encoding).__name__} under {head.name}; leave it "
                "out."
            )
        if self.generator.recurrent.is_bound:
            raise UsageError(
                f"The {self.generator.config.model.name} has latent variables, which all notes "
                "inform; leave teach_pitches out."
            )
        column = torch.arange(len(encoding.sizes)) // encoding.columns_per_pitch
        taught = torch.isin(column + encoding.lowest_pitch, torch.tensor(list(pitches)))
        if not taught.any():
            raise UsageError(
                f"teach_pitches is {self.training.teach_pitches!r}, of which the corpus has none; "
                f"it has {encoding.lowest_pitch} to {encoding.highest_pitch}."
            )
        head.taught = taught

    def applied(self, batch: Batch, state: State | None, step: int) -> Batch:
        """The batch as optimiser step number `step` sees it."""
        count = self.training.last_taught
        if count is not None:
            batch = batch._replace(mask=only_last(batch.mask, batch.lengths, count=count))
        share = self.training.sampled_inputs
        if not share:
            return batch
        share *= min(1.0, step / self.training.sampled_inputs_steps)
        return batch._replace(inputs=sampled_inputs(self.generator, batch, state, share))


@torch.no_grad()
def sampled_inputs(generator: Generator, batch: Batch, state: State | None, share: float) -> Tensor:
    """Scheduled sampling: inputs (B, T, F) of which each is, with probability `share`, what the
    model itself draws for the step before, after the inputs so far (Bengio et al. 2015).

    The first step of a row or a piece keeps its own. Drawn from torch's global generator. No
    gradient goes through the draws, so that running the model on these inputs afterwards is the
    same as learning on the way.
    """
    if not share:
        return batch.inputs
    rows, time, _ = batch.inputs.shape
    coins = torch.rand(rows, time) < share
    coins[:, 0] = False
    if batch.reset is not None:
        coins &= ~batch.reset.cpu()
    coins = coins.to(batch.inputs.device)
    was_training = generator.training
    generator.eval()
    try:
        state = generator.initial_state(rows) if state is None else state
        chosen = [batch.inputs[:, 0]]
        for t in range(time):
            if batch.reset is not None:
                state = where(batch.reset[:, t], generator.initial_state(rows), state)
            hidden, state = generator.step(chosen[t], batch.clock[:, t], state)
            if t + 1 == time:
                break
            drawn = generator.head.sample(hidden, Controls(), torch.default_generator)
            given = batch.inputs[:, t + 1]
            chosen.append(torch.where(coins[:, t + 1, None], drawn.to(given.dtype), given))
    finally:
        generator.train(was_training)
    return torch.stack(chosen, 1)


__all__ = ["Teaching", "sampled_inputs"]
