"""Notes that know each other: an exact distribution over chords, one column after another."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Generator as Rng
from torch import Tensor, nn

from rnnmusic.errors import UsageError
from rnnmusic.heads.binary import DecidingHead, decision_log_prob, log_odds, thresholds
from rnnmusic.heads.nade_kernel import plan, sparse_readout
from rnnmusic.heads.protocol import Controls

# Hidden states computed at once: a few megabytes, whatever the size of the batch.
_STATES_AT_ONCE = 8192


class NadeHead(DecidingHead):
    """Neural autoregressive distribution estimator, its biases set by the recurrence: RNN-NADE.

    p(v_d = 1 | v_<d, h) = sigmoid(b_d + V_d . sigmoid(c + sum of W_e v_e over e < d)), with b and
    c linear functions of h (Larochelle & Murray 2011; Boulanger-Lewandowski et al. 2012).

    Shapes: hidden (..., hidden_size), value (..., F) of 0 and 1; `width` hidden units (K). Columns
    are decided from the lowest up. The work grows with the notes in a frame, not with its columns:
    see `nade_kernel`.
    """

    name = "nade"

    def __init__(self, hidden_size: int, sizes: Sequence[int], *, width: int = 128) -> None:
        super().__init__(hidden_size, sizes)
        if width < 1:
            raise UsageError(f"The nade head's width is {width}; give 1 or more.")
        self.visible_bias = nn.Linear(hidden_size, len(sizes))  # b
        self.hidden_bias = nn.Linear(hidden_size, width)  # c
        self.weight = nn.Parameter(torch.empty(len(sizes), width))  # W
        self.readout = nn.Parameter(torch.empty(len(sizes), width))  # V
        nn.init.normal_(self.weight, std=0.1)
        nn.init.normal_(self.readout, std=width**-0.5)

    def decisions(self, frames: Tensor, values: Tensor) -> Tensor:
        """As in `DecidingHead`."""
        active = values.bool()
        bias, start = self._biases(frames)
        # The likelihood is computed in full precision, also inside autocast.
        with torch.autocast(frames.device.type, enabled=False):
            parts = [
                sparse_readout(start[part], self.weight, self.readout, plan(active[part]))
                for part in _parts(active)
            ]
            logits = bias + torch.cat(parts) if parts else bias
            return decision_log_prob(logits, active)

    def dense_log_prob(self, hidden: Tensor, value: Tensor) -> Tensor:
        """The same straight from the equation, all F states of every frame: the reference."""
        frames, values = self._frames(hidden, value)
        bias, start = self._biases(frames)
        moves = values.to(start.dtype).unsqueeze(2) * self.weight  # (N, F, K)
        states = torch.sigmoid(start.unsqueeze(1) + moves.cumsum(1) - moves)
        logits = bias + (states * self.readout).sum(2)
        return decision_log_prob(logits, values).sum(1).reshape(hidden.shape[:-1])

    @torch.no_grad()
    def sample(self, hidden: Tensor, controls: Controls, rng: Rng) -> Tensor:
        """Draw the next steps (B, F), int64, given hidden (B, hidden_size)."""
        bias, state = self._biases(hidden)
        limits = thresholds(bias.shape, controls, bias, rng) - bias
        steps = torch.zeros_like(bias, dtype=torch.int64)
        columns = torch.arange(len(self.sizes), device=bias.device)
        # All columns still open are tried from the present state; only the lowest note found
        # counts, for the ones above it will be tried again from the state it makes.
        while True:
            found = torch.sigmoid(state) @ self.readout.T > limits
            sounding = found.any(1)
            if not sounding.any():
                return steps
            # The lowest note of each row; rows without one pass their last column and are done.
            lowest = found.byte().argmax(1).where(sounding, len(self.sizes) - 1)
            note = lowest.unsqueeze(1)
            steps.scatter_add_(1, note, sounding.unsqueeze(1).long())
            state = state + self.weight[lowest]
            limits = limits.masked_fill(columns <= note, torch.inf)

    @torch.no_grad()
    def initialise_bias(self, steps: Tensor) -> None:
        """Start from how often each note sounds in steps (N, F)."""
        offset = self.readout @ torch.sigmoid(self.hidden_bias.bias)
        self.visible_bias.bias.copy_(log_odds(steps).to(offset) - offset)

    def _biases(self, hidden: Tensor) -> tuple[Tensor, Tensor]:
        """b (N, F) and c (N, K), in the precision of the weights."""
        dtype = self.weight.dtype
        return self.visible_bias(hidden).to(dtype), self.hidden_bias(hidden).to(dtype)


def _parts(active: Tensor) -> list[slice]:
    """Runs of frames of active (N, F) with about _STATES_AT_ONCE states each."""
    states = (active.sum(1) + 1).cumsum(0)
    if not len(states):
        return []
    marks = torch.arange(0, int(states[-1]), _STATES_AT_ONCE, device=states.device)
    # Frames whose last state is numbered up to a mark come before it.
    edges = sorted({*torch.searchsorted(states, marks, right=True).tolist(), len(states)})
    return [slice(a, b) for a, b in pairwise(edges)]
