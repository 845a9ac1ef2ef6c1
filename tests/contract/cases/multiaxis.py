from __future__ import annotations

from tests.contract.cases.case import Case

# Three pitches, with two numbers each and one for all of them.
PITCHES = {"columns": 6, "pitches": 3}

CASES: list[Case] = [
    Case("grid-lstm"),
    Case("grid-lstm", {"depth": 3, "tied": True}),
    Case("tied-parallel", {**PITCHES, "window": 2}, inputs=7, size=3),
    Case("tied-parallel", {**PITCHES, "cell": "lstm", "pitch_class": False}, inputs=7, size=3),
    Case("tied-parallel", stacks=False),  # a pitch per input: nothing says how to stack them
    Case("spatial", {**PITCHES, "pitch_class": False}, inputs=7, size=3),
    Case("spatial", stacks=False),
]
