"""Hidden Markov models, exactly: likelihood, smoothing, best paths, samples, Baum and Welch's EM.

All is computed in float64, whatever comes in: in float32 the likelihood of a long piece is noise,
and EM stops climbing. `HmmLayer` is the same filter as a recurrence that learns by gradient.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Generator as Rng
from torch import Tensor

from rnnmusic.errors import InputError, UsageError
from rnnmusic.recurrent.belief import chains
from rnnmusic.recurrent.belief.emissions import Emission


@dataclass(frozen=True, eq=False)
class HiddenMarkovModel:
    """z_1 ~ initial (K,), z_t ~ transition[z_(t-1)] (K, K), x_t ~ emission of z_t (Rabiner 1989).

    Both hold log probabilities, float64. Shapes: x (B, T, F), or (B, T) for categories; lengths
    (B,): where the rows end.
    """

    initial: Tensor
    transition: Tensor
    emission: Emission

    @classmethod
    def guess(cls, states: int, emission: Emission, rng: Rng) -> HiddenMarkovModel:
        """Where EM may start: every move about equally likely, staying a little more."""
        if states < 1:
            raise UsageError(f"A model of {states} states can't be; give 1 or more.")
        start, moves = (
            0.5 + torch.rand(*shape, generator=rng, dtype=torch.float64)
            for shape in ((states,), (states, states))
        )
        moves = moves + torch.eye(states, dtype=torch.float64)
        return cls(
            (start / start.sum()).log(), (moves / moves.sum(1, keepdim=True)).log(), emission
        )

    def log_likelihood(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """log p(x): (B,)."""
        emitted = self.emission.log_prob(x)
        return chains.log_likelihood(self.initial, self.transition, emitted, lengths)

    def posterior(self, x: Tensor, lengths: Tensor | None = None) -> chains.Posterior:
        """p(z | x), by forward and backward."""
        emitted = self.emission.log_prob(x)
        return chains.posterior(self.initial, self.transition, emitted, lengths)

    def viterbi(self, x: Tensor, lengths: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """The most likely z (B, T), -1 from lengths on, and log p(x, z) (B,)."""
        emitted = self.emission.log_prob(x)
        return chains.viterbi(self.initial, self.transition, emitted, lengths)

    def sample(self, batch: int, time: int, rng: Rng) -> tuple[Tensor, Tensor]:
        """Hidden states (B, T) int64, and what they sound like."""
        state = torch.multinomial(self.initial.exp(), batch, replacement=True, generator=rng)
        states = [state]
        for _ in range(time - 1):
            state = torch.multinomial(self.transition.exp()[state], 1, generator=rng).squeeze(1)
            states.append(state)
        path = torch.stack(states, 1)
        return path, self.emission.draw(path, rng)

    def refit(self, x: Tensor, lengths: Tensor | None = None) -> tuple[HiddenMarkovModel, float]:
        """One round of EM: the better model, and log p(x) of all rows under this one.

        A start or a row of moves that nothing is known of stays as it is.
        """
        found = self.posterior(x, lengths)
        total = float(found.log_likelihood.sum())
        if not total > -torch.inf:
            raise InputError(
                "The sequences are impossible under this model, or hold NaN; start EM from a model "
                "with no zeros, or give it a prior."
            )
        begins = _log_shares(found.states[:, 0].sum(0), self.initial)
        moves = _log_shares(found.moves.sum(0), self.transition)
        emission = self.emission.refit(x, found.states)
        return replace(self, initial=begins, transition=moves, emission=emission), total

    def fit(
        self,
        x: Tensor,
        lengths: Tensor | None = None,
        *,
        rounds: int = 100,
        tolerance: float = 1e-6,
    ) -> tuple[HiddenMarkovModel, list[float]]:
        """EM until a round gains less than `tolerance` nats per step (Baum et al. 1970).

        Returns the model and log p(x) before each round, which never falls (with a prior in the
        emission, log p(x) + log prior doesn't). InputError for impossible sequences.
        """
        steps = x.shape[0] * x.shape[1] if lengths is None else int(lengths.sum())
        model, history = self, list[float]()
        for _ in range(rounds):
            model, total = model.refit(x, lengths)
            history.append(total)
            if len(history) > 1 and total - history[-2] < tolerance * steps:
                break
        return model, history


def _log_shares(counts: Tensor, before: Tensor) -> Tensor:
    total = counts.sum(-1, keepdim=True)
    known = total > 0
    return torch.where(known, (counts / torch.where(known, total, 1.0)).log(), before)
