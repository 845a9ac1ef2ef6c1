"""Unbiased online recurrent optimisation (Tallec and Ollivier 2017, arXiv:1702.05043)."""

from __future__ import annotations

import torch
from torch import Tensor

from rnnmusic.learning.functional import vjp
from rnnmusic.learning.model import SequenceModel
from rnnmusic.learning.online import OnlineLearner
from rnnmusic.recurrent.flat import flattened
from rnnmusic.tasks import Task

_TINY = 1e-7  # against division by zero where nothing is carried yet


class Uoro(OnlineLearner):
    """The influence J_t as a product a b' of one column and one row, right on average.

    With random signs n and any r0, r1 > 0,

        a_t = r0 df/ds a_(t-1) + r1 n,    b_t' = b_(t-1)' / r0 + n' df/dw / r1

    has E[a_t b_t'] = J_t, because E[n n'] = I; r0 and r1 make the two sides of each product of one
    length, which keeps the variance low. Memory and time are those of a step; the gradient dL/ds a
    b' + dL/dw is unbiased while the parameters stand still, and noisy. Every row draws its own.
    """

    def __init__(self, model: SequenceModel, task: Task, *, seed: int = 0) -> None:
        self._rng = torch.Generator().manual_seed(seed)
        super().__init__(model, task)

    def _begin(self, vector: Tensor) -> None:
        """The influence of a learned initial state, by the same trick: a = n, b' = n' J_0."""

        def start(vector: Tensor) -> Tensor:
            return flattened(self.functional.initial_state(vector, len(self.state)))[0]

        _, pull = vjp(start, vector)
        signs = self._signs()
        rows = torch.eye(len(signs), dtype=signs.dtype).unsqueeze(2) * signs
        (self._b,) = torch.func.vmap(pull)(rows)
        # Nothing to carry where the beginning isn't learned.
        self._a = signs * self._b.any(1, keepdim=True)

    def _advance(self, x: Tensor, target: Tensor, taught: Tensor) -> tuple[Tensor, Tensor]:
        vector = self.functional.vector()

        def row(
            state: Tensor, x: Tensor, target: Tensor, a: Tensor, signs: Tensor
        ) -> tuple[Tensor, ...]:
            def run(vector: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
                return self._step(vector, state, x, target)

            (loss, after), pull = vjp(run, vector, state)
            loss_w, loss_s = pull((torch.ones_like(loss), torch.zeros_like(after)))
            signs_w, _ = pull((torch.zeros_like(loss), signs))
            # The derivative along a: J' u is linear in u, so that its own vjp is J a.
            none = torch.zeros_like(loss)
            _, push = vjp(lambda u: pull((none, u))[1], torch.zeros_like(after))
            (moved,) = push(a)
            return loss, after, loss_w, loss_s, signs_w, moved

        signs = self._signs()
        losses, state, loss_w, loss_s, signs_w, moved = torch.func.vmap(row)(
            self.state, x, target, self._a, signs
        )
        along = (loss_s * self._a).sum(1, keepdim=True)
        gradient = taught @ (loss_w + along * self._b)
        r0 = ((_norm(self._b) + _TINY) / (_norm(moved) + _TINY)).sqrt() + _TINY
        r1 = ((_norm(signs_w) + _TINY) / (_norm(signs) + _TINY)).sqrt() + _TINY
        self._a = r0 * moved + r1 * signs
        self._b = self._b / r0 + signs_w / r1
        self.state = state
        return losses, gradient

    def _signs(self) -> Tensor:
        drawn = torch.randint(0, 2, self.state.shape, generator=self._rng)
        signs: Tensor = 2 * drawn - 1
        return signs.to(self.state.dtype)


def _norm(rows: Tensor) -> Tensor:
    norm: Tensor = torch.linalg.vector_norm(rows, dim=1, keepdim=True)
    return norm


__all__ = ["Uoro"]
