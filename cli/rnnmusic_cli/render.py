"""`rnnmusic render`: a MIDI file as sound."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rnnmusic_cli.console import note, say


def render(
    midi: Annotated[Path, typer.Argument(help="A MIDI file.", metavar="IN.mid")],
    output: Annotated[Path, typer.Option("--output", "-o", help="OUT.wav, .flac, .ogg or .mp3.")],
    soundfont: Annotated[
        Path | None, typer.Option(help="An .sf2 to play through FluidSynth instead.")
    ] = None,
    sample_rate: Annotated[int, typer.Option(min=8000, max=192_000, help="In Hz.")] = 44_100,
) -> None:
    """Render MIDI to audio with the built-in synthesiser, or with a SoundFont."""
    from rnnmusic import midi as midi_files
    from rnnmusic.audio import gain_to_db
    from rnnmusic.synthesis import render as synthesise

    score, repairs = midi_files.load(midi)
    for repair in repairs:
        note(f"repaired in {midi}: {repair}")
    audio = synthesise(score, sample_rate_hz=sample_rate, soundfont=soundfont)
    audio.save(output)
    peak_dbfs, rms_dbfs = float(gain_to_db(audio.peak)), float(gain_to_db(audio.rms))
    say(
        f"{output}: {audio.duration_s:.1f} s, stereo, {sample_rate} Hz, "
        f"peak {peak_dbfs:.1f} dBFS, RMS {rms_dbfs:.1f} dBFS"
    )
