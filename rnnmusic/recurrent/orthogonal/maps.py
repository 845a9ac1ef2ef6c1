"""Free parameters as orthogonal matrices, three ways."""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor, nn

from rnnmusic.errors import UsageError
from rnnmusic.filters.modules.matrices import cayley

Map = Literal["cayley", "householder", "rotations"]

#: What a parameter counts for. Adaptive optimisers move every number by the same rate, and an error
#: in an angle grows with the steps that it is turned by: at a tenth, copying over 1,000 steps is
#: learned in a minute at the rate that suits the other weights, else not at all.
SHARE = 0.1


class OrthogonalMatrix(nn.Module):
    """An orthogonal Q (N, N), whatever its parameters are. Computed in float64.

    - "cayley": (1 - S) (1 + S)**-1 D of a skew S and fixed signs D, half of them -1 (scoRNN,
      Helfrich, Willmott and Ye 2018); begins as rotations by up to a quarter turn;
    - "householder": a product of `depth` reflections 1 - 2 v v' / v'v, v_i zero above its i-th
      number, which is 1 (Mhammedi et al. 2017); N of them, the default, reach every Q up to signs;
    - "rotations": `depth` layers of plane rotations of neighbours, in turn of (0, 1), (2, 3), ...
      and of (1, 2), (3, 4), ...: the lossless lattice of filters (Gray and Markel 1975), for
      2 N depth multiplications instead of N**2. N layers, the default, reach every rotation.
    """

    def __init__(self, size: int, how: Map = "cayley", depth: int | None = None) -> None:
        super().__init__()
        if how not in ("cayley", "householder", "rotations"):
            raise UsageError(f"map is {how!r}; choose cayley, householder or rotations.")
        if depth is not None and (how == "cayley" or not 1 <= depth <= size):
            raise UsageError(
                f"depth is {depth} for {how} of size {size}; give 1 to {size} with householder or "
                "rotations, and none with cayley."
            )
        self.size, self.how = size, how
        depth = size if depth is None else depth
        if how == "cayley":
            free = _quarter_turns(size)
            signs = torch.ones(size)
            signs[: size // 2] = -1.0
            self.register_buffer("signs", signs, persistent=False)
        elif how == "householder":
            free = torch.randn(size, depth).tril(-1)
        else:
            free = torch.empty(depth, size // 2).uniform_(-math.pi, math.pi)
        self.free = nn.Parameter(free / SHARE)

    signs: Tensor

    def forward(self) -> Tensor:
        """Q (N, N) in float64."""
        free = SHARE * self.free.double()
        if self.how == "cayley":
            return cayley(free) * self.signs.double()
        if self.how == "householder":
            return _reflections(free)
        return _rotations(free, self.size)


def _quarter_turns(size: int) -> Tensor:
    """Parameters of rotations by angles up to pi / 2, each of a plane of its own."""
    free = torch.zeros(size, size)
    pairs = torch.arange(0, size - 1, 2)
    half_tangents = torch.tan(torch.rand(len(pairs)) * math.pi / 4)
    free[pairs, pairs + 1], free[pairs + 1, pairs] = half_tangents / 2, -half_tangents / 2
    return free


def _reflections(free: Tensor) -> Tensor:
    """The product of the reflections along the columns of `free` (N, K)."""
    below = free.tril(-1)
    scale = 2 / (1 + below.square().sum(0))
    size, depth = free.shape
    # The product acts on all of space; of fewer columns the call gives as many of its own.
    padded = torch.cat([below, below.new_zeros(size, size - depth)], 1)
    product: Tensor = torch.linalg.householder_product(
        padded, torch.cat([scale, scale.new_zeros(size - depth)])
    )
    return product


def _rotations(angles: Tensor, size: int) -> Tensor:
    """The layers' product: angles (depth, N // 2)."""
    result = torch.eye(size, dtype=angles.dtype, device=angles.device)
    if size < 2:
        return result
    for number, row in enumerate(angles):
        first = number % 2
        count = (size - first) // 2
        pairs = result[first : first + 2 * count].view(count, 2, size)
        c, s = torch.cos(row[:count, None]), torch.sin(row[:count, None])
        upper, lower = pairs.unbind(1)
        turned = torch.stack([c * upper - s * lower, s * upper + c * lower], 1)
        parts = [result[:first], turned.reshape(2 * count, size), result[first + 2 * count :]]
        result = torch.cat(parts)
    return result
