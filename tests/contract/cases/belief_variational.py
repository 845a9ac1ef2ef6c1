from __future__ import annotations

from tests.contract.cases.case import Case

CASES: list[Case] = [
    Case("storn", {"latent_size": 4}),
    Case("vrnn", {"latent_size": 4}),
    Case("vrnn", {"latent_size": 4, "smoothing": True, "columns": 2}),
    Case("vrnn", {"latent_size": 4, "latent_to_latent": True, "reads_input": False}),
    Case("srnn", {"latent_size": 4}),
    Case("dmm", {"latent_size": 4}),
    Case("dmm", {"latent_size": 4, "columns": 2}),
    Case("dmm", {"latent_size": 4, "reads_input": True, "memory_to_output": True}),
]
