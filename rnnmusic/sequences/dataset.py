"""What data sets of sequences share: examples, windows, selections, batches."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Generic, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rnnmusic.errors import InputError, UsageError
from rnnmusic.sequences.batches import (
    Content,
    Example,
    SequenceBatch,
    lay_out,
    mask_of,
    resets_of,
    row_lengths,
    tensor,
)
from rnnmusic.sequences.plans import Rows, Segment
from rnnmusic.sequences.streams import Array, Stream
from rnnmusic.sequences.windows import Spans, Tails, whole, windows

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Use:
    """What a stream is used for: as an input lagging so many steps (None: as none), as a target."""

    stream: Stream
    input_lag: int | None
    is_target: bool
    start_step: Array  # before the first, of the stream's shape
    dtype: np.dtype[Any]  # of its tensors
    padding: float = 0

    @property
    def lags(self) -> list[int]:
        """The lag of each tensor that is made of the stream, inputs first."""
        inputs = [] if self.input_lag is None else [self.input_lag]
        return inputs + [0] * self.is_target


class SequenceDataset(ABC, Generic[Content]):
    """Sequences, or windows of them, as examples for teacher forcing.

    A map-style data set for torch, picklable for the workers of a DataLoader, and a source for
    this package's samplers.
    """

    def __init__(self, uses: dict[str, Use]) -> None:
        self._uses = uses
        self._spans = whole(self.sequence_lengths)

    @abstractmethod
    def _content(self, tensors: dict[str, Tensor]) -> Content:
        """Tensors by stream as they are handed out."""

    @abstractmethod
    def _by_stream(self, content: Content) -> dict[str, Tensor]:
        """The tensors that `_content` handed out, by stream."""

    @property
    def sequence_lengths(self) -> NDArray[np.int64]:
        """Steps of each sequence."""
        return next(iter(self._uses.values())).stream.lengths

    @property
    def spans(self) -> Spans:
        """Which steps of which sequence each example is."""
        return self._spans

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Steps of each example (N,)."""
        return self._spans.lengths

    def __len__(self) -> int:
        return len(self._spans.sequence)

    def __getitem__(self, index: int) -> Example[Content]:
        if not -len(self) <= index < len(self):
            raise IndexError(f"There is no example {index} among {len(self)}.")
        index %= len(self)
        length = int(self.lengths[index])
        inputs, targets = self._laid_out([[Segment(index, 0, length)]], length)
        return Example(*(self._content({k: a[0] for k, a in t.items()}) for t in (inputs, targets)))

    def windows(self, length: int, stride: int | None = None, tails: Tails = "keep") -> Self:
        """The same sequences in windows of `length` steps, one every `stride` (None: length) steps.

        The first inputs of a window are the steps before it. What the last whole window leaves
        over is one more, shorter window (tails "keep"), or left out ("drop").
        """
        other = copy(self)
        stride = length if stride is None else stride
        other._spans = windows(self.sequence_lengths, length, stride, tails)
        return other

    def select(self, sequences: Sequence[int] | NDArray[np.int64] | slice) -> Self:
        """A data set of some of the sequences, by index, whole; nothing is copied."""
        chosen = np.arange(len(self.sequence_lengths))[sequences]
        if not len(chosen):
            raise UsageError("No sequence was selected; give at least one index.")
        other = copy(self)
        other._uses = {
            name: replace(use, stream=use.stream.select(chosen)) for name, use in self._uses.items()
        }
        other._spans = whole(other.sequence_lengths)
        return other

    def for_epoch(self, rng: np.random.Generator) -> Self:
        """The examples of any epoch: nothing is drawn."""
        return self

    def batch(self, rows: Rows, width: int, *, with_resets: bool) -> SequenceBatch[Content]:
        """Rows of segments of examples, padded to `width` steps."""
        inputs, targets = self._laid_out(rows, width)
        lengths = row_lengths(rows)
        return SequenceBatch(
            self._content(inputs),
            self._content(targets),
            mask=tensor(mask_of(lengths, width)),
            reset=tensor(resets_of(rows, width)) if with_resets else None,
            lengths=tensor(lengths),
        )

    def collate(self, examples: Sequence[Example[Content]]) -> SequenceBatch[Content]:
        """Examples of this data set, padded to one batch: `collate_fn` for torch's DataLoader."""
        from torch.nn.utils.rnn import pad_sequence

        def padded(contents: list[Content]) -> Content:
            parts = [self._by_stream(content) for content in contents]
            return self._content(
                {
                    name: pad_sequence([part[name] for part in parts], True, use.padding)
                    for name, use in self._uses.items()
                    if name in parts[0]
                }
            )

        targets = [self._by_stream(example.targets) for example in examples]
        lengths = np.array([len(next(iter(part.values()))) for part in targets])
        return SequenceBatch(
            padded([example.inputs for example in examples]),
            padded([example.targets for example in examples]),
            mask=tensor(mask_of(lengths, int(lengths.max()))),
            reset=None,
            lengths=tensor(lengths),
        )

    def _laid_out(self, rows: Rows, width: int) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Inputs and targets by stream."""
        placed = self._spans.place(rows)
        inputs, targets = {}, {}
        for name, use in self._uses.items():
            if not use.lags:
                continue
            arrays = lay_out(
                use.stream.read,
                placed,
                width,
                lags=use.lags,
                shape=use.stream.shape,
                dtype=use.dtype,
                start_step=use.start_step,
                padding=use.padding,
            )
            if use.input_lag is not None:
                inputs[name] = tensor(arrays[0])
            if use.is_target:
                targets[name] = tensor(arrays[-1])
        return inputs, targets


def start_step(name: str, shape: tuple[int, ...], dtype: np.dtype[Any], value: ArrayLike) -> Array:
    """The step before the first, of this shape and type; UsageError if `value` can't be that."""
    try:
        wanted = np.broadcast_to(np.asarray(value), shape)
        with np.errstate(invalid="ignore"):
            step = wanted.astype(dtype)
        fits = dtype.kind in "fc" or np.array_equal(step, wanted)
    except (ValueError, TypeError):
        fits = False
    if not fits:
        raise UsageError(
            f"The start of {name!r} is {value!r}, which can't be a step of shape {shape} and type "
            f"{dtype}; give one number, or an array of that shape."
        )
    return step


def check_aligned(streams: dict[str, Stream]) -> None:
    """InputError unless all streams have the same lengths."""
    first, *others = streams
    for name in others:
        a, b = streams[first].lengths, streams[name].lengths
        if len(a) != len(b):
            raise InputError(
                f"Stream {first!r} has {len(a)} sequences and {name!r} has {len(b)}; aligned "
                "streams have the same."
            )
        if np.any(a != b):
            i = int(np.argmax(a != b))
            raise InputError(
                f"Sequence {i} has {a[i]} steps in {first!r} and {b[i]} in {name!r}; aligned "
                "streams have the same."
            )
