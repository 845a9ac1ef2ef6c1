"""Powers as numbers that a network learns easily: decibels over a floor, in -2..2."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from rnnmusic.encodings._framing import Floats
from rnnmusic.errors import UsageError

if TYPE_CHECKING:
    import torch

LOWEST_STEP, HIGHEST_STEP = -2.0, 2.5  # the floor, and an eighth of it above full scale


def check_number(owner: str, field: str, value: Any, low: float, high: float) -> None:
    """UsageError unless value is a finite number (not a bool) within low..high."""
    if type(value) not in (int, float) or not (math.isfinite(value) and low <= value <= high):
        raise UsageError(
            f"The {owner} encoding was given {field} = {value!r}; "
            f"it takes a number from {low:g} to {high:g}."
        )


def steps_of_power(power: Floats, floor_db: float) -> Floats:
    """2 - 4 level / floor of the level 10 log10(power), no lower than the floor. In place."""
    np.maximum(power, np.float32(10 ** (floor_db / 10)), out=power)
    np.log10(power, out=power)
    power *= np.float32(-40 / floor_db)
    power += np.float32(2)
    return np.maximum(power, np.float32(LOWEST_STEP), out=power)  # rounding may pass it by a bit


def tensor_steps_of_power(power: torch.Tensor, floor_db: float) -> torch.Tensor:
    """`steps_of_power` of a tensor."""
    steps = 2 - (40 / floor_db) * power.clamp(min=10 ** (floor_db / 10)).log10()
    return steps.clamp(min=LOWEST_STEP)


def power_of_steps(steps: Floats, floor_db: float) -> Floats:
    """Inverse of `steps_of_power`: 0 at the floor; steps beyond -2..2.5 are taken for those."""
    clipped = np.clip(steps, LOWEST_STEP, HIGHEST_STEP)
    power = 10.0 ** ((2.0 - clipped) * np.float32(floor_db / 40))
    return np.where(clipped > LOWEST_STEP, power, 0.0).astype(np.float32)
