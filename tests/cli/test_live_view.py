"""The terminal view, drawn into text: it says what is so, at every size and without colour."""

from __future__ import annotations

import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console, ConsoleDimensions
from rnnmusic_cli.live_desk import KEYS
from rnnmusic_cli.live_roll import HIGHEST, LOWEST, Line, Roll, keyboard, window
from rnnmusic_cli.live_view import View, screen

from tests.cli.live_fakes import a_desk, a_stage, status


def _drawn(view: View, width: int = 100, height: int = 30, no_color: bool = False) -> list[str]:
    console = Console(
        file=io.StringIO(), width=width, height=height, force_terminal=True, no_color=no_color
    )
    lines = console.render_lines(view, console.options.update(height=height))[:height]
    return ["".join(segment.text for segment in line) for line in lines]


def _plain(lines: list[Line]) -> list[str]:
    return ["".join(text for text, _ in line) for line in lines]


def test_everything_a_performer_asks_is_on_it() -> None:
    stage, desk = a_stage(), a_desk()
    desk.press("down")
    stage.take(status(29.0, [60], 96.5, dropped=3, lost=[1], lateness_p99_us=1250.0))
    stage.take({"kind": "port", "port": 1, "is_alive": False, "text": "The port has vanished."})
    text = "\n".join(_drawn(View(stage, desk)))
    for said in (
        "8.2", "○●○○", "96.5 bpm", "solo", "● FLUID Synth", "✕ Pedal is gone", "p99 1.25 ms",
        "dropped 3", "8.2 The port has vanished.", "? help", "q quit",
    ):  # fmt: skip
        assert said in text, said
    for name in desk.controls:
        assert name.replace("_", " ") in text
    assert f"▸ {desk.chosen.replace('_', ' ')}" in text


def test_keys_are_explained_in_full() -> None:
    desk = a_desk()
    desk.press("?")
    text = "\n".join(_drawn(View(a_stage(), desk), width=140, height=40))
    for keys, meaning in KEYS.items():
        assert keys in text
        assert meaning in text


def test_long_notices_are_whole_and_the_newest_win() -> None:
    stage = a_stage()
    for number in range(5):
        stage.notice(f"Number {number} " + "is a sentence that goes on and on " * 3 + "to its end.")
    text = " ".join(" ".join(_drawn(View(stage, a_desk()), width=80)).split())
    assert "Number 4" in text
    assert text.count("to its end.") == 2


@pytest.mark.parametrize("width", [40, 60, 80])
def test_of_a_notice_that_is_too_long_the_beginning_is_shown(width: int) -> None:
    stage = a_stage()
    desk = a_desk(says=(said := list[str]()))
    for key in (":", *"rewnd", "enter"):
        desk.press(key)
    stage.notice(said[0])
    text = "\n".join(_drawn(View(stage, desk), width))
    assert "There is neither" in text
    assert "..." in text


def test_what_is_learned_is_asked_for() -> None:
    desk = a_desk()
    desk.take({"kind": "steering", "learning": "density"})
    assert "controller that is to turn density." in _drawn(View(a_stage(), desk))[-1]


@pytest.mark.parametrize(("width", "height"), [(60, 16), (60, 6), (80, 10), (130, 8)])
def test_in_a_small_terminal_the_chosen_control_and_what_was_said_stay(
    width: int, height: int
) -> None:
    stage, desk = a_stage(), a_desk()
    stage.notice("It is said.")
    for _ in desk.controls:
        desk.press("down")
        text = "\n".join(_drawn(View(stage, desk), width, height))
        assert f"▸ {desk.chosen.replace('_', ' ')}" in text
        assert "● FLUID Synth" in text
        assert "It is said." in text


def test_a_line_being_typed_is_shown() -> None:
    desk = a_desk()
    for key in (":", *"rewind 2"):
        desk.press(key)
    assert _drawn(View(a_stage(), desk))[-1].startswith(" order: rewind 2")


@settings(max_examples=40, deadline=None)
@given(
    st.integers(20, 200),
    st.integers(1, 70),
    st.lists(st.integers(0, 127), max_size=12),
    st.floats(-20, 10_000),
    st.booleans(),
)
def test_it_fits_every_terminal(
    width: int, height: int, sounding: list[int], beat: float, no_color: bool
) -> None:
    stage, desk = a_stage(), a_desk()
    stage.take(status(beat, sounding))
    for key in ("", "?"):
        desk.press(key)
        lines = _drawn(View(stage, desk), width, height, no_color)
        assert [cell_len(line) for line in lines] == [width] * height


def test_only_what_has_changed_is_written() -> None:
    written = io.StringIO()
    console = Console(file=written, width=100, height=30, force_terminal=True)
    stage = a_stage()
    with screen(console, View(stage, a_desk())) as shown:
        shown.draw()
        first = len(written.getvalue())
        shown.draw()
        assert len(written.getvalue()) == first
        stage.notice("Something has happened.")
        shown.draw()
        assert "Something has happened." in written.getvalue()[first:]
        assert len(written.getvalue()) - first < first / 5
        console.size = ConsoleDimensions(80, 24)
        shown.draw()
        assert "? help" in written.getvalue()[first:]
    assert written.getvalue().endswith("\x1b[?25h")  # the cursor is back


@pytest.mark.parametrize(
    ("beat", "shown"), [(0.0, "1.1"), (3.99, "1.4"), (4.0, "2.1"), (-0.5, "-1"), (-4.0, "-4")]
)
def test_positions_are_counted_as_musicians_do(beat: float, shown: str) -> None:
    stage = a_stage()
    stage.take(status(beat))
    assert stage.position() == shown


def test_what_sounded_scrolls_up_the_roll() -> None:
    roll = Roll()
    for at, pitches in ((0.0, [60]), (0.25, [60, 64]), (0.5, []), (0.75, [64])):
        roll.take(at, pitches)
    columns = range(60, 66)
    assert _plain(roll.lines(2, columns)) == ["█   ▄ ", "┊   ▄ "]
    roll.take(100.0, [61])  # after a jump
    assert _plain(roll.lines(1, columns))[0] == "┊▄    "
    assert _plain(roll.lines(4, columns))[1:3] == ["█   ▄ ", "┊   ▄ "]


def test_the_keyboard_shows_keys_octaves_and_notes() -> None:
    keys, names = _plain(keyboard([61], range(59, 73)))
    assert keys == "▇▇█▇▁▇▇▁▇▁▇▁▇▇"
    assert names == " C4          C"


@given(st.integers(1, 200), st.lists(st.lists(st.integers(0, 127), max_size=6), max_size=5))
def test_the_window_follows_what_sounds(width: int, chords: list[list[int]]) -> None:
    before = None
    for chord in chords:
        columns = window(width, chord, before)
        assert LOWEST <= columns.start <= columns[-1] <= HIGHEST
        assert len(columns) >= min(width, HIGHEST - LOWEST + 1)
        shown = [pitch for pitch in chord if LOWEST <= pitch <= HIGHEST]
        if shown and max(shown) - min(shown) < len(columns) - 24:
            assert set(shown) <= set(columns)
        before = columns
