"""Silencing a device that was left sounding, whoever left it so."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence

from rnnmusic.errors import UsageError
from rnnmusic.live.messages import note_off
from rnnmusic.live.messages import panic as silence
from rnnmusic.live.ports.drivers import Driver
from rnnmusic.live.ports.opening import (
    JACK,
    MEMORY,
    MIDI_FILES,
    SOUND_FILES,
    SYNTH,
    VIRTUAL,
    open_output,
)

CHANNELS, PITCHES = 16, 128
#: A MIDI cable carries a message of three bytes in 0.96 ms; faster, and a device may lose some.
MESSAGE_S = 0.001


def panic(
    spec: str,
    drivers: Sequence[Driver] | None = None,
    *,
    sleep: Callable[[float], None] = time.sleep,
) -> int:
    """Silence all channels of the output that `spec` names; return how many messages that took.

    First pedal up, all notes off and all sound off on every channel, at once; then, over two
    seconds, the end of every note, because some devices heed nothing else. UsageError for outputs
    on which nothing can have been left sounding: memory, files, `synth` and new virtual ports.
    Otherwise errors as of `open_output`.
    """
    kind = spec.partition(":")[0]
    is_file = spec.lower().endswith((*MIDI_FILES, *SOUND_FILES))
    if is_file or spec in (MEMORY, JACK) or kind in (SYNTH, VIRTUAL):
        raise UsageError(
            f"Nothing can be left sounding on {spec!r}; give a MIDI output of the system."
        )
    port = open_output(spec, drivers)
    try:
        sent = 0
        for message in _messages():
            now_s = time.monotonic() if port.clock is None else port.clock.now()
            port.send(message, now_s + port.lead_s)
            sleep(MESSAGE_S)
            sent += 1
        return sent
    finally:
        port.close()


def _messages() -> Iterator[bytes]:
    for channel in range(CHANNELS):
        yield from silence(channel)
    for channel in range(CHANNELS):
        for pitch in range(PITCHES):
            yield note_off(channel, pitch)
