"""An output that puts every message on the frame at which it is due."""

from __future__ import annotations

import time
from collections import deque
from heapq import heappop, heappush
from itertools import count
from typing import Any

from rnnmusic.errors import DeviceError
from rnnmusic.live.ports.jack_client import CLIENT, close_client, jack_library, open_client
from rnnmusic.live.ports.jack_clock import JackClock
from rnnmusic.live.ports.ordering import InOrder

SHORTEST_LEAD_S = 0.012
LEAD_PERIODS = 2  # one is being played; the other is for whoever comes late to fill the queue
PATIENCE_S = 0.25  # for the last messages to leave when closing


class JackOutput:
    """A JACK client with one MIDI output, connected to another client's input or to nothing yet.

    Messages are handed over `lead_s` before they are due by `clock`, whose seconds are frames, and
    JACK's own thread writes each at its frame. Messages of a channel never overtake each other:
    an end that is sent at once doesn't pass a beginning already handed over.

    late: messages that came too late for their frame and left with the next period; xruns:
    periods that the server or the machine missed.
    """

    def __init__(self, target: str | None, port_name: str, clock: JackClock) -> None:
        """DeviceError where no server answers or it won't connect to `target`."""
        self.clock = clock
        self.late = 0
        self.xruns = 0
        self._inbox: deque[tuple[int, int, bytes]] = deque()  # filled by the sender
        self._waiting: list[tuple[int, int, bytes]] = []  # a heap, JACK's thread's own
        self._order = count()
        self._in_order = InOrder()
        self._is_alive = True
        self._library = jack_library()
        self._client: Any = open_client(CLIENT, self._end)
        try:
            self._period_frames = int(self._client.blocksize)
            self._port = self._client.midi_outports.register(port_name)
            self._client.set_process_callback(self._process)
            self._client.set_xrun_callback(self._count_xrun)
            self._client.activate()
            if target is not None:
                self._client.connect(self._port, target)
        except self._library.JackError as error:
            close_client(self._client)
            raise DeviceError(
                f"JACK can't play to {target or port_name!r} ({error}); "
                "check that it is there and takes MIDI."
            ) from None
        self.name = target or str(self._port.name)

    @property
    def lead_s(self) -> float:
        """Two periods, at least 12 ms."""
        periods_s = LEAD_PERIODS * self._period_frames / self.clock.sample_rate_hz
        return max(periods_s, SHORTEST_LEAD_S)

    @property
    def is_alive(self) -> bool:
        """Until the server shuts down or the port is closed."""
        return self._is_alive

    def begin(self, start_s: float, tempo_bpm: float) -> None:
        """Nothing to prepare."""

    def send(self, message: bytes, time_s: float) -> None:
        """Hand over a message for the frame at `time_s` of `clock`."""
        if not self._is_alive:
            raise DeviceError(f"JACK has gone or the port {self.name!r} is closed; open it again.")
        frame = self._in_order.frame(message, self.clock.frame_at(time_s))
        self._inbox.append((frame, next(self._order), message))

    def close(self) -> None:
        """Let what was handed over leave, then the client."""
        if self._client is None:
            return
        period_s = self._period_frames / self.clock.sample_rate_hz
        give_up_s = time.monotonic() + PATIENCE_S
        while self._is_alive and (self._inbox or self._waiting) and time.monotonic() < give_up_s:
            time.sleep(period_s)
        if self._is_alive:
            time.sleep(2 * period_s)  # for those written last to be read
        self._is_alive = False
        client, self._client = self._client, None
        close_client(client)

    def _process(self, frames: int) -> None:
        """Write what is due in this period. JACK's thread: waits for nothing, never raises."""
        client, port, waiting = self._client, self._port, self._waiting
        if client is None:
            return
        self._period_frames = frames
        port.clear_buffer()
        while self._inbox:
            heappush(waiting, self._inbox.popleft())
        if not waiting:
            return
        start = self.clock.unwrapped(client.last_frame_time)
        offset = 0  # JACK takes events in ascending order only
        while waiting and waiting[0][0] < start + frames:
            frame, _, message = waiting[0]
            offset = max(offset, frame - start)
            try:
                port.write_midi_event(offset, message)
            except self._library.JackError:  # the period is full; the rest goes with the next
                return
            if frame < start:
                self.late += 1
            heappop(waiting)

    def _count_xrun(self, _delayed_us: float) -> None:
        self.xruns += 1

    def _end(self) -> None:
        self._is_alive = False
