"""Which messages an input leaves out."""

from __future__ import annotations

SYSEX, TIME_CODE, TIMING_CLOCK, ACTIVE_SENSING = 0xF0, 0xF1, 0xF8, 0xFE


def unheard(hears_clock: bool) -> frozenset[int]:
    """Status bytes of messages that are never passed on, the timing clock's if not wanted."""
    always = {SYSEX, TIME_CODE, ACTIVE_SENSING}
    return frozenset(always if hears_clock else always | {TIMING_CLOCK})
