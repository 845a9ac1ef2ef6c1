"""Keys of a terminal: every way of cutting the stream, consoles of Windows, and putting it back."""

from __future__ import annotations

import os
import sys
from collections import deque
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rnnmusic_cli.live_keys import KeyDecoder, PosixKeyboard, WindowsKeyboard, open_keyboard

#: What a terminal sends, and the key it is.
SEQUENCES = {
    b"\x1b[A": "up",
    b"\x1b[B": "down",
    b"\x1bOC": "right",
    b"\x1b[D": "left",
    b"\x1b[1;2A": "up",
    b"\x1b[5~": "page_up",
    b"\x1b[6;5~": "page_down",
    b"\x1b[3~": "delete",
    b"\x1b[H": "home",
    b"\x1b[4~": "end",
    b"\r": "enter",
    b"\x7f": "backspace",
    b"\t": "tab",
    b" ": " ",
    b"q": "q",
    b"?": "?",
    "é".encode(): "é",
    "♯".encode(): "♯",
}
UNKNOWN = (b"\x1b[15~", b"\x1b[<0;12;7M", b"\x1b[200~", b"\x1bq", b"\x00", b"\x1b[Z", b"\xff")


@given(st.lists(st.sampled_from([*SEQUENCES, *UNKNOWN])), st.randoms())
def test_keys_are_the_same_wherever_the_stream_is_cut(sent: list[bytes], random: object) -> None:
    decoder, stream, keys = KeyDecoder(), b"".join(sent), []
    while stream:
        cut = random.randint(1, 4)  # type: ignore[attr-defined]
        keys += decoder.feed(stream[:cut])
        stream = stream[cut:]
    assert keys == [SEQUENCES[item] for item in sent if item in SEQUENCES]


def test_escape_is_known_by_nothing_following() -> None:
    decoder = KeyDecoder()
    assert decoder.feed(b"\x1b") == []
    assert decoder.flush() == ["escape"]
    assert decoder.flush() == []
    assert decoder.feed(b"\x1b\x1b") == ["escape"]
    assert decoder.feed(b"[A") == ["up"]


@given(st.binary())
def test_no_bytes_are_too_strange(data: bytes) -> None:
    decoder = KeyDecoder()
    for key in decoder.feed(data) + decoder.flush():
        assert len(key) == 1 or key.replace("_", "").isalpha()
    decoder.feed(b"\x18m")  # whatever was begun is ended by a letter at the latest
    assert decoder.feed(b"n")[-1:] == ["n"]


class _Console:
    def __init__(self, characters: str) -> None:
        self._left = deque(characters)

    def kbhit(self) -> bool:
        return bool(self._left)

    def getwch(self) -> str:
        return self._left.popleft()


def test_a_console_of_windows() -> None:
    keyboard = WindowsKeyboard(_Console("\xe0Ha\x00K\xe0\x86\x1b\r\x01é"))
    assert keyboard.read() == ["up", "a", "left", "escape", "enter", "é"]
    assert keyboard.read() == []


def test_without_a_terminal_there_is_no_keyboard(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = os.pipe()
    with os.fdopen(reader) as stdin, open_keyboard() as nothing:
        monkeypatch.setattr(sys, "stdin", stdin)
        with open_keyboard() as keyboard:
            assert keyboard is None
        assert nothing is None
    os.close(writer)
    monkeypatch.setattr(sys, "stdin", None)
    with open_keyboard() as keyboard:
        assert keyboard is None


@pytest.mark.skipif(sys.platform == "win32", reason="no pseudo-terminals")
def test_a_terminal_is_read_without_waiting_and_put_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import termios

    ours, theirs = os.openpty()
    with os.fdopen(theirs) as stdin:
        before = termios.tcgetattr(theirs)
        monkeypatch.setattr(sys, "stdin", stdin)
        # The terminal of this test is in nobody's foreground; there it counts as ours.
        monkeypatch.setattr(os, "tcgetpgrp", lambda _: os.getpgrp())
        with suppress(KeyboardInterrupt), open_keyboard() as keyboard:
            assert isinstance(keyboard, PosixKeyboard)
            assert keyboard.read() == []
            os.write(ours, b"a\x1b[A\x1a\x1c\x13")  # Ctrl-Z, Ctrl-\, Ctrl-S do nothing
            assert keyboard.read() == ["a", "up"]
            os.write(ours, b"\x1b")
            assert keyboard.read() == []
            assert keyboard.read() == ["escape"]
            raise KeyboardInterrupt
        assert termios.tcgetattr(theirs) == before
        with open_keyboard() as keyboard:
            os.close(ours)
            assert keyboard is not None
            assert keyboard.read() == ["q"]
