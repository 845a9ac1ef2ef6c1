"""ReNet: an image, or a roll of time x pitch, swept by recurrences in four directions."""

from __future__ import annotations

import torch
from torch import Tensor

from rnnmusic.errors import UsageError
from rnnmusic.recurrent.multiaxis.bidirectional import bi_gru
from rnnmusic.recurrent.protocol import SequenceLayer


class ReNet(SequenceLayer):
    """Two sweeps of bidirectional GRUs, across and along (Visin et al. 2015, arXiv:1505.00393).

    The first pair reads each line of the image up and down, the second pair reads what came out of
    it along time, both ways: every output depends on every place of the image. Where a convolution
    of two layers sees a few places around, this sees all, at the cost of 2 (T + P) steps in turn.

    A step x_t of a sequence is a line of P = input_size / patch places, `patch` numbers each:
    shapes x (B, T, input_size), y (B, T, P * 2 * size). For images as such use `sweep`.
    """

    def __init__(self, input_size: int, size: int, *, patch: int = 1) -> None:
        super().__init__()
        if patch < 1 or input_size % patch:
            raise UsageError(
                f"{input_size} inputs can't be cut into patches of {patch}; give a divisor."
            )
        self.patch = patch
        self.input_size = input_size
        self.output_size = input_size // patch * 2 * size
        self.across = bi_gru(patch, size)
        self.along = bi_gru(2 * size, size)

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """x (B, T, input_size) -> y (B, T, output_size); zero from lengths (B,) on."""
        return self.sweep(torch.unflatten(x, 2, (-1, self.patch)), lengths).flatten(2)

    def sweep(self, image: Tensor, lengths: Tensor | None = None) -> Tensor:
        """image (B, T, P, patch) -> (B, T, P, 2 * size), whatever T and P; zero from lengths on."""
        batch, time, places, _ = image.shape
        lines = torch.unflatten(self.across(image.flatten(0, 1)), 0, (batch, time))
        columns = lines.transpose(1, 2).flatten(0, 1)  # (B * P, T, 2 * size)
        each = None if lengths is None else lengths.repeat_interleave(places)
        swept = torch.unflatten(self.along(columns, each), 0, (batch, places))
        return swept.transpose(1, 2)
