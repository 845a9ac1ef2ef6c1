"""When a message was played, from the driver's own time stamps."""

from __future__ import annotations

#: A message can't have waited longer for its callback: the stamps have lost count.
MAX_WAIT_S = 0.02


class Stamps:
    """Times of `time.monotonic` from the seconds that RtMidi says have passed between messages.

    The driver stamps a message when it arrives, the callback runs when the machine gets round to
    it. The difference between both clocks is their least distance seen: a delayed callback then
    delays no time. Where the distance grows to more than 20 ms the driver hasn't counted some
    messages, and the callback's own time is believed.
    """

    def __init__(self) -> None:
        self._driver_s = 0.0
        self._apart_s = float("inf")

    def time_s(self, since_last_s: float, now_s: float) -> float:
        """Time of a message whose callback runs at `now_s`; never later than that."""
        self._driver_s += since_last_s
        apart_s = now_s - self._driver_s
        if apart_s < self._apart_s or apart_s > self._apart_s + MAX_WAIT_S:
            self._apart_s = apart_s
        return self._driver_s + self._apart_s
