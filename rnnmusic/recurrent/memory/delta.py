"""The gated delta rule: a memory that corrects what it has stored under a key."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from rnnmusic.recurrent.memory.fast_weights import FastWeights, MemoryState, Written, decays
from rnnmusic.recurrent.protocol import Learned

#: Added to the decay's number, so that memories last about 20 steps before any learning.
_REMEMBERING = 3.0


class GatedDelta(FastWeights):
    """S_t = a_t S_(t-1) + b_t k_t (v_t - a_t S_(t-1)' k_t)', r_t = S_t' q_t.

    The value stored under a key is moved by the share b_t towards v_t (delta rule: Widrow and Hoff
    1960; Schlag, Irie and Schmidhuber 2021) and all is forgotten at the rate a_t (Yang, Kautz and
    Hatamizadeh 2024, eq. 10). Keys and queries have length 1; a_t and b_t are sigmoids of the
    input, one of each per head. Shapes as in `FastWeights`; z stays zero.
    """

    def __init__(
        self,
        input_size: int,
        size: int,
        *,
        heads: int = 4,
        learned_initial_state: Learned = False,
    ) -> None:
        super().__init__(input_size, size, heads, 2, learned_initial_state)

    def _gates(self, numbers: Tensor) -> tuple[Tensor, Tensor]:
        decay, strength = numbers.chunk(2, -1)
        return F.logsigmoid(decay + _REMEMBERING), torch.sigmoid(strength)

    def _featured(self, q: Tensor, k: Tensor) -> tuple[Tensor, Tensor]:
        return F.normalize(q, dim=-1), F.normalize(k, dim=-1)

    def _one(self, w: Written, state: MemoryState) -> tuple[Tensor, MemoryState]:
        old = w.log_decay.exp()[..., None, None] * state.S
        known = (w.k.unsqueeze(-2) @ old).squeeze(-2)
        change = w.strength.unsqueeze(-1) * (w.v - known)
        stored = old + w.k.unsqueeze(-1) * change.unsqueeze(-2)
        return (w.q.unsqueeze(-2) @ stored).squeeze(-2), MemoryState(stored, state.z)

    def _chunk(self, w: Written, state: MemoryState) -> tuple[Tensor, MemoryState]:
        """All changes u_t at once: u_t = b_t (v_t - g_t S_0' k_t - sum of G_ti (k_t' k_i) u_i over
        i < t), a triangular system, with g_t and G_ti what is left of the start and of step i."""
        start, between = decays(w.log_decay)
        strength, from_start = w.strength.unsqueeze(-1), start.unsqueeze(-1)
        coupling = (strength * (w.k @ w.k.mT) * between).tril(-1)
        one = torch.eye(coupling.shape[-1], dtype=coupling.dtype, device=coupling.device)
        wanted = strength * (w.v - from_start * (w.k @ state.S))
        change = torch.linalg.solve_triangular(one + coupling, wanted, upper=False)
        read = from_start * (w.q @ state.S) + ((w.q @ w.k.mT) * between) @ change
        left = between[..., -1, :].unsqueeze(-1) * w.k
        stored = start[..., -1:, None] * state.S + left.mT @ change
        return read, MemoryState(stored, state.z)
