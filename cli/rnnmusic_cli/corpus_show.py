"""`rnnmusic corpus show` and `rnnmusic corpus listen`: what a corpus looks and sounds like."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from rnnmusic_cli.console import duration, out, say, say_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rnnmusic.corpus import SplitSummary, Summary
    from rnnmusic.corpus.records import Verdict
    from rnnmusic.score import Score

SHOWN = 20  # verdicts of a kind on the screen; all of them are in verdicts.jsonl
TEMPOS_BPM = (10.0, 1000.0)  # played; what a file says beyond is no tempo
UNKNOWN_TEMPO_BPM = 120.0


def show(
    store: Annotated[Path, typer.Argument(help="A store, or a benchmark .npz.")],
    picture: Annotated[
        Path | None,
        typer.Argument(help="With --plot: .png, .svg or .pdf.", metavar="[OUT.png]"),
    ] = None,
    plot: Annotated[
        bool, typer.Option("--plot", help="Draw the histograms on a page, STORE.png by default.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    split: Annotated[
        str | None, typer.Option(help="Histograms of train, valid or test alone.")
    ] = None,
    sample: Annotated[
        int, typer.Option(min=1, help="Pieces to read for the histograms, evenly chosen.")
    ] = 1000,
) -> None:
    """Print what is in a corpus and what isn't, with reasons, and histograms of its music."""
    from rnnmusic.corpus import Corpus, summarize
    from rnnmusic.corpus.statistics import statistics
    from rnnmusic.errors import UsageError

    if picture is not None and not plot:
        raise UsageError(f"{picture} was given without --plot; add it to have a page drawn there.")
    corpus = Corpus.open(store)
    summary = summarize(corpus)
    figures = statistics(corpus, split=split, most_pieces=sample)
    if plot:
        from rnnmusic.plots import save
        from rnnmusic.plots.corpus import plot_statistics

        picture = picture or Path(f"{corpus.name}.png")
        save(plot_statistics(figures), picture)
    if json:
        say_json({**summary.to_dict(), "statistics": figures.to_dict()})
        return
    _tell(summary)
    for line in figures.lines():
        say(line)
    if picture is not None:
        say(f"{picture}: histograms drawn")


def split_table(summary: Summary) -> Table:
    """What of a corpus is in which split, as a table for the terminal."""
    table = Table(box=None, pad_edge=False)
    table.add_column("split")
    for heading in ("pieces", "groups", "steps", "notes", "time", "pitches"):
        table.add_column(heading, justify="right")
    for name, split in summary.splits.items():
        table.add_row(name, *_cells(split))
    return table


def _cells(split: SplitSummary) -> list[str]:
    return [
        str(split.pieces),
        "-" if split.groups is None else str(split.groups),
        str(split.steps),
        "-" if split.notes is None else str(split.notes),
        "-" if split.duration_s is None else duration(split.duration_s),
        "-" if split.lowest_pitch is None else f"{split.lowest_pitch}-{split.highest_pitch}",
    ]


def _tell(summary: Summary) -> None:
    settings = ", ".join(f"{k} {v}" for k, v in summary.encoding.items() if k != "name")
    say(f"{summary.path}: {summary.encoding['name']} ({settings})")
    out.print(split_table(summary))
    for licence, pieces in summary.licences.items():
        say(f"licence of {pieces} pieces: {licence}")
    if summary.verdicts:
        say("inputs: " + ", ".join(f"{n} {kind}" for kind, n in summary.verdicts.items()))
    for reason, notes in summary.left_out.items():
        say(f"left out: {notes} {reason}")
    _tell_verdicts([(v, "; ".join(v.repairs)) for v in summary.repaired])
    for kind in dict.fromkeys(v.verdict for v in summary.not_kept):
        _tell_verdicts([(v, v.reason) for v in summary.not_kept if v.verdict == kind])


def _tell_verdicts(verdicts: Sequence[tuple[Verdict, str]]) -> None:
    """Verdicts of one kind, each with what is said of it."""
    for verdict, reason in verdicts[:SHOWN]:
        say(f"{verdict.verdict}: {verdict.source}: {reason}")
    if len(verdicts) > SHOWN:
        more, kind = len(verdicts) - SHOWN, verdicts[0][0].verdict
        say(f"... and {more} more {kind}; verdicts.jsonl in the store has all.")


def listen(
    store: Annotated[Path, typer.Argument(help="A store, or a benchmark .npz.")],
    piece: Annotated[
        str, typer.Argument(help="The piece's number, from 1 on, or its name.", metavar="N")
    ],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="OUT.wav, .flac, .ogg or .mp3; NAME.wav by default."),
    ] = None,
    split: Annotated[
        str | None, typer.Option(help="Count within train, valid or test alone.")
    ] = None,
) -> None:
    """Make a piece audible as the corpus has it: as models will hear it, not as its file was."""
    from rnnmusic.audio import gain_to_db
    from rnnmusic.corpus import Corpus
    from rnnmusic.corpus.lookup import find
    from rnnmusic.encodings.protocol import AudioEncoding, ScoreEncoding
    from rnnmusic.errors import InputError

    corpus = Corpus.open(store)
    place = find(corpus, piece, split=split)
    found = place.piece(corpus)
    encoding = corpus.encoding
    if isinstance(encoding, AudioEncoding):
        audio = encoding.decode(found.steps)
        told = f"{len(found.steps)} steps"
    elif isinstance(encoding, ScoreEncoding):
        from rnnmusic.synthesis import render

        score = encoding.decode(found.steps, tempo_bpm=_playable(place.tempo_bpm))
        audio, told = render(score), _described(score, place.tempo_bpm)
    else:
        raise InputError(f"Steps of the {encoding.name} encoding can't be made audible.")
    target = Path(f"{_file_name(found.name)}.wav") if output is None else output
    audio.save(target)
    say(
        f"{target}: {found.name} ({place.split}), {told}, {duration(audio.duration_s)}, "
        f"peak {float(gain_to_db(audio.peak)):.1f} dBFS"
    )


def _playable(tempo_bpm: float) -> float:
    lowest, highest = TEMPOS_BPM
    return tempo_bpm if lowest <= tempo_bpm <= highest else UNKNOWN_TEMPO_BPM


def _described(score: Score, tempo_bpm: float) -> str:
    known = "a tempo it doesn't know, taken for " if math.isnan(tempo_bpm) else ""
    return f"{score.note_count} notes at {known}{_playable(tempo_bpm):.0f} bpm"


def _file_name(name: str) -> str:
    """The last part of a piece's name without its extension: "a/b.abc#2" is "b#2"."""
    return re.sub(r"\.[A-Za-z]\w*(?=(#\d+)?$)", "", Path(name).name) or "piece"
