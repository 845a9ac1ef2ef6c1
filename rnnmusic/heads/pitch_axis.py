"""Heads that decide pitch by pitch with the same weights for all: alone, or from the lowest up."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Generator as Rng
from torch import Tensor, nn
from torch.nn import functional as F

from rnnmusic.errors import UsageError
from rnnmusic.heads.binary import DecidingHead, decision_log_prob, log_odds, thresholds
from rnnmusic.heads.protocol import Controls


class PitchHead(DecidingHead):
    """What the two share: hidden as a row per pitch, and a bias per column.

    The bias says how often each note sounds at all; nothing else knows how high a pitch is.
    pitches: P, of which hidden has hidden_size / P numbers each and a step F / P columns, side by
    side; None: a pitch per column.
    """

    def __init__(self, hidden_size: int, sizes: Sequence[int], *, pitches: int | None) -> None:
        super().__init__(hidden_size, sizes)
        self.pitches = len(sizes) if pitches is None else pitches
        if self.pitches < 1 or hidden_size % self.pitches or len(sizes) % self.pitches:
            raise UsageError(
                f"The {self.name} head wants equally many numbers for each of {self.pitches} "
                f"pitches, not {hidden_size} for {len(sizes)} columns; use it with a recurrence "
                "over pitches, such as tied-parallel."
            )
        self.planes = len(sizes) // self.pitches
        self.bias = nn.Parameter(torch.zeros(len(sizes)))

    @torch.no_grad()
    def initialise_bias(self, steps: Tensor) -> None:
        """Start from how often each note sounds in steps (N, F)."""
        self.bias.copy_(log_odds(steps))

    def _rows(self, hidden: Tensor) -> Tensor:
        """hidden (N, hidden_size) -> (N, P, numbers)."""
        return hidden.reshape(len(hidden), self.pitches, hidden.shape[1] // self.pitches)


class TiedHead(PitchHead):
    """p(v | h) = product over pitches of sigmoid(b_p + W h_p), W the same for all pitches.

    Shapes: hidden (..., hidden_size), value (..., F) of 0 and 1. Notes of one frame know the past
    but not each other: the tied-parallel network of Johnson (2017) on its own.
    """

    name = "tied"

    def __init__(
        self, hidden_size: int, sizes: Sequence[int], *, pitches: int | None = None
    ) -> None:
        super().__init__(hidden_size, sizes, pitches=pitches)
        # From zero: the first guess is how often each note sounds.
        self.readout = nn.Parameter(torch.zeros(self.planes, hidden_size // self.pitches))

    def decisions(self, frames: Tensor, values: Tensor) -> Tensor:
        """As in `DecidingHead`."""
        return decision_log_prob(self._logits(frames), values)

    @torch.no_grad()
    def sample(self, hidden: Tensor, controls: Controls, rng: Rng) -> Tensor:
        """Draw the next steps (B, F), int64, given hidden (B, hidden_size)."""
        logits = self._logits(hidden)
        return (logits > thresholds(logits.shape, controls, logits, rng)).long()

    def _logits(self, hidden: Tensor) -> Tensor:
        return F.linear(self._rows(hidden), self.readout).flatten(1) + self.bias


class PitchAxisHead(PitchHead):
    """A recurrence over pitch: each note is decided given all below it (Johnson 2017).

    s_p = GRU([h_p, v_(p-1)], s_(p-1)) from the lowest pitch up, `width` units, the same weights for
    all pitches; p(v_pk = 1 | below) = sigmoid(b_pk + W_k s_p + sum of C_kj v_pj over j < k), where
    a pitch has several columns k, such as struck and held. v_0 and s_0 are zero.

    Shapes: hidden (..., hidden_size), value (..., F) of 0 and 1. Training runs one fused kernel
    over the pitches of all frames.
    """

    name = "pitch-axis"

    def __init__(
        self,
        hidden_size: int,
        sizes: Sequence[int],
        *,
        width: int = 64,
        pitches: int | None = None,
    ) -> None:
        super().__init__(hidden_size, sizes, pitches=pitches)
        if width < 1:
            raise UsageError(f"The pitch-axis head's width is {width}; give 1 or more.")
        inputs = hidden_size // self.pitches + self.planes
        self.weight_ih = nn.Parameter(torch.empty(3 * width, inputs))
        self.weight_hh = nn.Parameter(torch.empty(3 * width, width))
        self.bias_ih = nn.Parameter(torch.zeros(3 * width))
        self.bias_hh = nn.Parameter(torch.zeros(3 * width))
        for gate in (*self.weight_ih.data.chunk(3), *self.weight_hh.data.chunk(3)):
            nn.init.xavier_uniform_(gate)
        # From zero: the first guess is how often each note sounds.
        self.readout = nn.Parameter(torch.zeros(self.planes, width))
        self.coupling = nn.Parameter(torch.zeros(self.planes, self.planes))

    def decisions(self, frames: Tensor, values: Tensor) -> Tensor:
        """As in `DecidingHead`."""
        notes = self._rows(values).to(frames.dtype)
        below = F.pad(notes[:, :-1], (0, 0, 1, 0))
        inputs = torch.cat([self._rows(frames), below], dim=2)
        start = inputs.new_zeros(1, len(frames), self.weight_hh.shape[1])
        weights: list[Tensor] = [self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh]
        # Arguments: biases, layers, dropout, keep what backward needs, bidirectional, batch first.
        has_gradient = torch.is_grad_enabled()
        states, _ = torch.gru(inputs, start, weights, True, 1, 0.0, has_gradient, False, True)
        logits = F.linear(states, self.readout) + F.linear(notes, self.coupling.tril(-1))
        return decision_log_prob(logits.flatten(1) + self.bias, values)

    @torch.no_grad()
    def sample(self, hidden: Tensor, controls: Controls, rng: Rng) -> Tensor:
        """Draw the next steps (B, F), int64, given hidden (B, hidden_size)."""
        limits = thresholds((len(hidden), len(self.sizes)), controls, hidden, rng) - self.bias
        limits = self._rows(limits)
        heard, told = self.weight_ih[:, : -self.planes], self.weight_ih[:, -self.planes :]
        drives = F.linear(self._rows(hidden), heard, self.bias_ih)  # (B, P, 3 width)
        steps = torch.zeros_like(limits)
        state = hidden.new_zeros(len(hidden), self.weight_hh.shape[1])
        for p in range(self.pitches):
            drive = drives[:, p] if p == 0 else drives[:, p] + F.linear(steps[:, p - 1], told)
            x_r, x_z, x_n = drive.chunk(3, 1)
            h_r, h_z, h_n = F.linear(state, self.weight_hh, self.bias_hh).chunk(3, 1)
            new = torch.tanh(x_n + torch.sigmoid(x_r + h_r) * h_n)
            state = torch.lerp(new, state, torch.sigmoid(x_z + h_z))
            for k in range(self.planes):
                logit = state @ self.readout[k] + steps[:, p, :k] @ self.coupling[k, :k]
                steps[:, p, k] = (logit > limits[:, p, k]).to(steps.dtype)
        return steps.flatten(1).long()
