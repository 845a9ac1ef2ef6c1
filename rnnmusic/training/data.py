"""A recipe's view of the training pieces: batches of them, and how often each value occurs."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from rnnmusic.corpus import Pieces
from rnnmusic.corpus.batches import CarriedStreams, WholePieces
from rnnmusic.encodings.protocol import Encoding
from rnnmusic.training.recipe import Recipe

MARGINAL_PIECES = 200  # enough to tell how often a note sounds


def make_batches(
    pieces: Pieces, encoding: Encoding, recipe: Recipe, rank: int, world: int
) -> WholePieces | CarriedStreams:
    """The batches that a recipe asks for: the rows of process `rank` of `world`."""
    data, seed = recipe.data, recipe.training.seed
    if data.chunk_length:
        return CarriedStreams(
            pieces,
            encoding,
            data.batch_size,
            data.chunk_length,
            seed=seed,
            transpose=data.transpose,
        ).shard(rank, world)
    return WholePieces(
        pieces,
        encoding,
        data.batch_size,
        seed=seed,
        transpose=data.transpose,
        max_length=data.max_length,
    ).shard(rank, world)


def some_steps(pieces: Pieces) -> Tensor:
    """Steps (N, F) of the first pieces, for the head to start from their frequencies."""
    some = [pieces[i].steps for i in range(min(len(pieces), MARGINAL_PIECES))]
    return torch.from_numpy(np.concatenate(some).astype(np.int64))
