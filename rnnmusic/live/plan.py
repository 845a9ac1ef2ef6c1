"""What the sampler asks of the sender: messages in musical time, and what to take back."""

from __future__ import annotations

from typing import NamedTuple


class Planned(NamedTuple):
    """A MIDI message with its place in the music.

    time_quarters: score time; swing and tempo are the sender's. message: 1 to 3 bytes, channel
    included. delay_s: how much after that it sounds (humanising), the same for a note's end as
    for its beginning. port: index of the output.
    """

    time_quarters: float
    message: bytes
    delay_s: float = 0.0
    port: int = 0


class Plan(NamedTuple):
    """What one event changes.

    retract_quarters: forget what was planned from there on (None: nothing). messages: then plan
    these, none of them before it. ready_quarters: what lies before is settled unless retracted;
    infinite when the performance has an end and it is planned. clock: changes of the beat clock,
    (name, value): ("tempo", bpm), ("swing", share). notices: sentences for the performer.
    """

    ready_quarters: float
    messages: tuple[Planned, ...] = ()
    retract_quarters: float | None = None
    clock: tuple[tuple[str, float], ...] = ()
    notices: tuple[str, ...] = ()
