"""Checks that encodings share: of their fields when built, of steps before they are read."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnmusic.encodings.protocol import Encoding, Steps
from rnnmusic.errors import InputError, UsageError

LARGEST_GRID = 96  # steps in a quarter: a 384th note; the clock's bytes hold it


def check_whole(owner: str, field: str, value: Any, low: int, high: int) -> None:
    """UsageError unless value is an int (not a bool) within low..high."""
    if type(value) is not int or not low <= value <= high:
        raise UsageError(
            f"The {owner} encoding was given {field} = {value!r}; "
            f"it takes a whole number from {low} to {high}."
        )


def check_flag(owner: str, field: str, value: Any) -> None:
    """UsageError unless value is True or False."""
    if type(value) is not bool:
        raise UsageError(
            f"The {owner} encoding was given {field} = {value!r}; it takes true or false."
        )


def check_range(owner: str, lowest_pitch: Any, highest_pitch: Any) -> None:
    """UsageError unless both are MIDI pitches in rising order."""
    check_whole(owner, "lowest_pitch", lowest_pitch, 0, 127)
    check_whole(owner, "highest_pitch", highest_pitch, 0, 127)
    if lowest_pitch > highest_pitch:
        raise UsageError(
            f"The {owner} encoding was given lowest_pitch = {lowest_pitch} above "
            f"highest_pitch = {highest_pitch}; swap them."
        )


def checked_steps(encoding: Encoding, steps: Any, ndim: int = 2) -> Steps:
    """`steps` as an integer array (T, F), or (F,) if ndim is 1, each column within its size."""
    array: NDArray[Any] = np.asarray(steps)
    if array.dtype == np.bool_:
        array = array.view(np.uint8)
    width = len(encoding.sizes)
    if array.ndim != ndim or array.shape[-1] != width or array.dtype.kind not in "iu":
        raise InputError(
            f"The {encoding.name} encoding was given a {array.dtype} array of shape "
            f"{array.shape}; it reads integers of shape "
            f"{'(steps, ' if ndim == 2 else '('}{width}{')' if ndim == 2 else ',)'}."
        )
    if array.size and not within(array, encoding):
        raise InputError(
            f"The {encoding.name} encoding was given steps with values from {array.min()} to "
            f"{array.max()}; each column must stay within 0 and its size less one."
        )
    return array


def within(array: Steps, encoding: Encoding) -> bool:
    """Whether every value lies in 0..size-1 of its column (last axis)."""
    if encoding.is_binary:  # one pass instead of a broadcast comparison: rolls are large
        return bool(array.min() >= 0 and array.max() <= 1)
    return bool((array >= 0).all() and (array < np.array(encoding.sizes)).all())


def check_transposition(encoding: Encoding, steps: Steps, semitones: int) -> None:
    """InputError when moving the steps by `semitones` takes a note out of range."""
    low, high = encoding.transposition_range(steps, abs(semitones))
    if not low <= semitones <= high:
        raise InputError(
            f"The {encoding.name} encoding was asked to transpose by {semitones} semitones; "
            f"its range leaves room for {low} to {high} here."
        )
