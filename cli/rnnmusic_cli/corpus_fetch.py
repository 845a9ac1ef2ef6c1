"""`rnnmusic corpus list` and `corpus fetch`: the corpora people use, and getting them."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn
from rich.table import Table

from rnnmusic.errors import UsageError
from rnnmusic_cli.console import err, note, out, say, say_json

if TYPE_CHECKING:
    from rnnmusic.corpus.manifests import Manifest


def list_corpora(
    json: Annotated[
        bool, typer.Option("--json", help="Print JSON, with all that is known.")
    ] = False,
) -> None:
    """List the corpora that `corpus fetch` knows: how large, on what terms, how split."""
    from rnnmusic.corpus import manifests

    known = manifests.load_all()
    if json:
        say_json({name: asdict(manifest) for name, manifest in known.items()})
        return
    table = Table(box=None, pad_edge=False)
    table.add_column("name", no_wrap=True)
    for heading in ("pieces", "hours", "download"):
        table.add_column(heading, justify="right")
    for heading in ("licence", "split"):
        table.add_column(heading, no_wrap=True)
    table.add_column("corpus")
    for name, manifest in known.items():
        table.add_row(
            name,
            f"{manifest.pieces:,}" if manifest.pieces else "-",
            f"{manifest.hours:g}" if manifest.hours else "-",
            _size(manifest),
            manifest.licence.name,
            manifest.split,
            manifest.title,
        )
    out.print(table)


def fetch(
    name: Annotated[str, typer.Argument(help="A name that `corpus list` shows.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The folder to put it in.")],
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Accept the licence without being asked.")
    ] = False,
) -> None:
    """Download a corpus, check and unpack it; a download that broke off goes on.

    Shows the licence and asks for it to be accepted.
    """
    from rnnmusic.corpus import manifests
    from rnnmusic.corpus.fetch import fetch as fetch_corpus

    manifest = manifests.find(name)
    _describe(manifest)
    accepted = yes or manifest.archive is None or _asked(manifest)
    with _transferring() as progress:
        music = fetch_corpus(manifest, output, accepted_licence=accepted, progress=progress)
    note("To build a store from it:")
    words = shlex.split(manifest.build)
    say(shlex.join(word.replace("{folder}", str(music)) for word in words))


def _describe(manifest: Manifest) -> None:
    from rnnmusic.corpus.manifests import SPLITS

    licence = manifest.licence
    where = f" ({licence.url})" if licence.url else ""
    note(f"{manifest.title}: {manifest.what}")
    note(f"licence: {licence.name}{where}. {licence.allows}")
    note(f"download: {_size(manifest)}")
    note(f"split: {SPLITS[manifest.split]}")
    note(f"to cite: {manifest.citation}")
    if manifest.note:
        note(f"note: {manifest.note}")


def _asked(manifest: Manifest) -> bool:
    if not sys.stdin.isatty():
        raise UsageError(
            f"{manifest.title} is under the licence {manifest.licence.name}, and there is no "
            "terminal to ask whether you accept it; give --yes if you do."
        )
    if not typer.confirm("Accept the licence and download?", err=True):
        note("Nothing was downloaded.")
        raise typer.Exit(1)
    return True


def _size(manifest: Manifest) -> str:
    archive = manifest.archive
    if archive is None:
        return "by hand"
    size = archive.size_bytes or archive.about_bytes
    if size is None:
        return "unknown"
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.1f} MB"


@contextmanager
def _transferring() -> Iterator[Any]:
    """A progress bar of bytes; yields `tick(what, done, total)`. Silent when not on a terminal."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
    )
    with Progress(*columns, console=err, disable=not err.is_terminal, transient=True) as progress:
        tasks: dict[str, Any] = {}

        def tick(what: str, done: int, total: int | None) -> None:
            if what not in tasks:
                tasks[what] = progress.add_task(what, total=total)
            progress.update(tasks[what], completed=done, total=total)

        yield tick
