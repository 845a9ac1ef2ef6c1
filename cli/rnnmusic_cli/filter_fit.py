"""`rnnmusic filter fit`: a filter learned from a curve, a response or recordings."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from rnnmusic_cli.console import err, note, say, say_json, say_table
from rnnmusic_cli.filter_cell import fit_cell
from rnnmusic_cli.filter_files import PIPE, check_output, write_filter

if TYPE_CHECKING:
    from rnnmusic.filters.fit import Report, Score

CELL_OPTIONS = ("size", "layers", "seconds")
COMMON_OPTIONS = ("target", "output", "input", "seed", "cell", "json")
SOUND_AS = ("spectrum", "impulse", "decay")


def fit(
    context: typer.Context,
    target: Annotated[
        Path,
        typer.Argument(
            help="A table (.csv, .json) of frequency_hz and magnitude_db, magnitude, real and "
            "imaginary, or decay_time_s; or a recording."
        ),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="F.json, or - for stdout.")],
    input: Annotated[  # the option's name
        Path | None, typer.Option(help="The recording that went in when TARGET came out.")
    ] = None,
    order: Annotated[
        int | None,
        typer.Option(help="Poles, or delay lines for a decay; chosen on held-out data by default."),
    ] = None,
    sections: Annotated[
        int | None, typer.Option(help="Two poles each, or one band each with --form eq.")
    ] = None,
    max_order: Annotated[int, typer.Option(help="Of the choice.", min=1)] = 16,
    form: Annotated[
        str | None, typer.Option(help="sos by default, eq for peaks, ss, zpk, svf, lattice...")
    ] = None,
    shelves: Annotated[
        bool, typer.Option("--shelves", help="eq: the first and the last band are shelves.")
    ] = False,
    zeros: Annotated[
        int | None, typer.Option(help="As many as poles by default; 0 is all-pole.")
    ] = None,
    loss: Annotated[
        str,
        typer.Option(help="rms, max (error), or spectral (recordings; deaf to phase)."),
    ] = "rms",
    sound_as: Annotated[
        str,
        typer.Option("--as", help=f"What a sound without --input is for: {', '.join(SOUND_AS)}."),
    ] = "spectrum",
    smoothing_octaves: Annotated[float, typer.Option(help="Of a sound's spectrum.", min=0.0)] = 1
    / 6,
    sample_rate: Annotated[
        float | None, typer.Option(help="In Hz, of a table; a recording says its own.")
    ] = None,
    restarts: Annotated[int, typer.Option(help="Of the search.", min=0)] = 6,
    seed: Annotated[int, typer.Option(help="Of the restarts.", min=0)] = 0,
    cell: Annotated[
        str | None,
        typer.Option(
            help="Learn a recurrent network from --input to TARGET instead: gru, lstm, ... write "
            "an effect's folder; linear, iir and ssm a filter too, to -o F.json."
        ),
    ] = None,
    size: Annotated[int, typer.Option(help="cell: units.", min=1)] = 16,
    layers: Annotated[int, typer.Option(help="cell: layers.", min=1)] = 1,
    seconds: Annotated[float, typer.Option(help="cell: time to learn.", min=0.01)] = 300.0,
    json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Fit a stable filter to a target, write it, and report how near it came.

    The report sets classical methods at the same order beside it, and what each start of the search
    reached: where none comes near, the order can't.
    """
    from rnnmusic.errors import UsageError
    from rnnmusic.filters import fit as fitting

    if json and output == PIPE:
        raise UsageError("The report and the filter can't both go to stdout; give -o a file.")
    _check_options(context, cell)
    if cell is not None:
        if input is None:
            raise UsageError("--cell learns from two recordings; give what went in as --input.")
        fit_cell(
            target,
            input,
            output,
            cell=cell,
            size=size,
            layers=layers,
            seconds=seconds,
            seed=seed,
            json=json,
        )
        return
    if sound_as not in SOUND_AS:
        raise UsageError(f"--as {sound_as} was given; choose {', '.join(SOUND_AS)}.")
    check_output(output)
    if order is not None and sections is not None:
        raise UsageError("--order and --sections say the same; give one of them.")
    if sections is not None:
        if sections < 1:
            raise UsageError(f"{sections} sections were asked for; give 1 or more.")
        order = 2 * sections
    bands = None
    if shelves:
        if form != "eq" or order is None or order < 4:
            raise UsageError("--shelves are the ends of an equaliser; give --form eq --sections N.")
        bands = ["low_shelf", *["peak"] * (order // 2 - 2), "high_shelf"]
    read = fitting.read_target(
        target,
        input_path=input,
        sample_rate_hz=sample_rate,
        sound_as=sound_as,  # type: ignore[arg-type]  # checked above
        smoothing_octaves=smoothing_octaves,
    )
    found = fitting.fit(
        read,
        order,
        form=form,
        bands=bands,  # type: ignore[arg-type]  # likewise
        zeros=zeros,
        max_order=max_order,
        loss=loss,  # type: ignore[arg-type]  # checked by fit
        restarts=restarts,
        seed=seed,
    )
    if json:
        say_json(found.report.to_dict())
    elif output != PIPE:
        _print(found.report)
    told = f"{found.form.kind}, order {found.report.order}"
    write_filter(found.form, output, told)


def _check_options(context: typer.Context, cell: str | None) -> None:
    """UsageError for an option that would do nothing: a network's for a filter, or the reverse."""
    from rnnmusic.errors import UsageError

    for name in context.params:
        source = context.get_parameter_source(name)
        if name in COMMON_OPTIONS or source is None or source.name != "COMMANDLINE":
            continue
        option = {"sound_as": "--as"}.get(name, f"--{name.replace('_', '-')}")
        if cell is None and name in CELL_OPTIONS:
            raise UsageError(f"{option} is a network's; give --cell too, or leave it out.")
        if cell is not None and name not in CELL_OPTIONS:
            raise UsageError(f"{option} is of no use to a network; leave it or --cell out.")


def _print(report: Report) -> None:
    is_levels = report.score.rms_error_db is not None
    table = Table(box=None, pad_edge=False)
    table.add_column(f"order {report.order}", no_wrap=True)
    headings = [*_headings(report), "pole", "stable", "CPU s"]
    for heading in headings:
        table.add_column(heading, justify="right", no_wrap=True)
    proven = "float32" if report.certificate.is_stable else "not in float32"
    table.add_row(
        "this fit", *_figures(report.score, report), f"{report.pole_radius:.6f}", proven,
        f"{report.cpu_s:.3f}",
    )  # fmt: skip
    for baseline in report.baselines:
        stable = "failed" if baseline.problem else "yes" if baseline.is_stable else "no"
        figures = _figures(baseline.score, report)
        table.add_row(baseline.name, *figures, "", stable, f"{baseline.cpu_s:.3f}")
    say_table(table)
    if report.orders:
        unit = "dB" if is_levels else "of the output"
        errors = ", ".join(f"{order}: {error:.3g}" for order, error in report.orders.items())
        say(f"Held-out error ({unit}) by order: {errors}")
    if len(report.starts) > 1:
        unit = "largest error in dB" if report.target == "levels" else "error to signal"
        reached = ", ".join(f"{name} {error:.3g}" for name, error in report.starts.items())
        say(f"Reached by each start ({unit}): {reached}")
    for remark in report.notes:
        note(remark)
    if not report.certificate.is_stable:
        err.print(
            "Rounded to float32 this filter isn't proven stable: run it in float64.", markup=False
        )


def _headings(report: Report) -> list[str]:
    headings = []
    if report.score.rms_error_db is not None:
        headings += ["max dB", "rms dB"]
    if report.score.error_to_signal_db is not None:
        headings.append("error/signal dB")
    return headings


def _figures(score: Score, report: Report) -> list[str]:
    figures: list[float | None] = []
    if report.score.rms_error_db is not None:
        figures += [score.max_error_db, score.rms_error_db]
    if report.score.error_to_signal_db is not None:
        figures.append(score.error_to_signal_db)
    return ["-" if figure is None else f"{figure:.3g}" for figure in figures]
