"""Count-in: bars of clicks before the first beat."""

from __future__ import annotations

import math
from collections.abc import Iterator

from rnnmusic.live.directing.outgoing import OFF, ON
from rnnmusic.live.directing.voices import DRUM_CHANNEL
from rnnmusic.live.messages import note_off, note_on
from rnnmusic.live.plan import Planned

#: High and low wood block: a click on every General MIDI drum kit.
ACCENT, BEAT = (76, 112), (77, 80)  # pitch, velocity
CLICK_QUARTERS = 0.25


def clicks(bars: int, quarters_per_bar: float) -> Iterator[tuple[Planned, int]]:
    """The messages of so many bars before time 0, in order, each with its rank at its moment.

    A click for each quarter of a bar, counted from the bar line, which is accented.
    """
    for bar in range(-bars, 0):
        for beat in range(math.ceil(quarters_per_bar)):
            time_quarters = bar * quarters_per_bar + beat
            pitch, velocity = BEAT if beat else ACCENT
            length = min(CLICK_QUARTERS, quarters_per_bar - beat)
            yield Planned(time_quarters, note_on(DRUM_CHANNEL, pitch, velocity)), ON
            yield Planned(time_quarters + length, note_off(DRUM_CHANNEL, pitch)), OFF
