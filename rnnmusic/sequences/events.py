"""EventDataset: sequences of tokens, or of tuples of them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import ArrayLike

from rnnmusic.errors import InputError
from rnnmusic.sequences import folders
from rnnmusic.sequences.dataset import SequenceDataset, Use, start_step
from rnnmusic.sequences.streams import Stream, as_stream

if TYPE_CHECKING:
    from torch import Tensor

IDS = "ids"


class EventDataset(SequenceDataset["Tensor"]):
    """Sequences of ids (T,), or of F of them at once (T, F), for models that predict the next.

    Inputs and targets are int64 tensors (T,) or (T, F). The input is the id before the target:
    before a sequence's first it is `bos`, one id or one for each of the F. Padding is `pad`.
    InputError for anything but integers.
    """

    def __init__(
        self, sequences: Stream | Sequence[ArrayLike], *, bos: int | Sequence[int], pad: int = 0
    ) -> None:
        stream = as_stream(sequences)
        if stream.dtype.kind not in "iu" or len(stream.shape) > 1:
            raise InputError(
                f"Events are {stream.dtype} with steps of shape {stream.shape}; give arrays of "
                "integers (T,) or (T, F)."
            )
        int64 = np.dtype(np.int64)
        first = start_step(IDS, stream.shape, int64, bos)
        super().__init__({IDS: Use(stream, 1, True, first, int64, pad)})

    @classmethod
    def open(
        cls, folder: str | os.PathLike[str], *, bos: int | Sequence[int], pad: int = 0
    ) -> Self:
        """Map a folder that `write` made; its ids are read as batches ask for them."""
        streams = folders.read(folder)
        if set(streams) != {IDS}:
            raise InputError(
                f"{folder} holds the streams {', '.join(streams)}, not events; open it as a "
                "FrameDataset."
            )
        return cls(streams[IDS], bos=bos, pad=pad)

    @staticmethod
    def write(folder: str | os.PathLike[str], sequences: Iterable[ArrayLike]) -> None:
        """Write sequences of ids one by one, for `open`; see `FrameDataset.write`."""
        folders.write(folder, ({IDS: sequence} for sequence in sequences))

    def _content(self, tensors: dict[str, Tensor]) -> Tensor:
        return tensors[IDS]

    def _by_stream(self, content: Tensor) -> dict[str, Tensor]:
        return {IDS: content}
