"""`rnnmusic filter export`: a filter for another program."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from rnnmusic_cli.console import note
from rnnmusic_cli.filter_files import PIPE, read_filter


def export(
    filter_file: Annotated[Path, typer.Argument(help="A filter; - for stdin.", metavar="F.json")],
    to: Annotated[
        str,
        typer.Option(
            help="python, numpy, json, csv, matlab, c, c-q31, faust, cmsis, webaudio or torch."
        ),
    ],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="A file; stdout by default.")
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="Of the functions and arrays; the file's by default.")
    ] = None,
) -> None:
    """Write a filter as code or data for another program, with its certificate as a comment."""
    from rnnmusic.filters import export as exports

    form = read_filter(filter_file)
    if output is None or output == PIPE:
        stem = "iir_filter" if filter_file == PIPE else filter_file.stem
        sys.stdout.write(exports.source(form, to, name or stem))
        return
    exports.export(form, to, output, name)
    note(f"{output}: written for {to}")
