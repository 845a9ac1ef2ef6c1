"""`rnnmusic inspect`: which filter a network is while it plays."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from rnnmusic_cli.console import note, say, say_json, say_table
from rnnmusic_cli.inspect_cells import print_cells

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from rnnmusic.encodings.protocol import Steps
    from rnnmusic.generator import Generator
    from rnnmusic.inspection import LayerView

SEED = 0
MOST_FILTERS = 4  # of a layer whose outputs are filters of their own


def inspect(
    checkpoint: Annotated[str, typer.Argument(help="A checkpoint, a run, or a shipped model.")],
    piece: Annotated[
        Path | None,
        typer.Option(help="A MIDI file or recording to play; else the model's own music."),
    ] = None,
    steps: Annotated[int, typer.Option(min=2, max=100_000, help="Steps of it to play.")] = 256,
    moments: Annotated[int, typer.Option(min=1, max=1000, help="Places to look at.")] = 16,
    horizon: Annotated[
        int, typer.Option(min=1, max=100_000, help="Steps to follow what is remembered.")
    ] = 128,
    plot: Annotated[
        Path | None, typer.Option(help="Picture of the filters: .png, .svg or .pdf.")
    ] = None,
    cells: Annotated[
        Path | None,
        typer.Option(help="Picture of the cells over the piano-roll: .png, .svg or .pdf."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show what a network does with a piece: as a filter, and cell by cell.

    As a filter: poles, time constants, memory and gain of every layer. A linear layer is one filter
    whatever it plays. A nonlinear one (GRU, LSTM, ...) is another at every step: its Jacobians
    along the piece are shown. A mode of radius 1 or more grows for now. Cell by cell: which units
    follow beat, bar, pitch and phrases, how far gates stand open, and how far back gradients reach.
    """
    import torch

    from rnnmusic import checkpoint as checkpoints
    from rnnmusic.inspection import inspect as inspect_layers
    from rnnmusic.inspection import look
    from rnnmusic.plots.music import check_extension, save

    for picture in (plot, cells):
        if picture is not None:
            check_extension(picture)
    torch.set_num_threads(1)
    generator = checkpoints.load(checkpoint).generator
    played, clock = _steps(generator, piece, steps)
    note(f"Following {len(played)} steps through {generator.parameter_count:,} parameters")
    views = inspect_layers(generator, played, clock, moments=moments, horizon=horizon)
    found = look(generator, played, clock, horizon=min(horizon, 64))
    title = f"{Path(checkpoint).name} playing {'its own music' if piece is None else piece.name}"
    if plot is not None:
        from rnnmusic.plots.inspection import plot_inspection

        save(plot_inspection(views, title=title), plot)
        note(f"Wrote {plot}")
    if cells is not None:
        from rnnmusic.plots.cells import plot_cells

        save(plot_cells(found, played, title=title), cells)
        note(f"Wrote {cells}")
    if json:
        pairs = zip(views, found.layers, strict=True)
        say_json([{**view.to_dict(), "cells": layer.to_dict()} for view, layer in pairs])
    else:
        _print(views)
        print_cells(found.layers)


def _steps(
    generator: Generator, piece: Path | None, count: int
) -> tuple[Steps, NDArray[np.uint8] | None]:
    """What to play: the beginning of a file, or what the generator makes up."""
    import numpy as np

    from rnnmusic.encodings.protocol import AudioEncoding
    from rnnmusic.sampling.sampler import Sampler

    encoding = generator.encoding
    if piece is None:
        sampler = Sampler(generator, seed=SEED)
        return np.stack([sampler.next() for _ in range(count)]), None
    if isinstance(encoding, AudioEncoding):
        from rnnmusic.audio import Audio

        return encoding.encode(Audio.load(piece)).steps[:count], None
    from rnnmusic import midi
    from rnnmusic.sampling.kinds import score_encoding

    score, repairs = midi.load(piece)
    for repair in repairs:
        note(f"repaired in {piece}: {repair}")
    encoded = score_encoding(encoding).encode(score)
    return encoded.steps[:count], encoded.clock[:count]


def _print(views: list[LayerView]) -> None:
    import numpy as np

    from rnnmusic.inspection import time_constants

    table = Table(box=None, pad_edge=False)
    table.add_column("layer", no_wrap=True)
    headings = ("units", "state", "radius", "longest", "median", "memory", "gain dB")
    for heading in headings:
        table.add_column(heading, justify="right", no_wrap=True)
    for view in views:
        constants = time_constants(view.eigenvalues)
        radii = view.radii
        remembered = view.memory.steps
        table.add_row(
            view.name,
            f"{view.output_size}",
            f"{view.eigenvalues.shape[1]}",
            f"{radii.min():.4f}" if view.is_linear else f"{radii.min():.3f} to {radii.max():.3f}",
            _steps_text(float(np.median(constants.max(axis=1)))),
            _steps_text(float(np.median(constants))),
            f"{remembered}" if remembered is not None else f"> {len(view.memory.decay) - 1}",
            f"{view.gain_db[:, 0].mean():.1f} to {view.gain_db[:, -1].mean():.1f}",
        )
    say_table(table)
    say("radius: the largest eigenvalue's; longest, median: time constants in steps; memory: steps")
    say("until 1/e of a small change is left; gain: at 0 and at half a cycle per step, on average")
    for view in views:
        for form, zeros in zip(view.forms[:MOST_FILTERS], view.zeros, strict=False):
            told = "" if zeros is None else f", {len(zeros)} zeros"
            _print_roots(f"{view.name}: the slowest of {form.order} poles{told}", form.poles())
            if zeros is not None and len(zeros):
                _print_roots("zeros nearest to the unit circle", zeros, by_circle=True)
        if len(view.forms) > MOST_FILTERS:
            say(f"... and {len(view.forms) - MOST_FILTERS} more filters: --json has them all")


def _print_roots(heading: str, roots: NDArray[np.complex128], *, by_circle: bool = False) -> None:
    """The slowest poles, or the zeros that are heard most."""
    import numpy as np

    from rnnmusic.inspection import time_constants

    upper = roots[roots.imag >= 0]
    rank = np.abs(np.abs(upper) - 1) if by_circle else -np.abs(upper)
    slowest = upper[np.argsort(rank)][:8]
    say(f"\n{heading}")
    table = Table(box=None, pad_edge=False)
    for column in ("radius", "cycles per step", *(() if by_circle else ("time constant",))):
        table.add_column(column, justify="right", no_wrap=True)
    for root, constant in zip(slowest, time_constants(slowest), strict=True):
        cycles = abs(float(np.angle(root))) / (2 * np.pi)
        row = [f"{abs(root):.6f}", f"{cycles:.4f}"]
        table.add_row(*row, *([] if by_circle else [_steps_text(float(constant))]))
    say_table(table)


def _steps_text(steps: float) -> str:
    return "never" if steps == float("inf") else f"{steps:.3g}"
