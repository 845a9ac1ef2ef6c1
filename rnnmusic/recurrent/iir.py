"""A bank of biquad cascades."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from rnnmusic.errors import UsageError
from rnnmusic.filters.forms import Sections
from rnnmusic.filters.functional.sections import sosfilt
from rnnmusic.recurrent import segments
from rnnmusic.recurrent.fixed import MARGIN, LinearLayer
from rnnmusic.recurrent.protocol import Learned, State


class IirState(NamedTuple):
    """z (B, size, sections, 2): what each section remembers, in transposed direct form II."""

    z: Tensor


class IirCell(LinearLayer):
    """A bank of filters: output k is a cascade of biquads over its own mix of the inputs.

    Shapes: x (B, T, input_size), y (B, T, size), z (B, size, sections, 2). Denominators are
    parametrised by two reflection coefficients a section, tanh of the parameters, so that poles
    stay inside max_radius; numerators are free.
    """

    def __init__(
        self,
        input_size: int,
        size: int,
        *,
        sections: int = 2,
        max_radius: float = 0.9999,
        learned_initial_state: Learned = False,
    ) -> None:
        super().__init__(input_size, size, max_radius)
        if sections < 1:
            raise UsageError(f"sections is {sections}; give 1 or more.")
        self.sections = sections
        self.input_weight = nn.Parameter(torch.empty(size, input_size))
        nn.init.xavier_uniform_(self.input_weight)
        # Pairs of poles at radii 0.5 to 0.95 and all angles, each section at about unit gain.
        radius, angle = torch.empty(size, sections).uniform_(0.5, 0.95), torch.rand(size, sections)
        k1 = -2 * radius * torch.cos(math.pi * angle) / (1 + radius**2)
        self.reflection = nn.Parameter(torch.stack([k1, radius**2], -1).atanh())
        numerator = torch.zeros(size, sections, 3)
        numerator[..., 0] = (1 - radius**2).sqrt()
        self.numerator = nn.Parameter(numerator)
        self._add_initial(size, sections, 2, learned=learned_initial_state, units=0)

    def initial_state(self, batch_size: int) -> State:
        """The state before the first step, batch_size rows: zeros or learned."""
        return IirState(self.initial_row().expand(batch_size, -1, -1, -1))

    def step(self, x: Tensor, state: IirState, dt: Tensor | float = 1.0) -> tuple[Tensor, IirState]:
        """One step: x (B, input_size) -> y (B, size); `dt` is ignored."""
        signal, after = F.linear(x, self.input_weight), []
        rows = self.sos().unbind(1)
        for row, z in zip(rows, state.z.unbind(2), strict=True):
            b0, b1, b2, _, a1, a2 = row.unbind(1)
            y = b0 * signal + z[..., 0]
            after.append(torch.stack([b1 * signal - a1 * y + z[..., 1], b2 * signal - a2 * y], -1))
            signal = y
        return signal, IirState(torch.stack(after, 2))

    def forward(
        self,
        x: Tensor,
        state: State | None = None,
        dt: Tensor | None = None,
        reset: Tensor | None = None,
        lengths: Tensor | None = None,
    ) -> tuple[Tensor, State]:
        """A whole stretch, as in `Recurrent`; `dt` is ignored."""
        if state is None:
            state = self.initial_state(len(x))
        sos = self.sos()
        if reset is None and lengths is None:
            y, z = sosfilt(self._mixed(x), sos, zi=state.z, return_zf=True)
            return y.transpose(1, 2), IirState(z.to(y))

        def kernel(x: Tensor, state: IirState, valid: Tensor) -> tuple[Tensor, State]:
            return self._run_ragged(x, state, valid, sos)

        return segments.run(self, kernel, x, state, reset, lengths)

    def sos(self) -> Tensor:
        """The sections (size, sections, 6), rows b0 b1 b2 1 a1 a2."""
        return self._keeping(self._coefficients)

    def _coefficients(self) -> Tensor:
        # The triangle of stable (a1, a2), drawn together so that rounding doesn't leave it.
        k1, k2 = self.reflection.double().tanh().unbind(-1)
        a1 = (1 - MARGIN) * self.max_radius * k1 * (1 + k2)
        a2 = (1 - MARGIN) * self.max_radius**2 * k2
        denominator = torch.stack([torch.ones_like(a1), a1, a2], -1)
        return torch.cat([self.numerator, denominator.to(self.numerator)], -1)

    def poles(self) -> NDArray[np.complex128]:
        """All channels' poles, one channel after the other."""
        return np.concatenate([form.poles() for form in self.filters()])

    def filters(self) -> tuple[Sections, ...]:
        """Each output's cascade, over its mix of the inputs (`input_weight`)."""
        with torch.no_grad():
            sos = self.sos().double().cpu().numpy()
        return tuple(Sections(rows) for rows in sos)

    def _mixed(self, x: Tensor) -> Tensor:
        """What each channel filters: (B, T, input_size) -> (B, size, T)."""
        return F.linear(x, self.input_weight).transpose(1, 2)

    def _run_ragged(
        self, x: Tensor, state: IirState, valid: Tensor, sos: Tensor
    ) -> tuple[Tensor, IirState]:
        """Rows that end where valid (N, L) does: a section at a time, to see them all end.

        The state after a step is made of its input and output and of those of the step before.
        """
        signal, after = self._mixed(x), []
        last = valid.sum(1) - 1
        before = (last - 1).clamp_min(0)
        only = (last == 0).unsqueeze(1)
        rows = torch.arange(len(x), device=x.device)
        for row, z in zip(sos.unbind(1), state.z.unbind(2), strict=True):
            _, b1, b2, _, a1, a2 = row.unbind(1)
            y = sosfilt(signal, row.unsqueeze(1), zi=z.unsqueeze(2))
            x1, y1, x2, y2 = (part[rows, :, at] for at in (last, before) for part in (signal, y))
            z1 = torch.where(only, z[..., 1], b2 * x2 - a2 * y2)
            after.append(torch.stack([b1 * x1 - a1 * y1 + z1, b2 * x1 - a2 * y1], -1))
            signal = y
        return signal.transpose(1, 2), IirState(torch.stack(after, 2))
