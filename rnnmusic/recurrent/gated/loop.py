"""The loop over time for layers that no fused kernel knows, with resets and lengths."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from rnnmusic.recurrent.protocol import State, tree_map, where


def run(
    advance: Callable[[Any, State], State],
    drives: Sequence[Any],
    state: State,
    initial: State,
    reset: Tensor | None,
    lengths: Tensor | None,
) -> tuple[list[State], State]:
    """The states after each of T steps `advance(drive, state)`, and the one where rows end.

    state, initial: what a row begins with, and what it begins with again at a reset. Nothing is
    masked on the way: what is computed after a row's length is for the caller to overlook.
    """
    resetting = set() if reset is None else set(reset.any(0).nonzero()[:, 0].tolist())
    start, states = state, []
    for t, drive in enumerate(drives):
        if reset is not None and t in resetting:
            state = where(reset[:, t], initial, state)
        state = advance(drive, state)
        states.append(state)
    if lengths is not None:
        state = tree_map(partial(_at, lengths), start, *states)
    return states, state


def alive_only(y: Tensor, lengths: Tensor | None) -> Tensor:
    """y (B, T, H), but zero from lengths (B,) on."""
    if lengths is None:
        return y
    alive = torch.arange(y.shape[1], device=y.device) < lengths.to(y.device).unsqueeze(1)
    return torch.where(alive.unsqueeze(2), y, 0.0)


def _at(lengths: Tensor, *parts: Tensor) -> Tensor:
    """Row by row the part (B, ...) that stands at its length."""
    whole = torch.stack([part.to(parts[-1]) for part in parts])
    return whole[lengths.to(whole.device), torch.arange(whole.shape[1], device=whole.device)]
