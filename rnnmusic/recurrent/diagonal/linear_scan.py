"""What the layers of this family share: one elementwise linear recurrence, and one scan."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from rnnmusic.filters.functional.scan import diagonal_scan
from rnnmusic.recurrent.protocol import Recurrent, State


class DiagonalState(NamedTuple):
    """h (B, lanes) after the step before; (B, lanes, 2), real and imaginary, of complex lanes."""

    h: Tensor


class LinearScan(Recurrent):
    """h_t = a_t h_(t-1) + b_t for each lane by itself, with a and b made of x_t and dt alone.

    As a and b don't depend on h, those of all steps are computed at once, and one scan runs
    through time. Shapes: x (..., input_size), h (..., lanes), y (..., output_size).
    """

    #: Whether lanes are complex numbers; the state holds pairs of reals.
    is_complex: ClassVar[bool] = False

    @abstractmethod
    def lift(self, x: Tensor, dt: Tensor | None) -> tuple[Tensor, Tensor]:
        """a (lanes,) or (..., lanes), and b (..., lanes), of x and dt (...); None: 1 everywhere."""

    @abstractmethod
    def read(self, h: Tensor, x: Tensor) -> Tensor:
        """y (..., output_size) of h (..., lanes) and the x of the same steps."""

    def initial_state(self, batch_size: int) -> State:
        """The state before the first step, batch_size rows: zeros or learned."""
        row = self.initial_row()
        return DiagonalState(row.expand(batch_size, *row.shape))

    def step(
        self, x: Tensor, state: DiagonalState, dt: Tensor | float = 1.0
    ) -> tuple[Tensor, DiagonalState]:
        """One step of dt, a number or (B,): x (B, input_size) -> y (B, output_size)."""
        given = isinstance(dt, Tensor) or dt != 1.0
        time = torch.as_tensor(dt, dtype=x.dtype, device=x.device).expand(len(x)) if given else None
        a, b = self.lift(x, time)
        h = a * self._lanes(state.h) + b
        return self.read(h, x), DiagonalState(self._stored(h))

    def forward(
        self,
        x: Tensor,
        state: State | None = None,
        dt: Tensor | None = None,
        reset: Tensor | None = None,
        lengths: Tensor | None = None,
    ) -> tuple[Tensor, State]:
        """A whole stretch, as in `Recurrent`: a scan, of multiplier 0 where a row resets."""
        batch, time, _ = x.shape
        start = self._lanes((self.initial_state(batch) if state is None else state).h)
        a, b = self.lift(x, None if dt is None else dt.to(x))
        if reset is not None:
            begins = reset.unsqueeze(2)
            if isinstance(self.initial, nn.Parameter):
                b = b + torch.where(begins, a * self._lanes(self.initial_row()), 0.0)
            a = torch.where(begins, 0.0, a)
        h = diagonal_scan(b, a, start)
        y = self.read(h, x)
        if lengths is None:
            return y, DiagonalState(self._stored(h[:, -1]))
        lengths = lengths.to(x.device)
        alive = torch.arange(time, device=x.device) < lengths.unsqueeze(1)
        rows = torch.arange(batch, device=x.device)
        end = torch.where((lengths > 0).unsqueeze(1), h[rows, lengths - 1], start)
        return torch.where(alive.unsqueeze(2), y, 0.0), DiagonalState(self._stored(end))

    def _lanes(self, stored: Tensor) -> Tensor:
        return torch.view_as_complex(stored.contiguous()) if self.is_complex else stored

    def _stored(self, lanes: Tensor) -> Tensor:
        return torch.view_as_real(lanes) if self.is_complex else lanes
