"""`rnnmusic filter`: design, fit, look at, compare, run and export recursive filters."""

from __future__ import annotations

import typer

from rnnmusic_cli import filter_design, filter_export, filter_fit, filter_run, filter_show

app = typer.Typer(
    help="Recursive filters: design or fit them, look at them, run them, take them elsewhere.",
    no_args_is_help=True,
)
app.command("design")(filter_design.design)
app.command("fit")(filter_fit.fit)
app.command("show")(filter_show.show)
app.command("compare")(filter_show.compare)
app.command("run")(filter_run.run)
app.command("export")(filter_export.export)
