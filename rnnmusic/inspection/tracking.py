"""Which units follow what the music does."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rnnmusic.inspection.musical import Feature

Values = NDArray[np.float64]


class Tracked(NamedTuple):
    """How well units follow a feature: shares (H,) of each unit's variance that it explains.

    untrained: the largest share in a network of the same kind that has learned nothing. It hears
    the same music and is told the same metre, so that only what is above it was learned.
    """

    feature: str
    shares: Values
    untrained: float

    @property
    def unit(self) -> int:
        """The unit that follows it best."""
        return int(self.shares.argmax())


def explained(outputs: Values, feature: Feature) -> Values:
    """Shares (H,) of the variance of outputs (T, H) that a feature explains, 0 to 1.

    Of a place the correlation ratio (variance of the means at each place over all variance), of an
    amount the squared correlation. Steps where it has no value are left out; units that stand
    still, and features that do, have 0. Ratios are made smaller by what chance gives to so many
    places (Kelley 1935), so that many places explain nothing by themselves.
    """
    known = np.isfinite(feature.values)
    y, values = outputs[known], feature.values[known]
    if len(values) < 3:
        return np.zeros(outputs.shape[1])
    y = y - y.mean(axis=0)
    total = (y * y).sum(axis=0)
    moving = total > 1e-12 * max(1.0, len(y))
    if feature.kind == "amount":
        centred = values - values.mean()
        product = centred @ y
        below = total * (centred @ centred)
        shares = np.divide(product**2, below, out=np.zeros_like(total), where=moving & (below > 0))
        return np.asarray(shares)
    names, place = np.unique(values, return_inverse=True)
    if len(names) < 2 or len(names) >= len(values):
        return np.zeros(outputs.shape[1])
    sums = np.zeros((len(names), y.shape[1]))
    np.add.at(sums, place, y)
    between = (sums**2 / np.bincount(place)[:, None]).sum(axis=0)
    ratio = np.divide(between, total, out=np.zeros_like(total), where=moving)
    steps, groups = len(values), len(names)
    return np.asarray(np.maximum(0.0, 1 - (1 - ratio) * (steps - 1) / (steps - groups)) * moving)


def track(outputs: Values, untrained: Values, features: list[Feature]) -> list[Tracked]:
    """Every feature with how well the units of outputs (T, H) follow it."""
    return [
        Tracked(
            feature.name,
            explained(outputs, feature),
            float(explained(untrained, feature).max(initial=0.0)),
        )
        for feature in features
    ]
