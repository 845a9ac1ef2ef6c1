"""`rnnmusic filter show` and `rnnmusic filter compare`: what filters do, drawn and in numbers."""

from __future__ import annotations

import math
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from rnnmusic_cli.console import note, out, say, say_json, say_table
from rnnmusic_cli.dots import Canvas, chart
from rnnmusic_cli.filter_files import PIPE, read_curve, read_filter

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from rnnmusic.filters.forms import Form
    from rnnmusic.plots.filter_curves import Curves

PICTURE = "OUT.png, .svg or .pdf."
DRAWN_DB = 80.0  # below the highest magnitude, in the terminal
NARROWEST, WIDEST = 40, 120
SHOWN_POLES = 24
PLANE_ROWS = 15
DECADES = (1.0, 10.0, 100.0, 1e3, 1e4, 1e5)


def show(
    filter_file: Annotated[Path, typer.Argument(help="A filter; - for stdin.", metavar="F.json")],
    output: Annotated[Path | None, typer.Option("--output", "-o", help=PICTURE)] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Print a filter's curves, poles and stability, and draw all of it to a file if asked."""
    form = read_filter(filter_file)
    title = "filter" if filter_file == PIPE else filter_file.name
    if output is not None:
        from rnnmusic.plots import save
        from rnnmusic.plots.filters import plot_filter

        save(plot_filter(form, title=title), output)
        note(f"{output}: drawn")
    if json:
        say_json(_figures(form))
        return
    from rnnmusic.filters.export import facts
    from rnnmusic.plots.filter_curves import curves

    for line in facts(form, None, "float64", "float32"):
        say(line)
    width = min(max(out.width, NARROWEST), WIDEST)
    shown = curves(form, 4 * width)
    for line in (*_charts(shown, width), *_plane(shown)):
        say(line)
    _print_poles(form)


def compare(
    filter_files: Annotated[list[Path], typer.Argument(help="Filters.", metavar="A.json B.json")],
    target: Annotated[
        Path | None, typer.Option(help="A CSV file of frequencies in Hz and levels in dB.")
    ] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help=PICTURE)] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Compare magnitude responses: with the first filter, or with a target."""
    from rnnmusic.errors import UsageError
    from rnnmusic.plots.filter_curves import deviations

    if len(filter_files) < 2 and target is None:
        raise UsageError(
            f"Only {filter_files[0]} was given to compare; give another filter or --target."
        )
    forms = [read_filter(path) for path in filter_files]
    curve = None if target is None else read_curve(target)
    rows = deviations(forms, curve)
    names = [path.name for path in filter_files]
    if output is not None:
        from rnnmusic.plots import save
        from rnnmusic.plots.filters import plot_comparison

        save(plot_comparison(forms, names, target=curve), output)
        note(f"{output}: drawn")
    against = names[0] if target is None else target.name
    if json:
        found = [
            {"filter": str(path), "order": form.order, "max_db": row[0], "rms_db": row[1]}
            for path, form, row in zip(filter_files, forms, rows, strict=True)
        ]
        say_json({"against": against, "filters": found})
        return
    table = Table(box=None, pad_edge=False)
    table.add_column("filter", no_wrap=True)
    for heading in ("order", "max dB", "rms dB"):
        table.add_column(heading, justify="right", no_wrap=True)
    for name, form, (largest, rms) in zip(names, forms, rows, strict=True):
        table.add_row(name, str(form.order), f"{largest:.4g}", f"{rms:.4g}")
    say(f"difference from {against}, where that is above -100 dB of its peak")
    say_table(table)


def _charts(shown: Curves, width: int) -> list[str]:
    """Magnitude, phase, group delay, impulse and step response for the terminal."""
    import numpy as np

    frequency, unit = shown.frequency, shown.frequency_unit
    if shown.is_logarithmic:
        x = np.log(frequency / frequency[0]) / math.log(frequency[-1] / frequency[0])
        span = math.log(frequency[-1] / frequency[0])
        ticks = {
            math.log(f / frequency[0]) / span: f"{f:g}" if f < 1000 else f"{f / 1000:g}k"
            for f in DECADES
            if frequency[0] <= f <= frequency[-1]
        }
    else:
        x = frequency / frequency[-1]
        ticks = {0.0: "0", 0.5: "pi/2", 1.0: "pi"}
    time = np.linspace(0, 1, len(shown.time))
    end = float(shown.time[-1])
    times = {0.0: "0", 0.5: f"{end / 2:.4g}", 1.0: f"{end:.4g}"}
    over = f"over frequency ({unit})"
    delay = shown.delay[shown.magnitude_db > shown.magnitude_db.max() - 60]
    panels: list[tuple[str, NDArray[np.float64], NDArray[np.float64], Any, Any, int]] = [
        (f"magnitude (dB) {over}", x, shown.magnitude_db, ticks, shown.magnitude_db, 11),
        (f"phase (degrees) {over}", x, shown.phase_deg, ticks, shown.phase_deg, 7),
        (f"group delay ({shown.time_unit}) {over}", x, shown.delay, ticks, delay, 7),
        (f"impulse response over {shown.time_unit}", time, shown.impulse, times, shown.impulse, 7),
        (f"step response over {shown.time_unit}", time, shown.step, times, shown.step, 7),
    ]
    rows: list[str] = []
    for title, places, values, marks, seen, height in panels:
        limits = _limits(seen, DRAWN_DB if title.startswith("magnitude") else math.inf)
        rows.append("")
        rows += chart(
            title, places, list(values), limits=limits, ticks=marks, width=width, height=height
        )
    return rows


def _limits(values: NDArray[np.float64], most: float) -> tuple[float, float]:
    import numpy as np

    finite = values[np.isfinite(values)]
    if not finite.size:
        return 0.0, 1.0
    high = float(finite.max())
    return max(float(finite.min()), high - most), high


def _plane(shown: Curves) -> list[str]:
    """Poles (x) and zeros (o) about the unit circle."""
    import numpy as np

    reach = 1.2
    # A character is about twice as high as wide.
    canvas = Canvas(PLANE_ROWS * 2, PLANE_ROWS)
    turn = np.exp(2j * np.pi * np.arange(720) / 720)
    for place in turn:
        canvas.dot((place.real / reach + 1) / 2, (place.imag / reach + 1) / 2)
    for roots, letter in ((shown.zeros, "o"), (shown.poles, "x")):
        for place in roots:
            canvas.letter((place.real / reach + 1) / 2, (place.imag / reach + 1) / 2, letter)
    far = int((np.abs(np.concatenate([shown.zeros, shown.poles])) > reach).sum())
    outside = f", {far} far outside" if far else ""
    if shown.order > len(shown.poles):
        return ["", f"poles and zeros: {shown.order} poles, too many to draw"]
    counted = f"{len(shown.poles)} poles x, {len(shown.zeros)} zeros o{outside}"
    return ["", f"poles and zeros: {counted}", *(row.rstrip() for row in canvas.lines())]


def _print_poles(form: Form) -> None:
    """The poles of the upper half plane, the slowest first."""
    rows = _poles(form)
    if not rows:
        return
    say("")
    table = Table(box=None, pad_edge=False)
    hertz = form.sample_rate_hz is not None
    headings = ("pole", "radius", "frequency Hz" if hertz else "rad/sample", "Q")
    for heading in (*headings, "T60 s" if hertz else "T60 samples"):
        table.add_column(heading, justify="right", no_wrap=True)
    for row in rows[:SHOWN_POLES]:
        pole = f"{row['real']:.6f}" + (f" ± {row['imag']:.6f}j" if row["imag"] else "")
        frequency = row["frequency_hz"] if hertz else row["omega"]
        decay = row["t60_s"] if hertz else row["t60_samples"]
        table.add_row(
            pole,
            f"{row['radius']:.9f}",
            f"{frequency:.6g}",
            "-" if row["q"] is None else f"{row['q']:.4g}",
            "never" if decay is None else f"{decay:.4g}",
        )
    say_table(table)
    if len(rows) > SHOWN_POLES:
        say(f"... and {len(rows) - SHOWN_POLES} faster ones; --json has all.")


def _poles(form: Form) -> list[dict[str, Any]]:
    """Of each pole or pair its place, frequency, Q and decay by 60 dB; None for no end."""
    from rnnmusic.filters.analysis import modes
    from rnnmusic.plots.filter_curves import MOST_ROOTS

    if form.order > MOST_ROOTS:
        return []
    rows = []
    for mode in modes(form):
        decays = math.isfinite(mode.time_constant)
        samples = mode.decay_time if decays else None
        row: dict[str, Any] = {
            "real": mode.pole.real,
            "imag": mode.pole.imag,
            "radius": abs(mode.pole),
            "omega": mode.omega,
            "q": mode.q if decays else None,
            "t60_samples": samples,
        }
        if form.sample_rate_hz is not None:
            row["frequency_hz"] = mode.omega * form.sample_rate_hz / (2 * math.pi)
            row["t60_s"] = None if samples is None else samples / form.sample_rate_hz
        rows.append(row)
    return rows


def _figures(form: Form) -> dict[str, Any]:
    """What is known of a filter, for machines."""
    from rnnmusic.filters.analysis import certificate
    from rnnmusic.filters.forms import to_json
    from rnnmusic.plots.filter_curves import curves

    shown = curves(form, 256)
    return {
        **to_json(form),
        "order": form.order,
        "certificate": asdict(certificate(form)),
        "poles": _poles(form),
        "zeros": [[float(z.real), float(z.imag)] for z in shown.zeros],
        "frequency": shown.frequency.tolist(),
        "frequency_unit": shown.frequency_unit,
        "magnitude_db": shown.magnitude_db.tolist(),
    }
