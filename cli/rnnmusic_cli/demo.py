"""`rnnmusic demo`: from Bach's chorales to a new one, in five minutes."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Annotated

import typer

from rnnmusic_cli.console import note, say
from rnnmusic_cli.corpus import build_store
from rnnmusic_cli.train import run_training

CHORALES = "music21:bach"
BARS = 16
TEMPO_BPM = 84.0


def demo(
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder to write to.")] = Path(
        "demo"
    ),
    minutes: Annotated[
        float, typer.Option(min=0.01, help="How long to train; more sounds better.")
    ] = 2.0,
    seed: Annotated[int, typer.Option(min=0, help="Another seed, another chorale.")] = 1,
    source: Annotated[
        str, typer.Option(help="Train on other music: a folder of MIDI, or music21:NAME.")
    ] = CHORALES,
) -> None:
    """Train a small GRU on Bach chorales, generate 16 bars, write .mid, .wav and .png."""
    from rnnmusic import checkpoint as checkpoints
    from rnnmusic import midi, plots
    from rnnmusic.encodings import PianoRoll
    from rnnmusic.files import assets
    from rnnmusic.heads.protocol import Controls
    from rnnmusic.sampling.generate import generate
    from rnnmusic.synthesis import render
    from rnnmusic.training.hardware import Hardware
    from rnnmusic.training.recipe import Recipe

    recipe = Recipe.load(assets() / "models" / "recipes" / "demo.toml")
    recipe = recipe.with_overrides(training={"max_minutes": minutes})
    store, run = output / "corpus", output / "run"
    note(f"1/3 Corpus from {source} (the first time takes about a minute)")
    build_store([source], store, PianoRoll())
    note(f"2/3 Training a {recipe.model.name} of {recipe.model.size} units for {minutes:g} minutes")
    if run.exists():
        shutil.rmtree(run)  # a demo starts anew each time
    result = run_training(store, recipe, run, hardware=Hardware(threads=1))
    note(f"3/3 Generating {BARS} bars")
    generator = checkpoints.load(result.best).generator
    score = generate(
        generator,
        bars=BARS,
        seed=seed,
        controls=Controls(temperature=0.9, top_p=0.98),
        tempo_bpm=TEMPO_BPM,
    )
    midi.write(score, output / "bach.mid")
    audio = render(score)
    audio.save(output / "bach.wav")
    figure = plots.piano_roll(score, title=f"{BARS} bars by a GRU after {minutes:g} min of Bach")
    plots.save(figure, output / "bach.png")
    say(f"score  {output / 'bach.mid'} ({score.note_count} notes)")
    say(f"sound  {output / 'bach.wav'} ({audio.duration_s:.0f} s)")
    say(f"image  {output / 'bach.png'}")
