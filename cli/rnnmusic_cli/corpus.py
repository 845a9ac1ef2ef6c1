"""`rnnmusic corpus`: build stores of music, look into them, fetch what others have collected."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from rnnmusic_cli import corpus_fetch, corpus_show
from rnnmusic_cli.console import counting, note, out, say, say_json

if TYPE_CHECKING:
    from rnnmusic.corpus import BuildReport
    from rnnmusic.encodings.protocol import Encoding

app = typer.Typer(help="Build corpora from music and look into them.", no_args_is_help=True)
app.command("show")(corpus_show.show)
app.command("listen")(corpus_show.listen)
app.command("list")(corpus_fetch.list_corpora)
app.command("fetch")(corpus_fetch.fetch)

SHOWN = 20  # verdicts on the screen; all of them are in verdicts.jsonl
REASON_CHARACTERS = 200


@app.command("build")
def build(
    sources: Annotated[
        list[str],
        typer.Argument(help="Files, folders, or music21:bach.", metavar="SOURCE..."),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="The store to write.")],
    encoding: Annotated[
        str,
        typer.Option(
            help="Of MIDI and notation: piano-roll, note-events. "
            "Of sound files: log-mel, stft, waveform, chroma, cqt."
        ),
    ] = "piano-roll",
    steps_per_quarter: Annotated[
        int | None, typer.Option(min=1, max=96, help="Grid; the encoding's own by default.")
    ] = None,
    articulation: Annotated[
        bool | None,
        typer.Option(
            "--articulation/--no-articulation", help="Rolls: tell struck notes from held ones."
        ),
    ] = None,
    metrical: Annotated[
        bool | None,
        typer.Option("--metrical/--no-metrical", help="Rolls: let the model know the beat."),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", help="Any setting of the encoding, as mels=40.", metavar="KEY=VALUE"),
    ] = None,
    group_by: Annotated[
        str | None,
        typer.Option(help="folder or composer: what has it in common shares a split."),
    ] = None,
    split_file: Annotated[
        Path | None,
        typer.Option("--splits", help="A csv that says each file's split, MAESTRO's for one."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the split.")] = 0,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Files read at once; one per core by default.")
    ] = None,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Read files again that haven't changed.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Encode music into a memory-mapped store, split by piece into train, valid and test.

    What became of every file is told in STORE/verdicts.jsonl: kept, repaired, rejected,
    duplicate or ignored. An earlier store is brought up to date.
    """
    from rnnmusic import encodings

    config: dict[str, Any] = {"name": encoding, **dict(map(_setting, settings or []))}
    flags = {
        "steps_per_quarter": steps_per_quarter,
        "articulation": articulation,
        "metrical": metrical,
    }
    config |= {key: value for key, value in flags.items() if value is not None}
    report = build_store(
        list(sources),
        output,
        encodings.from_config(config),
        quiet=as_json,
        group_by=group_by,
        split_file=split_file,
        seed=seed,
        workers=workers,
        fresh=fresh,
    )
    if as_json:
        figures = {"counts": report.counts, "splits": report.splits, "groups": report.groups}
        say_json({"store": str(output), **figures, "left_out": report.left_out})


def build_store(
    sources: list[str], output: Path, encoding: Encoding, *, quiet: bool = False, **options: Any
) -> BuildReport:
    """Build with a progress bar and say what became of every source."""
    from rnnmusic.corpus import build as build_corpus

    with counting("reading") as tick:
        report = build_corpus(sources, output, encoding, progress=tick, **options)
    if not quiet:
        _tell(report, output)
    return report


def _tell(report: BuildReport, output: Path) -> None:
    from rnnmusic.corpus import Corpus, summarize
    from rnnmusic.corpus.store import read_verdicts

    if not report.read:
        note(f"Nothing has changed since {output} was built.")
    told = 0
    examples: dict[str, str] = {}
    for verdict in read_verdicts(output):
        examples.setdefault(verdict.verdict, Path(verdict.source).name)
        if verdict.verdict != "kept":
            told += 1
            if told <= SHOWN:
                note(f"{verdict.verdict}: {verdict.source}: {_shortened(verdict.reason)}")
    if told > SHOWN:
        note(f"... and {told - SHOWN} more in {output / 'verdicts.jsonl'}")
    for reason, count in report.left_out.items():
        note(f"left out of the pieces: {count} {reason}")
    if report.leaking:
        note(f"The split file holds out {report.leaking} pieces that it also trains on:")
    for leak in report.leaks[:SHOWN]:
        note(f"  {leak}")
    table = Table(box=None, pad_edge=False)
    table.add_column("verdict")
    table.add_column("files", justify="right")
    table.add_column("for instance")
    for kind, count in report.counts.items():
        if count:
            table.add_row(kind, str(count), escape(examples[kind]))
    out.print(table)
    out.print(corpus_show.split_table(summarize(Corpus.open(output))))
    counts = ", ".join(f"{count} {kind}" for kind, count in report.counts.items() if count)
    splits = ", ".join(f"{split} {count}" for split, count in report.splits.items())
    say(f"{output}: {counts} ({splits})")


def _shortened(text: str) -> str:
    return text if len(text) <= REASON_CHARACTERS else f"{text[: REASON_CHARACTERS - 3]}..."


def _setting(text: str) -> tuple[str, Any]:
    """A KEY=VALUE; what isn't JSON is text."""
    from rnnmusic.errors import UsageError

    key, equals, value = text.partition("=")
    if not key or not equals:
        raise UsageError(f"--set was given {text!r}; it takes a setting and its value, as mels=40.")
    try:
        return key, json.loads(value)
    except ValueError:
        return key, value
