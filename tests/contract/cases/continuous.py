from __future__ import annotations

from tests.contract.cases.case import Case

CASES: list[Case] = [
    Case("ctrnn"),
    Case("ctrnn", {"parts": 3}),
    Case("ode-rnn"),
    Case("ode-rnn", {"parts": 1, "width": 3}),
    Case("gru-ode"),
    Case("cfc"),
    Case("cfc", {"width": 3}),
]
