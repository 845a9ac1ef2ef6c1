"""How latents are expected to move, as the variational cell has it."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rnnmusic.errors import UsageError
from rnnmusic.recurrent.belief.normal import Normal

# Of every standard deviation: none becomes 0, or densities had no bound.
LEAST_SCALE = 1e-4
# A gate that far down is 0 to the last bit.
_SHUT = -1e4


class Prior(nn.Module):
    """p(z_t) of a context h (N, C) and of z_(t-1) (N, Z), either of which may be empty.

    a = silu(W [h, z] + b); m, s and the gate g are linear in a. Where there is a z_(t-1), the mean
    is (1 - g) A z_(t-1) + g m, with A = I at first.
    """

    def __init__(self, context: int, past: int, size: int, latent_size: int) -> None:
        super().__init__()
        self.layers = two_layers(context + past, size, (3 if past else 2) * latent_size)
        self.carry = nn.Linear(past, latent_size, bias=False) if past else None
        if self.carry is not None:
            nn.init.eye_(self.carry.weight)

    def forward(self, h: Tensor, z: Tensor) -> Normal:
        """h (N, C), z (N, Z or 0) -> p(z_t), (N, Z)."""
        out = self.layers(torch.cat([h, z], dim=1))
        if self.carry is None:
            mean, spread = out.chunk(2, dim=1)
            return Normal(mean, positive(spread))
        mean, spread, gate = out.chunk(3, dim=1)
        return Normal(torch.lerp(self.carry(z), mean, torch.sigmoid(gate)), positive(spread))

    @torch.no_grad()
    def make_linear(self, transition: Tensor, scale: Tensor) -> None:
        """Be N(A z_(t-1), scale) from now on, whatever h: A (Z, Z), scale (Z,).

        What a Kalman filter can be compared with. UsageError where z_t doesn't read z_(t-1).
        """
        last = self.layers[2]
        if self.carry is None or not isinstance(last, nn.Linear):
            raise UsageError("These latents don't read those before; give latent_to_latent = true.")
        self.carry.weight.copy_(transition)
        last.weight.zero_()
        spread = (scale - LEAST_SCALE).expm1().log()
        last.bias.copy_(
            torch.cat([torch.zeros_like(spread), spread, spread.new_full(spread.shape, _SHUT)])
        )
        self.requires_grad_(False)


def two_layers(inputs: int, size: int, outputs: int) -> nn.Sequential:
    """A network with one hidden layer."""
    return nn.Sequential(nn.Linear(inputs, size), nn.SiLU(), nn.Linear(size, outputs))


def positive(spread: Tensor) -> Tensor:
    """A standard deviation of any number."""
    return F.softplus(spread) + LEAST_SCALE
