"""Sequences on disk: a folder with one .npy file per stream, written as they come, then mapped.

sequences.json   format, version, names of the streams, length of each sequence
NAME.npy         (N, ...): all sequences of a stream, end to end
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from rnnmusic.errors import InputError, RnnMusicError, UsageError
from rnnmusic.files import existing_folder, replacing_folder
from rnnmusic.sequences.growing import GrowingArray
from rnnmusic.sequences.streams import Array, EndToEnd, numeric

FORMAT = "rnnmusic-sequences"
VERSION = 1
INDEX_FILE = "sequences.json"


def write(folder: str | os.PathLike[str], sequences: Iterable[Mapping[str, ArrayLike]]) -> None:
    """Write sequences, each a mapping from stream to array (T, ...), as they are generated.

    Only one is in memory at a time, and `folder` appears when the last is written. InputError when
    there is none, or one that isn't of the first's streams, shapes and types or isn't as long in
    each stream. UsageError for names of streams that can't be names of files.
    """
    with replacing_folder(folder) as place:
        lengths: list[int] = []
        with ExitStack() as stack:
            files: dict[str, GrowingArray] = {}
            for i, sequence in enumerate(sequences):
                arrays = {name: np.asarray(array) for name, array in sequence.items()}
                if not i:
                    files = {
                        name: stack.enter_context(_file(place, name, array))
                        for name, array in arrays.items()
                    }
                lengths.append(_checked_length(i, arrays, files))
                for name, file in files.items():
                    file.append(arrays[name])
        if not lengths:
            raise InputError(f"There were no sequences to write to {folder}.")
        index = {
            "format": FORMAT,
            "version": VERSION,
            "streams": list(files),
            "lengths": lengths,
        }
        (place / INDEX_FILE).write_text(json.dumps(index) + "\n", encoding="utf-8")


def read(folder: str | os.PathLike[str]) -> dict[str, EndToEnd]:
    """Map the streams of a folder; InputError when it isn't one or is damaged."""
    place = existing_folder(folder)
    try:
        index = json.loads((place / INDEX_FILE).read_text(encoding="utf-8"))
        if index["format"] != FORMAT or index["version"] != VERSION:
            raise ValueError(f"{index['format']} of version {index['version']}")
        return {
            name: EndToEnd(
                np.load(_path(place, name), mmap_mode="r", allow_pickle=False), index["lengths"]
            )
            for name in index["streams"]
        }
    except (OSError, ValueError, KeyError, TypeError, EOFError, RnnMusicError) as error:
        raise InputError(
            f"Can't read {folder} as sequences ({error}); give a folder that FrameDataset.write or "
            "EventDataset.write made."
        ) from error


def _file(place: Path, name: str, array: Array) -> GrowingArray:
    if 0 in array.shape[1:]:
        raise InputError(f"Steps of shape {array.shape[1:]} hold nothing; leave {name!r} out.")
    return GrowingArray(_path(place, name), array.shape[1:], numeric(array.dtype))


def _path(place: Path, name: str) -> Path:
    if not re.fullmatch(r"\w[\w-]*", name):
        raise UsageError(
            f"A stream can't be called {name!r}; use letters, digits, hyphens and underscores."
        )
    return place / f"{name}.npy"


def _checked_length(i: int, arrays: dict[str, Array], files: dict[str, GrowingArray]) -> int:
    """Steps of sequence i; InputError unless it can be written to the files."""
    if not files or set(arrays) != set(files):
        raise InputError(
            f"Sequence {i} has streams {sorted(arrays)}; the first has {sorted(files)}, and at "
            "least one is needed."
        )
    lengths = {name: len(array) if array.ndim else 0 for name, array in arrays.items()}
    if len(set(lengths.values())) > 1 or 0 in lengths.values():
        raise InputError(
            f"Sequence {i} has steps {lengths}; give one or more, as many in each stream."
        )
    for name, array in arrays.items():
        file = files[name]
        if array.shape[1:] != file.shape or numeric(array.dtype) != file.dtype:
            raise InputError(
                f"Sequence {i} has {array.dtype} {array.shape} in stream {name!r}; like the first "
                f"it must be {file.dtype} with steps of shape {file.shape}."
            )
    return next(iter(lengths.values()))
