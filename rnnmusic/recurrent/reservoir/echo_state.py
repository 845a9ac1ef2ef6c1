"""Echo state networks: a random reservoir that never learns, for a readout that does."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from rnnmusic.errors import UsageError
from rnnmusic.recurrent import segments
from rnnmusic.recurrent.protocol import Learned, Recurrent, State
from rnnmusic.recurrent.reservoir.sparse_scan import SparseWeight, leaky_tanh_scan
from rnnmusic.recurrent.reservoir.wiring import sparse, with_spectral_radius


class EchoState(NamedTuple):
    """h (B, H): the output of the step before."""

    h: Tensor


class EchoStateNetwork(Recurrent):
    """h_t = (1 - a) h_(t-1) + a tanh(W h_(t-1) + W_in x_t + b + noise), y_t = h_t.

    Shapes: x (B, T, input_size), y (B, T, size) = h. W, W_in and b are random and stay as they
    are: buffers, saved with the weights. (Jaeger 2001; Jaeger and Haas 2004; leaky units: Jaeger,
    Lukoševičius, Popovici and Siewert 2007.)

    spectral_radius: of the leaky map (1 - a) I + a W, not of W. Below 1 the past fades where units
    are near 0, and all the more where they saturate; above 1 the reservoir may live by itself.
    leak: a, the share of a unit that is new at each step. connectivity: the share of the units
    that each one hears. input_scale, bias_scale: W_in and b are uniform in plus and minus this.
    state_noise: standard deviation of what is added within the tanh in training mode, in `forward`
    only; it makes readouts that are fed back robust.

    Steps are counted: `dt` is ignored. Where no gradient is asked for `forward` runs one compiled
    loop over the weights that aren't 0.
    """

    recurrent_weight: Tensor
    input_weight: Tensor
    bias: Tensor

    def __init__(
        self,
        input_size: int,
        size: int,
        *,
        spectral_radius: float = 0.9,
        leak: float = 0.5,
        connectivity: float = 0.1,
        input_scale: float = 0.5,
        bias_scale: float = 0.2,
        state_noise: float = 0.0,
        learned_initial_state: Learned = False,
    ) -> None:
        super().__init__()
        self._set_sizes(input_size, size)
        if not 0.0 < leak <= 1.0:
            raise UsageError(f"leak is {leak}; give a share above 0, up to 1.")
        if min(input_scale, bias_scale, state_noise) < 0.0:
            raise UsageError(
                f"input_scale, bias_scale and state_noise are {input_scale}, {bias_scale} and "
                f"{state_noise}; give 0 or more of each."
            )
        self.leak = leak
        self.state_noise = state_noise
        weight = with_spectral_radius(sparse(size, connectivity), spectral_radius, leak)
        self.register_buffer("recurrent_weight", weight.float())
        self.register_buffer("input_weight", input_scale * (2 * torch.rand(size, input_size) - 1))
        self.register_buffer("bias", bias_scale * (2 * torch.rand(size) - 1))
        self._add_initial(size, learned=learned_initial_state)
        self._kept: tuple[object, SparseWeight] | None = None

    def initial_state(self, batch_size: int) -> State:
        """The state before the first step, batch_size rows: zeros or learned."""
        return EchoState(self.initial_row().expand(batch_size, -1))

    def step(
        self, x: Tensor, state: EchoState, dt: Tensor | float = 1.0
    ) -> tuple[Tensor, EchoState]:
        """One step: x (B, input_size) -> y (B, size)."""
        h = self._advance(F.linear(x, self.input_weight, self.bias), state.h)
        return h, EchoState(h)

    def forward(
        self,
        x: Tensor,
        state: State | None = None,
        dt: Tensor | None = None,
        reset: Tensor | None = None,
        lengths: Tensor | None = None,
    ) -> tuple[Tensor, State]:
        """A whole stretch, as in `Recurrent`."""
        if state is None:
            state = self.initial_state(len(x))
        drive = F.linear(x, self.input_weight, self.bias)
        if self.training and self.state_noise:
            drive = drive + self.state_noise * torch.randn_like(drive)
        if reset is None and lengths is None:
            y = self._run(drive, state.h)
            return y, EchoState(y[:, -1])

        def kernel(drive: Tensor, state: EchoState, valid: Tensor) -> tuple[Tensor, State]:
            y = self._run(drive, state.h)
            return y, EchoState(segments.at_end(y, valid))

        return segments.run(self, kernel, drive, state, reset, lengths)

    def _advance(self, drive: Tensor, h: Tensor) -> Tensor:
        return torch.lerp(h, torch.tanh(drive + F.linear(h, self.recurrent_weight)), self.leak)

    def _run(self, drive: Tensor, h: Tensor) -> Tensor:
        """All states (B, T, N) from drives (B, T, N) and the state before."""
        wants_gradient = torch.is_grad_enabled() and (drive.requires_grad or h.requires_grad)
        if wants_gradient or drive.device.type != "cpu":
            states = []
            for part in drive.unbind(1):
                h = self._advance(part, h)
                states.append(h)
            return torch.stack(states, 1)
        weight = self._nonzero(drive.dtype)
        before = h.detach().to(drive.dtype).numpy()
        return torch.from_numpy(leaky_tanh_scan(drive.detach().numpy(), before, weight, self.leak))

    def _nonzero(self, dtype: torch.dtype) -> SparseWeight:
        """The recurrent weights that aren't 0, kept until they change."""
        weight = self.recurrent_weight
        key = (weight.data_ptr(), 0 if weight.is_inference() else weight._version, dtype)
        if self._kept is None or self._kept[0] != key:
            self._kept = (key, SparseWeight.of(weight.to(dtype).numpy()))
        return self._kept[1]
