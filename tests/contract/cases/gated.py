from __future__ import annotations

from tests.contract.cases.case import Case

CASES: list[Case] = [Case("rnn"), Case("rnn", {"nonlinearity": "relu"}), Case("lstm"), Case("gru")]
