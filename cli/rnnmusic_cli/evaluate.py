"""`rnnmusic evaluate`: likelihood of a corpus under a checkpoint, in every common convention."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from rnnmusic_cli.console import out, say, say_json

if TYPE_CHECKING:
    from rnnmusic.encodings import Encoding


def evaluate(
    checkpoint: Annotated[str, typer.Argument(help="A checkpoint, a run, or a shipped model.")],
    corpus: Annotated[
        Path,
        typer.Argument(help="A store of `corpus build`, or a benchmark .npz.", metavar="STORE"),
    ],
    split: Annotated[
        list[str] | None, typer.Option(help="train, valid or test; may be repeated.")
    ] = None,
    particles: Annotated[
        int, typer.Option(min=1, help="Of a model with latent variables; more are closer.")
    ] = 1,
    bound: Annotated[
        str, typer.Option(help="elbo, iwae or fivo; of one particle elbo, of more fivo.")
    ] = "",
    seed: Annotated[int, typer.Option(help="What latent variables are drawn by.")] = 0,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    threads: Annotated[int, typer.Option(min=1, help="torch threads.")] = 1,
) -> None:
    """Print the negative log-likelihood in nats per step: frame of a roll or of sound, or note.

    Pooled: all steps of all sequences together. Per sequence: the mean of the sequences' means.
    A model with latent variables has an upper bound of it.
    """
    import torch

    from rnnmusic import checkpoint as checkpoints
    from rnnmusic.corpus import Corpus
    from rnnmusic.errors import InputError, UsageError
    from rnnmusic.recurrent.belief.bounds import Bound
    from rnnmusic.training.evaluation import evaluate as likelihood

    torch.set_num_threads(threads)
    opened = Corpus.open(corpus)
    generator = checkpoints.load(checkpoint).generator
    if not _is_one_language(generator.encoding, opened.encoding):
        raise InputError(
            f"{checkpoint} speaks {_described(generator.encoding)}, but {corpus} holds "
            f"{_described(opened.encoding)}; build the corpus with the checkpoint's encoding."
        )
    names = split or ["train", "valid", "test"]
    unknown = [name for name in names if name not in opened.splits]
    if unknown:
        raise UsageError(f"There is no split {unknown[0]!r}; choose train, valid or test.")
    chosen = Bound(bound or ("elbo" if particles == 1 else "fivo"), particles)
    if (bound or particles > 1) and not generator.recurrent.is_bound:
        raise UsageError(
            f"{checkpoint} has no latent variables, its likelihood is {generator.likelihood}; "
            "leave --particles and --bound out."
        )
    figures = {
        name: asdict(likelihood(generator, opened.splits[name], bound=chosen, seed=seed))
        for name in names
        if split or len(opened.splits[name])
    }
    if json:
        say_json(figures)
    else:
        _print(figures)


def _is_one_language(one: Encoding, other: Encoding) -> bool:
    """Whether steps of one encoding are steps of the other: a roll's time unit may differ."""
    from rnnmusic.encodings.protocol import AudioEncoding

    if isinstance(one, AudioEncoding):
        return one == other
    return one.sizes == other.sizes


def _print(figures: dict[str, dict[str, Any]]) -> None:
    likelihood = next(iter(figures.values()))
    kind = likelihood["kind"]
    if likelihood["bound"]:
        kind += f" by {likelihood['bound']}"
    if likelihood["is_density"]:
        kind += " density in the encoding's units, so below 0 too"
    say(f"Negative log-likelihood in nats per step ({kind}; lower is better)")
    table = Table(box=None, pad_edge=False)
    table.add_column("split")
    columns = ("sequences", "steps", "pooled", "per sequence", "pooled*", "per sequence*")
    for heading in columns:
        table.add_column(heading, justify="right", no_wrap=True)
    for name, row in figures.items():
        values = [row["pooled"], row["per_sequence"]]
        values += [row["pooled_without_step_0"], row["per_sequence_without_step_0"]]
        table.add_row(name, str(row["sequences"]), str(row["steps"]), *map(_nats, values))
    out.print(table)
    say("* without each sequence's first step")


def _nats(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


def _described(encoding: Encoding) -> str:
    config = encoding.to_config()
    settings = ", ".join(f"{key} {value}" for key, value in config.items() if key != "name")
    return f"{config['name']} ({settings})"
