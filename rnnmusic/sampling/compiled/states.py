"""States as nested tuples of arrays, whatever network they are of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from rnnmusic.errors import UsageError


def map_leaves(function: Callable[..., Any], *states: Any) -> Any:
    """Apply `function` to matching arrays of states of one structure."""
    first = states[0]
    if not isinstance(first, tuple):
        return function(*states)
    parts = [map_leaves(function, *group) for group in zip(*states, strict=True)]
    return type(first)(*parts) if hasattr(first, "_fields") else tuple(parts)


def mix(first: Any, second: Any, share: float) -> Any:
    """A state between two of one network: share 0 is the first, 1 the second.

    Straight lines between matching numbers, real and imaginary parts alike. UsageError for a share
    outside 0..1 and for states of different networks.
    """
    if not 0.0 <= share <= 1.0:
        raise UsageError(f"The share between two states is {share}; give a number from 0 to 1.")

    def between(a: Any, b: Any) -> Any:
        if a.shape != b.shape:
            raise ValueError
        if share in (0.0, 1.0) or not np.issubdtype(a.dtype, np.inexact):
            return b if share > 0.5 else a
        # Both ends count in full, so that no state is left behind in a sum of large numbers.
        return (a * (1.0 - share) + b * share).astype(a.dtype)

    try:
        return map_leaves(between, first, second)
    except (TypeError, ValueError, AttributeError) as error:
        raise UsageError(
            "Two states of different networks can't be mixed; store both from one model."
        ) from error
