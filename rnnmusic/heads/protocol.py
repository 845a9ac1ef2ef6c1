"""What every output distribution offers: a likelihood, samples, and an honest word about both."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Generator as Rng
from torch import Tensor, nn

from rnnmusic.embeddings import Columns, columns_of
from rnnmusic.errors import UsageError

Kind = Literal["exact", "bound", "estimate"]

#: The head to take for steps of a kind when nothing else is said.
FITTING: dict[Columns, str] = {
    "binary": "nade",
    "categorical": "categorical",
    "real": "gaussian-mixture",
}
_DESCRIBED: dict[Columns, str] = {
    "binary": "0/1 columns",
    "categorical": "columns of categories",
    "real": "real-valued columns",
}


@dataclass(frozen=True)
class Controls:
    """How samples are drawn: temperature first, then top_p.

    temperature divides every logit (0: the mode) and the variance of what is real-valued. top_p
    keeps the smallest set of values whose probability reaches it, per decision: a note that is at
    least top_p likely always sounds, one whose absence is, never does. UsageError unless
    temperature >= 0 and 0 < top_p <= 1.
    """

    temperature: float = 1.0
    top_p: float = 1.0

    def __post_init__(self) -> None:
        if not 0.0 <= self.temperature < float("inf"):
            raise UsageError(f"The temperature is {self.temperature}; give a number from 0 up.")
        if not 0.0 < self.top_p <= 1.0:
            raise UsageError(f"top_p is {self.top_p}; give a number above 0 and at most 1.")


class Head(nn.Module, ABC):
    """A distribution over the next step given hidden (..., hidden_size).

    sizes: the number of values of each of the F columns of a step, 0 for a real-valued one.
    UsageError for sizes that aren't of the kind of columns the head is for.
    """

    name: ClassVar[str]
    #: The steps it is for.
    columns: ClassVar[Columns]
    #: What `log_prob` is: the log-likelihood itself, a lower bound, or an estimate of it.
    kind: ClassVar[Kind]

    hidden_size: int
    sizes: tuple[int, ...]

    def __init__(self, hidden_size: int, sizes: Sequence[int]) -> None:
        super().__init__()
        if hidden_size < 1 or not sizes or min(sizes) < 0:
            raise UsageError(
                f"A head on {hidden_size} units with sizes {tuple(sizes)} can't be; all must be 1 "
                "or more, or 0 for a real-valued column."
            )
        given = columns_of(sizes)
        if given != self.columns:
            raise UsageError(
                f"The {self.name} head is for {_DESCRIBED[self.columns]} and got "
                f"{_DESCRIBED[given]}; use the {FITTING[given]} head with this encoding."
            )
        self.hidden_size = hidden_size
        self.sizes = tuple(sizes)

    @property
    def is_density(self) -> bool:
        """Whether `log_prob` is of a density, so that it may be above 0 and depends on units."""
        return self.columns == "real"

    @property
    def likelihood(self) -> str:
        """What `log_prob` is, in words: "exact", "exact density", "bound"."""
        return f"{self.kind} density" if self.is_density else self.kind

    @abstractmethod
    def log_prob(self, hidden: Tensor, value: Tensor) -> Tensor:
        """Nats of value (..., F) given hidden (..., hidden_size): shape (...)."""

    def loss(self, hidden: Tensor, target: Tensor, mask: Tensor) -> Tensor:
        """Negative log-likelihood in nats, summed over the frames where mask (...) is True."""
        # Masked frames are dropped, not multiplied by zero: padding costs nothing.
        return -self.log_prob(hidden[mask], target[mask]).sum()

    @abstractmethod
    def sample(self, hidden: Tensor, controls: Controls, rng: Rng) -> Tensor:
        """Draw the next steps (B, F) given hidden (B, hidden_size): int64, or of hidden's dtype
        where columns are real-valued."""

    @abstractmethod
    def initialise_bias(self, steps: Tensor) -> None:
        """Start from how often each value occurs in steps (N, F), instead of from even odds."""

    def _frames(self, hidden: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """Both without their leading dimensions: (N, hidden_size) and (N, F)."""
        if hidden.shape[:-1] != value.shape[:-1] or value.shape[-1] != len(self.sizes):
            raise UsageError(
                f"Hidden {tuple(hidden.shape)} doesn't fit steps {tuple(value.shape)}; these need "
                f"{len(self.sizes)} columns and the same dimensions before them."
            )
        return hidden.reshape(-1, hidden.shape[-1]), value.reshape(-1, value.shape[-1])


def log_frequencies(steps: Tensor, sizes: Sequence[int]) -> list[Tensor]:
    """Log of how often each value occurs in each column of steps (N, F): F tensors (size,).

    Half an occurrence is added to each, so that what never happened stays possible.
    """
    counts = [
        torch.bincount(column.long(), minlength=size).double() + 0.5
        for column, size in zip(steps.unbind(1), sizes, strict=True)
    ]
    return [(count / count.sum()).log() for count in counts]


def uniform(shape: Sequence[int], like: Tensor, rng: Rng) -> Tensor:
    """Numbers in [0, 1) drawn where `rng` lives, so that a seed gives one piece on any device."""
    drawn = torch.rand(tuple(shape), generator=rng, device=rng.device, dtype=torch.float64)
    return drawn.to(like.device)


def normal(shape: Sequence[int], like: Tensor, rng: Rng) -> Tensor:
    """Standard normal numbers: the normal quantiles of as many `uniform` ones."""
    # torch.randn makes its numbers differently for few and for many of them.
    return as_normal(uniform(shape, like, rng))


def as_normal(uniforms: Tensor) -> Tensor:
    """The normal quantiles of numbers in [0, 1)."""
    quantiles: Tensor = torch.special.ndtri(uniforms.clamp_min(2.0**-54))
    return quantiles
