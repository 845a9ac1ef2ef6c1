"""StallGuard: where sampling would go on for ever because a model has stopped moving in time."""

from __future__ import annotations

from rnnmusic.errors import InputError

#: More notes than this at one moment is a model going round in circles, not a chord.
LARGEST_CHORD = 128


class StallGuard:
    """Refuses a model that keeps adding notes to one moment and never moves on in time."""

    def __init__(self) -> None:
        self._time_quarters = float("-inf")
        self._steps = 0

    def check(self, time_quarters: float) -> None:
        """Take the time reached after a step; InputError after 128 steps without progress."""
        if time_quarters > self._time_quarters:
            self._time_quarters, self._steps = time_quarters, 0
        self._steps += 1
        if self._steps > LARGEST_CHORD:
            raise InputError(
                f"The model put {self._steps} notes on one moment and stopped moving in time; "
                "raise the temperature or top-p, or use another checkpoint."
            )
