"""How late an engine plays and how soon it reacts, measured from outside, at its ports.

The engine is a real one, with all its processes. It listens to us and plays to us over TCP on this
machine, so that what is measured is what another program would see.
"""

from __future__ import annotations

import socket
import threading
import time
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass

from rnnmusic.errors import RnnMusicError
from rnnmusic.live.directing.settings import DirectorSettings
from rnnmusic.live.engine import Engine, EngineReport, EngineSettings
from rnnmusic.live.measuring.machine import Spread, spread
from rnnmusic.live.messages import control_change, is_note_on, note_off, note_on
from rnnmusic.sampling.controls import CONTROLS

TEMPO_BPM = 400.0  # the faster the music, the more often a change can be seen
#: A controller that chooses among the keys; two that share two pitches.
_CONTROLLER = 20
_KEYS = {"C major": {0, 2, 4, 5, 7, 9, 11}, "F# major": {6, 8, 10, 11, 1, 3, 5}}
_SETTLE_S = 0.2  # by then everything is in the new key
_PAUSE_S = 0.01713  # shifts each trial against the grid
_HELD_S = 0.03
_HERE = "127.0.0.1"


@dataclass(frozen=True)
class Reactions:
    """How an engine reacted.

    change_ms: of each turn of a controller, how long after it the last note that ignored it
    began; 0 where none did. reply_ms: from a note to the first note added to it. unanswered:
    notes that nothing was added to. report: of the whole; what was planned in the last moment
    counts as late there.
    """

    change_ms: Spread
    reply_ms: Spread
    unanswered: int
    report: EngineReport


def lateness(
    checkpoint: str, *, seconds: float, priority: int | None, output: str = "memory"
) -> EngineReport:
    """Play fast to an output for so long; how late messages left."""
    settings = EngineSettings(
        DirectorSettings(checkpoint, tempo_bpm=TEMPO_BPM), (output,), priority=priority
    )
    with Engine(settings) as engine:
        _attend(engine, seconds)
        return engine.stop()


def reactions(
    checkpoint: str,
    *,
    changes: int = 16,
    notes: int = 40,
    output: str | None = None,
    priority: int | None = 60,
) -> Reactions:
    """Turn a controller so often while it plays, then play so many notes to be harmonised.

    output: opened as well, though nothing is played there, because a slow driver's lead makes
    every reaction later. An RnnMusicError when the engine fails.
    """
    with ExitStack() as stack:
        ear = stack.enter_context(closing(_Ear()))
        port = _free_port()
        settings = EngineSettings(
            DirectorSettings(
                checkpoint, tempo_bpm=TEMPO_BPM, bindings={f"cc {_CONTROLLER}": "key"}
            ),
            (ear.spec, *(() if output is None else (output,))),
            (f"tcp:{port}",),
            priority=priority,
        )
        engine = stack.enter_context(Engine(settings))
        hand = stack.enter_context(socket.create_connection((_HERE, port)))
        hand.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, True)
        _attend(engine, _SETTLE_S)
        turns = [_change(engine, hand, ear, number) for number in range(changes)]
        engine.order("mode", "harmonise")
        _attend(engine, 2 * _SETTLE_S)
        replies = [_reply(engine, hand, ear, number) for number in range(notes)]
        report = engine.stop()
    seen = [turn for turn in turns if turn is not None]
    heard = [reply for reply in replies if reply is not None]
    return Reactions(spread(seen), spread(heard), notes - len(heard), report)


def _change(engine: Engine, hand: socket.socket, ear: _Ear, number: int) -> float | None:
    """Milliseconds until the last note that isn't in the key just chosen; None without notes."""
    key = list(_KEYS)[number % len(_KEYS)]
    share = CONTROLS["key"].share(key)
    began_s = _play(hand, control_change(0, _CONTROLLER, round(127 * share)))
    _attend(engine, _SETTLE_S + number * _PAUSE_S % _SETTLE_S)
    notes = [(at_s, message) for at_s, message in ear.since(began_s) if is_note_on(message)]
    if not notes:
        return None
    ignored = [at_s for at_s, message in notes if message[1] % 12 not in _KEYS[key]]
    return 1e3 * (max(ignored, default=began_s) - began_s)


def _reply(engine: Engine, hand: socket.socket, ear: _Ear, number: int) -> float | None:
    """Milliseconds from a note to the first that is added to it; None if there is none."""
    pitch = 60 + number * 7 % 12
    began_s = _play(hand, note_on(0, pitch, 80))
    _attend(engine, _HELD_S)
    _play(hand, note_off(0, pitch))
    _attend(engine, _HELD_S)
    added = [at_s for at_s, message in ear.since(began_s) if is_note_on(message)]
    return 1e3 * (added[0] - began_s) if added else None


def _play(hand: socket.socket, message: bytes) -> float:
    """Send a message; when."""
    now_s = time.monotonic()
    hand.sendall(message)
    return now_s


def _attend(engine: Engine, seconds: float) -> None:
    """Let it play on for so long; an RnnMusicError if it ends before."""
    until_s = time.monotonic() + seconds
    while (left_s := until_s - time.monotonic()) > 0:
        for message in engine.poll(left_s):
            if message["kind"] == "error":
                raise RnnMusicError(message["text"])
        if not engine.is_running:
            raise RnnMusicError("The engine ended while it was measured; try `rnnmusic live`.")


def _free_port() -> int:
    with socket.create_server((_HERE, 0)) as server:
        return int(server.getsockname()[1])


class _Ear:
    """Somebody who listens: notes every message and when it came.

    spec: of the output that plays to it.
    """

    def __init__(self) -> None:
        self._server = socket.create_server((_HERE, 0))
        self.spec = f"tcp:{_HERE}:{self._server.getsockname()[1]}"
        self._heard: list[tuple[float, bytes]] = []
        self._thread = threading.Thread(target=self._listen, name="ear", daemon=True)
        self._thread.start()

    def since(self, time_s: float) -> list[tuple[float, bytes]]:
        """What was heard from then on: (time of time.monotonic, message)."""
        return [entry for entry in list(self._heard) if entry[0] >= time_s]

    def close(self) -> None:
        """Hear no more."""
        with suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)  # wakes a thread that still waits for a player
        self._server.close()
        self._thread.join(1.0)

    def _listen(self) -> None:
        from mido import Parser

        parser = Parser()
        with suppress(OSError):  # closed before anybody played
            player, _ = self._server.accept()
            with player:
                while data := player.recv(4096):
                    now_s = time.monotonic()
                    parser.feed(data)
                    self._heard += [(now_s, bytes(message.bytes())) for message in parser]
