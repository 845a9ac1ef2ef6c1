"""The registry as a table: what each flavour is, how large, and what a step of it costs here."""

from __future__ import annotations

import time
from typing import Any, NamedTuple

import numpy as np

from rnnmusic import recurrent
from rnnmusic.encodings import PianoRoll
from rnnmusic.errors import UsageError
from rnnmusic.generator import GeneratorConfig, HeadConfig, ModelConfig, build
from rnnmusic.heads.protocol import Kind
from rnnmusic.recurrent import RECURRENT, WHOLE
from rnnmusic.sampling.compiled import export

SIZE = 256
#: 88 notes, no clock: what a layer reads here.
ENCODING = PianoRoll(articulation=False, metrical=False)
STEPS = 200


class Listed(NamedTuple):
    """One flavour. parameters: of one layer of `SIZE` units that reads 88 notes; step_us: median
    cost of a live step of it, None where it has none; is_compiled: whether that runs without torch;
    kind: what its likelihood is under an exact head.
    """

    name: str
    family: str
    parameters: int
    is_live: bool
    is_compiled: bool
    step_us: float | None
    kind: Kind
    paper: str

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return self._asdict()


def names() -> list[str]:
    """Every flavour, those without a step at the end."""
    return [*RECURRENT, *WHOLE]


def listed(name: str, *, with_cost: bool = True) -> Listed:
    """What is known of a flavour; UsageError for an unknown one."""
    if name in WHOLE:
        whole = WHOLE[name]
        layer = whole.make(len(ENCODING.sizes), SIZE)
        count = sum(p.numel() for p in layer.parameters())
        return Listed(name, whole.family, count, False, False, None, "exact", whole.paper)
    if name not in RECURRENT:
        raise UsageError(f"No recurrence is called {name!r}; choose one of {', '.join(names())}.")
    flavour = RECURRENT[name]
    model = ModelConfig(name, size=SIZE)
    generator = build(GeneratorConfig(ENCODING, model, HeadConfig("bernoulli"))).eval()
    count = sum(p.numel() for p in generator.recurrent.parameters())
    stepper = export(generator)
    cost = _step_us(stepper) if with_cost else None
    kind: Kind = "bound" if generator.recurrent.is_bound else "exact"
    return Listed(name, flavour.family, count, True, stepper.is_compiled, cost, kind, flavour.paper)


def options(name: str) -> dict[str, Any]:
    """A flavour's own options with their defaults."""
    known = recurrent.layer_options(name)
    return {
        key: known[key]
        for key in known
        if key not in ("columns", "pitches", "learned_initial_state")
    }


def _step_us(stepper: Any) -> float:
    """Median of `STEPS` steps that hear a chord each."""
    heard = np.zeros(len(ENCODING.sizes), dtype=np.int64)
    heard[[20, 36, 40, 43]] = 1
    clock, state, taken = ENCODING.clock_at(0), stepper.initial(), []
    for _ in range(STEPS):
        begun = time.perf_counter()
        _, state = stepper.hear(heard, clock, state)
        taken.append(time.perf_counter() - begun)
    return float(np.median(taken) * 1e6)
