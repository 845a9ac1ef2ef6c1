"""Reverberation as a unitary recurrent network: delay lines around an orthogonal matrix."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor, nn

from rnnmusic.errors import InputError, UsageError
from rnnmusic.filters.forms import DelayNetwork, Form
from rnnmusic.filters.functional.delay_network import delay_network
from rnnmusic.filters.modules.base import Filter, OverTime, fill
from rnnmusic.filters.modules.equaliser import Range
from rnnmusic.filters.modules.matrices import cayley, cayley_parameters, room


class DelayNetworkFilter(Filter):
    """Feedback delay network (Jot & Chaigne, Digital delay networks for reverberators, 1991).

    The lines feed each other through an orthogonal matrix (Cayley's map of a skew matrix, times
    fixed signs), which loses nothing; line n then loses what makes it die away by 60 dB in t60_s
    seconds: gain_n = 10**(-3 delay_n / (sample_rate_hz t60_s_n)). t60_s is learned for each line
    within `t60_range`, which sets max_radius; it begins at t60_s, or the nearest in that range.
    Delays stay as they are. Parameters: free (N, N) whose skew part counts, t60 (N,),
    b (N, inputs), c (outputs, N), d (outputs, inputs).
    """

    signs: Tensor

    def __init__(
        self,
        delay: Sequence[int],
        sample_rate_hz: float,
        *,
        inputs: int = 1,
        outputs: int = 1,
        t60_s: float = 2.0,
        t60_range: tuple[float, float] = (0.01, 60.0),
    ) -> None:
        delays = tuple(int(samples) for samples in delay)
        if min(delays, default=0) < 1 or min(inputs, outputs) < 1 or not sample_rate_hz > 0:
            raise UsageError(
                f"Delays {list(delay)} with {inputs} inputs and {outputs} outputs at "
                f"{sample_rate_hz} Hz were asked for; give at least 1 of each."
            )
        if not 0 < t60_range[0] < t60_range[1] < math.inf:
            raise UsageError(f"t60_range is {t60_range}; give two growing times above 0.")
        self_range = Range(*t60_range, "s", log=True)
        longest = self_range.maximum * sample_rate_hz
        super().__init__(max_radius=10 ** (-3 / longest), sample_rate_hz=sample_rate_hz)
        self.delay, self.inputs, self.outputs = delays, inputs, outputs
        self.t60_range = self_range
        n = len(delays)
        start = min(max(t60_s, t60_range[0]), t60_range[1])
        raw = torch.full((n,), self_range.raw("t60_s", start), dtype=torch.float64)
        self.t60 = nn.Parameter(raw)
        self.free = nn.Parameter(torch.randn(n, n, dtype=torch.float64))
        self.b = nn.Parameter(torch.randn(n, inputs, dtype=torch.float64) / inputs**0.5)
        self.c = nn.Parameter(torch.randn(outputs, n, dtype=torch.float64) / n**0.5)
        self.d = nn.Parameter(torch.zeros(outputs, inputs, dtype=torch.float64))
        self.register_buffer("signs", torch.ones(n, dtype=torch.float64))

    @property
    def t60_s(self) -> Tensor:
        """Seconds (N,) in which each line dies away by 60 dB."""
        return self.t60_range.value(self.t60)

    @classmethod
    def from_form(cls, form: Form, **options: Any) -> Self:
        """Begin as a delay network of an orthogonal matrix and gains below 1."""
        if not isinstance(form, DelayNetwork):
            raise InputError(f"A {form.kind} filter was given; give a delay network.")
        rate = options.pop("sample_rate_hz", form.sample_rate_hz)
        if rate is None:
            raise InputError("A delay network without a sample rate was given; give one.")
        n = len(form.delay)
        gain, feedback = abs(form.gain), form.feedback * np.where(form.gain < 0, -1.0, 1.0)
        error = abs(feedback @ feedback.T - np.eye(n)).max()
        gain = gain / room(n)
        if error > 1e-9 or (gain >= 1).any() or (gain <= 0).any():
            raise InputError(
                f"The feedback matrix is off an orthogonal one by {error:.2g}, or its gains "
                f"{form.gain} aren't between 0 and 1; give a network that dies away."
            )
        module = cls(form.delay, rate, inputs=form.inputs, outputs=form.outputs, **options)
        t60_s = -3 * np.array(form.delay) / (rate * np.log10(gain))
        fill(module.t60, [module.t60_range.raw("t60_s", value) for value in t60_s.tolist()])
        free, signs = cayley_parameters(feedback)
        fill(module.free, free)
        fill(module.signs, signs)
        for name in "bcd":
            fill(getattr(module, name), getattr(form, name))
        return module

    def matrices(self) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """feedback (N, N), gain (N,), b, c, d in float64."""
        self._finite(self.free, self.t60, self.b, self.c, self.d)
        n = len(self.delay)
        samples = torch.tensor(self.delay, dtype=torch.float64, device=self.t60.device)
        rate = float(self.sample_rate_hz or 1.0)
        gain = room(n) * 10 ** (-3 * samples / (rate * self.t60_s))
        feedback = cayley(self.free.double()) * self.signs.double()
        return feedback, gain, self.b.double(), self.c.double(), self.d.double()

    def forward(self, waveform: Tensor, over_time: OverTime | None = None) -> Tensor:
        """Filter waveform (..., inputs, T), or (..., T) for one input and one output, from rest."""
        self._no_changes(over_time)
        feedback, gain, b, c, d = self.matrices()
        each = self.inputs == self.outputs == 1
        rows = waveform.unsqueeze(-2) if each else waveform
        y = delay_network(rows, self.delay, feedback * gain, b, c, d)
        return y.squeeze(-2) if each else y

    def response(self, omega: Tensor) -> Tensor:
        """c (z**delay - feedback gain)**-1 b + d: (K,) or (K, outputs, inputs)."""
        feedback, gain, *rest = self.matrices()
        b, c, d = (matrix.to(torch.complex128) for matrix in rest)
        samples = torch.tensor(self.delay, dtype=torch.float64, device=gain.device)
        lines = torch.diag_embed(torch.exp(1j * omega.double()[:, None] * samples))
        heard = torch.linalg.solve(lines - feedback * gain, b.expand(len(omega), *b.shape))
        result: Tensor = c @ heard + d
        return result[:, 0, 0] if self.inputs == self.outputs == 1 else result

    def form(self, channel: int = 0) -> DelayNetwork:
        """The network as it is now."""
        with torch.no_grad():
            parts = (part.detach().cpu().numpy() for part in self.matrices())
            feedback, gain, b, c, d = parts
        return DelayNetwork(self.delay, feedback, gain, b, c, d, self.sample_rate_hz)
