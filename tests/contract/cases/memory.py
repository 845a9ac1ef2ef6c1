from __future__ import annotations

from tests.contract.cases.case import Case

CASES: list[Case] = [
    Case("attention"),
    Case("attention", {"window": 3}),
    Case("attention", {"window": 1}),
    Case("linear-attention"),
    Case("linear-attention", {"heads": 1}),
    Case("gated-delta"),
    Case("gated-delta", {"heads": 2}),
]
