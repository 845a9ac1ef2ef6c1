"""Count-in: bars of clicks before the first beat."""

from __future__ import annotations

from collections.abc import Iterator

from rnnmusic.live.directing.outgoing import OFF, ON
from rnnmusic.live.directing.voices import DRUM_CHANNEL
from rnnmusic.live.messages import note_off, note_on
from rnnmusic.live.plan import Planned

#: High and low wood block: a click on every General MIDI drum kit.
ACCENT, BEAT = (76, 112), (77, 80)  # pitch, velocity
CLICK_QUARTERS = 0.25


def quarters_per_beat(numerator: int, denominator: int) -> float:
    """What one counts in a metre: in 6/8, 9/8 and 12/8 three eighths, else the denominator."""
    is_compound = denominator >= 8 and numerator > 3 and numerator % 3 == 0
    return (3 if is_compound else 1) * 4.0 / denominator


def clicks(
    bars: int, quarters_per_bar: float, quarters_per_beat: float = 1.0
) -> Iterator[tuple[Planned, int]]:
    """The messages of so many bars before time 0, in order, each with its rank at its moment.

    A click for each beat of a bar, counted from the bar line, which is accented; a last beat that
    the bar cuts short has one, too.
    """
    for bar in range(-bars, 0):
        into_bar = 0.0
        while into_bar < quarters_per_bar:
            time_quarters = bar * quarters_per_bar + into_bar
            pitch, velocity = BEAT if into_bar else ACCENT
            length = min(CLICK_QUARTERS, quarters_per_bar - into_bar)
            into_bar += quarters_per_beat
            yield Planned(time_quarters, note_on(DRUM_CHANNEL, pitch, velocity)), ON
            yield Planned(time_quarters + length, note_off(DRUM_CHANNEL, pitch)), OFF
