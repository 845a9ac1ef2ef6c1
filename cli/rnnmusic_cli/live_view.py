"""The terminal view of a performance: what sounds, where we are, what the controls stand at.

Everything is drawn as lines of (text, style): ten times a second, at a hundredth of the cost of
rich's tables. `Screen` writes only the lines that have changed.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain

from rich.console import Console, ConsoleOptions, RenderResult
from rich.control import Control as Cursor
from rich.segment import Segment, Segments
from rich.style import Style

from rnnmusic.sampling.controls import Control
from rnnmusic_cli.live_desk import KEYS, Desk
from rnnmusic_cli.live_roll import FAINT, Line, keyboard, window
from rnnmusic_cli.live_stage import Stage

NOTICES = 4  # lines
CONTROL_WIDTH = 33  # of a control's name and value
STRONG, CHOSEN, FAULT = "bold", "bold yellow", "bold red"


class View:
    """Draws a stage and a desk in as many lines as there are; also a rich renderable."""

    def __init__(self, stage: Stage, desk: Desk) -> None:
        self.stage, self.desk = stage, desk
        self._window: range | None = None

    def lines(self, width: int, height: int) -> list[list[Segment]]:
        """Exactly `height` lines of `width` columns. Where they are too few, the roll goes first,
        then the controls that are far from the chosen one, then what is above the last line."""
        below = self._help(width) if self.desk.shows_help else self._middle(width, height - 2)
        drawn = [self._head(width), *self._music(width, height - len(below) - 2), *below]
        drawn = [*drawn[: height - 1], self._foot()]
        empty: list[Line] = [[] for _ in range(height - len(drawn))]
        return [_segments(line, width) for line in (*empty, *drawn)]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """All lines, one below the other."""
        for line in self.lines(options.max_width, options.height or console.height):
            yield from line
            yield Segment.line()

    def _head(self, width: int) -> Line:
        stage = self.stage
        beats = max(1, round(stage.quarters_per_bar))
        now = int(stage.beat % stage.quarters_per_bar) if stage.is_running else -1
        dots = "".join("●" if beat == now else "○" for beat in range(beats))
        tempo = f"{stage.tempo_bpm:.1f} bpm" if stage.is_running else "stopped"
        line: Line = [
            (f" {stage.position():>6} ", "bold reverse"),
            (f" {dots} ", "cyan"),
            (f" {tempo} ({stage.sync})  {self.desk.mode}", ""),
        ]
        for name, is_on in (
            ("frozen", self.desk.is_frozen),
            ("loop", self.desk.is_looping),
            ("follows", self.desk.is_adapting),
        ):
            if is_on:
                line += [("  ", ""), (f" {name} ", "bold reverse yellow")]
        title = f"{stage.checkpoint} · seed {stage.seed}"
        space = width - sum(len(text) for text, _ in line) - len(title) - 1
        return [*line, (" " * max(1, space), ""), (title, FAINT)]

    def _music(self, width: int, height: int) -> list[Line]:
        if height < 2:
            return []
        sounding = self.stage.sounding
        self._window = window(width - 2, sounding, self._window)
        rows = self.stage.roll.lines(height - 2, self._window)
        margin = (" " * max(1, (width - len(self._window)) // 2), "")
        return [[margin, *row] for row in (*rows, *keyboard(sounding, self._window))]

    def _middle(self, width: int, height: int) -> list[Line]:
        controls, chosen = self._controls(width)
        notices = self._notices(width)
        if len(controls) + 1 + NOTICES > height:
            notices = [line for line in notices if line]
            count = min(max(1, height - 1 - len(notices)), len(controls))
            first = min(max(0, chosen - count // 2), len(controls) - count)
            controls = controls[first : first + count]
        return [*controls, self._state(), *notices]

    def _controls(self, width: int) -> tuple[list[Line], int]:
        """The lines of all controls, and which of them has the chosen one."""
        columns = 3 if width >= 120 else 2 if width >= 72 else 1
        controls = list(self.desk.controls.values())
        rows = -(-len(controls) // columns)
        lines = [
            list(chain(*(self._control(controls[i], width // columns)
                         for i in range(row, len(controls), rows))))
            for row in range(rows)
        ]  # fmt: skip
        return lines, list(self.desk.controls).index(self.desk.chosen) % rows

    def _control(self, control: Control, width: int) -> Line:
        value, is_chosen = self.desk.values[control.name], control.name == self.desk.chosen
        style = STRONG if is_chosen or value != control.default else ""
        name = control.name.replace("_", " ")
        bar_width = min(10, width - CONTROL_WIDTH - 1)
        has_bar = control.has_fader and not control.choices
        bar = _bar(control.share(value), bar_width) if has_bar else ""
        return [
            (" ▸ " if is_chosen else "   ", CHOSEN),
            (f"{name:<20} {control.shown(value):>8} ", style),
            (bar.ljust(max(0, width - CONTROL_WIDTH)), CHOSEN if is_chosen else FAINT),
        ]

    def _state(self) -> Line:
        stage = self.stage
        line: Line = [(" ", "")]
        for name in stage.outputs:
            is_gone = name in stage.silent
            line.append(("✕ " if is_gone else "● ", FAULT if is_gone else "green"))
            line.append((f"{name}{' is gone' if is_gone else ''}   ", ""))
        line.append((f"late p99 {stage.lateness_p99_us / 1000:.2f} ms", FAINT))
        for name, count in stage.figures.items():
            is_fault = count > 0 and name != "notes"
            line.append((f" · {name} {count}", FAULT if is_fault else FAINT))
        return line

    def _notices(self, width: int) -> list[Line]:
        """The newest sentences, whole; of one that is too long, its beginning."""
        lines: list[Line] = []
        for where, text in reversed(self.stage.notices):
            wrapped = textwrap.wrap(text, max(20, width - 9), max_lines=NOTICES, placeholder=" ...")
            if len(lines) + len(wrapped) > NOTICES:
                break
            margins = [f" {where:>6} ", *([" " * 8] * (len(wrapped) - 1))]
            lines[:0] = [
                [(margin, FAINT), (line, "")] for margin, line in zip(margins, wrapped, strict=True)
            ]
        return [[]] * (NOTICES - len(lines)) + lines

    def _foot(self) -> Line:
        prompt = self.desk.prompt
        if prompt is not None:
            return [(f" {prompt.label}: ", STRONG), (prompt.text, ""), (" ", "reverse")]
        if self.desk.learning:
            return [(f" Move the controller that is to turn {self.desk.learning}.", STRONG)]
        return [
            (
                " ? help · q quit · ↑↓←→ controls · space freeze · r rewind · l loop · b branch "
                "· m mode · t tap",
                FAINT,
            )
        ]

    def _help(self, width: int) -> list[Line]:
        columns = 2 if width >= 120 else 1
        keys = list(KEYS.items())
        rows = -(-len(keys) // columns)
        room = width // columns - 13
        return [
            [
                span
                for i in range(row, len(keys), rows)
                for span in ((f" {keys[i][0]:>10}  ", CHOSEN), (keys[i][1].ljust(room)[:room], ""))
            ]
            for row in range(rows)
        ]


class Screen:
    """The terminal's other screen, drawn anew line by line where something has changed."""

    def __init__(self, console: Console, view: View) -> None:
        self._console, self._view = console, view
        self._shown: list[list[Segment]] = []
        self._size = (0, 0)

    def draw(self) -> None:
        """Bring the screen up to date."""
        size = self._console.size
        if size != self._size:
            self._size, self._shown = size, []
            self._console.control(Cursor.clear())
        lines = self._view.lines(*size)
        changed: list[Segment] = []
        for row, line in enumerate(lines):
            if row >= len(self._shown) or line != self._shown[row]:
                changed += [Cursor.move_to(0, row).segment, *line]
        self._shown = lines
        self._console.print(Segments(changed), end="", soft_wrap=True)


@contextmanager
def screen(console: Console, view: View) -> Iterator[Screen]:
    """The other screen within the block; what was on the terminal comes back at the end."""
    with console.screen(hide_cursor=True):
        yield Screen(console, view)


def _segments(line: Line, width: int) -> list[Segment]:
    """A line as rich writes it, cut or filled to a width."""
    styled = [Segment(text, Style.parse(style) if style else None) for text, style in line]
    return Segment.adjust_line_length(styled, width)


def _bar(share: float, width: int) -> str:
    filled = round(min(max(share, 0.0), 1.0) * width)
    return "━" * filled + "╌" * (width - filled)
