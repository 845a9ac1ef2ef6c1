"""Eligibility propagation (Bellec et al. 2020, Nature Communications 11:3625)."""

from __future__ import annotations

from rnnmusic.errors import UsageError
from rnnmusic.learning.model import SequenceModel
from rnnmusic.learning.real_time import DiagonalRtrl
from rnnmusic.tasks import Task


class Eprop(DiagonalRtrl):
    """Each parameter remembers what it did to its own unit, and hears how wrong the output is.

    With u the hidden state of unit j and all other units' outputs taken as given,

        e_t = du_t/du_(t-1) e_(t-1) + du_t/dw,    gradient = sum_t dL_t/du_t e_t.

    hidden: the tensors of the state that u stands for: `["c"]` for an LSTM, whose h is what the
    others see; a leaky or a simple unit has but one, and needs none named. Left out, against the
    gradient: whatever reaches a later loss by way of another unit, or through what the unit itself
    shows to the network and hears back from it. dL_t/du_t is the true one of the step's own loss
    (the paper's symmetric form; it also has random feedback). Of one layer with one-hot or real
    inputs.
    """

    def __init__(
        self, model: SequenceModel, task: Task, *, hidden: list[str] | None = None
    ) -> None:
        self.hidden = hidden
        super().__init__(model, task)

    def _carried(self, names: list[str]) -> list[str]:
        if self.hidden is None:
            return names
        for name in self.hidden:
            if name not in names:
                raise UsageError(f"The state has no {name!r}; it has {', '.join(names)}.")
        return self.hidden

    def _check(self) -> None:
        """Units may hear each other: e-prop looks away."""


__all__ = ["Eprop"]
