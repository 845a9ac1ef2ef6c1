from __future__ import annotations

from tests.contract.cases.case import Case

CASES: list[Case] = [
    Case("linear"),
    Case("linear", {"orthogonal": True, "states": 7}),
    Case("iir"),
    Case("iir", {"sections": 3}),
]
