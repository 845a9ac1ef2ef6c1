"""Trained parameters as arrays."""

from __future__ import annotations

import numpy as np
from torch import Tensor, nn

from rnnmusic.errors import InputError
from rnnmusic.sampling.compiled.arithmetic import Doubles, Floats

_CACHE_LINE_BYTES = 64


def check_finite(module: nn.Module) -> None:
    """InputError when a parameter is NaN or infinite: a diverged training, or a damaged file."""
    for name, parameter in module.named_parameters():
        if not parameter.isfinite().all():
            raise InputError(
                f"The weights {name} are not all finite numbers; take an earlier checkpoint, or "
                "train again at a lower learning rate."
            )


def doubles(tensor: Tensor) -> Doubles:
    """A copy in float64, to compute with before anything is rounded."""
    return np.array(tensor.detach().double().cpu().numpy())


def floats(values: Tensor | Doubles) -> Floats:
    """A contiguous float32 copy, as kernels want it.

    It begins at a cache line: vectors that straddle two cost a streamed product a twentieth.
    """
    exact = doubles(values) if isinstance(values, Tensor) else values
    memory = np.empty(4 * exact.size + _CACHE_LINE_BYTES, dtype=np.uint8)
    begin = -memory.ctypes.data % _CACHE_LINE_BYTES
    aligned = memory[begin : begin + 4 * exact.size].view(np.float32).reshape(exact.shape)
    aligned[...] = exact
    return aligned
