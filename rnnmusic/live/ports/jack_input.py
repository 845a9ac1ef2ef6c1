"""An input that hears every message with the frame it was played at."""

from __future__ import annotations

import time
from typing import Any

from rnnmusic.errors import DeviceError
from rnnmusic.live.ports.filtering import unheard
from rnnmusic.live.ports.jack_client import CLIENT, close_client, jack_library, open_client
from rnnmusic.live.ports.jack_clock import JackClock
from rnnmusic.live.ports.protocol import OnMessage

LONGEST_LOOK_S = 1e-4  # at both clocks: longer, and the thread was interrupted between them
LOOKS = 3


class JackInput:
    """A JACK client with one MIDI input, connected to another client's output or to nothing yet.

    Messages come with the time of their frame. A program plays them a period ahead, so that time
    may lie up to a period in the future: it is when the message is to be heard.
    """

    def __init__(
        self,
        source: str | None,
        port_name: str,
        clock: JackClock,
        on_message: OnMessage,
        hears_clock: bool,
    ) -> None:
        """DeviceError where no server answers or it won't connect to `source`."""
        self._clock = clock
        self._on_message = on_message
        self._unheard = unheard(hears_clock)
        self._is_alive = True
        library = jack_library()
        self._client: Any = open_client(CLIENT, self._end)
        try:
            self._port = self._client.midi_inports.register(port_name)
            self._client.set_process_callback(self._process)
            self._client.activate()
            if source is not None:
                self._client.connect(source, self._port)
        except library.JackError as error:
            close_client(self._client)
            raise DeviceError(
                f"JACK can't listen to {source or port_name!r} ({error}); "
                "check that it is there and gives MIDI."
            ) from None
        self.name = source or str(self._port.name)

    @property
    def is_alive(self) -> bool:
        """Until the server shuts down or the port is closed."""
        return self._is_alive

    def close(self) -> None:
        """Hear no more."""
        self._is_alive = False
        client, self._client = self._client, None
        if client is not None:
            close_client(client)

    def _process(self, _frames: int) -> None:
        client = self._client
        if client is None or not self._is_alive:
            return
        events = [(at, bytes(event)) for at, event in self._port.incoming_midi_events()]
        heard = [(at, event) for at, event in events if event and event[0] not in self._unheard]
        if not heard:
            return
        start_s = self._machine_time_s(client, self._clock.unwrapped(client.last_frame_time))
        for at, event in heard:
            self._on_message(event, start_s + at / self._clock.sample_rate_hz)

    def _machine_time_s(self, client: Any, frame: int) -> float:
        """Time of time.monotonic at a frame of the server."""
        for _ in range(LOOKS):
            before_s = time.monotonic()
            frame_now = self._clock.unwrapped(client.frame_time)
            after_s = time.monotonic()
            if after_s - before_s < LONGEST_LOOK_S:
                break
        return (before_s + after_s) / 2 + (frame - frame_now) / self._clock.sample_rate_hz

    def _end(self) -> None:
        self._is_alive = False
