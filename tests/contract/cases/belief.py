from __future__ import annotations

from tests.contract.cases import belief_classical, belief_variational
from tests.contract.cases.case import Case

CASES: list[Case] = [*belief_classical.CASES, *belief_variational.CASES]
