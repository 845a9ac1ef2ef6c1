from __future__ import annotations

from tests.contract.cases.case import Case

CASES: list[Case] = [
    Case("orthogonal"),
    Case("orthogonal", {"map": "householder"}),
    Case("orthogonal", {"map": "householder", "depth": 2}),
    Case("orthogonal", {"map": "rotations", "depth": 3}),
    Case("lossless"),
    Case("lossless", {"map": "cayley", "states": 7}),
]
