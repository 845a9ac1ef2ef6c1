"""Every flavour's cases, by family."""

from __future__ import annotations

from tests.contract.cases import (
    belief,
    continuous,
    diagonal,
    gated,
    linear,
    memory,
    memoryless,
    multiaxis,
    orthogonal,
    reservoir,
)
from tests.contract.cases.case import Case

CASES: list[Case] = [
    *gated.CASES,
    *diagonal.CASES,
    *linear.CASES,
    *orthogonal.CASES,
    *memory.CASES,
    *reservoir.CASES,
    *continuous.CASES,
    *belief.CASES,
    *multiaxis.CASES,
    *memoryless.CASES,
]
