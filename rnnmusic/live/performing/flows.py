"""Which flow a model has, and what it would have heard of music that another one played."""

from __future__ import annotations

from collections.abc import Iterable

from rnnmusic.encodings.events import NoteEvents
from rnnmusic.encodings.pianoroll import PianoRoll
from rnnmusic.encodings.protocol import NoteMessage, ScoreEncoding, Steps
from rnnmusic.errors import UsageError
from rnnmusic.live.performing.flow import Flow
from rnnmusic.live.performing.note_flow import NoteFlow
from rnnmusic.live.performing.roll_flow import RollFlow
from rnnmusic.sampling.dice import Dice
from rnnmusic.sampling.stepper import Stepper


def flow_of(stepper: Stepper, dice: Dice, quarters_per_bar: float) -> Flow:
    """The flow of a model's kind of encoding; UsageError where there is none."""
    if isinstance(stepper.encoding, PianoRoll):
        return RollFlow(stepper, dice, quarters_per_bar)
    if isinstance(stepper.encoding, NoteEvents):
        return NoteFlow(stepper, dice, quarters_per_bar)
    raise UsageError(
        f"Steps of the {stepper.encoding.name} encoding can't be played live; take a generator of "
        "piano rolls or note events."
    )


def reencoded(
    messages: Iterable[NoteMessage],
    from_quarters: float,
    until_quarters: float,
    encoding: ScoreEncoding,
) -> Steps:
    """The notes of a stretch from a bar line on as steps (T, F); what is held ends there."""
    encoder = encoding.live_encoder()
    held: list[int] = []
    for message in sorted(messages, key=lambda m: (m.time_quarters, m.velocity > 0, m.pitch)):
        if message.velocity:
            held.append(message.pitch)
        elif message.pitch in held:
            held.remove(message.pitch)
        encoder.push(message._replace(time_quarters=message.time_quarters - from_quarters))
    length_quarters = until_quarters - from_quarters
    for pitch in held:
        encoder.push(NoteMessage(length_quarters, pitch, 0))
    return encoder.pull(length_quarters)
