"""Models: the checkpoints that a performance plays, loaded before or beside the playing."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from rnnmusic.errors import RnnMusicError

if TYPE_CHECKING:
    from rnnmusic.sampling.stepper import Stepper

#: Told of every checkpoint that has been loaded: its name, and the digest of what it was.
OnLoaded = Callable[[str, str], None]


class Models:
    """Checkpoints by name as steppers, each loaded once.

    bell: a socket with a byte to read when `arrived` has something new.
    """

    def __init__(self, on_loaded: OnLoaded = lambda name, digest: None) -> None:
        self._on_loaded = on_loaded
        self._steppers: dict[str, Stepper] = {}
        self._arrived: list[Callable[[], None]] = []
        self.bell, self._rope = socket.socketpair()
        self.bell.setblocking(False)

    @property
    def is_compiled(self) -> bool:
        """Whether all of them run without torch."""
        return all(stepper.is_compiled for stepper in self._steppers.values())

    def load(self, name: str) -> Stepper:
        """The checkpoint, compiled and warmed up; RnnMusicError when it can't be had."""
        if name not in self._steppers:
            self._enter(name, *_loaded(name))
        return self._steppers[name]

    def fetch(
        self, name: str, then: Callable[[], None], complain: Callable[[RnnMusicError], None]
    ) -> None:
        """Load in a thread; `arrived` gives what to call when it is there, or was refused."""

        def work() -> None:
            try:
                loaded = _loaded(name)
            except RnnMusicError as error:
                self._arrived.append(partial(complain, error))
            else:
                self._arrived.append(partial(self._enter, name, *loaded))
                self._arrived.append(then)
            with suppress(OSError):  # closed meanwhile
                self._rope.send(b"!")

        if name in self._steppers:
            then()
        else:
            threading.Thread(target=work, name=f"load {name}", daemon=True).start()

    def arrived(self) -> list[Callable[[], None]]:
        """What to do now that models are there, or known not to be."""
        arrived, self._arrived = self._arrived, []
        return arrived

    def close(self) -> None:
        """Let go of the bell; models that were loaded stay usable."""
        self.bell.close()
        self._rope.close()

    def _enter(self, name: str, stepper: Stepper, digest: str) -> None:
        self._steppers[name] = stepper
        self._on_loaded(name, digest)


def _loaded(name: str) -> tuple[Stepper, str]:
    import torch

    from rnnmusic import checkpoint
    from rnnmusic.live.session.provenance import digest
    from rnnmusic.sampling.compiled import export
    from rnnmusic.sampling.kinds import score_encoding

    torch.set_num_threads(1)
    generator = checkpoint.load(name).generator
    score_encoding(generator.encoding)
    return export(generator), digest(checkpoint.find(name))
