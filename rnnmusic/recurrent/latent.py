"""Latent: recurrences with random variables inside, of whose likelihood a bound is known."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import NamedTuple

from torch import Tensor

from rnnmusic.recurrent.protocol import Recurrent, State

#: Called after each step with its number, its outputs (N, H) and log q(z_t) - log p(z_t) (N,) of
#: the latents drawn; gives the rows (N,) that go on in place of all N, or None.
Choose = Callable[[int, Tensor, Tensor], Tensor | None]


class Inferred(NamedTuple):
    """Latents that explain what was heard, for N = B * particles rows, a row's particles together.

    hidden (N, T, H): outputs that know z_t. kl (N, T): nats, KL(q(z_t) || p(z_t)) given the latents
    drawn before. state: after each row's last step.
    """

    hidden: Tensor
    kl: Tensor
    state: State


class Latent(Recurrent):
    """A recurrence with latent variables z_t that what is heard tells about.

    `step` reads in x_t what was heard at t-1, draws z_(t-1) from what it then believes of it, and
    z_t as it expects it. Chance enters as a value: noise (B, noise_size), standard normal numbers;
    None stands for zeros, the means.

    x's first `columns` numbers are the step heard, those behind it what was known before, as its
    metrical position.
    """

    is_bound = True

    columns: int

    @abstractmethod
    def step(
        self, x: Tensor, state: State, dt: Tensor | float = 1.0, noise: Tensor | None = None
    ) -> tuple[Tensor, State]:
        """One step: x (B, input_size), noise (B, noise_size) -> y (B, output_size), state."""

    @abstractmethod
    def infer(
        self,
        x: Tensor,
        heard: Tensor,
        state: State | None = None,
        *,
        noise: Tensor | None = None,
        reset: Tensor | None = None,
        lengths: Tensor | None = None,
        particles: int = 1,
        choose: Choose | None = None,
    ) -> Inferred:
        """Latents of a whole stretch, drawn knowing what was heard at the very steps.

        x, reset, lengths as in `forward`; heard (B, T, columns or more): the features of the steps
        that the outputs are to predict; noise (B * particles, T, noise_size). choose: see `Choose`.
        """
