"""Running a performance from the terminal: the engine plays, we look on and pass keys to it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Protocol

from rnnmusic.errors import RnnMusicError, UsageError
from rnnmusic.sampling.controls import CONTROLS
from rnnmusic_cli.console import err, note, say, say_json
from rnnmusic_cli.live_actions import Actions, Player
from rnnmusic_cli.live_desk import Desk
from rnnmusic_cli.live_keys import Keyboard, open_keyboard
from rnnmusic_cli.live_stage import Stage
from rnnmusic_cli.live_view import Screen, View, screen

if TYPE_CHECKING:
    from rnnmusic.live.engine import EngineReport, EngineSettings
    from rnnmusic.live.signals import SignalStop

LOOK_EVERY_S = 0.02  # at keys and signals
DRAW_EVERY_S = 0.1


class Running(Player, Protocol):
    """What is looked on: `rnnmusic.live.engine.Engine`, or a fake."""

    @property
    def is_running(self) -> bool:
        """Whether it plays."""
        ...

    @property
    def outputs(self) -> Sequence[str]:
        """What the ports that it plays to are called."""
        ...

    def poll(self, timeout_s: float) -> list[dict[str, Any]]:
        """Status messages since the last call, waited for so long."""
        ...


def play(settings: EngineSettings, *, view: bool | None, osc_port: int | None, json: bool) -> None:
    """Play until the end, a signal or the key q, then say how it went.

    view: None: where there is a terminal. A failure on the way is an RnnMusicError.
    """
    from rnnmusic.live.engine import Engine
    from rnnmusic.live.signals import exit_at_once, stop_on_signals

    can_draw = err.is_terminal and not err.is_dumb_terminal
    if view and not can_draw:
        raise UsageError("--view was given, but there is no terminal to show it on; leave it out.")
    with_view = can_draw and view is not False
    # While it starts, a signal is an exception, and the engine takes itself down again.
    with Engine(settings) as engine, stop_on_signals() as stop, ExitStack() as stack:
        stage, actions = _stage(settings, engine.outputs), Actions(engine)
        director = settings.director
        actions.values.update(director.steering.to_dict())
        actions.values.update(tempo=director.tempo_bpm, swing=director.swing)
        if osc_port is not None:
            stack.enter_context(_osc(actions, osc_port, stage))
        note(_opening(settings, engine.outputs, with_view))
        _look_on(engine, stop, stage, actions, with_view=with_view)
        report = engine.stop()
    _say_report(report, json=json)
    if stop.exit_code:
        exit_at_once(stop.exit_code)
    if stage.failure is not None:
        raise stage.failure
    if report.reason:
        raise RnnMusicError(report.reason)


def _look_on(
    engine: Running, stop: SignalStop, stage: Stage, actions: Actions, *, with_view: bool
) -> None:
    """Show what is going on; with a view everything is on it, without, notices are lines."""
    if not with_view:
        while engine.is_running and not stop.is_set():
            for message in engine.poll(LOOK_EVERY_S):
                stage.take(message)
            while stage.notices:
                note(stage.notices.popleft()[1])
        return
    desk = Desk(actions, CONTROLS, stage.notice)
    with open_keyboard() as keyboard, screen(err, View(stage, desk)) as shown:
        _run(engine, stop, stage, desk, keyboard, shown)
    for where, text in stage.notices:
        note(f"{where:>6}  {text}")


def _run(
    engine: Running,
    stop: SignalStop,
    stage: Stage,
    desk: Desk,
    keyboard: Keyboard | None,
    screen: Screen,
) -> None:
    drawn_s = float("-inf")
    while engine.is_running and not (stop.is_set() or desk.has_quit):
        for message in engine.poll(LOOK_EVERY_S):
            stage.take(message)
            desk.take(message)
        keys = keyboard.read() if keyboard else []
        for key in keys:
            desk.press(key)
        if keys or time.monotonic() - drawn_s >= DRAW_EVERY_S:
            screen.draw()
            drawn_s = time.monotonic()


@contextmanager
def _osc(actions: Actions, port: int, stage: Stage) -> Iterator[None]:
    from rnnmusic.live.steering.osc import OscServer

    server = OscServer(actions.do, on_notice=stage.notice, port=port)
    try:
        yield
    finally:
        server.close()


def _stage(settings: EngineSettings, outputs: Sequence[str]) -> Stage:
    director = settings.director
    return Stage(
        director.checkpoint,
        director.seed,
        outputs=tuple(outputs),
        quarters_per_bar=director.quarters_per_bar,
        tempo_bpm=director.tempo_bpm,
        sync=settings.sync,
    )


def _opening(settings: EngineSettings, outputs: Sequence[str], with_view: bool) -> str:
    tempo = f"at {settings.director.tempo_bpm:g} quarters a minute"
    if settings.sync != "internal":
        tempo = f"at the tempo of {'Ableton Link' if settings.sync == 'link' else 'a MIDI clock'}"
    ends = "q ends it" if with_view else "Ctrl-C stops"
    return f"Playing to {', '.join(outputs)} {tempo}; {ends}."


def _say_report(report: EngineReport, *, json: bool) -> None:
    from rnnmusic.live.sending.realtime import FIFO

    if json:
        say_json(asdict(report))
        return
    if report.priority not in ("", FIFO):
        note(report.priority)
    late = [report.lateness_p50_us, report.lateness_p99_us, report.lateness_max_us]
    p50, p99, most = (f"{value / 1000:.2f}" for value in late)
    say(
        f"{report.notes} notes; messages left p50 {p50}, p99 {p99}, at most {most} ms late; "
        f"{report.dropped} dropped, the model kept us waiting {report.stalls} times"
    )
