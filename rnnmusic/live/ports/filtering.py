"""What an input leaves out of what it hears, and what it adds when its player has gone."""

from __future__ import annotations

import time

from rnnmusic.live.messages import ALL_NOTES_OFF, control_change
from rnnmusic.live.ports.protocol import OnMessage

SYSEX, TIME_CODE, TIMING_CLOCK, ACTIVE_SENSING = 0xF0, 0xF1, 0xF8, 0xFE


def unheard(hears_clock: bool) -> frozenset[int]:
    """Status bytes of messages that are never passed on, the timing clock's if not wanted."""
    always = {SYSEX, TIME_CODE, ACTIVE_SENSING}
    return frozenset(always if hears_clock else always | {TIMING_CLOCK})


def let_go(on_message: OnMessage) -> None:
    """Release every key: one that was down when its player went would be held for ever."""
    for channel in range(16):
        on_message(control_change(channel, ALL_NOTES_OFF, 0), time.monotonic())
