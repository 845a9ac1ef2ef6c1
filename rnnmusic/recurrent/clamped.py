"""Units that are told what to be: a state clamped from outside, at every step."""

from __future__ import annotations

import torch
from torch import Tensor

from rnnmusic.errors import UsageError
from rnnmusic.recurrent.protocol import Recurrent, State


class Clamped(Recurrent):
    """s'_(t-1) = k v_t + (1 - k) s_(t-1) for the first `units` units, then the inner layer's step.

    Shapes: x (B, T, inner.input_size + 2 units): the inner layer's inputs, the values v, and the
    mask k, of which what is above 1/2 clamps; y and state are the inner layer's. Clamping acts
    before the step, so that the step hears the values. (Teacher forcing of visible units, Williams
    and Zipser 1989, is this with the targets of the step before as values.)

    field: which tensor of the state, (B, H), by its name; the first unless given.
    """

    def __init__(self, inner: Recurrent, units: int, *, field: str | None = None) -> None:
        super().__init__()
        names = list(getattr(inner.initial_state(1), "_fields", ()))
        if not names or (field is not None and field not in names):
            raise UsageError(
                f"The state of a {type(inner).__name__} has no tensor {field or ''!r} to clamp; it "
                f"has {', '.join(names) or 'none with a name'}."
            )
        self.field = field or names[0]
        clamped = getattr(inner.initial_state(1), self.field)
        if clamped.dim() != 2 or not 1 <= units <= clamped.shape[1]:
            raise UsageError(
                f"{units} units of {self.field}, of shape {tuple(clamped.shape)}, can't be "
                "clamped; give 1 up to the number of units of a (B, H) tensor."
            )
        self.inner, self.units = inner, units
        self.input_size = inner.input_size + 2 * units
        self.output_size = inner.output_size
        self.is_timed = inner.is_timed

    def initial_state(self, batch_size: int) -> State:
        """The inner layer's."""
        return self.inner.initial_state(batch_size)

    def step(self, x: Tensor, state: State, dt: Tensor | float = 1.0) -> tuple[Tensor, State]:
        """Clamp, then one step of the inner layer."""
        x, values, mask = torch.split(x, [self.inner.input_size, self.units, self.units], 1)
        free = getattr(state, self.field)
        told = torch.where(mask > 0.5, values, free[:, : self.units])
        told = torch.cat([told, free[:, self.units :]], 1)
        return self.inner.step(x, state._replace(**{self.field: told}), dt)


__all__ = ["Clamped"]
