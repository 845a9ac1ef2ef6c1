"""What filter a network is: every layer along a piece, as numbers to print or plot."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnmusic.encodings.protocol import Steps
from rnnmusic.filters.forms import Form
from rnnmusic.generator import Generator
from rnnmusic.inspection.gain import gain_db
from rnnmusic.inspection.linearisation import Moment, linearise
from rnnmusic.inspection.memory import Memory, measure
from rnnmusic.inspection.trajectory import Trajectory, follow

FREQUENCIES = 65  # of a response, from 0 to half a cycle per step


@dataclass(frozen=True)
class LayerView:
    """One layer as a filter.

    forms: of a linear recurrence, exactly what it is, whatever it plays; otherwise empty.
    moments: the filters it is at some steps of the piece. eigenvalues (M, N) are those of the
    moments' state matrices, gain_db (M, K) how much of an oscillation of the inputs comes out,
    at cycles_per_step (K,): see `gain.gain_db`.
    """

    name: str
    input_size: int
    output_size: int
    forms: tuple[Form, ...]
    moments: tuple[Moment, ...]
    eigenvalues: NDArray[np.complex128]
    cycles_per_step: NDArray[np.float64]
    gain_db: NDArray[np.float64]
    memory: Memory

    @property
    def is_linear(self) -> bool:
        """Whether the layer is the same filter at every step."""
        return bool(self.forms)

    @property
    def zeros(self) -> tuple[NDArray[np.complex128] | None, ...]:
        """The transmission zeros of each of the forms; None where inputs and outputs differ in
        number, which have none to list."""
        return tuple(form.zeros() if form.inputs == form.outputs else None for form in self.forms)

    @property
    def steps(self) -> NDArray[np.int64]:
        """The steps of the moments."""
        return np.array([moment.step for moment in self.moments])

    @property
    def radii(self) -> NDArray[np.float64]:
        """Largest absolute eigenvalue at each moment (M,): above 1 the state grows just then."""
        return np.asarray(np.abs(self.eigenvalues).max(axis=1))

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers, for JSON."""
        return {
            "layer": self.name,
            "inputs": self.input_size,
            "outputs": self.output_size,
            "is_linear": self.is_linear,
            "filters": [
                {
                    "kind": form.kind,
                    "order": form.order,
                    "poles": _pairs(form.poles()),
                    "zeros": None if zeros is None else _pairs(zeros),
                }
                for form, zeros in zip(self.forms, self.zeros, strict=True)
            ],
            "memory_steps": self.memory.steps,
            "memory_horizon_steps": len(self.memory.decay) - 1,
            "memory_decay": self.memory.decay.tolist(),
            "moments": [
                {
                    "step": int(step),
                    "radius": float(np.abs(values).max()),
                    "eigenvalues": _pairs(values),
                    "gain_db": gains.tolist(),
                }
                for step, values, gains in zip(
                    self.steps, self.eigenvalues, self.gain_db, strict=True
                )
            ],
            "cycles_per_step": self.cycles_per_step.tolist(),
        }


def time_constants(values: NDArray[np.complex128]) -> NDArray[np.float64]:
    """Steps in which modes of these poles fall to 1 / e: -1 / ln |p|; inf for those that don't."""
    radius = np.abs(values)
    with np.errstate(divide="ignore"):
        constants = -1.0 / np.log(radius)
    return np.where(radius < 1, constants, np.inf)


def inspect(
    generator: Generator,
    steps: Steps,
    clock: NDArray[np.uint8] | None = None,
    *,
    moments: int = 24,
    horizon: int = 256,
) -> list[LayerView]:
    """Every layer as the filter it is while a piece of steps (T, F) is played.

    moments: places along the piece to look at, evenly spaced; horizon: steps to follow what is
    remembered. InputError for fewer than two steps.
    """
    return [
        _view(trajectory, number, moments, horizon)
        for number, trajectory in enumerate(follow(generator, steps, clock), start=1)
    ]


def _view(trajectory: Trajectory, number: int, count: int, horizon: int) -> LayerView:
    layer, total = trajectory.layer, len(trajectory.inputs)
    places = np.unique(np.linspace(0, total - 1, min(count, total)).round().astype(np.int64))
    filters = getattr(layer, "filters", None)
    forms = tuple(filters()) if filters is not None else ()
    moments = tuple(linearise(trajectory, places[:1] if forms else places))
    cycles = np.linspace(0.0, 0.5, FREQUENCIES)
    return LayerView(
        name=f"{number} {type(layer).__name__}",
        input_size=layer.input_size,
        output_size=layer.output_size,
        forms=forms,
        moments=moments,
        eigenvalues=np.array([moment.form.poles() for moment in moments]),
        cycles_per_step=cycles,
        gain_db=np.array([gain_db(moment.form, 2 * np.pi * cycles) for moment in moments]),
        memory=measure(trajectory, horizon),
    )


def _pairs(values: NDArray[np.complex128]) -> list[list[float]]:
    return [[float(v.real), float(v.imag)] for v in values]
