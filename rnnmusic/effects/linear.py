"""From a linear network to the filter that it is."""

from __future__ import annotations

import copy

import torch
from torch import Tensor
from torch.func import jacrev

from rnnmusic.effects.model import Effect
from rnnmusic.errors import InputError
from rnnmusic.filters.forms import StateSpace
from rnnmusic.recurrent.flat import flattened

#: The cells whose effects are filters.
LINEAR = ("linear", "iir", "ssm")

_TOLERANCE = 1e-9  # between the Jacobians at two states, which are the same in a linear network


def as_form(effect: Effect) -> StateSpace:
    """The state-space filter that an effect of linear cells is.

    s[t+1] = A s[t] + B x[t], y[t] = C s[t] + D x[t] with all that the layers carry in s: the
    Jacobians of a step, in float64. InputError for an effect whose Jacobians depend on the state.
    A constant offset of the output, which no linear filter has, is left out.
    """
    network = copy.deepcopy(effect).double().eval().requires_grad_(False)
    start, unflatten = flattened(network.recurrent.initial_state(1))
    channels = effect.config.inputs

    def advance(x: Tensor, s: Tensor) -> Tensor:
        y, after = network.step(x[None], unflatten(s[None]))
        return torch.cat([flattened(after)[0][0], y[0]])

    jacobians = jacrev(advance, argnums=(0, 1))
    rest = jacobians(torch.zeros(channels, dtype=torch.float64), start[0])
    moved = jacobians(torch.ones(channels, dtype=torch.float64), start[0] + 1.0)
    if any((one - other).abs().max() > _TOLERANCE for one, other in zip(rest, moved, strict=True)):
        raise InputError(
            f"An effect of {effect.config.cell} cells isn't linear: it is no filter; learn one "
            f"with --cell {' or '.join(LINEAR)}."
        )
    by_x, by_s = (jacobian.numpy() for jacobian in rest)
    size = len(by_s) - effect.config.outputs
    return StateSpace(
        by_s[:size], by_x[:size], by_s[size:], by_x[size:], float(effect.config.sample_rate_hz)
    )
