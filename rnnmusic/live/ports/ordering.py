"""Messages that are put on frames keep their order."""

from __future__ import annotations

from rnnmusic.live.messages import SYSTEM


class InOrder:
    """Frames for messages, so that those of a channel never overtake each other.

    An end that is sent at once must not pass a beginning that was handed over for a later frame:
    the note would be left sounding. System messages count as a channel.
    """

    def __init__(self) -> None:
        self._latest: dict[int, int] = {}

    def frame(self, message: bytes, frame: int) -> int:
        """The frame to use where `frame` is wanted."""
        status = message[0]
        channel = SYSTEM if status >= SYSTEM else status & 0x0F
        frame = max(frame, self._latest.get(channel, frame))
        self._latest[channel] = frame
        return frame
