"""Ports that may be unplugged: noticed within a second, opened anew when they return."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Generic, TypeVar

from rnnmusic.errors import DeviceError
from rnnmusic.live.ports.filtering import let_go
from rnnmusic.live.ports.naming import returned
from rnnmusic.live.ports.protocol import InputPort, OnMessage, OutputPort, TimeSource

LOOK_EVERY_S = 0.5
CLOSE_PATIENCE_S = 0.1

P = TypeVar("P", bound=OutputPort | InputPort)


class Plugged(Generic[P]):
    """A port with a thread that looks every half second whether its name is still there.

    open_port: opens the port of a name, DeviceError where that fails. names: those there are; an
    error counts as none. on_close: called once at the end. A port that was lost is closed at the
    next look, not at once: another thread may just be using it.
    """

    def __init__(
        self,
        name: str,
        open_port: Callable[[str], P],
        names: Callable[[], Iterable[str]],
        on_close: Callable[[], None] = lambda: None,
        *,
        look_every_s: float = LOOK_EVERY_S,
    ) -> None:
        """DeviceError where the port can't be opened now."""
        self.name = name
        self._open_port, self._names, self._on_close = open_port, names, on_close
        self._look_every_s = look_every_s
        self._lost: list[P] = []
        self._port: P | None = open_port(name)
        self._is_closed = threading.Event()
        self._watcher = threading.Thread(target=self._watch, name=f"watch {name}", daemon=True)
        self._watcher.start()

    @property
    def is_alive(self) -> bool:
        """False from when the port is found gone until it is open again."""
        port = self._port
        return port is not None and port.is_alive

    def close(self) -> None:
        """Stop looking and close the port; a second call does nothing."""
        if self._is_closed.is_set():
            return
        self._is_closed.set()
        self._watcher.join(CLOSE_PATIENCE_S)  # it may just be waiting for a device
        self._lose()
        self._close_lost()
        self._on_close()

    def look(self) -> None:
        """Compare with what is there, and close or open; the thread does so by itself."""
        self._close_lost()
        name = self._present()
        port = self._port
        if port is not None:
            if name is None or not port.is_alive:
                self._lose()
        elif name is not None:
            with suppress(DeviceError):  # perhaps at the next look
                self._port = self._opened(name)
            if self._is_closed.is_set():  # meanwhile
                self._lose()
                self._close_lost()

    def _opened(self, name: str) -> P:
        return self._open_port(name)

    def _present(self) -> str | None:
        try:
            return returned(self.name, self._names())
        except Exception:  # of the driver, which may be going as well
            return None

    def _lose(self) -> None:
        port, self._port = self._port, None
        if port is not None:
            self._lost.append(port)

    def _close_lost(self) -> None:
        while self._lost:
            self._lost.pop().close()

    def _watch(self) -> None:
        while not self._is_closed.wait(self._look_every_s):
            self.look()


class PluggedOutput(Plugged[OutputPort]):
    """An output that can be unplugged and comes back under the same object."""

    _lead_s = 0.0
    _clock: TimeSource | None = None
    _beginning: tuple[float, float] | None = None

    @property
    def lead_s(self) -> float:
        """How long before it is due a message is to be handed over."""
        port = self._port
        if port is not None:
            self._lead_s = port.lead_s
        return self._lead_s

    @property
    def clock(self) -> TimeSource | None:
        """The clock that due times must be told by; the same however often the port returns."""
        port = self._port
        if self._clock is None and port is not None:
            self._clock = port.clock
        return self._clock

    def begin(self, start_s: float, tempo_bpm: float) -> None:
        """Learn when the first bar begins, and its tempo."""
        self._beginning = (start_s, tempo_bpm)
        port = self._port
        if port is not None:
            port.begin(start_s, tempo_bpm)

    def send(self, message: bytes, time_s: float) -> None:
        """Send one message; a port that fails counts as gone, until a look finds it again."""
        port = self._port
        if port is None:
            raise DeviceError(f"The MIDI port {self.name!r} has gone; connect it again.")
        try:
            port.send(message, time_s)
        except DeviceError:
            self._lose()
            raise

    def _opened(self, name: str) -> OutputPort:
        port = super()._opened(name)
        if self._beginning is not None:
            port.begin(*self._beginning)
        return port


class PluggedInput(Plugged[InputPort]):
    """An input that can be unplugged and comes back under the same object.

    open_port(name, on_message): opens it. on_message: also told that every key is released when
    the port is lost.
    """

    def __init__(
        self,
        name: str,
        open_port: Callable[[str, OnMessage], InputPort],
        on_message: OnMessage,
        names: Callable[[], Iterable[str]],
        on_close: Callable[[], None] = lambda: None,
        *,
        look_every_s: float = LOOK_EVERY_S,
    ) -> None:
        """DeviceError where the port can't be opened now."""
        self._on_message = on_message
        super().__init__(
            name,
            lambda name: open_port(name, on_message),
            names,
            on_close,
            look_every_s=look_every_s,
        )

    def _lose(self) -> None:
        is_lost = self._port is not None and not self._is_closed.is_set()
        super()._lose()
        if is_lost:
            let_go(self._on_message)
