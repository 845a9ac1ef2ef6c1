from __future__ import annotations

from tests.contract.cases.case import Case

CASES: list[Case] = [
    Case("ssm"),
    Case("ssm", {"discretization": "zoh", "modes": 7}),
    Case("ssm", {"discretization": "bilinear", "modes": 2}),
    Case("ssm", {"time_step": (0.1, 1.0), "start": "s4d-lin"}),
    Case("lru"),
    Case("lru", {"modes": 3}, inputs=5),
    Case("s4d", {"modes": 3}),
    Case("s4d", {"modes": 2, "discretization": "bilinear"}),
    Case("s5"),
    Case("s5", {"modes": 4, "discretization": "bilinear"}),
    Case("mingru"),
    Case("rg-lru"),
    Case("arma"),
    Case("arma", {"p": 1, "q": 3}),
    # Without a moving average there are no errors to remember, nor what was expected at first.
    Case("arma", {"p": 4, "q": 0}, stacks=False, reach=4, learned=False),
]
