"""Delay lines that feed each other, as a differentiable function."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from rnnmusic.errors import InputError
from rnnmusic.filters.kernels import blocks


def delay_network(
    waveform: Tensor, delay: Sequence[int], loop: Tensor, b: Tensor, c: Tensor, d: Tensor
) -> Tensor:
    """s_n[t + delay_n] = (loop s[t] + b x[t])_n, y[t] = c s[t] + d x[t], from rest.

    waveform (..., inputs, T); delay N numbers of samples, 1 or more; loop (N, N), b (N, inputs),
    c (outputs, N), d (outputs, inputs). Returns (..., outputs, T). The adjoint of a network is the
    network of loop^T run backwards in time, so that gradients are exact and of any order.
    """
    lines = len(delay)
    shapes = [tuple(matrix.shape) for matrix in (loop, b, c, d)]
    inputs = waveform.shape[-2] if waveform.dim() > 1 else 0
    outputs = d.shape[0] if d.dim() == 2 else 0
    wanted = [(lines, lines), (lines, inputs), (outputs, lines), (outputs, inputs)]
    if shapes != wanted or min(delay, default=0) < 1:
        raise InputError(
            f"A waveform {tuple(waveform.shape)}, delays {list(delay)} and matrices {shapes} don't "
            f"go together; give (..., inputs, T), delays of 1 or more and {wanted}."
        )
    loop, b, c, d = (matrix.to(waveform.dtype) for matrix in (loop, b, c, d))
    fed = (b @ waveform).reshape(-1, lines, waveform.shape[-1])
    heard = _lines(fed, loop, tuple(delay))
    heard = heard.reshape(*waveform.shape[:-2], lines, waveform.shape[-1])
    return c @ heard + d @ waveform


class _Lines(torch.autograd.Function):
    """What comes into the lines (R, N, T), loop (N, N), delays -> what is heard from them."""

    @staticmethod
    def forward(ctx: Any, fed: Tensor, loop: Tensor, delay: tuple[int, ...]) -> Tensor:
        run = _by_kernel if fed.device.type == "cpu" else run_by_stretches
        heard = run(fed.detach(), loop.detach(), delay)
        ctx.save_for_backward(loop, heard)
        ctx.delay = delay
        return heard

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, None]:
        loop, heard = ctx.saved_tensors
        grad_fed = _lines(grad.flip(-1), loop.T, ctx.delay).flip(-1)
        return grad_fed, torch.einsum("rnt,rmt->nm", grad_fed, heard), None


def _lines(fed: Tensor, loop: Tensor, delay: tuple[int, ...]) -> Tensor:
    heard: Tensor = _Lines.apply(fed, loop, delay)  # type: ignore[no-untyped-call]
    return heard


def _by_kernel(fed: Tensor, loop: Tensor, delay: tuple[int, ...]) -> Tensor:
    """The compiled loop, in float64."""
    x = fed.double().contiguous().numpy()
    lines = len(delay)
    each, none = np.eye(lines), np.zeros((lines, lines))
    state = np.zeros((len(x), sum(delay)))
    at, y = np.zeros(lines, dtype=np.int64), np.empty_like(x)
    matrix = loop.double().contiguous().numpy()
    blocks.network.for_work(1)(
        x, np.array(delay, dtype=np.int64), matrix, each, each, none, state, at, y
    )
    return torch.from_numpy(y).to(fed.dtype)


def run_by_stretches(fed: Tensor, loop: Tensor, delay: tuple[int, ...]) -> Tensor:
    """The same on any device: nothing comes back sooner than the shortest delay."""
    rows, lines, time = fed.shape
    into = fed.new_zeros(rows, lines, time + max(delay))
    heard = torch.zeros_like(fed)
    # into[..., n, t + delay_n] is what line n is fed at t, so that column t is what is heard at t.
    stretch = min(delay)
    for start in range(0, time, stretch):
        stop = min(start + stretch, time)
        heard[..., start:stop] = into[..., start:stop]
        following = loop @ heard[..., start:stop] + fed[..., start:stop]
        for n, samples in enumerate(delay):
            into[:, n, start + samples : stop + samples] = following[:, n]
    return heard
