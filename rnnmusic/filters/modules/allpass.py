"""Allpasses of long delays, nested and in series."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import torch
from torch import Tensor, nn

from rnnmusic.errors import InputError, UsageError
from rnnmusic.filters.forms import Allpass, Form
from rnnmusic.filters.functional.delay_network import delay_network
from rnnmusic.filters.modules.base import Filter, OverTime, fill
from rnnmusic.filters.modules.stability import MARGIN


class AllpassFilter(Filter):
    """Chains of nested allpasses in series: |response| is |gain| at every frequency.

    A chain is H_N of H_0 = 1, H_m = (k_m + D_m) / (1 + k_m D_m), D_m = H_(m-1) / z**delay_m: with
    one k Schroeder's (1962), nested Gerzon's (1971). On the circle of radius r |D_m| is at most
    limit_m = r**-delay_m (limit - |k|) / (1 - |k| limit) of the stage before; so
    k_m = tanh(reflection_m) / limit_m has no pole outside (Rouche). That is exact for a single k,
    and more cautious the deeper the nesting: give a max_radius near 1 there. Parameters:
    reflection (stages,), chain after chain, and gain ().
    """

    def __init__(
        self, delay: Sequence[int | Sequence[int]], *, max_radius: float = 0.99999, **options: Any
    ) -> None:
        super().__init__(max_radius=max_radius, **options)
        chains = tuple(
            (int(chain),) if isinstance(chain, int) else tuple(int(n) for n in chain)
            for chain in delay
        )
        flat = [samples for chain in chains for samples in chain]
        if min(flat, default=0) < 1 or self.channels != 1:
            raise UsageError(
                f"Delays {list(delay)} on {self.channels} channels were asked for; give some of at "
                "least 1 sample, and one channel: all are filtered alike."
            )
        if max_radius ** max(flat) < 1e-30:
            raise UsageError(
                f"Within max_radius {max_radius} a delay of {max(flat)} has no echo left; give a "
                "greater one."
            )
        self.delay = chains
        self.reflection = nn.Parameter(torch.full((len(flat),), 0.5, dtype=torch.float64))
        self.gain = nn.Parameter(torch.ones((), dtype=torch.float64))

    @classmethod
    def from_form(cls, form: Form, **options: Any) -> Self:
        """Begin as an `Allpass` form."""
        if not isinstance(form, Allpass):
            raise InputError(f"A {form.kind} filter was given; give allpasses.")
        module = cls(form.delay, **{"sample_rate_hz": form.sample_rate_hz, **options})
        raw: list[Tensor] = []
        for given, delay in zip(form.k, form.delay, strict=True):
            limit = torch.ones((), dtype=torch.float64)
            for k, samples in zip(torch.from_numpy(given), delay, strict=True):
                limit = limit / module.max_radius**samples
                share = k * limit / (1 - MARGIN)
                if abs(share) >= 1:
                    raise InputError(
                        f"A coefficient {float(k):g} of delay {samples} may have poles outside of "
                        f"max_radius {module.max_radius}; give a smaller one or a greater radius."
                    )
                raw.append(torch.atanh(share))
                limit = _limit(limit, k)
        fill(module.reflection, torch.stack(raw))
        fill(module.gain, form.gain)
        return module

    def reflections(self) -> list[Tensor]:
        """k of each chain, in float64."""
        self._finite(self.reflection, self.gain)
        share = (1 - MARGIN) * torch.tanh(self.reflection.double())
        chains, start = [], 0
        for delay in self.delay:
            limit = torch.ones_like(share[0])
            chain = []
            for samples in delay:
                limit = limit / self.max_radius**samples
                k = share[start] / limit
                chain.append(k)
                limit = _limit(limit, k)
                start += 1
            chains.append(torch.stack(chain))
        return chains

    def forward(self, waveform: Tensor, over_time: OverTime | None = None) -> Tensor:
        """Filter waveform (..., T) from rest, as delay lines that feed each other."""
        self._no_changes(over_time)
        loop, b, c, d = self._network()
        delay = [samples for chain in self.delay for samples in chain]
        return delay_network(waveform.unsqueeze(-2), delay, loop, b, c, d).squeeze(-2)

    def response(self, omega: Tensor) -> Tensor:
        """Product of the chains' responses (K,)."""
        omega = omega.double()
        result = self.gain.double() * torch.exp(0j * omega)
        for chain, delay in zip(self.reflections(), self.delay, strict=True):
            inner = torch.ones_like(result)
            for k, samples in zip(chain, delay, strict=True):
                delayed = torch.exp(-1j * omega * samples) * inner
                inner = (k + delayed) / (1 + k * delayed)
            result = result * inner
        return result

    def form(self, channel: int = 0) -> Allpass:
        """The coefficients as they are now."""
        k = tuple(chain.detach().cpu().numpy() for chain in self.reflections())
        return Allpass(k, self.delay, float(self.gain.detach()), self.sample_rate_hz)

    def _network(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """loop, b, c, d of a delay line a coefficient (see `streaming.build.allpass_network`).

        With f_N a chain's input and w_m what line m gives: f_(m-1) = f_m - k_m w_m; line m is fed
        g_(m-1), of which g_0 = f_0 and g_m = k_m f_(m-1) + w_m.
        """
        count = len(self.reflection)
        rows = torch.eye(count + 1, dtype=torch.float64, device=self.reflection.device)
        signal, feeds, start = rows[count], [], 0
        for k in self.reflections():
            inner = [signal]
            for m in range(len(k) - 1, -1, -1):
                inner.insert(0, inner[0] - k[m] * rows[start + m])
            signal = inner[0]
            for m in range(len(k)):
                feeds.append(signal)
                signal = k[m] * inner[m] + rows[start + m]
            start += len(k)
        signal = self.gain.double() * signal
        into = torch.stack(feeds)
        return into[:, :count], into[:, count:], signal[None, :count], signal[None, count:]


def _limit(limit: Tensor, k: Tensor) -> Tensor:
    """The greatest |(k + D) / (1 + k D)| where |D| is at most `limit`, and limit |k| < 1."""
    size = k.abs()
    return (limit - size).abs() / (1 - size * limit)
