"""What a filter does, in numbers: responses, time constants, and proofs that it is stable."""

from __future__ import annotations

from rnnmusic.filters.analysis.certificate import Certificate, certificate, require_stable
from rnnmusic.filters.analysis.frequency import group_delay, phase, response, response_db
from rnnmusic.filters.analysis.modes import Mode, decay_time_s, modes, time_constants
from rnnmusic.filters.analysis.rounding import rounded
from rnnmusic.filters.analysis.time import impulse_response, step_response

__all__ = [
    "Certificate",
    "Mode",
    "certificate",
    "decay_time_s",
    "group_delay",
    "impulse_response",
    "modes",
    "phase",
    "require_stable",
    "response",
    "response_db",
    "rounded",
    "step_response",
    "time_constants",
]
