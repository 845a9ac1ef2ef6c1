"""Learning to write one sequence from another: a sequence-to-sequence network on pairs."""

from __future__ import annotations

import math
import operator
import time
from functools import partial

import torch
from torch import nn

from rnnmusic.learning.supervised import TEST_SEED, FitConfig, Fitted
from rnnmusic.recurrent.seq2seq import SequenceToSequence
from rnnmusic.tasks import Reversal


def fit_pairs(model: SequenceToSequence, task: Reversal, config: FitConfig) -> Fitted:
    """Train by Adam with teacher forcing, as `fit` does; the score is `whole_answers`.

    Of the configuration, clip_value and chunk_length have no meaning here.
    """
    rng = torch.Generator().manual_seed(config.seed)
    torch.manual_seed(config.seed)
    optimizer = torch.optim.Adam(model.parameters(), lr=config.learning_rate)
    begun, losses = time.monotonic(), []
    score = partial(whole_answers, model, task, config.tests, TEST_SEED - 1)
    for update in config.numbers(score, operator.ge):
        share = 0.5 + 0.5 * math.cos(math.pi * (update - 1) / config.updates)
        for group in optimizer.param_groups:
            rate = config.final_rate + (1 - config.final_rate) * share
            group["lr"] = config.learning_rate * rate
        source, answer, sizes = task.split(task.draw(config.batch_size, rng))
        model.train()
        loss = model.loss(source, sizes, answer, sizes)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        if config.clip_norm:
            nn.utils.clip_grad_norm_(model.parameters(), config.clip_norm)
        optimizer.step()
        losses.append(float(loss.detach()))
    seconds = time.monotonic() - begun
    parameters = sum(p.numel() for p in model.parameters() if p.requires_grad)
    found = whole_answers(model, task, config.tests)
    return Fitted(found, update, seconds, parameters, tuple(losses))


@torch.no_grad()
def whole_answers(
    model: SequenceToSequence, task: Reversal, count: int = 256, seed: int = TEST_SEED
) -> float:
    """The share of `count` fresh sources answered without a single error, length included.

    The model is alone with the source: it reads what it wrote itself, greedily.
    """
    was_training = model.training
    model.eval()
    rng = torch.Generator().manual_seed(seed)
    try:
        source, wanted, sizes = task.split(task.draw(count, rng))
        written, lengths = model.generate(source, sizes, max_steps=task.length + 1)
    finally:
        model.train(was_training)
    width = min(written.shape[1], task.length)
    inside = torch.arange(width) < sizes.unsqueeze(1)
    differs = (written[:, :width] != wanted[:, :width]) & inside
    return float(((lengths == sizes) & ~differs.any(1)).double().mean())
