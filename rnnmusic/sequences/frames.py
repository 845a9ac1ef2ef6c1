"""FrameDataset: dense steps of any shape, in one stream or several aligned ones."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from copy import copy
from typing import TYPE_CHECKING, Self

from numpy.typing import ArrayLike

from rnnmusic.errors import UsageError
from rnnmusic.sequences import folders
from rnnmusic.sequences.dataset import SequenceDataset, Use, check_aligned, start_step
from rnnmusic.sequences.streams import Stream, as_stream

if TYPE_CHECKING:
    from torch import Tensor

DEFAULT_STREAM = "frames"

Streams = Mapping[str, Stream | Sequence[ArrayLike]]


class FrameDataset(SequenceDataset["dict[str, Tensor]"]):
    """Sequences of arrays (T, ...): rolls, spectrogram frames, matrices, tensors of any shape.

    streams: by name, either a list of arrays, one per sequence, or a `Stream` such as `EndToEnd`;
    a list alone is the stream "frames". Sequences differ in length, aligned streams of one don't.
    Inputs and targets are dicts of tensors (T, ...) by stream, of the stream's own type; padding
    is 0. Until `roles` says otherwise every stream is an input, one step late, and a target.
    """

    def __init__(self, streams: Streams | Stream | Sequence[ArrayLike]) -> None:
        if not isinstance(streams, Mapping):
            streams = {DEFAULT_STREAM: streams}
        if not streams:
            raise UsageError("A FrameDataset needs at least one stream; give arrays by name.")
        given = {name: as_stream(stream) for name, stream in streams.items()}
        check_aligned(given)
        super().__init__(_roles(given, tuple(given), tuple(given), 1, {}))

    @classmethod
    def open(cls, folder: str | os.PathLike[str]) -> Self:
        """Map a folder that `write` made; its arrays are read as batches ask for them."""
        return cls(folders.read(folder))

    @staticmethod
    def write(
        folder: str | os.PathLike[str],
        sequences: Iterable[Mapping[str, ArrayLike]] | Iterable[ArrayLike],
    ) -> None:
        """Write sequences one by one, each an array or arrays by stream, for `open`.

        They may come from a generator and be more than memory holds. The folder appears when the
        last is written, in place of one that stood there. InputError unless all are alike.
        """
        folders.write(
            folder, (s if isinstance(s, Mapping) else {DEFAULT_STREAM: s} for s in sequences)
        )

    def roles(
        self,
        *,
        inputs: Sequence[str] | None = None,
        targets: Sequence[str] | None = None,
        shift: int | Mapping[str, int] = 1,
        start: Mapping[str, ArrayLike] | None = None,
    ) -> Self:
        """The same examples with these streams as inputs and targets (None: all of them).

        Inputs lag `shift` steps behind the targets, each stream its own number where a mapping is
        given; 0 is at the same time. Before its first step a sequence has steps of `start`, by
        stream, 0 where it isn't given: never those of another sequence.
        """
        streams = {name: use.stream for name, use in self._uses.items()}
        every = tuple(streams)
        other = copy(self)
        other._uses = _roles(
            streams,
            every if inputs is None else inputs,
            every if targets is None else targets,
            shift,
            start or {},
        )
        return other

    def _content(self, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        return tensors

    def _by_stream(self, content: dict[str, Tensor]) -> dict[str, Tensor]:
        return content


def _roles(
    streams: dict[str, Stream],
    inputs: Sequence[str],
    targets: Sequence[str],
    shift: int | Mapping[str, int],
    start: Mapping[str, ArrayLike],
) -> dict[str, Use]:
    """What each stream is used for; UsageError where that makes no sense."""
    lags = dict.fromkeys(inputs, shift) if isinstance(shift, int) else dict(shift)
    named = {"an input": inputs, "a target": targets, "shifted": lags, "given a start": start}
    for role, names in named.items():
        for name in names:
            if name not in streams:
                raise UsageError(
                    f"There is no stream {name!r} to be {role}; there are {', '.join(streams)}."
                )
    if min(lags.values(), default=0) < 0 or set(lags) != set(inputs):
        raise UsageError(
            f"The shift is {shift}; give a number of steps from 0 up, or one for each input."
        )
    return {
        name: Use(
            stream,
            input_lag=lags.get(name),
            is_target=name in targets,
            start_step=start_step(name, stream.shape, stream.dtype, start.get(name, 0)),
            dtype=stream.dtype,
        )
        for name, stream in streams.items()
    }
