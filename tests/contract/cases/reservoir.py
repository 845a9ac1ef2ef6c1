from __future__ import annotations

from tests.contract.cases.case import Case

CASES: list[Case] = [
    Case("esn"),
    # Without a leak, and with a small share heard, some units would pass nothing on at this size.
    Case("esn", {"leak": 1.0, "connectivity": 1.0, "spectral_radius": 1.2}),
    # Spikes have no derivatives, and so initial states nothing to learn by.
    Case("lsm", {"input_scale": 4.0}, smooth=False, learned=False),
]
