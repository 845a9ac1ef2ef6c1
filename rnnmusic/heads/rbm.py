"""Notes that know each other both ways: a Boltzmann machine whose biases the past sets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Generator as Rng
from torch import Tensor, nn

from rnnmusic.errors import UsageError
from rnnmusic.heads.binary import log_odds, thresholds
from rnnmusic.heads.protocol import Controls, Head
from rnnmusic.heads.rbm_annealing import Rbm, anneal, free_energy, gibbs, log_partition

#: Sweeps of a sample. In the first half of them the weights grow to their full strength.
SWEEPS = 32
# Frames annealed at once: a few megabytes, whatever the size of the batch.
_FRAMES_AT_ONCE = 4096


class RbmHead(Head):
    """p(v | h) = exp(-F(v)) / Z, F(v) = -b.v - sum over k of log(1 + exp(c_k + v.W_k)).

    b and c are linear functions of h. On an "rnn" that is the RNN-RBM (Boulanger-Lewandowski,
    Bengio and Vincent 2012), on "rtrbm" the recurrent temporal RBM (Sutskever, Hinton and Taylor
    2008) with weights of its own, on a window of past steps the conditional RBM (Taylor, Hinton and
    Roweis 2007).

    Shapes: hidden (..., hidden_size), value (..., F) of 0 and 1; `width` hidden units (K). Z can't
    be summed up: `log_prob` estimates it by annealing in `annealing_steps`, and errs on the
    favourable side the fewer there are. `loss` is contrastive divergence with `gibbs_steps` (CD-k,
    Hinton 2002): its gradient is what is meant, its value isn't a likelihood.
    """

    name = "rbm"
    columns = "binary"
    kind = "estimate"

    def __init__(
        self,
        hidden_size: int,
        sizes: Sequence[int],
        *,
        width: int = 150,
        gibbs_steps: int = 15,
        annealing_steps: int = 100,
    ) -> None:
        super().__init__(hidden_size, sizes)
        if min(width, gibbs_steps, annealing_steps) < 1:
            raise UsageError(
                f"The rbm head's width is {width}, with {gibbs_steps} Gibbs steps and "
                f"{annealing_steps} annealing steps; give 1 or more of each."
            )
        self.gibbs_steps = gibbs_steps
        self.annealing_steps = annealing_steps
        self.visible_bias = nn.Linear(hidden_size, len(sizes))  # b
        self.hidden_bias = nn.Linear(hidden_size, width)  # c
        self.weight = nn.Parameter(torch.empty(len(sizes), width))  # W
        nn.init.normal_(self.weight, std=0.01)

    def log_prob(self, hidden: Tensor, value: Tensor) -> Tensor:
        """Estimated nats of value (..., F) given hidden (..., hidden_size): shape (...).

        The same dice at every call. The gradient takes the ends of the annealed chains for samples
        of the distribution.
        """
        frames, values = self._frames(hidden, value)
        rng = torch.Generator(frames.device).manual_seed(0)
        parts = [
            self._log_prob(
                frames[at : at + _FRAMES_AT_ONCE], values[at : at + _FRAMES_AT_ONCE], rng
            )
            for at in range(0, max(len(frames), 1), _FRAMES_AT_ONCE)
        ]
        return torch.cat(parts).reshape(hidden.shape[:-1])

    def exact_log_prob(self, hidden: Tensor, value: Tensor) -> Tensor:
        """The same by enumeration: the reference, for 20 columns or hidden units at most."""
        frames, values = self._frames(hidden, value)
        rbm = self.machine(frames)
        nats = -free_energy(rbm, values.to(rbm.weight.dtype)) - log_partition(rbm)
        return nats.reshape(hidden.shape[:-1])

    def loss(self, hidden: Tensor, target: Tensor, mask: Tensor) -> Tensor:
        """F(target) - F(sample) summed over the frames where mask (...) is True.

        The samples are `gibbs_steps` sweeps away from the targets, drawn from torch's global
        generator as dropout is.
        """
        frames, values = self._frames(hidden[mask], target[mask])
        with torch.autocast(frames.device.type, enabled=False):
            rbm = self.machine(frames)
            data = values.to(rbm.weight.dtype)
            sampled = gibbs(rbm, data, self.gibbs_steps)
            return (free_energy(rbm, data) - free_energy(rbm, sampled)).sum()

    @torch.no_grad()
    def sample(self, hidden: Tensor, controls: Controls, rng: Rng) -> Tensor:
        """Draw the next steps (B, F), int64, given hidden (B, hidden_size), by Gibbs sampling.

        The temperature divides the energy of columns and hidden units; top_p is for the columns.
        """
        rbm = self.machine(hidden)
        base, inner = rbm.base(), replace(controls, top_p=1.0)
        v = base > thresholds(base.shape, controls, base, rng)
        for strength in strengths():
            inputs = strength * (rbm.hidden_bias + v.to(base.dtype) @ rbm.weight)
            h = inputs > thresholds(inputs.shape, inner, base, rng)
            logits = torch.lerp(base, rbm.visible_bias + h.to(base.dtype) @ rbm.weight.T, strength)
            v = logits > thresholds(logits.shape, controls, base, rng)
        return v.long()

    @torch.no_grad()
    def initialise_bias(self, steps: Tensor) -> None:
        """Start from how often each note sounds in steps (N, F)."""
        offset = self.weight @ torch.sigmoid(self.hidden_bias.bias)
        self.visible_bias.bias.copy_(log_odds(steps).to(offset) - offset)

    def machine(self, frames: Tensor) -> Rbm:
        """The machines of frames (N, hidden_size), in the precision of the weights."""
        dtype = self.weight.dtype
        return Rbm(
            self.visible_bias(frames).to(dtype), self.hidden_bias(frames).to(dtype), self.weight
        )

    def _log_prob(self, frames: Tensor, values: Tensor, rng: Rng) -> Tensor:
        with torch.autocast(frames.device.type, enabled=False):
            rbm = self.machine(frames)
            log_z, sampled = anneal(rbm, self.annealing_steps, rng)
            free = free_energy(rbm, sampled)
            # The value is the estimate's, the gradient that of -F(sampled).
            return -free_energy(rbm, values.to(rbm.weight.dtype)) - log_z + (free - free.detach())


def strengths() -> list[float]:
    """How far from `Rbm.base` to the machine itself each sweep of a sample is."""
    return [min(1.0, 2.0 * (sweep + 1) / SWEEPS) for sweep in range(SWEEPS)]
