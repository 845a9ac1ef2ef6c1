"""The terminal view of a performance: what sounds, where we are, what the controls stand at."""

from __future__ import annotations

import math
import textwrap
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.table import Table
from rich.text import Text

from rnnmusic.errors import RnnMusicError
from rnnmusic.sampling.controls import Control
from rnnmusic_cli.live_desk import KEYS, Desk
from rnnmusic_cli.live_roll import Roll, keyboard, window

NOTICES = 4  # lines
CONTROL_WIDTH = 33  # of a control's name and value
FIGURES = ("notes", "dropped", "stalls")
_FAINT, _STRONG = "bright_black", "bold"


@dataclass
class Stage:
    """What is known of the performance, from the engine's status messages.

    title: what plays. outputs: what it plays to; silent: those that have gone away. notices:
    (where, sentence), newest last. failure: why it ended, where it shouldn't have.
    """

    title: str
    outputs: tuple[str, ...] = ()
    quarters_per_bar: float = 4.0
    tempo_bpm: float = 120.0
    sync: str = "internal"
    beat: float = 0.0
    is_running: bool = True
    sounding: frozenset[int] = frozenset()
    figures: dict[str, int] = field(default_factory=dict)
    lateness_p99_us: float = 0.0
    silent: set[str] = field(default_factory=set)
    notices: deque[tuple[str, str]] = field(default_factory=lambda: deque(maxlen=32))
    failure: RnnMusicError | None = None
    roll: Roll = field(default_factory=Roll)

    def take(self, message: Mapping[str, Any]) -> None:
        """Take in one status message; whatever has a text is a notice."""
        kind = message.get("kind")
        if kind == "state":
            self._take_state(message)
        elif kind == "error":
            self.failure = RnnMusicError(str(message["text"]))
            return
        if "text" in message:
            self.notice(str(message["text"]))

    def notice(self, text: str) -> None:
        """Remember a sentence, with where in the music it was said."""
        self.notices.append((self.position(), text))

    def position(self) -> str:
        """bar.beat from 1.1 on; the count-in counts down to it."""
        if self.beat < 0:
            return f"-{math.ceil(-self.beat)}"
        bar, beat = divmod(self.beat, self.quarters_per_bar)
        return f"{int(bar) + 1}.{int(beat) + 1}"

    def _take_state(self, message: Mapping[str, Any]) -> None:
        self.beat = float(message["quarters"])
        self.tempo_bpm = float(message["tempo_bpm"])
        self.is_running = bool(message["is_running"])
        self.sounding = frozenset(message["sounding"])
        self.silent = {self.outputs[port] for port in message["lost"]}
        self.lateness_p99_us = float(message["lateness_p99_us"])
        self.figures = {name: int(message[name]) for name in FIGURES}
        self.roll.take(self.beat, self.sounding)


