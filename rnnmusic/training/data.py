"""A recipe's view of the training pieces: batches of them, and a sample of their steps."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from rnnmusic.corpus import Pieces
from rnnmusic.corpus.batches import CarriedStreams, WholePieces
from rnnmusic.encodings.protocol import AudioEncoding, Encoding
from rnnmusic.errors import UsageError
from rnnmusic.training.recipe import Recipe

MARGINAL_PIECES = 200  # enough to tell how often a note sounds
MARGINAL_FRAMES = 50_000  # enough to tell the mean and the spread of a band


def make_batches(
    pieces: Pieces, encoding: Encoding, recipe: Recipe, rank: int, world: int
) -> WholePieces | CarriedStreams:
    """The batches that a recipe asks for: the rows of process `rank` of `world`.

    UsageError when the recipe transposes what can't be transposed.
    """
    data, seed = recipe.data, recipe.training.seed
    if data.transpose and isinstance(encoding, AudioEncoding):
        raise UsageError(
            f"transpose is {data.transpose}, but sound in the {encoding.name} encoding can't be "
            "transposed; use transpose = 0."
        )
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


def some_steps(pieces: Pieces, encoding: Encoding) -> Tensor:
    """Steps (N, F) of the first pieces, for the generator to measure: int64, or float32 where
    columns are real-valued. Of sound, which is long, as many as are needed from all over them."""
    some = pieces[:MARGINAL_PIECES]
    stride = 1
    if isinstance(encoding, AudioEncoding):
        stride = -(-int(some.lengths.sum()) // MARGINAL_FRAMES)
    steps = np.concatenate([piece.steps[::stride] for piece in some])
    return torch.from_numpy(steps.astype(np.float32 if encoding.is_real else np.int64))
