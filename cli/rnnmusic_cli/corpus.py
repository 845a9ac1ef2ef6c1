"""`rnnmusic corpus`: build a store from music, and look into it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from rnnmusic_cli.console import counting, duration, note, out, say, say_json

if TYPE_CHECKING:
    from rnnmusic.corpus import BuildReport
    from rnnmusic.encodings.protocol import Encoding

app = typer.Typer(help="Build corpora from music and look into them.", no_args_is_help=True)

SHOWN = 20  # verdicts on the screen; all of them are in verdicts.jsonl


@app.command("build")
def build(
    sources: Annotated[
        list[str],
        typer.Argument(help="Files, folders, or music21:bach.", metavar="SOURCE..."),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="The store to write.")],
    encoding: Annotated[str, typer.Option(help="piano-roll or note-events.")] = "piano-roll",
    steps_per_quarter: Annotated[
        int | None, typer.Option(min=1, max=96, help="Grid; the encoding's own by default.")
    ] = None,
    articulation: Annotated[
        bool, typer.Option(help="Rolls: tell struck notes from held ones.")
    ] = True,
    metrical: Annotated[bool, typer.Option(help="Rolls: let the model know the beat.")] = True,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes; one per core by default.")
    ] = None,
) -> None:
    """Encode music into a memory-mapped store, split by piece into train, valid and test."""
    from rnnmusic import encodings

    config: dict[str, object] = {"name": encoding}
    if steps_per_quarter is not None:
        config["steps_per_quarter"] = steps_per_quarter
    if encoding == encodings.PianoRoll.name:
        config |= {"articulation": articulation, "metrical": metrical}
    build_store(list(sources), output, encodings.from_config(config), workers=workers)


def build_store(
    sources: list[str], output: Path, encoding: Encoding, *, workers: int | None = None
) -> BuildReport:
    """Build with a progress bar and say what became of every source."""
    from rnnmusic.corpus import build as build_corpus

    with counting("reading") as tick:
        report = build_corpus(sources, output, encoding, progress=tick, workers=workers)
    others = [verdict for verdict in report.verdicts if verdict.verdict != "kept"]
    for verdict in others[:SHOWN]:
        note(f"{verdict.verdict}: {verdict.source}: {verdict.reason}")
    if len(others) > SHOWN:
        note(f"... and {len(others) - SHOWN} more in {output / 'verdicts.jsonl'}")
    for reason, count in report.left_out.items():
        note(f"left out of kept pieces: {count} {reason}")
    counts = ", ".join(f"{count} {kind}" for kind, count in report.counts.items() if count)
    splits = ", ".join(f"{split} {count}" for split, count in report.splits.items())
    say(f"{output}: {counts} ({splits})")
    return report


@app.command("show")
def show(
    store: Annotated[Path, typer.Argument(help="A store, or a benchmark .npz.")],
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Print what is in a corpus and what isn't, with reasons."""
    from rnnmusic.corpus import Corpus, summarize

    summary = summarize(Corpus.open(store))
    if json:
        say_json(summary.to_dict())
        return
    settings = ", ".join(f"{k} {v}" for k, v in summary.encoding.items() if k != "name")
    say(f"{summary.path}: {summary.encoding['name']} ({settings})")
    table = Table(box=None, pad_edge=False)
    table.add_column("split")
    for heading in ("pieces", "steps", "notes", "time", "pitches"):
        table.add_column(heading, justify="right")
    for name, split in summary.splits.items():
        table.add_row(
            name,
            str(split.pieces),
            str(split.steps),
            str(split.notes),
            "-" if split.duration_s is None else duration(split.duration_s),
            "-" if split.lowest_pitch is None else f"{split.lowest_pitch}-{split.highest_pitch}",
        )
    out.print(table)
    for licence, pieces in summary.licences.items():
        say(f"licence of {pieces} pieces: {licence}")
    for reason, notes in summary.left_out.items():
        say(f"left out: {notes} {reason}")
    for verdict in summary.not_kept:
        say(f"{verdict.verdict}: {verdict.source}: {verdict.reason}")
