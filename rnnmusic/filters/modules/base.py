"""What every learnable filter offers, whatever its parametrisation."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from rnnmusic.errors import InputError, UsageError
from rnnmusic.filters.forms import Form
from rnnmusic.filters.streaming import Stream

#: Values that replace a module's own for one call, by name, a time axis before their own axes.
OverTime = Mapping[str, Tensor]


class Filter(nn.Module, ABC):
    """A linear filter with learnable coefficients whose poles never leave a circle.

    Whatever values the parameters have, so whatever an optimiser does to them, the poles lie
    within max_radius < 1, also after the coefficients are rounded to float32. Parameters are
    float64 unless converted: they are few, and poles near the circle need the digits. Coefficients
    are computed in float64 and take the waveform's type when it is filtered.

    A filter of one input and one output is applied to each channel of waveform (..., T). With
    `channels` above 1 each channel has parameters of its own and the waveform is
    (..., channels, T). Filters of several inputs take (..., inputs, T) to (..., outputs, T).
    """

    inputs: int = 1
    outputs: int = 1

    def __init__(
        self, *, channels: int = 1, max_radius: float = 0.9999, sample_rate_hz: float | None = None
    ) -> None:
        super().__init__()
        if channels < 1:
            raise UsageError(f"A filter of {channels} channels was asked for; give at least one.")
        if not 0 < max_radius < 1:
            raise UsageError(
                f"max_radius is {max_radius}; poles of a stable filter need it between 0 and 1."
            )
        if sample_rate_hz is not None and not 0 < sample_rate_hz < float("inf"):
            raise UsageError(f"sample_rate_hz is {sample_rate_hz}; give a rate above 0 or None.")
        self.channels = channels
        self.max_radius = float(max_radius)
        self.sample_rate_hz = sample_rate_hz
        self._stream: Stream | None = None

    @abstractmethod
    def form(self, channel: int = 0) -> Form:
        """The filter as it is now, in float64, cut from the graph."""

    @classmethod
    @abstractmethod
    def from_form(cls, form: Form, **options: Any) -> Self:
        """The module that begins as `form`; options are those of the constructor.

        InputError where a pole lies outside max_radius or the form can't be expressed.
        """

    @abstractmethod
    def forward(self, waveform: Tensor, over_time: OverTime | None = None) -> Tensor:
        """Filter from rest, differentiably: waveform (..., T) -> the same shape.

        over_time gives parameters, by their names, that change with time: (..., steps, *own
        shape without channels), each step held for T / steps samples; steps = T changes them with
        every sample. Only modules that say so take it.
        """

    @abstractmethod
    def response(self, omega: Tensor) -> Tensor:
        """Complex response at omega (K,) in radians per sample, differentiable.

        (K,), with several channels (channels, K), with several inputs (K, outputs, inputs).
        """

    def stream(self, block: NDArray[Any]) -> NDArray[Any]:
        """The next block (frames,) or (channels, frames) of a signal, from where the last ended.

        Coefficients are those of the first block after `reset`. For coefficient ramps and a state
        that can be stored use `rnnmusic.filters.streaming.Stream`.
        """
        block = np.asarray(block)
        if self._stream is None:
            forms = [self.form(channel) for channel in range(self.channels)]
            rows = 1 if block.ndim == 1 else len(block)
            if self.channels > 1 and rows != self.channels:
                raise InputError(
                    f"The block has {rows} channels but the filter {self.channels}; give blocks "
                    "of shape (channels, frames)."
                )
            self._stream = Stream(
                forms if self.channels > 1 else forms[0],
                channels=rows if self.inputs == 1 else 1,
                dtype=block.dtype if block.dtype in (np.float32, np.float64) else np.float32,
            )
        return self._stream.process(block)

    def reset(self) -> None:
        """Forget the signal that `stream` has seen; the next block is filtered as the form then."""
        self._stream = None

    def extra_repr(self) -> str:
        """The options that all filters have."""
        channels = f", channels={self.channels}" if self.channels > 1 else ""
        return f"max_radius={self.max_radius}{channels}"

    def _finite(self, *tensors: Tensor) -> None:
        """InputError where training has lost the parameters: nothing can be built on them."""
        for tensor in tensors:
            if not torch.isfinite(tensor).all():
                raise InputError(
                    f"Coefficients of the {type(self).__name__} aren't finite; train it with a "
                    "smaller learning rate or clip its gradients."
                )

    def _check_channels(self, waveform: Tensor) -> None:
        if self.channels > 1 and (waveform.dim() < 2 or waveform.shape[-2] != self.channels):
            raise InputError(
                f"A waveform of shape {tuple(waveform.shape)} was given to a filter of "
                f"{self.channels} channels; give (..., {self.channels}, T)."
            )

    def _no_changes(self, over_time: OverTime | None) -> None:
        if over_time:
            raise UsageError(
                f"A {type(self).__name__} has coefficients that stand still; take sections, a "
                "direct form, a state variable filter or an equaliser to change them over time."
            )


def values_over_time(
    module: Filter, names: tuple[str, ...], over_time: OverTime | None
) -> dict[str, Tensor]:
    """The named values of a module in float64, (channels, ...), or with those that change.

    Then all have a steps axis: (..., steps, ...) what changes, (1, ...) what stands still, or
    (channels, 1, ...) where there are several channels.
    """
    values = {name: getattr(module, name).double() for name in names}
    if not over_time:
        return values
    unknown = sorted(set(over_time) - set(names))
    if unknown:
        raise UsageError(f"{unknown} can't change over time here; there are {list(names)}.")
    still = {
        name: value.unsqueeze(1) if module.channels > 1 else value for name, value in values.items()
    }
    return {**still, **{name: value.double() for name, value in over_time.items()}}


def broadcast(*tensors: Tensor) -> tuple[Tensor, ...]:
    """Tensors expanded to one shape."""
    return tuple(torch.broadcast_tensors(*tensors))  # type: ignore[no-untyped-call]


def joined(*tensors: Tensor, own: int, dim: int) -> Tensor:
    """Tensors side by side along `dim`, all but their last `own` axes broadcast."""
    leading = torch.broadcast_shapes(*(t.shape[:-own] for t in tensors))  # type: ignore[no-untyped-call]
    return torch.cat([t.expand(*leading, *t.shape[-own:]) for t in tensors], dim=dim)


def hop_of(steps: int, frames: int) -> int:
    """How many samples each of the steps lasts that make up a waveform."""
    if not steps or frames % steps:
        raise InputError(
            f"{steps} steps over time don't divide {frames} samples; give one a sample or one for "
            "each of equal blocks."
        )
    return frames // steps


def fill(parameter: Tensor, values: Any) -> None:
    """Set a parameter, all its channels alike."""
    with torch.no_grad():
        parameter.copy_(torch.as_tensor(values, dtype=parameter.dtype).expand_as(parameter))
