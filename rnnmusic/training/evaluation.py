"""Likelihood of a data set under a generator, in the conventions of the literature, by name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from rnnmusic.corpus import Piece
from rnnmusic.corpus.batches import in_order
from rnnmusic.errors import InputError
from rnnmusic.generator import Generator
from rnnmusic.heads.protocol import Kind
from rnnmusic.recurrent.belief.bounds import Bound
from rnnmusic.training.objective import ELBO, Objective


@dataclass(frozen=True)
class Likelihood:
    """Negative log-likelihoods in nats per step (frame or note).

    pooled: the sum over all steps of all sequences by the number of steps, first step included
    (Boulanger-Lewandowski, Bengio and Vincent 2012). per_sequence: the mean of the sequences'
    means. The two `_without_step_0` leave each sequence's first step out (Bai 2018). kind says
    whether the figures are the likelihood itself (exact), a bound or an estimate. is_density says
    that they are of a density, of real-valued frames in the encoding's own units: then they may
    be negative, and only compare within one encoding. bound: which one, where latent variables
    make it one.
    """

    kind: Kind
    bound: str | None
    is_density: bool
    pooled: float
    per_sequence: float
    pooled_without_step_0: float | None  # None when no sequence has a second step
    per_sequence_without_step_0: float | None
    sequences: int
    steps: int


def evaluate(
    generator: Generator,
    pieces: Sequence[Piece],
    *,
    batch_size: int = 16,
    bound: Bound = ELBO,
    seed: int = 0,
) -> Likelihood:
    """Likelihood of `pieces`; the generator is put in eval mode and back.

    Where it has latent variables, `bound` is taken, and the same seed draws the same latents.
    """
    if not len(pieces):
        raise InputError("There is nothing to evaluate: this split of the corpus has no pieces.")
    objective = Objective(generator, bound)
    device = next(generator.parameters()).device
    rng = torch.Generator(device).manual_seed(seed)
    totals = np.zeros(len(pieces))
    firsts = np.zeros(len(pieces))
    lengths = np.zeros(len(pieces), dtype=np.int64)
    was_training = generator.training
    generator.eval()
    try:
        with torch.inference_mode():
            for indices, batch in in_order(pieces, generator.encoding, batch_size):
                nll = objective.per_step(batch.to(device), rng).double().cpu().numpy()
                rows = len(indices)
                totals[indices] = nll.sum(axis=1)[:rows]
                firsts[indices] = nll[:rows, 0]
                lengths[indices] = batch.mask.sum(dim=1).cpu().numpy()[:rows]
    finally:
        generator.train(was_training)
    longer = lengths > 1  # a one-step sequence has nothing left without its first step
    later = totals - firsts
    return Likelihood(
        kind=generator.kind,
        bound=str(bound) if generator.recurrent.is_bound else None,
        is_density=generator.head.is_density,
        pooled=float(totals.sum() / lengths.sum()),
        per_sequence=float((totals / lengths).mean()),
        pooled_without_step_0=_mean(later[longer].sum(), (lengths[longer] - 1).sum()),
        per_sequence_without_step_0=_mean(
            (later[longer] / (lengths[longer] - 1)).sum(), longer.sum()
        ),
        sequences=len(pieces),
        steps=int(lengths.sum()),
    )


def _mean(total: float, count: int) -> float | None:
    return float(total / count) if count else None
