"""Learnable filters that run as second-order sections in series."""

from __future__ import annotations

from abc import abstractmethod

import torch
from torch import Tensor

from rnnmusic.errors import InputError
from rnnmusic.filters.forms import Reals
from rnnmusic.filters.functional.sections import sosfilt, sosfilt_varying
from rnnmusic.filters.modules.base import Filter, OverTime, hop_of, values_over_time
from rnnmusic.filters.modules.stability import into_triangle


class SectionChain(Filter):
    """A filter that computes second-order sections from its parameters, and runs those."""

    #: The parameters that `coefficients` takes, each (channels, *own shape).
    controls: tuple[str, ...]

    @abstractmethod
    def coefficients(self, values: dict[str, Tensor]) -> Tensor:
        """Sections (..., S, 6) in float64 of the values of all `controls`, (..., *own shape)."""

    def sections(self, over_time: OverTime | None = None) -> Tensor:
        """The sections now (channels, S, 6), or over time (..., steps, S, 6), poles inside."""
        sos = self.coefficients(values_over_time(self, self.controls, over_time))
        self._finite(sos)
        a1, a2 = into_triangle(sos[..., 4], sos[..., 5], self.max_radius)
        return torch.cat(
            [sos[..., :3], torch.ones_like(a1)[..., None], a1[..., None], a2[..., None]], dim=-1
        )

    def forward(self, waveform: Tensor, over_time: OverTime | None = None) -> Tensor:
        """Filter waveform (..., T) from rest; over_time changes `controls` (see `Filter`)."""
        self._check_channels(waveform)
        sos = self.sections(over_time).to(waveform.dtype)
        if over_time:
            return sosfilt_varying(waveform, sos, hop_of(sos.shape[-3], waveform.shape[-1]))
        return sosfilt(waveform, sos[0] if self.channels == 1 else sos)

    def response(self, omega: Tensor) -> Tensor:
        """Product of the sections' responses: (K,) or (channels, K)."""
        result = sections_response(self.sections(), omega).prod(dim=-2)
        return result[0] if self.channels == 1 else result

    def projected(self, channel: int = 0) -> bool:
        """Whether a section's poles would lie outside and are drawn onto the edge."""
        with torch.no_grad():
            asked = self.coefficients(values_over_time(self, self.controls, None))[channel]
            return not torch.equal(asked[..., 4:], self.sections()[channel][..., 4:])

    def check_unprojected(self) -> None:
        """InputError where coefficients that were asked for can't be had within max_radius."""
        if self.projected():
            raise InputError(
                f"The filter has poles outside of max_radius {self.max_radius}, or so near that "
                "rounding to float32 can take them there; give a greater max_radius."
            )

    def _sos(self, channel: int) -> Reals:
        sos: Reals = self.sections()[channel].detach().cpu().numpy()
        return sos


def sections_response(sos: Tensor, omega: Tensor) -> Tensor:
    """Response of each section (..., S, 6) at omega (K,): (..., S, K), complex128."""
    inverse = torch.exp(-1j * omega.double())
    powers = torch.stack([torch.ones_like(inverse), inverse, inverse * inverse])
    wide = sos.to(powers.dtype)
    response: Tensor = (wide[..., :3] @ powers) / (wide[..., 3:] @ powers)
    return response
