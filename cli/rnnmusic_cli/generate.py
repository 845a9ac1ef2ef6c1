"""`rnnmusic generate`: new music from a checkpoint, as MIDI files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rnnmusic_cli.console import note, say


def generate(
    checkpoint: Annotated[str, typer.Argument(help="A checkpoint, a run, or a shipped model.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The MIDI file to write.")],
    bars: Annotated[int, typer.Option(min=1, max=10_000, help="New bars.")] = 16,
    temperature: Annotated[
        float, typer.Option(min=0, max=10, help="Below 1 plays safe, above 1 wild.")
    ] = 1.0,
    top_p: Annotated[
        float, typer.Option(min=0.01, max=1, help="Leave out the least likely choices.")
    ] = 1.0,
    prime: Annotated[Path | None, typer.Option(help="A MIDI file to continue.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Same seed, same bytes.")] = 0,
    count: Annotated[int, typer.Option(min=1, max=1000, help="Pieces, seeds counting up.")] = 1,
    tempo: Annotated[
        float | None,
        typer.Option(min=10, max=400, help="Quarters a minute; else the prime's, or 120."),
    ] = None,
    program: Annotated[
        int | None, typer.Option(min=0, max=127, help="General MIDI program.")
    ] = None,
) -> None:
    """Generate music: OUT.mid, or OUT-1.mid, OUT-2.mid, ... with --count."""
    from rnnmusic import checkpoint as checkpoints
    from rnnmusic import midi
    from rnnmusic.heads.protocol import Controls
    from rnnmusic.sampling.generate import generate as sample

    generator = checkpoints.load(checkpoint).generator
    heard = midi.read(prime) if prime is not None else None
    if heard is not None:
        for reason, notes in generator.encoding.encode(heard).left_out.items():
            if notes:
                note(f"left out of {prime}: {notes} {reason}")
    for index in range(count):
        score = sample(
            generator,
            bars=bars,
            seed=seed + index,
            controls=Controls(temperature=temperature, top_p=top_p),
            prime=heard,
            tempo_bpm=tempo,
            program=program,
        )
        path = output if count == 1 else output.with_stem(f"{output.stem}-{index + 1}")
        midi.write(score, path)
        say(f"{path}: {score.note_count} notes, {score.duration_s:.1f} s, seed {seed + index}")
