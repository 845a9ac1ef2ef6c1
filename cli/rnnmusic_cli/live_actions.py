"""One way in for everything that steers the engine: keys of the view, OSC, presets."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from typing import Protocol

from rnnmusic.live.steering.orders import Action, Call
from rnnmusic.sampling.controls import CONTROLS, Value

#: What the engine says of a control may be as old as this.
ECHO_S = 0.5


class Player(Protocol):
    """What plays; each call raises RnnMusicError with a sentence for what it won't do."""

    def turn(self, name: str, value: Value) -> None:
        """Give a control a value."""
        ...

    def order(self, name: str, *arguments: float | int | str) -> None:
        """Give a command."""
        ...

    def tap(self) -> None:
        """A tap of the tempo, now."""
        ...


class Actions:
    """Carries out actions, from any thread.

    values: what the controls stand at. clock: seconds that only go forward.
    """

    def __init__(self, player: Player, clock: Callable[[], float] = time.monotonic) -> None:
        self._player, self._clock = player, clock
        self._lock = threading.Lock()  # the engine's pipes take one message at a time
        self.values: dict[str, Value] = {name: c.default for name, c in CONTROLS.items()}
        self._turned_s: dict[str, float] = {}

    def do(self, action: Action) -> None:
        """Turn a control or give an order; RnnMusicError says why not."""
        with self._lock:
            if not isinstance(action, Call):
                self._player.turn(action.name, action.value)
                self.values[action.name] = action.value
                self._turned_s[action.name] = self._clock()
            elif action.name == "tap":
                self._player.tap()
            else:
                self._player.order(action.name, *action.arguments)

    def told(self, **values: Value) -> None:
        """Take in what the engine says that controls stand at: something else has turned them.

        Not right after we have turned one: what it says may be older than that.
        """
        now_s = self._clock()
        for name, value in values.items():
            if now_s - self._turned_s.get(name, -math.inf) > ECHO_S:
                self.values[name] = value
