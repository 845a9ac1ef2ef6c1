"""`rnnmusic generate`: new music from a checkpoint, as MIDI or audio files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rnnmusic_cli.console import counting, note, say

if TYPE_CHECKING:
    from rnnmusic.audio import Audio
    from rnnmusic.generator import Generator
    from rnnmusic.heads.protocol import Controls

BARS = 16
SECONDS = 10.0


def generate(
    checkpoint: Annotated[str, typer.Argument(help="A checkpoint, a run, or a shipped model.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="OUT.mid, or an audio file: .wav, .flac, .ogg.")
    ],
    bars: Annotated[
        int | None, typer.Option(min=1, max=10_000, help=f"New bars of a score. [{BARS}]")
    ] = None,
    seconds: Annotated[
        float | None, typer.Option(min=0.01, max=3600, help=f"New sound. [{SECONDS:g}]")
    ] = None,
    temperature: Annotated[
        float, typer.Option(min=0, max=10, help="Below 1 plays safe, above 1 wild.")
    ] = 1.0,
    top_p: Annotated[
        float, typer.Option(min=0.01, max=1, help="Leave out the least likely choices.")
    ] = 1.0,
    prime: Annotated[
        Path | None, typer.Option(help="A MIDI file, or a recording, to continue.")
    ] = None,
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
    """Generate music: OUT.mid, or OUT-1.mid, OUT-2.mid, ... with --count.

    A model of scores writes MIDI, or plays it into an audio file with the built-in synthesiser;
    a model of sound writes audio.
    """
    from rnnmusic import checkpoint as checkpoints
    from rnnmusic.encodings.protocol import AudioEncoding
    from rnnmusic.heads.protocol import Controls

    generator = checkpoints.load(checkpoint).generator
    controls = Controls(temperature=temperature, top_p=top_p)
    numbered = [output.with_stem(f"{output.stem}-{n + 1}") for n in range(count)]
    pieces = dict(enumerate([output] if count == 1 else numbered, seed))
    if isinstance(generator.encoding, AudioEncoding):
        _refuse("makes sound", "--seconds", bars=bars, tempo=tempo, program=program)
        _write_sound(generator, pieces, controls, prime, SECONDS if seconds is None else seconds)
    else:
        _refuse("makes notes", "--bars", seconds=seconds)
        bars = BARS if bars is None else bars
        _write_scores(generator, pieces, controls, prime, bars, tempo, program)


def _write_scores(
    generator: Generator,
    pieces: dict[int, Path],
    controls: Controls,
    prime: Path | None,
    bars: int,
    tempo_bpm: float | None,
    program: int | None,
) -> None:
    """Sample a score per seed; write it, or how it sounds, to the seed's path."""
    from rnnmusic import midi
    from rnnmusic.audio import FORMATS
    from rnnmusic.sampling.generate import generate as sample
    from rnnmusic.sampling.kinds import score_encoding
    from rnnmusic.synthesis import render

    heard = None
    if prime is not None:
        heard, repairs = midi.load(prime)
        for repair in repairs:
            note(f"repaired in {prime}: {repair}")
        for reason, notes in score_encoding(generator.encoding).encode(heard).left_out.items():
            if notes:
                note(f"left out of {prime}: {notes} {reason}")
    for seed, path in pieces.items():
        score = sample(
            generator,
            bars=bars,
            seed=seed,
            controls=controls,
            prime=heard,
            tempo_bpm=tempo_bpm,
            program=program,
        )
        if path.suffix.lower() in FORMATS:
            render(score).save(path)
        else:
            midi.write(score, path)
        say(f"{path}: {score.note_count} notes, {score.duration_s:.1f} s, seed {seed}")


def _write_sound(
    generator: Generator,
    pieces: dict[int, Path],
    controls: Controls,
    prime: Path | None,
    seconds: float,
) -> None:
    """Sample sound per seed; write it to the seed's path."""
    from rnnmusic.audio import FORMATS, Audio, gain_to_db
    from rnnmusic.errors import UsageError
    from rnnmusic.sampling.sound import generate_audio

    output = next(iter(pieces.values()))
    if output.suffix.lower() not in FORMATS:
        raise UsageError(
            f"This model makes sound, which {output} can't hold; end the name in "
            f"{', '.join(FORMATS)}."
        )
    heard = Audio.load(prime) if prime is not None else None
    for seed, path in pieces.items():
        with counting("frames") as tick:
            audio = generate_audio(
                generator,
                seconds=seconds,
                seed=seed,
                controls=controls,
                prime=heard,
                on_step=tick,
            )
        audio = _within_full_scale(audio, path)
        audio.save(path)
        peak_dbfs, rms_dbfs = float(gain_to_db(audio.peak)), float(gain_to_db(audio.rms))
        say(
            f"{path}: {audio.duration_s:.1f} s, mono, {audio.sample_rate_hz} Hz, "
            f"peak {peak_dbfs:.1f} dBFS, RMS {rms_dbfs:.1f} dBFS, seed {seed}"
        )


def _within_full_scale(audio: Audio, path: Path) -> Audio:
    if audio.peak <= 1.0:
        return audio
    note(f"{path}: turned down to -1 dBFS, its samples went up to {audio.peak:.2f}")
    return audio.normalised()


def _refuse(makes: str, instead: str, **options: float | None) -> None:
    """UsageError when an option was given that the model has no use for."""
    from rnnmusic.errors import UsageError

    for name, value in options.items():
        if value is not None:
            raise UsageError(
                f"This model {makes}: --{name} means nothing to it; leave it out and say how long "
                f"with {instead}."
            )
