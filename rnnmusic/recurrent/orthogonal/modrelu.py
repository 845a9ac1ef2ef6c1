"""Elman's network with an orthogonal matrix and a nonlinearity that keeps signs."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rnnmusic.recurrent import segments
from rnnmusic.recurrent.fixed import Keeping
from rnnmusic.recurrent.orthogonal.maps import Map, OrthogonalMatrix
from rnnmusic.recurrent.protocol import Learned, State


class OrthogonalState(NamedTuple):
    """h (B, H): the output of the step before."""

    h: Tensor


class OrthogonalRnn(Keeping):
    """h_t = modReLU(Q h_(t-1) + W x_t), Q orthogonal: gradients that last (Arjovsky et al. 2016).

    modReLU(z) = sign(z) max(|z| + b, 0). With b = 0, where it begins, it is the identity, and the
    network a linear one whose state only turns. Shapes: x (B, T, input_size), y (B, T, size) = h.

    map, depth: how Q is made, see `OrthogonalMatrix`.
    """

    def __init__(
        self,
        input_size: int,
        size: int,
        *,
        map: Map = "cayley",
        depth: int | None = None,
        learned_initial_state: Learned = False,
    ) -> None:
        super().__init__()
        self._set_sizes(input_size, size)
        self.orthogonal = OrthogonalMatrix(size, map, depth)
        self.input_weight = nn.Parameter(torch.empty(size, input_size))
        nn.init.xavier_uniform_(self.input_weight)
        self.bias = nn.Parameter(torch.zeros(size))
        self._add_initial(size, learned=learned_initial_state)

    def initial_state(self, batch_size: int) -> State:
        """The state before the first step, batch_size rows: zeros or learned."""
        return OrthogonalState(self.initial_row().expand(batch_size, -1))

    def matrix(self) -> Tensor:
        """Q (H, H), rounded to the parameters' precision."""
        return self._keeping(self._made)

    def _made(self) -> Tensor:
        made: Tensor = self.orthogonal().to(self.bias.dtype)
        return made

    def step(
        self, x: Tensor, state: OrthogonalState, dt: Tensor | float = 1.0
    ) -> tuple[Tensor, OrthogonalState]:
        """One step: x (B, input_size) -> y (B, size); `dt` is ignored."""
        z = F.linear(x, self.input_weight) + F.linear(state.h, self.matrix())
        h = torch.sign(z) * F.relu(z.abs() + self.bias)
        return h, OrthogonalState(h)

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
        matrix = self.matrix()

        def kernel(x: Tensor, state: OrthogonalState, valid: Tensor | None) -> tuple[Tensor, State]:
            drive = F.linear(x, self.input_weight)
            h: Tensor = _Turning.apply(drive, matrix, self.bias, state.h)  # type: ignore[no-untyped-call]
            end = h[:, -1] if valid is None else segments.at_end(h, valid)
            return h, OrthogonalState(end)

        if reset is None and lengths is None:
            return kernel(x, state, None)
        return segments.run(self, kernel, x, state, reset, lengths)


class _Turning(torch.autograd.Function):
    """The loop over time: drive (B, T, N), Q (N, N), bias (N,), h (B, N) -> (B, T, N).

    Written out because the graph of a thousand small steps costs more than they do: what the
    nonlinearity did can be read off its result, so that backward takes one product a step.
    """

    @staticmethod
    def forward(ctx: Any, drive: Tensor, matrix: Tensor, bias: Tensor, h: Tensor) -> Tensor:
        turned, states = matrix.T.contiguous(), torch.empty_like(drive.transpose(0, 1))
        now = h
        for u, out in zip(drive.unbind(1), states, strict=True):
            z = torch.addmm(u, now, turned)
            now = torch.mul(z.sign(), z.abs().add_(bias).relu_(), out=out)
        ctx.save_for_backward(matrix, h, states)
        return states.transpose(0, 1)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        matrix, h, states = ctx.saved_tensors
        passed = (states != 0).to(states.dtype)
        into = torch.empty_like(states)
        carried = torch.zeros_like(h)
        for g, open_, out in zip(
            reversed(grad.unbind(1)),
            reversed(passed.unbind(0)),
            reversed(into.unbind(0)),
            strict=True,
        ):
            carried = torch.mul(torch.addmm(g, carried, matrix), open_, out=out)
        before = torch.cat([h.unsqueeze(0), states[:-1]])
        grad_matrix = into.flatten(0, 1).T @ before.flatten(0, 1)
        grad_bias = (into * states.sign()).sum((0, 1))
        return into.transpose(0, 1), grad_matrix, grad_bias, carried @ matrix
