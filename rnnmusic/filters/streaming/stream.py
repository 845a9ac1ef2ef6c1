"""A running filter: blocks of any size in, the same bits out as in one go."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from rnnmusic.errors import InputError, UsageError
from rnnmusic.filters.forms import Form
from rnnmusic.filters.streaming.build import build
from rnnmusic.filters.streaming.composite import ChannelsEngine
from rnnmusic.filters.streaming.engines import (
    Arrays,
    Engine,
    SectionsEngine,
)

#: Samples between two steps of coefficients that glide.
HOP = 16


class HasForm(Protocol):
    """A learnable filter, to whom it is a form."""

    def form(self) -> Form:
        """The filter as it is now."""
        ...


Source = Form | HasForm | Sequence[Form]


@dataclass(frozen=True)
class _Wish:
    """What to change to, within how many samples."""

    form: Form | tuple[Form, ...]
    total: int


@dataclass(frozen=True)
class _Change:
    """A ramp under way: `done` of `total` samples are over.

    Coefficients glide from `begin` to `end`; or `leaving`, the old engine, is faded out, and
    `then` is what to change to after that.
    """

    total: int
    done: int
    begin: Arrays = ()
    end: Arrays = ()
    leaving: Engine | None = None
    then: _Wish | None = None


@dataclass(frozen=True)
class StreamState:
    """All that a stream remembers, as a value: coefficients, a ramp under way, samples."""

    _engine: Engine
    _change: _Change | None

    def copied(self) -> StreamState:
        """One that shares nothing that changes."""
        change = self._change
        if change is not None and change.leaving is not None:
            change = replace(change, leaving=change.leaving.copy())
        return StreamState(self._engine.copy(), change)


class Stream:
    """Filters a signal block by block: the output doesn't depend on the sizes of the blocks.

    form: any form, or a learnable filter as it is now; of one input and one output it is used on
    each of `channels` channels; several such forms are one for each channel. A filter of several
    inputs has its own channels. dtype is that of the signal, float32 or float64. Sections run in
    it, other forms in float64. InputError for a filter that isn't stable.
    """

    def __init__(
        self, form: Source, channels: int | None = None, dtype: DTypeLike = np.float32
    ) -> None:
        kind = np.dtype(dtype).name
        if kind not in ("float32", "float64"):
            raise UsageError(f"A stream of {kind} was asked for; give float32 or float64.")
        self.dtype = kind
        self.form, self.inputs, self.outputs = _described(form, channels)
        self.sample_rate_hz = _first(self.form).sample_rate_hz
        self._engine = _build(self.form, self.inputs, kind)
        self._change: _Change | None = None

    def process(self, block: ArrayLike) -> NDArray[Any]:
        """The next samples (frames,) or (channels, frames), 0 or more -> as many, a new array.

        Values that aren't finite stay in the state: `reset` after them.
        """
        samples = np.asarray(block)
        flat = samples.ndim == 1
        if flat:
            samples = samples[None]
        if samples.ndim != 2 or len(samples) != self.inputs:
            raise InputError(
                f"A block of shape {np.shape(block)} was given; give ({self.inputs}, frames)."
            )
        out = self._engine.run(samples) if self._change is None else self._changing(samples)
        return out[0] if flat and self.outputs == 1 else out

    def change(self, form: Source, ramp_s: float = 0.02) -> None:
        """Become another filter of as many channels within ramp_s seconds, without a click.

        Sections, modes and contracting delay networks of one shape glide: coefficients move on a
        line, every point of which is stable because the set of stable ones is convex (the
        triangle of (a1, a2): Jury 1964), and the state is kept. Between other forms, and between
        sections so different that those on the way are 3 dB louder than both, the outputs are
        crossfaded while the new one starts from rest. A later change takes over a glide where it
        is, and waits for the end of a crossfade.
        """
        new, inputs, outputs = _described(form, self.inputs)
        if (inputs, outputs) != (self.inputs, self.outputs):
            raise InputError(
                f"A filter of {inputs} inputs and {outputs} outputs was given; give one of "
                f"{self.inputs} and {self.outputs}."
            )
        self._begin(_Wish(new, self._ramp_samples(ramp_s)))

    def _begin(self, wish: _Wish) -> None:
        new, total = wish.form, wish.total
        engine = _build(new, self.inputs, self.dtype)
        if self._change is not None and self._change.leaving is not None:
            self._change = replace(self._change, then=wish)
            return
        old = self._engine
        if isinstance(old, SectionsEngine) and isinstance(engine, SectionsEngine):
            count = max(part.coefficients[0].shape[-2] for part in (old, engine))
            old, engine = old.padded(count), engine.padded(count)
        self.form = new
        if old.can_glide_to(engine):
            self._engine = old
            self._change = _Change(total, 0, old.coefficients, engine.coefficients)
            if not total:
                old.coefficients, self._change = engine.coefficients, None
        else:
            self._engine = engine
            self._change = _Change(total, 0, leaving=old) if total else None

    def reset(self) -> None:
        """Silence: the state becomes zero, a ramp under way is at its end."""
        while self._change is not None:
            self._end(self._change)
        self._engine.rest()

    @property
    def state(self) -> StreamState:
        """All that is remembered, to be put back into this stream or into one of its kind."""
        return StreamState(self._engine, self._change).copied()

    @state.setter
    def state(self, value: StreamState) -> None:
        copied = value.copied()
        self._engine, self._change = copied._engine, copied._change

    def _changing(self, block: NDArray[Any]) -> NDArray[Any]:
        """A block that begins within a ramp; another may follow."""
        parts = []
        while (change := self._change) is not None:
            frames = min(change.total - change.done, block.shape[1])
            head, block = block[:, :frames], block[:, frames:]
            parts.append(self._ramp(head, change))
            if change.done + frames < change.total:
                self._change = replace(change, done=change.done + frames)
                break
            self._end(change)
        if block.shape[1]:
            parts.append(self._engine.run(block))
        return np.concatenate(parts, axis=1)

    def _ramp(self, block: NDArray[Any], change: _Change) -> NDArray[Any]:
        fading = change.leaving is not None
        return self._fade(block, change) if fading else self._glide(block, change)

    def _end(self, change: _Change) -> None:
        """Be what the ramp led to, and begin what waited for that."""
        self._change = None
        if change.leaving is None:
            self._engine.coefficients = change.end
        if change.then is not None:
            self._begin(change.then)

    def _fade(self, block: NDArray[Any], change: _Change) -> NDArray[Any]:
        new = self._engine.run(block)
        if change.leaving is None:
            return new
        old = change.leaving.run(block)
        place = np.arange(change.done, change.done + block.shape[1]) / change.total
        share = place.astype(new.dtype)
        faded: NDArray[Any] = old + share * (new - old)
        return faded

    def _glide(self, block: NDArray[Any], change: _Change) -> NDArray[Any]:
        # Steps stand at multiples of HOP since the ramp began, wherever blocks begin.
        parts, start, at = [], 0, change.done
        while start < block.shape[1]:
            step = at // HOP
            stop = min(start + (step + 1) * HOP - at, block.shape[1])
            share = min((step + 1) * HOP / change.total, 1.0)
            self._engine.coefficients = tuple(
                (1 - share) * old + share * new
                for old, new in zip(change.begin, change.end, strict=True)
            )
            parts.append(self._engine.run(block[:, start:stop]))
            at, start = at + stop - start, stop
        return np.concatenate(parts, axis=1) if parts else self._engine.run(block)

    def _ramp_samples(self, ramp_s: float) -> int:
        if not 0 <= ramp_s < float("inf"):
            raise UsageError(f"A ramp of {ramp_s} s was asked for; give 0 or more.")
        if ramp_s and self.sample_rate_hz is None:
            raise UsageError(
                "The filter has no sample rate to count the ramp's seconds in; give a form with "
                "sample_rate_hz or ramp_s = 0."
            )
        return round(ramp_s * (self.sample_rate_hz or 0.0))


def _described(source: Source, channels: int | None) -> tuple[Form | tuple[Form, ...], int, int]:
    """The form, or one for each channel, and how many channels go in and come out."""
    if isinstance(source, Sequence):
        forms = tuple(source)
        if not forms or any(form.inputs != 1 or form.outputs != 1 for form in forms):
            raise InputError("Several forms need one input and one output each; give at least one.")
        if channels not in (None, len(forms)):
            raise InputError(f"{len(forms)} forms were given for {channels} channels.")
        return forms, len(forms), len(forms)
    form = source if isinstance(source, Form) else source.form()
    if form.inputs == form.outputs == 1:
        count = 1 if channels is None else channels
        if count < 1:
            raise UsageError(f"A stream of {count} channels was asked for; give at least one.")
        return form, count, count
    if channels not in (None, 1, form.inputs):
        raise InputError(
            f"A filter of {form.inputs} inputs can't run on {channels} channels; give {form.inputs}"
            " or none."
        )
    return form, form.inputs, form.outputs


def _first(form: Form | tuple[Form, ...]) -> Form:
    return form if isinstance(form, Form) else form[0]


def _build(form: Form | tuple[Form, ...], channels: int, dtype: str) -> Engine:
    if isinstance(form, Form):
        return build(form, channels, dtype)
    return ChannelsEngine([build(each, 1, dtype) for each in form])
