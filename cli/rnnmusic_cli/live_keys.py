"""Keys of a terminal, one at a time and without waiting: how a performer plays the player."""

from __future__ import annotations

import codecs
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, Protocol

ESCAPE = "\x1b"
#: The last byte of an escape sequence, and for those that end in ~ the number before it.
_ENDINGS = {"A": "up", "B": "down", "C": "right", "D": "left", "H": "home", "F": "end"}
_NUMBERED = {"1": "home", "3": "delete", "4": "end", "5": "page_up", "6": "page_down"}
_SINGLE = {
    "\r": "enter",
    "\n": "enter",
    "\t": "tab",
    "\x7f": "backspace",
    "\b": "backspace",
    "\x04": "q",  # Ctrl-D: the end of input
}
#: What Windows sends after a 0 or 224.
_WINDOWS = {
    "H": "up",
    "P": "down",
    "M": "right",
    "K": "left",
    "G": "home",
    "O": "end",
    "I": "page_up",
    "Q": "page_down",
    "S": "delete",
}


class Keyboard(Protocol):
    """Keys pressed since one last looked: characters, or names such as "up" and "enter"."""

    def read(self) -> list[str]:
        """The keys in their order; never waits."""
        ...


class KeyDecoder:
    """Bytes of a terminal -> keys, wherever the stream is cut.

    An escape sequence that isn't known is swallowed whole, as is Alt with a key: neither may be
    taken for the letters it is made of. A lone Escape is known by nothing following it.
    """

    def __init__(self) -> None:
        self._text = codecs.getincrementaldecoder("utf-8")(errors="ignore")
        self._sequence = ""  # the beginning of an escape sequence

    def feed(self, data: bytes) -> list[str]:
        """The keys that these bytes complete."""
        keys = [self._take(character) for character in self._text.decode(data)]
        return [key for key in keys if key is not None]

    def flush(self) -> list[str]:
        """Nothing has followed: what looked like the beginning of a sequence was an Escape."""
        begun, self._sequence = self._sequence, ""
        return ["escape"] if begun == ESCAPE else []

    def _take(self, character: str) -> str | None:
        if character == ESCAPE:
            earlier, self._sequence = self._sequence, ESCAPE
            return "escape" if earlier == ESCAPE else None
        if not self._sequence:
            named = _SINGLE.get(character)
            return named or (character if character.isprintable() else None)
        self._sequence += character
        if self._sequence in (ESCAPE + "[", ESCAPE + "O"):
            return None
        if self._sequence[1] in "[O" and not "@" <= character <= "~":
            return None  # parameters: more is to come
        whole, self._sequence = self._sequence, ""
        if whole[1] not in "[O":
            return None  # Alt with a key
        if character == "~":
            return _NUMBERED.get(whole[2:-1].partition(";")[0])
        return _ENDINGS.get(character)


class PosixKeyboard:
    """A terminal whose keys arrive one by one (see `open_keyboard`)."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._decoder = KeyDecoder()

    def read(self) -> list[str]:
        """The keys pressed since the last call; the terminal's end is the key q."""
        import select

        ready, _, _ = select.select([self._descriptor], [], [], 0)
        if not ready:
            return self._decoder.flush()
        try:
            data = os.read(self._descriptor, 1024)
        except OSError:
            data = b""  # the terminal was taken away
        return self._decoder.feed(data) if data else ["q"]


class WindowsKeyboard:
    """A console, through the two functions of Python's `msvcrt` that it needs."""

    def __init__(self, console: Any) -> None:
        self._console = console

    def read(self) -> list[str]:
        """The keys pressed since the last call."""
        keys = []
        while self._console.kbhit():
            character = self._console.getwch()
            if character in ("\x00", "\xe0"):
                key = _WINDOWS.get(self._console.getwch())
            elif character == ESCAPE:
                key = "escape"
            else:
                key = _SINGLE.get(character) or (character if character.isprintable() else None)
            if key is not None:
                keys.append(key)
        return keys


@contextmanager
def open_keyboard() -> Iterator[Keyboard | None]:
    """The keyboard of this terminal, key by key within the block; None where there is none.

    Every way out puts the terminal back as it was. Ctrl-C still interrupts; Ctrl-Z, Ctrl-\\ and
    Ctrl-S don't: they would stop the program with notes sounding, or with its view half drawn.
    """
    if sys.platform == "win32":
        import msvcrt

        yield WindowsKeyboard(msvcrt) if sys.stdin and sys.stdin.isatty() else None
    else:
        import termios

        descriptor = _foreground_terminal()
        if descriptor is None:
            yield None
            return
        before = termios.tcgetattr(descriptor)
        played = termios.tcgetattr(descriptor)
        played[0] &= ~termios.IXON
        played[3] &= ~(termios.ICANON | termios.ECHO | termios.IEXTEN)
        nothing = bytes([os.fpathconf(descriptor, "PC_VDISABLE") & 0xFF])
        for character in (termios.VSUSP, termios.VQUIT):
            played[6][character] = nothing
        played[6][termios.VMIN], played[6][termios.VTIME] = 1, 0
        termios.tcsetattr(descriptor, termios.TCSANOW, played)
        try:
            yield PosixKeyboard(descriptor)
        finally:
            with suppress(termios.error):  # the terminal was closed
                termios.tcsetattr(descriptor, termios.TCSANOW, before)


def _foreground_terminal() -> int | None:
    """Standard input, if it is a terminal and we may read it (a job in the background may not)."""
    try:
        descriptor = sys.stdin.fileno()
        if os.isatty(descriptor) and os.tcgetpgrp(descriptor) == os.getpgrp():
            return descriptor
    except (OSError, ValueError, AttributeError):  # closed, replaced, or no stdin at all
        pass
    return None
