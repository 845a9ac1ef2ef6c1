"""Linear attention: attention whose memory is a matrix, not a list."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rnnmusic.recurrent.memory.fast_weights import FastWeights, MemoryState, Written, decays
from rnnmusic.recurrent.protocol import Learned


class LinearAttention(FastWeights):
    """r_t = S_t' phi(q_t) / phi(q_t)' z_t with S_t = g S_(t-1) + phi(k_t) v_t' and z_t alike.

    z_t = g z_(t-1) + phi(k_t) is the sum of what the values were weighted by.
    With phi = elu + 1 and a step seeing itself (Katharopoulos et al. 2020, eq. 8 to 11); the
    normaliser z is part of the state. g, one learned number per head, lets what is old fade (as in
    Sun et al. 2023); it begins between 1 - 1 / 16 and 1 - 1 / 512. Shapes as in `FastWeights`.
    """

    def __init__(
        self,
        input_size: int,
        size: int,
        *,
        heads: int = 4,
        learned_initial_state: Learned = False,
    ) -> None:
        super().__init__(input_size, size, heads, 0, learned_initial_state)
        fading = torch.logspace(-4, -9, heads, base=2.0)
        self.remembering = nn.Parameter(torch.log((1 - fading) / fading))

    def _gates(self, numbers: Tensor) -> tuple[Tensor, Tensor]:
        log_decay = F.logsigmoid(self.remembering).expand(*numbers.shape[:-1], -1)
        return log_decay, torch.ones_like(log_decay)

    def _featured(self, q: Tensor, k: Tensor) -> tuple[Tensor, Tensor]:
        return F.elu(q) + 1, F.elu(k) + 1

    def _one(self, w: Written, state: MemoryState) -> tuple[Tensor, MemoryState]:
        decay = w.log_decay.exp().unsqueeze(-1)
        stored = decay.unsqueeze(-1) * state.S + w.k.unsqueeze(-1) * w.v.unsqueeze(-2)
        total = decay * state.z + w.k
        read = (w.q.unsqueeze(-2) @ stored).squeeze(-2)
        return read / _at_least(w.q, total), MemoryState(stored, total)

    def _chunk(self, w: Written, state: MemoryState) -> tuple[Tensor, MemoryState]:
        start, between = decays(w.log_decay)
        k = w.k * w.strength.unsqueeze(-1)
        scores = (w.q @ k.mT) * between
        read = scores @ w.v + start.unsqueeze(-1) * (w.q @ state.S)
        total = between @ k + start.unsqueeze(-1) * state.z.unsqueeze(-2)
        left = between[..., -1, :].unsqueeze(-1) * k
        stored = start[..., -1:, None] * state.S + left.mT @ w.v
        return read / _at_least(w.q, total), MemoryState(stored, total[..., -1, :])


def _at_least(q: Tensor, total: Tensor) -> Tensor:
    """phi(q)' z (..., 1), kept away from 0, where nothing has been stored."""
    return (q * total).sum(-1, keepdim=True).clamp_min(1e-3)
