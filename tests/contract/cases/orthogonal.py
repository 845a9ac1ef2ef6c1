from __future__ import annotations

from tests.contract.cases.case import Case

CASES: list[Case] = []
