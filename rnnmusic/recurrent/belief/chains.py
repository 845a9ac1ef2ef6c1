"""Inference in hidden Markov chains, in logarithms: forward, backward, Viterbi (Rabiner 1989).

z_1 ~ initial, z_t ~ transition[z_(t-1)], and x_t is seen through log p(x_t | z_t = k) alone.
Shapes: initial (K,) and transition (K, K) hold log probabilities, rows sum to one; emission
(B, T, K) holds log p(x_t | z_t = k); lengths (B,): nothing is seen from there on. Everything can be
differentiated where probabilities aren't zero.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class Posterior(NamedTuple):
    """What all of x says of z.

    log_likelihood (B,): log p(x). states (B, T, K): p(z_t = k | x), zero from lengths on.
    moves (B, K, K): how often z went from one state to another, on average.
    """

    log_likelihood: Tensor
    states: Tensor
    moves: Tensor


def forward(
    initial: Tensor, transition: Tensor, emission: Tensor, lengths: Tensor | None = None
) -> Tensor:
    """log p(x_1..x_t, z_t = k): (B, T, K); stands still from lengths on."""
    ends = _ends(emission, lengths)
    alpha = initial + torch.where((ends > 0).unsqueeze(1), emission[:, 0], 0.0)
    found = [alpha]
    for t in range(1, emission.shape[1]):
        moved = (alpha.unsqueeze(2) + transition).logsumexp(1)
        alpha = torch.where((t < ends).unsqueeze(1), moved + emission[:, t], alpha)
        found.append(alpha)
    return torch.stack(found, 1)


def backward(transition: Tensor, emission: Tensor, lengths: Tensor | None = None) -> Tensor:
    """log p(x_(t+1)..x_T | z_t = k): (B, T, K); zero from the last step seen on."""
    ends = _ends(emission, lengths)
    beta = torch.zeros_like(emission[:, 0])
    found = [beta]
    for t in range(emission.shape[1] - 1, 0, -1):
        moved = (transition + (emission[:, t] + beta).unsqueeze(1)).logsumexp(2)
        beta = torch.where((t < ends).unsqueeze(1), moved, beta)
        found.append(beta)
    return torch.stack(found[::-1], 1)


def log_likelihood(
    initial: Tensor, transition: Tensor, emission: Tensor, lengths: Tensor | None = None
) -> Tensor:
    """log p(x): (B,)."""
    return forward(initial, transition, emission, lengths)[:, -1].logsumexp(1)


def posterior(
    initial: Tensor, transition: Tensor, emission: Tensor, lengths: Tensor | None = None
) -> Posterior:
    """Smoothing, by forward and backward."""
    alpha = forward(initial, transition, emission, lengths)
    beta = backward(transition, emission, lengths)
    total = alpha[:, -1].logsumexp(1)
    seen = torch.arange(emission.shape[1], device=emission.device) < _ends(
        emission, lengths
    ).unsqueeze(1)
    states = (alpha + beta - total.view(-1, 1, 1)).exp() * seen.unsqueeze(2)
    moves = emission.new_zeros(len(emission), *transition.shape)
    for t in range(1, emission.shape[1]):
        arriving = (emission[:, t] + beta[:, t] - total.unsqueeze(1)).unsqueeze(1)
        pairs = (alpha[:, t - 1].unsqueeze(2) + transition + arriving).exp()
        moves = moves + torch.where(seen[:, t].view(-1, 1, 1), pairs, 0.0)
    return Posterior(total, states, moves)


def viterbi(
    initial: Tensor, transition: Tensor, emission: Tensor, lengths: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """The most likely path (B, T) int64 and its log p(x, z) (B,); -1 from lengths on."""
    ends = _ends(emission, lengths)
    score = initial + torch.where((ends > 0).unsqueeze(1), emission[:, 0], 0.0)
    stay = torch.arange(len(initial), device=emission.device).expand_as(score)
    origins = []
    for t in range(1, emission.shape[1]):
        best, origin = (score.unsqueeze(2) + transition).max(1)
        goes = (t < ends).unsqueeze(1)
        score = torch.where(goes, best + emission[:, t], score)
        origins.append(torch.where(goes, origin, stay))
    total, last = score.max(1)
    path = [last]
    for origin in reversed(origins):
        path.append(origin.gather(1, path[-1].unsqueeze(1)).squeeze(1))
    states = torch.stack(path[::-1], 1)
    seen = torch.arange(states.shape[1], device=states.device) < ends.unsqueeze(1)
    return torch.where(seen, states, -1), total


def _ends(emission: Tensor, lengths: Tensor | None) -> Tensor:
    """lengths (B,), or T for all."""
    batch, time, _ = emission.shape
    if lengths is None:
        return torch.full((batch,), time, device=emission.device)
    return lengths.to(emission.device)
