"""`rnnmusic bench flavours`: the table of the literature, measured here."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from rnnmusic_cli.console import note, say, say_json, say_table

if TYPE_CHECKING:
    from rnnmusic.flavours.table import Outcome


app = typer.Typer(help="Measure flavours of recurrence.", no_args_is_help=True)


@app.callback()
def _bench() -> None:
    """Measure flavours of recurrence."""


@app.command("flavours")
def flavours(
    only: Annotated[
        list[str] | None,
        typer.Argument(help="Flavours, families, tasks or FLAVOUR:TASK; else all of them."),
    ] = None,
    full: Annotated[
        bool, typer.Option("--full", help="What the figures stand for: hours. Else minutes.")
    ] = False,
    data: Annotated[
        Path | None,
        typer.Option(help="Folder with jsb.npz and nottingham.npz; else their rows are left out."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0)] = 0,
    plot: Annotated[Path | None, typer.Option(help="Picture: .png, .svg or .pdf.")] = None,
    show: Annotated[bool, typer.Option("--list", help="Only say which rows there are.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Measure every flavour on the tasks of the papers, beside the papers' figures.

    Exits with 1 when a row of --full misses its limit. Ctrl-C ends it with the rows so far.
    """
    import torch

    from rnnmusic.flavours import Setting, table
    from rnnmusic.live.signals import stop_on_signals

    if plot is not None:
        from rnnmusic.plots.music import check_extension

        check_extension(plot)
    torch.set_num_threads(1)
    rows = table.choose(only or [], "full" if full else "quick")
    if show:
        for row in rows:
            say(f"{row.key}  {row.measure}")
        return
    outcomes = []
    with stop_on_signals(second_kills=True) as stop:
        setting = Setting("full" if full else "quick", seed, data, stop.is_set)
        for outcome in table.run(rows, setting):
            outcomes.append(outcome)
            key, found = outcome.row.key, outcome.measured
            told = outcome.reason if found is None else f"{found.value:.6g}"
            note(f"{len(outcomes)}/{len(rows)}  {key}: {told}  ({outcome.wall_s:.0f} s)")
    if plot is not None:
        from rnnmusic.plots.flavours import plot_flavours
        from rnnmusic.plots.music import save

        save(plot_flavours([outcome.to_dict() for outcome in outcomes]), plot)
        note(f"Wrote {plot}")
    if json:
        say_json([outcome.to_dict() for outcome in outcomes])
    else:
        _print(outcomes)
    if stop.exit_code:
        note(f"Stopped after {len(outcomes)} of {len(rows)} rows.")
        raise typer.Exit(stop.exit_code)
    if full and any(outcome.holds is False for outcome in outcomes):
        raise typer.Exit(1)


def _print(outcomes: list[Outcome]) -> None:
    table = Table(box=None, pad_edge=False)
    for heading in ("flavour", "task"):
        table.add_column(heading, no_wrap=True)
    for heading in ("ours", "wanted", "paper", "parameters", "seconds"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("measure, paper and notes")
    for outcome in outcomes:
        row, found = outcome.row, outcome.measured
        missed = " !" if outcome.holds is False else ""
        sign = "<=" if row.better == "lower" else ">="
        told = [row.measure, row.source, outcome.reason if found is None else found.note]
        table.add_row(
            row.flavour,
            row.task,
            "-" if found is None else f"{found.value:.4g}{missed}",
            "" if row.limit is None else f"{sign} {row.limit:.4g}",
            "" if row.paper is None else f"{row.paper:.4g}",
            "" if found is None else f"{found.parameters:,}",
            "" if found is None else f"{found.seconds:.0f}",
            "; ".join(part for part in told if part),
        )
    say_table(table)
