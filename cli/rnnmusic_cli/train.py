"""`rnnmusic train`: a corpus in, a run folder with the best checkpoint out."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rnnmusic_cli.console import note, say
from rnnmusic_cli.training_view import TrainingView

if TYPE_CHECKING:
    from rnnmusic.training.loop import Result
    from rnnmusic.training.recipe import Recipe


def train(
    corpus: Annotated[
        Path,
        typer.Argument(help="A store of `corpus build`, or a benchmark .npz.", metavar="STORE"),
    ],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Run folder to make. Default: runs/NAME.")
    ] = None,
    recipe: Annotated[
        Path | None, typer.Option(help="A recipe.toml; the flags below override it.")
    ] = None,
    model: Annotated[str | None, typer.Option(help="A flavour of `rnnmusic models list`.")] = None,
    option: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY=VALUE", help="A flavour's own option: `models list NAME`."),
    ] = None,
    size: Annotated[int | None, typer.Option(min=1, help="Units per layer.")] = None,
    layers: Annotated[int | None, typer.Option(min=1, help="Recurrent layers.")] = None,
    dropout: Annotated[float | None, typer.Option(min=0, max=0.95)] = None,
    head: Annotated[
        str | None,
        typer.Option(
            help="nade, bernoulli, rbm, or for one recurrence over all pitches tied or pitch-axis "
            "for rolls, categorical for events, gaussian-mixture for sound; else the first that "
            "fits."
        ),
    ] = None,
    batch_size: Annotated[int | None, typer.Option(min=1, help="Pieces per step.")] = None,
    chunk_length: Annotated[
        int | None,
        typer.Option(min=0, help="Truncated BPTT with carried state; 0: whole pieces."),
    ] = None,
    transpose: Annotated[
        int | None, typer.Option(min=0, max=24, help="Augment by up to so many semitones.")
    ] = None,
    learning_rate: Annotated[float | None, typer.Option()] = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="At most so many epochs.")] = None,
    minutes: Annotated[
        float | None, typer.Option(min=0, help="At most so long; 0: no limit.")
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0)] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the run in the output folder.")
    ] = False,
    accelerator: Annotated[str, typer.Option(help="cpu, cuda, mps or auto.")] = "cpu",
    devices: Annotated[int, typer.Option(min=1, help="Processes (CPU) or GPUs.")] = 1,
    strategy: Annotated[str, typer.Option(help="auto, ddp or fsdp.")] = "auto",
    nodes: Annotated[int, typer.Option(min=1, help="Machines, under torchrun or SLURM.")] = 1,
    precision: Annotated[str | None, typer.Option(help="32-true, bf16-mixed, 64-true...")] = None,
    threads: Annotated[int, typer.Option(min=1, help="torch threads per process.")] = 1,
    tensorboard: Annotated[
        bool, typer.Option("--tensorboard", help="Also log for TensorBoard (an extra).")
    ] = False,
) -> None:
    """Train a generator on a corpus and keep the best checkpoint.

    The run folder holds best/ (the checkpoint to generate from), last/ (to resume from),
    recipe.toml and log.csv. Ctrl-C stops after the current step, saved, for --resume.
    """
    from rnnmusic.training.hardware import Hardware

    chosen = _recipe(
        recipe,
        output / "recipe.toml" if resume and output is not None else None,
        model={
            "name": model,
            "size": size,
            "layers": layers,
            "dropout": dropout,
            "options": _options(option) if option else None,
        },
        head={"name": head},
        data={"batch_size": batch_size, "chunk_length": chunk_length, "transpose": transpose},
        training={
            "learning_rate": learning_rate,
            "max_epochs": epochs,
            "max_minutes": minutes,
            "seed": seed,
            "precision": precision,
        },
    )
    if output is None:
        output = Path("runs") / f"{corpus.stem or 'corpus'}-{chosen.model.name}"
    hardware = Hardware(accelerator, devices, strategy, nodes, threads)
    run_training(corpus, chosen, output, resume=resume, hardware=hardware, tensorboard=tensorboard)


def run_training(corpus_path: Path, recipe: Recipe, output: Path, **options: Any) -> Result:
    """Train with a progress view; exits with 130 or 143 when a signal stopped it."""
    from rnnmusic.corpus import Corpus
    from rnnmusic.live.signals import stop_on_signals
    from rnnmusic.training.loop import train as train_loop

    corpus = Corpus.open(corpus_path)
    if not len(corpus.splits["valid"]):
        note("The corpus has no validation pieces: progress is measured on the training pieces.")
    with stop_on_signals() as stop, TrainingView() as view:
        result = train_loop(
            corpus, recipe, output, observer=view, should_stop=stop.is_set, **options
        )
    if result.best_nll is not None and result.rank == 0:
        say(
            f"Best checkpoint: {result.best} (validation {result.best_nll:.4f} nats per step, "
            f"pooled, at step {result.best_step} of {result.steps}; ended by {result.reason})"
        )
    if stop.exit_code:
        note(f"Stopped; go on with: rnnmusic train {corpus_path} -o {output} --resume")
        raise typer.Exit(stop.exit_code)
    return result


def _options(given: list[str]) -> dict[str, Any]:
    """Settings written as KEY=VALUE; values as in TOML, words without quotes."""
    from rnnmusic.errors import UsageError

    options: dict[str, Any] = {}
    for setting in given:
        key, equals, value = setting.partition("=")
        if not key or not equals:
            raise UsageError(f"--option is {setting!r}; give KEY=VALUE, such as modes=64.")
        try:
            options[key] = tomllib.loads(f"value = {value}")["value"]
        except tomllib.TOMLDecodeError:
            options[key] = value
    return options


def _recipe(path: Path | None, earlier: Path | None, **tables: dict[str, Any]) -> Recipe:
    """Flags over the recipe file, over the resumed run's recipe, over the defaults."""
    from rnnmusic.training.recipe import Recipe

    base = path or earlier
    recipe = Recipe.load(base) if base is not None and (path or base.exists()) else Recipe()
    given = {
        name: {key: value for key, value in table.items() if value is not None}
        for name, table in tables.items()
    }
    return recipe.with_overrides(**given)
