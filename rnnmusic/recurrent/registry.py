"""What is known of a flavour of recurrence besides its code."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from rnnmusic.recurrent.protocol import Recurrent, SequenceLayer


class Flavour(NamedTuple):
    """One entry of the registry.

    make is called with input_size, size and the flavour's own keyword options, which are its
    keyword-only parameters. family: the file it lives in. paper: who described it, and when.
    """

    make: Callable[..., Recurrent]
    family: str
    paper: str


class WholeFlavour(NamedTuple):
    """A flavour that reads whole sequences only, and can't be played live: see `SequenceLayer`."""

    make: Callable[..., SequenceLayer]
    family: str
    paper: str
