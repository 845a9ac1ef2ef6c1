"""Liquid state machines: a random reservoir of spiking units."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from rnnmusic.errors import UsageError
from rnnmusic.recurrent.protocol import Learned, Recurrent, State
from rnnmusic.recurrent.reservoir.wiring import sparse

#: How much stronger an inhibitory synapse is than an excitatory one, so that a share of 0.2 of them
#: balances the rest.
INHIBITION = 4.0


class LiquidState(NamedTuple):
    """(B, H) each: synaptic current, membrane potential, spikes of the step before (0 or 1), and
    the trace of them all that is the output."""

    current: Tensor
    potential: Tensor
    spikes: Tensor
    trace: Tensor


class LiquidStateMachine(Recurrent):
    """Leaky integrate-and-fire units with exponential synapses; what is read are filtered spikes.

    i_t = s i_(t-1) + W z_(t-1) + W_in x_t + b,  s = exp(-dt / synapse_steps)
    v_t = m v_(t-1) + (1 - m) i_t,  m = exp(-dt / membrane_steps)
    z_t = 1 where v_t reaches 1, else 0; there v_t returns to 0
    y_t = f y_(t-1) + (1 - f) z_t,  f = exp(-dt / readout_steps)

    Shapes: x (B, T, input_size), y (B, T, size). W, W_in and b are random and stay as they are:
    buffers, saved with the weights. (Maass, Natschläger and Markram 2002.) The leaks are exact for
    any time `dt` since the step before. A spike has no derivative, so that none reaches what lies
    below this layer.

    recurrent_scale: of W; its units are excitatory or, a share `inhibitory` of them, inhibitory in
    all they do, and each hears a share `connectivity` of them. input_scale: W_in is uniform in plus
    and minus this. bias_scale: b is uniform between 0 and this, what makes units fire unasked.
    learned_initial_state: of the traces alone, as all else goes through spikes.
    """

    is_timed = True

    recurrent_weight: Tensor
    input_weight: Tensor
    bias: Tensor

    def __init__(
        self,
        input_size: int,
        size: int,
        *,
        recurrent_scale: float = 0.5,
        connectivity: float = 0.1,
        inhibitory: float = 0.2,
        input_scale: float = 1.0,
        bias_scale: float = 0.5,
        membrane_steps: float = 2.0,
        synapse_steps: float = 2.0,
        readout_steps: float = 4.0,
        learned_initial_state: Learned = False,
    ) -> None:
        super().__init__()
        self._set_sizes(input_size, size)
        if min(membrane_steps, synapse_steps, readout_steps) <= 0.0:
            raise UsageError(
                f"membrane_steps, synapse_steps and readout_steps are {membrane_steps}, "
                f"{synapse_steps} and {readout_steps}; give times above 0."
            )
        if not 0.0 <= inhibitory <= 1.0:
            raise UsageError(f"inhibitory is {inhibitory}; give a share between 0 and 1.")
        self.membrane_steps = membrane_steps
        self.synapse_steps = synapse_steps
        self.readout_steps = readout_steps
        weight = sparse(size, connectivity).abs().float()
        is_inhibitory = torch.arange(size) < round(inhibitory * size)
        weight = recurrent_scale * torch.where(is_inhibitory, -INHIBITION * weight, weight)
        self.register_buffer("recurrent_weight", weight)
        self.register_buffer("input_weight", input_scale * (2 * torch.rand(size, input_size) - 1))
        self.register_buffer("bias", bias_scale * torch.rand(size))
        self._add_initial(len(LiquidState._fields), size, learned=learned_initial_state)

    def initial_state(self, batch_size: int) -> State:
        """The state before the first step, batch_size rows: zeros or learned."""
        return LiquidState(*(row.expand(batch_size, -1) for row in self.initial_row()))

    def step(
        self, x: Tensor, state: LiquidState, dt: Tensor | float = 1.0
    ) -> tuple[Tensor, LiquidState]:
        """One step of dt, a number or (B,): x (B, input_size) -> y (B, size)."""
        time = torch.as_tensor(dt, dtype=x.dtype, device=x.device).reshape(-1, 1)
        synapse, membrane, readout = (
            torch.exp(-time / steps)
            for steps in (self.synapse_steps, self.membrane_steps, self.readout_steps)
        )
        arriving = F.linear(x, self.input_weight, self.bias)
        arriving = arriving + F.linear(state.spikes, self.recurrent_weight)
        current = synapse * state.current + arriving
        charged = torch.lerp(current, state.potential, membrane)
        spikes = (charged >= 1.0).to(x.dtype)
        trace = torch.lerp(spikes, state.trace, readout)
        return trace, LiquidState(current, charged * (1.0 - spikes), spikes, trace)
