"""`rnnmusic live bench`: whether this machine plays in time."""

from __future__ import annotations

import math
from contextlib import closing
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer
from rich.table import Table

from rnnmusic_cli.console import err, say, say_json, say_table

if TYPE_CHECKING:
    from rnnmusic.live.engine import EngineReport
    from rnnmusic.live.measuring.machine import FrameError, Spread, StepCost
    from rnnmusic.live.measuring.reactions import Reactions

_SECONDS = 3.0  # of playing, for each of the two kinds of lateness


class Limit(NamedTuple):
    """Up to `good` nobody notices, up to `fair` nobody minds."""

    good: float
    fair: float
    unit: str


#: What is judged, each by its 99th of a hundred or, where there are few, by the worst.
LIMITS = {
    "step": Limit(1.0, 5.0, "ms"),  # a sixteenth at 200 quarters a minute lasts 75 ms
    "lateness": Limit(0.5, 3.0, "ms"),  # musicians in a room are further apart: 1 m is 3 ms
    "change": Limit(25.0, 60.0, "ms"),
    "reply": Limit(15.0, 30.0, "ms"),
    "frames": Limit(0.0, 48.0, "frames"),
    "faults": Limit(0.0, 0.0, ""),
}


def bench(
    checkpoint: Annotated[
        str, typer.Argument(help="A checkpoint, a run, or a shipped model.")
    ] = "bach-gru",
    output: Annotated[
        str,
        typer.Option("--out", "-o", metavar="PORT", help="Play to this port: it sounds."),
    ] = "memory",
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Measure this machine as a player, in half a minute: step, lateness, reactions, JACK.

    Do it with all that runs on stage, and nothing else.
    """
    from rnnmusic.live.measuring import machine, reactions
    from rnnmusic.live.sending.realtime import FIFO

    with err.status("Playing with real-time priority ..."):
        real_time = reactions.lateness(checkpoint, seconds=_SECONDS, priority=60, output=output)
    with err.status("Playing without ..."):
        ordinary = reactions.lateness(checkpoint, seconds=_SECONDS, priority=None, output=output)
    with err.status("Turning a controller and playing along ..."):
        reacted = reactions.reactions(checkpoint, output=None if output == "memory" else output)
    with err.status("Asking JACK ..."):
        frames = _jack()
    with err.status("Stepping the model ..."):
        cost = machine.step_cost(_stepper(checkpoint))
    if json:
        say_json(_as_json(checkpoint, cost, real_time, ordinary, reacted, frames))
        return
    say_table(_table(cost, real_time, ordinary, reacted, frames))
    if real_time.priority != FIFO:
        say(real_time.priority)


def _stepper(checkpoint: str) -> Any:
    from rnnmusic.live.directing.models import Models

    with closing(Models()) as models:
        return models.load(checkpoint)


def _jack() -> FrameError | str:
    """Where JACK put our messages, or why it didn't."""
    from rnnmusic.errors import DeviceError
    from rnnmusic.live.measuring.machine import jack_frame_error

    try:
        return jack_frame_error()
    except DeviceError as error:
        return str(error)


def _table(
    cost: StepCost,
    real_time: EngineReport,
    ordinary: EngineReport,
    reacted: Reactions,
    frames: FrameError | str,
) -> Table:
    from rnnmusic.live.sending.realtime import FIFO

    table = Table(box=None, pad_edge=False)
    for heading in ("measured", "p50", "p99", "at most", "", "verdict"):
        is_figure = heading in ("p50", "p99", "at most")
        table.add_column(heading, justify="right" if is_figure else "left")
    how = "compiled" if cost.is_compiled else "through torch"
    _add(table, f"one step of the model, {how}", _scaled(cost.step_us), "step")
    fifo = "with" if real_time.priority == FIFO else "asking for"
    _add(table, f"messages leave late, {fifo} real-time priority", _late(real_time), "lateness")
    _add(table, "messages leave late, without", _late(ordinary), "lateness")
    heeded_ms = (None, None, reacted.change_ms.max)
    _add(table, "from a controller until every note heeds it", heeded_ms, "change", 2)
    _add(table, "from a note to the first added to it", _spread(reacted.reply_ms), "reply")
    if isinstance(frames, str):
        table.add_row("error in JACK", "", "", "", "", "no JACK server answers")
    else:
        _add(table, "error in JACK", (None, None, frames.worst_frames), "frames", 2)
        _count(table, "lost in JACK, and its xruns", frames.lost + frames.xruns)
    dropped = sum(report.dropped for report in (real_time, ordinary, reacted.report))
    stalls = sum(report.stalls for report in (real_time, ordinary, reacted.report))
    _count(table, "notes dropped because late", dropped)
    _count(table, "times the model kept us waiting", stalls)
    return table


Figures = tuple[float | None, float | None, float]


def _add(table: Table, what: str, figures: Figures, limit: str, judged: int = 1) -> None:
    """A row, judged by one of its figures."""
    shown = ["" if figure is None else f"{figure:.3g}" for figure in figures]
    unit = LIMITS[limit].unit
    table.add_row(what, *shown, unit, verdict(figures[judged], limit))


def _count(table: Table, what: str, count: int) -> None:
    table.add_row(what, "", "", str(count), "", verdict(count, "faults"))


def verdict(figure: float | None, limit: str) -> str:
    """What a figure means to a performer."""
    if figure is None or math.isnan(figure):
        return "not seen"
    if figure <= LIMITS[limit].good:
        return "[green]good[/]"
    return "[yellow]fair[/]" if figure <= LIMITS[limit].fair else "[red]poor[/]"


def _spread(spread: Spread) -> Figures:
    return spread.p50, spread.p99, spread.max


def _scaled(spread_us: Spread) -> Figures:
    return spread_us.p50 / 1e3, spread_us.p99 / 1e3, spread_us.max / 1e3


def _late(report: EngineReport) -> Figures:
    late_us = report.lateness_p50_us, report.lateness_p99_us, report.lateness_max_us
    return late_us[0] / 1e3, late_us[1] / 1e3, late_us[2] / 1e3


def _as_json(
    checkpoint: str,
    cost: StepCost,
    real_time: EngineReport,
    ordinary: EngineReport,
    reacted: Reactions,
    frames: FrameError | str,
) -> dict[str, Any]:
    return {
        name: _finite(value)
        for name, value in {
            "checkpoint": checkpoint,
            "step_us": asdict(cost.step_us),
            "is_compiled": cost.is_compiled,
            "real_time": asdict(real_time),
            "ordinary": asdict(ordinary),
            "change_ms": asdict(reacted.change_ms),
            "reply_ms": asdict(reacted.reply_ms),
            "unanswered": reacted.unanswered,
            "reacting": asdict(reacted.report),
            "jack": {"absent": frames} if isinstance(frames, str) else frames._asdict(),
        }.items()
    }


def _finite(value: Any) -> Any:
    """JSON has no NaN: what wasn't seen is null."""
    if isinstance(value, dict):
        return {key: _finite(entry) for key, entry in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value
