"""How many poles a target has: by the error on data that the fit didn't see."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from rnnmusic.filters.fit.report import score
from rnnmusic.filters.fit.targets import Levels, Recording, Response
from rnnmusic.filters.forms import Form

#: A smaller order is as good when its held-out error is within this part, over the square root of
#: the number of held-out values, of the best: half of what chance moves such an error by.
_CHANCE = 0.5
#: Held-out errors, in dB of levels or as a ratio, that are rounding: no order can do better.
_EXACT = {Levels: 1e-5, Response: 1e-9, Recording: 1e-9}

FitOne = Callable[[Levels | Response | Recording, int], Form]


def choose_order(
    target: Levels | Response | Recording, orders: Sequence[int], fit_one: FitOne
) -> tuple[int, dict[int, float]]:
    """The smallest order about as good as the best on held-out data, and every order's error there.

    Held out is every fourth frequency, or the last quarter of a recording, whose start state is
    free. The error is the RMS in dB for levels, error to signal (0 to 1) otherwise. Orders are
    tried upwards, until one is exact.
    """
    seen, held_out = _split(target)
    errors: dict[int, float] = {}
    for order in orders:
        found = score(fit_one(seen, order), held_out)
        figure = found.in_one_number()
        errors[order] = figure if isinstance(target, Levels) else 10 ** (figure / 20)
        if errors[order] < _EXACT[type(target)]:
            return order, errors
    values = held_out.output.size if isinstance(held_out, Recording) else len(held_out.omega)
    limit = min(errors.values()) * (1 + _CHANCE / np.sqrt(values))
    return min(order for order, error in errors.items() if error <= limit), errors


def _split(
    target: Levels | Response | Recording,
) -> tuple[Levels | Response | Recording, Levels | Response | Recording]:
    if isinstance(target, Recording):
        cut = 3 * target.frames // 4
        return target.part(0, cut), target.part(cut, target.frames)
    is_held_out = np.arange(len(target.omega)) % 4 == 2
    return target.part(~is_held_out), target.part(is_held_out)
