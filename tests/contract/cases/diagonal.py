from __future__ import annotations

from tests.contract.cases.case import Case

CASES: list[Case] = [
    Case("ssm"),
    Case("ssm", {"discretization": "zoh", "modes": 7}),
    Case("ssm", {"discretization": "bilinear", "modes": 2}),
]
