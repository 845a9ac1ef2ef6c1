"""Settings of the whole suite: reproducible, one torch thread, no deadline on a noisy machine."""

from __future__ import annotations

import pytest
import torch
from hypothesis import HealthCheck, settings

# Never assert on wall-clock time: the machines that run this are shared.
settings.register_profile(
    "rnnmusic",
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("rnnmusic")


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)
