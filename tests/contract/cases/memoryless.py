from __future__ import annotations

from tests.contract.cases.case import Case

# Finite windows are what these flavours are: see `DelayNetwork.reach`.
CASES: list[Case] = [
    Case("window", {"window": 4}, reach=4),
    Case("window", {"window": 5, "depth": 2}, reach=5),
    Case("time-delay", {"taps": 2}, reach=8),
    Case("time-delay", {"taps": 3, "dilations": (2, 1)}, reach=7),
]
