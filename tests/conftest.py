"""Settings of the whole suite: reproducible, one torch thread, no deadline on a noisy machine.

Hypothesis tries the same examples every time, so that what passed here passes on the next machine;
`make explore` tries others.
"""

from __future__ import annotations

import os
import signal

import pytest
import torch
from hypothesis import HealthCheck, settings

# Never assert on wall-clock time: the machines that run this are shared.
settings.register_profile(
    "rnnmusic",
    deadline=None,
    print_blob=True,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("explore", settings.get_profile("rnnmusic"), derandomize=False)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "rnnmusic"))

# What a shell starts in the background ignores Ctrl-C, and so would every program started here.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if hasattr(signal, "SIGQUIT"):
        signal.signal(signal.SIGQUIT, signal.SIG_DFL)


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)
