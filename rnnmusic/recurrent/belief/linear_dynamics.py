"""Linear dynamical systems learned from sequences by expectation maximisation."""

from __future__ import annotations

from collections.abc import Collection

import torch
from torch import Tensor

from rnnmusic.errors import UsageError
from rnnmusic.recurrent.belief.kalman import LinearGaussian, Smoothed, smooth

#: What EM learns unless told otherwise: all but a diffuse start.
LEARNED = (
    "transition",
    "observation",
    "process_noise",
    "observation_noise",
    "mean",
    "covariance",
)


def refit(
    model: LinearGaussian,
    y: Tensor,
    lengths: Tensor | None = None,
    *,
    learned: Collection[str] = LEARNED,
) -> tuple[LinearGaussian, float]:
    """One round of EM: the better model, and log p(y) of all rows under this one.

    y (B, T, m), lengths (B,) of 1 or more. learned: the fields of the model that may move (Shumway
    and Stoffer 1982; Ghahramani and Hinton 1996); those of a diffuse start never do.
    """
    for name in learned:
        if name not in LEARNED:
            raise UsageError(f"EM can't learn {name!r}; choose from {', '.join(LEARNED)}.")
    belief, found = smooth(model, y, lengths)
    ends = torch.full((len(y),), y.shape[1]) if lengths is None else lengths
    seen = (torch.arange(y.shape[1]) < ends.unsqueeze(1)).to(y.dtype)
    new: dict[str, Tensor] = {
        **_observed(model, y, belief, seen, learned),
        **(_moved(model, belief, seen[:, 1:], learned) if y.shape[1] > 1 else {}),
    }
    if model.diffuse is None:
        first = belief.mean[:, 0]
        new["mean"] = first.mean(0) if "mean" in learned else model.mean
        off = first - new["mean"]
        new["covariance"] = (belief.covariance[:, 0] + off.unsqueeze(2) * off.unsqueeze(1)).mean(0)
    kept = {name: value for name, value in new.items() if name in learned}
    return model._replace(**kept), float(found.log_likelihood.sum())


def fit(
    model: LinearGaussian,
    y: Tensor,
    lengths: Tensor | None = None,
    *,
    learned: Collection[str] = LEARNED,
    rounds: int = 100,
    tolerance: float = 1e-6,
) -> tuple[LinearGaussian, list[float]]:
    """EM until a round gains less than `tolerance` nats per step: the model, and log p(y) before
    each round, which never falls. Close to the top it creeps: for digits, climb the gradient of
    `kalman.filter`."""
    steps = y.shape[0] * y.shape[1] if lengths is None else int(lengths.sum())
    history = list[float]()
    for _ in range(rounds):
        model, total = refit(model, y, lengths, learned=learned)
        history.append(total)
        if len(history) > 1 and total - history[-2] < tolerance * steps:
            break
    return model, history


def _observed(
    model: LinearGaussian, y: Tensor, belief: Smoothed, seen: Tensor, learned: Collection[str]
) -> dict[str, Tensor]:
    """C and R: the regression of y on x."""
    x, weight = belief.mean, seen[..., None, None]
    second = (weight * (belief.covariance + x.unsqueeze(3) * x.unsqueeze(2))).sum((0, 1))
    both = torch.einsum("bt,btm,btn->mn", seen, y, x)
    c = torch.linalg.solve(second, both.T).T if "observation" in learned else model.observation
    error = y - x @ c.T
    noise = torch.einsum("bt,bti,btj->ij", seen, error, error)
    noise = noise + c @ (weight * belief.covariance).sum((0, 1)) @ c.T
    return {"observation": c, "observation_noise": noise / seen.sum()}


def _moved(
    model: LinearGaussian, belief: Smoothed, seen: Tensor, learned: Collection[str]
) -> dict[str, Tensor]:
    """A and Q: the regression of x_(t+1) on x_t; seen (B, T - 1) of the later ones."""
    x, weight = belief.mean, seen[..., None, None]
    moments = belief.covariance + x.unsqueeze(3) * x.unsqueeze(2)
    before = (weight * moments[:, :-1]).sum((0, 1))
    after = (weight * moments[:, 1:]).sum((0, 1))
    pairs = belief.cross + x[:, 1:].unsqueeze(3) * x[:, :-1].unsqueeze(2)
    both = (weight * pairs).sum((0, 1))
    a = torch.linalg.solve(before, both.T).T if "transition" in learned else model.transition
    noise = after - a @ both.T - both @ a.T + a @ before @ a.T
    return {"transition": a, "process_noise": 0.5 * (noise + noise.T) / seen.sum().clamp_min(1)}
