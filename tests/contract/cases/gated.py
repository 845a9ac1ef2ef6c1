from __future__ import annotations

from tests.contract.cases.case import Case

CASES: list[Case] = [
    Case("rnn"),
    Case("rnn", {"nonlinearity": "relu"}),
    Case("lstm"),
    Case("peephole-lstm"),
    Case("gru"),
    Case("gru-before"),
    Case("slstm"),
    Case("slstm", {"heads": 3, "forget_gate": "exp"}, size=6),
    # A unit that never opens passes nothing of its beginning on (see tests/recurrent/gated), and
    # among 16 units some is open at any step.
    Case("phased-lstm", size=16, learned=False),
    Case("gated-feedback"),
    Case("gated-feedback", {"cell": "gru", "depth": 3}),
]
