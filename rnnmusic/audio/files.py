"""Audio on disk through libsndfile: WAV, FLAC, OGG and MP3."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rnnmusic.audio.signal import Audio
from rnnmusic.errors import InputError
from rnnmusic.files import replacing_file

# extension -> libsndfile's format, the subtype written unless another is asked for
FORMATS = {
    ".wav": ("WAV", "PCM_16"),
    ".flac": ("FLAC", "PCM_24"),
    ".ogg": ("OGG", "VORBIS"),
    ".mp3": ("MP3", "MPEG_LAYER_III"),
}
FLOATING_SUBTYPES = ("FLOAT", "DOUBLE")  # the only ones that keep samples beyond +-1
# libsndfile's Vorbis encoder overflows the stack when it is handed minutes at once.
BLOCK_FRAMES = 1 << 16


def write_audio(audio: Audio, path: str | os.PathLike[str], *, subtype: str | None = None) -> None:
    """Write a file, whole or not at all: see `Audio.save`."""
    import soundfile

    target = Path(path)
    file_format, default = _format_of(target)
    subtype = default if subtype is None else subtype.upper()
    if not soundfile.check_format(file_format, subtype):
        wanted = ", ".join(soundfile.available_subtypes(file_format))
        raise InputError(
            f"{target} was to be written as {subtype}, which {file_format} files don't have; "
            f"choose one of {wanted}."
        )
    audio.check_finite()
    if subtype not in FLOATING_SUBTYPES and audio.peak > 1.0:
        raise InputError(
            f"The audio for {target} peaks at {audio.peak:.3f} and would be clipped beyond 1; "
            "call normalised() first or save a .wav with subtype='FLOAT'."
        )
    channels = audio.samples.shape[0]
    with replacing_file(target) as temporary:
        try:
            with soundfile.SoundFile(
                temporary, "w", audio.sample_rate_hz, channels, subtype, format=file_format
            ) as file:
                for block in _blocks(audio.samples):
                    file.write(block)
        except soundfile.LibsndfileError as error:
            raise InputError(
                f"{target} can't be written as {file_format} with {channels} channels at "
                f"{audio.sample_rate_hz} Hz ({error.error_string}); "
                "check the space on the disk, or try a .wav file or another sample rate."
            ) from error


def read_audio(path: str | os.PathLike[str]) -> Audio:
    """Read a whole file: see `Audio.load`."""
    import soundfile

    source = Path(path)
    if not source.is_file():
        raise InputError(f"There is no audio file at {source}; check the path.")
    try:
        samples, sample_rate_hz = soundfile.read(source, dtype="float32", always_2d=True)
    except (soundfile.LibsndfileError, OSError) as error:
        raise InputError(
            f"{source} can't be read as audio ({error}); give a WAV, FLAC, OGG or MP3 file."
        ) from error
    return Audio(np.ascontiguousarray(samples.T), sample_rate_hz)


def _format_of(path: Path) -> tuple[str, str]:
    try:
        return FORMATS[path.suffix.lower()]
    except KeyError:
        raise InputError(
            f"{path} has no audio extension that can be written; use {', '.join(FORMATS)}."
        ) from None


def _blocks(samples: NDArray[np.float32]) -> Iterator[NDArray[np.float32]]:
    """Stretches of frames (frames, channels), as libsndfile wants them."""
    for start in range(0, samples.shape[1], BLOCK_FRAMES):
        yield np.ascontiguousarray(samples[:, start : start + BLOCK_FRAMES].T)