class View:
    """Draws a stage and a desk; a rich renderable that fills the terminal it is given."""

    def __init__(self, stage: Stage, desk: Desk) -> None:
        self.stage, self.desk = stage, desk
        self._window: range | None = None

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Everything, in as many lines as there are."""
        width, height = options.max_width, options.height or console.height
        parts: list[RenderableType] = [self._head(width)]
        below = [*self._middle(width), self._foot()]
        taken = 1 + sum(_lines(part) for part in below)
        parts += self._music(width, height - taken)
        yield Group(*parts, *below)

    def _head(self, width: int) -> Text:
        stage = self.stage
        beats = max(1, round(stage.quarters_per_bar))
        now = int(stage.beat % stage.quarters_per_bar) if stage.is_running else -1
        dots = "".join("●" if beat == now else "○" for beat in range(beats))
        tempo = f"{stage.tempo_bpm:.1f} bpm" if stage.is_running else "stopped"
        left = Text.assemble(
            (f" {stage.position():>6} ", "bold reverse"),
            (f" {dots} ", "cyan"),
            f" {tempo} ({stage.sync})  {self.desk.mode}",
        )
        for name, is_on in (("frozen", self.desk.is_frozen), ("loop", self.desk.is_looping)):
            if is_on:
                left.append("  ")
                left.append(f" {name} ", style="bold reverse yellow")
        right = Text(f"{stage.title} ", style=_FAINT)
        space = " " * max(1, width - left.cell_len - right.cell_len)
        return Text.assemble(left, space, right, no_wrap=True, overflow="ellipsis")

    def _music(self, width: int, height: int) -> list[RenderableType]:
        if height < 2:
            return []
        sounding = self.stage.sounding
        self._window = window(width - 2, sounding, self._window)
        rows = self.stage.roll.lines(height - 2, self._window)
        margin = " " * max(1, (width - len(self._window)) // 2)
        return [Text(margin) + row for row in (*rows, *keyboard(sounding, self._window))]

    def _middle(self, width: int) -> list[RenderableType]:
        if self.desk.shows_help:
            return [_help(width)]
        return [self._controls(width), self._state(), *self._notices(width)]

    def _controls(self, width: int) -> Table:
        columns = 3 if width >= 120 else 2 if width >= 72 else 1
        table = Table.grid(padding=(0, 1, 0, 0), expand=True)
        for _ in range(columns):
            table.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
        controls = list(self.desk.controls.values())
        rows = -(-len(controls) // columns)
        for row in range(rows):
            cells = [controls[i] for i in range(row, len(controls), rows)]
            bar_width = min(10, width // columns - CONTROL_WIDTH - 2)
            table.add_row(*(self._control(control, bar_width) for control in cells))
        return table

    def _control(self, control: Control, bar_width: int) -> Text:
        value, is_chosen = self.desk.values[control.name], control.name == self.desk.chosen
        style = _STRONG if is_chosen or value != control.default else ""
        text = Text.assemble((" ▸ " if is_chosen else "   ", "bold yellow"))
        text.append(f"{control.name.replace('_', ' '):<20} {control.shown(value):>8} ", style=style)
        if control.has_fader and not control.choices:
            text.append(
                _bar(control.share(value), bar_width), style="yellow" if is_chosen else _FAINT
            )
        return text

    def _state(self) -> Text:
        stage = self.stage
        line = Text(" ")
        for name in stage.outputs:
            is_gone = name in stage.silent
            line.append("✕ " if is_gone else "● ", style="bold red" if is_gone else "green")
            line.append(f"{name}{' is gone' if is_gone else ''}   ")
        line.append(f"late p99 {stage.lateness_p99_us / 1000:.2f} ms", style=_FAINT)
        for name, count in stage.figures.items():
            line.append(
                f" · {name} {count}", style="bold red" if count and name != "notes" else _FAINT
            )
        line.no_wrap, line.overflow = True, "ellipsis"
        return line

    def _notices(self, width: int) -> list[Text]:
        """The newest sentences, as many as there are lines for, whole ones."""
        lines: list[Text] = []
        for where, text in reversed(self.stage.notices):
            wrapped = textwrap.wrap(text, max(20, width - 9))
            if len(lines) + len(wrapped) > NOTICES:
                break
            margins = [f" {where:>6} ", *([" " * 8] * (len(wrapped) - 1))]
            lines[:0] = [
                Text.assemble((margin, _FAINT), line, no_wrap=True, overflow="ellipsis")
                for margin, line in zip(margins, wrapped, strict=True)
            ]
        return [Text()] * (NOTICES - len(lines)) + lines

    def _foot(self) -> Text:
        prompt = self.desk.prompt
        if prompt is not None:
            return Text.assemble((f" {prompt.label}: ", _STRONG), prompt.text, (" ", "reverse"))
        if self.desk.learning:
            return Text(f" Move the controller that is to turn {self.desk.learning}.", _STRONG)
        return Text(
            " ? help · q quit · ↑↓←→ controls · space freeze · r rewind · l loop · b branch "
            "· m mode · t tap",
            style=_FAINT,
            no_wrap=True,
            overflow="ellipsis",
        )


def _help(width: int) -> Table:
    columns = 2 if width >= 90 else 1
    table = Table.grid(padding=(0, 1), expand=True)
    for _ in range(columns):
        table.add_column(justify="right", style="bold yellow", no_wrap=True)
        table.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
    keys = list(KEYS.items())
    rows = -(-len(keys) // columns)
    for row in range(rows):
        table.add_row(*(cell for i in range(row, len(keys), rows) for cell in keys[i]))
    return table


def _lines(part: RenderableType) -> int:
    return part.row_count if isinstance(part, Table) else 1


def _bar(share: float, width: int) -> str:
    filled = round(min(max(share, 0.0), 1.0) * width)
    return "━" * filled + "╌" * (width - filled)
