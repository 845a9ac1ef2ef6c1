"""Lower bounds on the log-likelihood of what was heard, under a recurrence with latents."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor

from rnnmusic.errors import UsageError
from rnnmusic.recurrent.latent import Latent
from rnnmusic.recurrent.protocol import State, tree_map

BOUNDS = ("elbo", "iwae", "fivo")

#: log p(step | y): outputs (N, H) and steps (N, F) -> nats (N,).
Emission = Callable[[Tensor, Tensor], Tensor]

# Particles are resampled once they are worth less than this share of their number.
_LEAST_SHARE = 0.5


@dataclass(frozen=True)
class Bound:
    """Which bound, with how many particles. In expectation all lie below the log-likelihood.

    - elbo: log p(x | z) - KL(q || p) of one draw from q, the KL in closed form;
    - iwae: the log of the mean weight p(x, z) / q(z) of K draws (Burda, Grosse and Salakhutdinov
      2016, arXiv:1509.00519);
    - fivo: that of a particle filter with q for its proposals, which leaves unlikely draws behind
      (Maddison et al. 2017, arXiv:1705.09279). Its gradient leaves out that of the choosing.

    The last two come as close to the log-likelihood as K is large.
    """

    name: str = "elbo"
    particles: int = 1

    def __post_init__(self) -> None:
        if self.name not in BOUNDS:
            raise UsageError(f"No bound is called {self.name!r}; choose {', '.join(BOUNDS)}.")
        if self.particles < 1 or (self.name == "elbo" and self.particles > 1):
            raise UsageError(
                f"{self.particles} particles are no {self.name}; give 1 for elbo, 1 or more for "
                "iwae and fivo."
            )

    def __str__(self) -> str:
        return self.name if self.name == "elbo" else f"{self.name}, {self.particles} particles"


class Heard(NamedTuple):
    """B rows of T steps: features x (B, T, D) that lag one step behind, `heard` (B, T, D) those of
    the steps themselves, and the steps (B, T, F). reset (B, T) or None, lengths (B,)."""

    x: Tensor
    heard: Tensor
    steps: Tensor
    reset: Tensor | None
    lengths: Tensor


class Bounded(NamedTuple):
    """terms (B, T): nats that each step adds to the bound, 0 from lengths on. state: after it."""

    terms: Tensor
    state: State


def bounded(
    bound: Bound,
    latent: Latent,
    emission: Emission,
    given: Heard,
    state: State | None = None,
    *,
    rng: torch.Generator | None = None,
    kl_weight: float = 1.0,
    free_bits: float = 0.0,
) -> Bounded:
    """A bound on log p(steps | state), step by step.

    rng: where chance comes from; None: torch's own. For training: kl_weight, from 0 to 1, is how
    much log q - log p counts; below free_bits nats a step the ELBO's KL costs nothing more.
    """
    batch, time = given.x.shape[:2]
    noise = torch.randn(
        (batch * bound.particles, time, latent.noise_size),
        generator=rng,
        device=given.x.device,
        dtype=given.x.dtype,
    )
    alive = torch.arange(time, device=given.x.device) < given.lengths.unsqueeze(1)
    infer = partial(
        latent.infer,
        given.x,
        given.heard,
        state,
        noise=noise,
        reset=given.reset,
        lengths=given.lengths,
        particles=bound.particles,
    )
    if bound.name == "elbo":
        found = infer()
        gained = emission(found.hidden[alive], given.steps[alive])
        gained = gained - kl_weight * found.kl[alive].clamp_min(free_bits)
        terms = gained.new_zeros(alive.shape).index_put((alive,), gained)
        return Bounded(terms, found.state)
    filtering = _Particles(bound, emission, given, alive, rng, kl_weight)
    found = infer(choose=filtering)
    return Bounded(torch.stack(filtering.terms, dim=1), filtering.one_of_each(found.state))


class _Particles:
    """Weights of K particles a row, while they are drawn; with IWAE none is ever left behind."""

    def __init__(
        self,
        bound: Bound,
        emission: Emission,
        given: Heard,
        alive: Tensor,
        rng: torch.Generator | None,
        kl_weight: float,
    ) -> None:
        self.bound, self.emission, self.given, self.alive = bound, emission, given, alive
        self.rng, self.kl_weight = rng, kl_weight
        self.terms: list[Tensor] = []
        self._equal = given.x.new_full((len(given.x), bound.particles), -math.log(bound.particles))
        self.log_weights = self._equal  # (B, K), that sum to 1

    def __call__(self, t: int, y: Tensor, log_ratio: Tensor) -> Tensor | None:
        """Weigh the particles by step t; choose who goes on."""
        if self.given.reset is not None:
            fresh = self.given.reset[:, t].unsqueeze(1)
            self.log_weights = torch.where(fresh, self._equal, self.log_weights)
        steps = self.given.steps[:, t].repeat_interleave(self.bound.particles, dim=0)
        gain = self.emission(y, steps) - self.kl_weight * log_ratio
        gain = torch.where(self.alive[:, t].unsqueeze(1), gain.view_as(self._equal), 0.0)
        weighed = self.log_weights + gain
        term = weighed.logsumexp(dim=1)
        self.terms.append(torch.where(self.alive[:, t], term, 0.0))
        self.log_weights = weighed - term.unsqueeze(1)
        return self._choose() if self.bound.name == "fivo" else None

    @torch.no_grad()
    def _choose(self) -> Tensor | None:
        """Systematic resampling of the rows whose effective number of particles has sunk."""
        batch, particles = self.log_weights.shape
        effective = -(2.0 * self.log_weights).logsumexp(dim=1)
        poor = effective < math.log(_LEAST_SHARE * particles)
        if not poor.any():
            return None
        offset = self._uniform(batch)
        places = (offset + torch.arange(particles, device=offset.device)) / particles
        chosen = self._at(places)
        stay = torch.arange(particles, device=offset.device).expand_as(chosen)
        chosen = torch.where(poor.unsqueeze(1), chosen, stay)
        self.log_weights = torch.where(poor.unsqueeze(1), self._equal, self.log_weights)
        first = torch.arange(batch, device=offset.device).unsqueeze(1) * particles
        return (first + chosen).flatten()

    def one_of_each(self, state: State) -> State:
        """The state of one particle a row, drawn by their weights: (B, ...) of (B * K, ...)."""
        batch, particles = self.log_weights.shape
        chosen = self._at(self._uniform(batch))[:, 0]
        rows = torch.arange(batch, device=chosen.device) * particles + chosen
        return tree_map(lambda part: part[rows], state)

    def _at(self, places: Tensor) -> Tensor:
        """Particles (B, n) at places (B, n) in 0..1 of the weights laid end to end."""
        ends = self.log_weights.detach().exp().cumsum(dim=1)
        places = places.to(ends.dtype) * ends[:, -1:]
        return torch.searchsorted(ends, places, right=True).clamp_max(ends.shape[1] - 1)

    def _uniform(self, batch: int) -> Tensor:
        return torch.rand((batch, 1), generator=self.rng, device=self._equal.device)


__all__ = ["BOUNDS", "Bound", "Bounded", "Emission", "Heard", "bounded"]
