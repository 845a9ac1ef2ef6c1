"""`rnnmusic filter design`: classical filters, and equalisers by their bands."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rnnmusic_cli.filter_files import write_filter

if TYPE_CHECKING:
    from rnnmusic.filters.forms import Band, Form

KINDS = ("butter", "cheby1", "cheby2", "ellip", "bessel", "peak", "notch", "eq")
RESONANT = ("peak", "notch")
SHAPES = ("lowpass", "highpass", "bandpass", "bandstop")


def design(
    kind: Annotated[str, typer.Argument(help=f"One of {', '.join(KINDS)}.", metavar="KIND")],
    sample_rate: Annotated[float, typer.Option(help="In Hz.")],
    order: Annotated[
        int | None, typer.Option(help="Poles; bandpass and bandstop have twice as many.")
    ] = None,
    cutoff: Annotated[
        list[float] | None,
        typer.Option(help="In Hz; bandpass and bandstop take two, peak and notch their centre."),
    ] = None,
    shape: Annotated[
        str | None, typer.Option(help=f"{', '.join(SHAPES)}; the first by default.")
    ] = None,
    ripple_db: Annotated[
        float | None, typer.Option(help="In the passband: cheby1 and ellip.")
    ] = None,
    attenuation_db: Annotated[
        float | None, typer.Option(help="In the stopband: cheby2 and ellip.")
    ] = None,
    q: Annotated[float | None, typer.Option(help="Centre over bandwidth: peak and notch.")] = None,
    band: Annotated[
        list[str] | None,
        typer.Option(
            help="eq: peak:HZ:DB[:Q], low-shelf:HZ:DB[:Q], high-shelf:HZ:DB[:Q], or low-pass, "
            "high-pass, band-pass, notch, all-pass with :HZ[:Q]. Again for the next band."
        ),
    ] = None,
    gain_db: Annotated[float | None, typer.Option(help="eq: of the whole.")] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="F.json; stdout by default.")
    ] = None,
) -> None:
    """Design a filter by its kind and knobs, and write it as JSON."""
    from rnnmusic.errors import UsageError
    from rnnmusic.filters import design as designs
    from rnnmusic.filters.forms import ParametricEq

    if kind not in KINDS:
        raise UsageError(f"{kind!r} is no kind of filter; choose one of {', '.join(KINDS)}.")
    _check_knobs(
        kind,
        {
            "--order": order,
            "--cutoff": cutoff or None,
            "--shape": shape,
            "--ripple-db": ripple_db,
            "--attenuation-db": attenuation_db,
            "--q": q,
            "--band": band or None,
            "--gain-db": gain_db,
        },
    )
    form: Form
    if kind == "eq":
        form = ParametricEq(tuple(map(_band, band or ())), sample_rate, gain_db or 0.0)
    elif kind in RESONANT:
        make = designs.iirpeak if kind == "peak" else designs.iirnotch
        form = make(_one(cutoff or []), q or 0.0, sample_rate)
    else:
        edges: Any = tuple(cutoff or ()) if len(cutoff or ()) > 1 else _one(cutoff or [])
        form = designs.iirfilter(
            kind,  # type: ignore[arg-type]  # checked there, like the shape
            order or 0,
            edges,
            sample_rate,
            shape or SHAPES[0],  # type: ignore[arg-type]
            ripple_db=ripple_db,
            attenuation_db=attenuation_db,
        )
    write_filter(form, output, f"{kind} of order {form.order} at {sample_rate:g} Hz")


def _check_knobs(kind: str, given: dict[str, object]) -> None:
    """UsageError for a knob that the kind lacks, or needs and wasn't given."""
    from rnnmusic.errors import UsageError

    needs = {"--band"} if kind == "eq" else {"--cutoff"}
    takes = {"--gain-db"} if kind == "eq" else set()
    if kind in RESONANT:
        needs |= {"--q"}
    elif kind != "eq":
        needs |= {"--order"}
        takes |= {"--shape"}
    if kind in ("cheby1", "ellip"):
        needs |= {"--ripple-db"}
    if kind in ("cheby2", "ellip"):
        needs |= {"--attenuation-db"}
    for name, value in given.items():
        if value is None and name in needs:
            raise UsageError(f"A filter of kind {kind} needs {name}; add it.")
        if value is not None and name not in needs | takes:
            raise UsageError(f"A filter of kind {kind} has no {name}; leave it out.")


def _band(text: str) -> Band:
    """A band written as type:hz:db:q."""
    from rnnmusic.errors import UsageError
    from rnnmusic.filters.forms import BAND_TYPES, Band

    name, *numbers = text.split(":")
    type_name = name.replace("-", "_")
    has_gain = type_name in ("peak", "low_shelf", "high_shelf")
    most = 3 if has_gain else 2
    least = 2 if has_gain else 1
    wanted = f"{name}:HZ:DB or {name}:HZ:DB:Q" if has_gain else f"{name}:HZ or {name}:HZ:Q"
    if type_name not in BAND_TYPES:
        raise UsageError(
            f"--band {text} has the type {name!r}; use one of "
            f"{', '.join(known.replace('_', '-') for known in BAND_TYPES)}."
        )
    try:
        values = [float(number) for number in numbers]
    except ValueError:
        values = []
    if not least <= len(values) <= most:
        raise UsageError(f"--band {text} can't be read; write {wanted}.")
    fields = dict(
        zip(("cutoff_hz", "gain_db", "q") if has_gain else ("cutoff_hz", "q"), values, strict=False)
    )
    return Band(type_name, **fields)  # type: ignore[arg-type]  # checked above


def _one(cutoff: list[float]) -> float:
    """The only cutoff; UsageError for several."""
    from rnnmusic.errors import UsageError

    if len(cutoff) != 1:
        raise UsageError(f"{len(cutoff)} cutoffs were given; give one.")
    return cutoff[0]
