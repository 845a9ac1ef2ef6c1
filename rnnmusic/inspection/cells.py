"""What the cells of a network do along a piece, layer by layer."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from rnnmusic.encodings.protocol import Steps
from rnnmusic.generator import Generator, build
from rnnmusic.inspection.gates import Gate, gates
from rnnmusic.inspection.gradients import GradientByLag, gradients_by_lag
from rnnmusic.inspection.musical import Feature, features
from rnnmusic.inspection.tracking import Tracked, track
from rnnmusic.inspection.trajectory import Trajectory, follow, metre_of

_UNTRAINED_SEED = 1


class CellView(NamedTuple):
    """One layer along a piece.

    outputs (T, H): what it gives at each step. tracked: for each feature of the music how well
    units follow it, best first. gates: how far they stand open. gradient: how far back the layer
    learns; None where the layer isn't one of the stack's own.
    """

    name: str
    outputs: NDArray[np.float64]
    tracked: list[Tracked]
    gates: list[Gate]
    gradient: GradientByLag | None

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers, for JSON."""
        return {
            "layer": self.name,
            "units": self.outputs.shape[1],
            "tracked": [
                {
                    "feature": found.feature,
                    "unit": found.unit,
                    "share": float(found.shares[found.unit]),
                    "untrained": found.untrained,
                    "shares": found.shares.tolist(),
                }
                for found in self.tracked
            ],
            "gates": [
                {"gate": gate.name, "shut": gate.shut.tolist(), "open": gate.open.tolist()}
                for gate in self.gates
            ],
            "gradient_by_lag": None if self.gradient is None else self.gradient.norm.tolist(),
            "gradient_factor_per_step": None if self.gradient is None else self.gradient.per_step,
        }


class Cells(NamedTuple):
    """All layers, and what the music does meanwhile."""

    layers: list[CellView]
    features: list[Feature]


def look(
    generator: Generator,
    steps: Steps,
    clock: NDArray[np.uint8] | None = None,
    *,
    horizon: int = 64,
) -> Cells:
    """What every layer does along a piece of steps (T, F) with clock (T, C).

    horizon: steps back that gradients are followed. InputError for fewer than two steps.
    """
    if clock is None:
        clock = metre_of(generator.encoding, len(steps))
    music = features(generator.encoding, steps, clock)
    fresh = build(generator.config, seed=_UNTRAINED_SEED)
    by_lag = iter(gradients_by_lag(generator, steps, clock, horizon=horizon))
    pairs = zip(follow(generator, steps, clock), follow(fresh, steps, clock), strict=True)
    layers = [
        _view(trained, untrained, number, music, None if trained.is_inner else next(by_lag))
        for number, (trained, untrained) in enumerate(pairs, start=1)
    ]
    return Cells(layers, music)


def _view(
    trajectory: Trajectory,
    untrained: Trajectory,
    number: int,
    music: list[Feature],
    gradient: GradientByLag | None,
) -> CellView:
    outputs = _outputs(trajectory)
    found = track(outputs, _outputs(untrained), music)
    return CellView(
        f"{number} {type(trajectory.layer).__name__}",
        outputs,
        sorted(found, key=lambda each: -each.shares.max(initial=0.0)),
        gates(trajectory),
        gradient,
    )


def _outputs(trajectory: Trajectory) -> NDArray[np.float64]:
    """What the layer gives at each step (T, H): all steps at once, as rows of a batch."""
    with torch.no_grad():
        y, _ = trajectory.layer.step(trajectory.inputs, trajectory.states)
    return y.double().numpy()
