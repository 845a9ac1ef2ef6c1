"""The module that `torch_program` exports: a filter over blocks, in plain torch."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch._higher_order_ops.scan import scan


class BlockScan(nn.Module):
    """A linear system applied a block at a time, waveform (channels, frames) of any size."""

    a: Tensor
    b: Tensor
    c: Tensor
    d: Tensor

    def __init__(
        self, a: np.ndarray, b: np.ndarray, c: np.ndarray, d: np.ndarray, dtype: torch.dtype
    ) -> None:
        super().__init__()
        for name, matrix in zip("abcd", (a, b, c, d), strict=True):
            # Transposed: signals are rows.
            self.register_buffer(name, torch.tensor(matrix.T.copy(), dtype=dtype))

    def forward(self, waveform: Tensor) -> Tensor:
        """Filter every channel from rest."""
        channels, frames = waveform.shape
        block = self.d.shape[0]
        # Two spare blocks: the tracer would make a rule of any length that leaves fewer.
        blocks = frames // block + 2
        padded = nn.functional.pad(waveform, (0, blocks * block - frames))
        x = padded.reshape(channels, blocks, block)
        rest = waveform.new_zeros(channels, self.a.shape[0])

        def behind(state: Tensor, drive: Tensor) -> tuple[Tensor, Tensor]:
            return state @ self.a + drive, state.clone()

        _, states = scan(behind, rest, (x @ self.b).movedim(1, 0))
        y: Tensor = x @ self.d + states.movedim(0, 1) @ self.c
        return y.reshape(channels, blocks * block)[:, :frames]
