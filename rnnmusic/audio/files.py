"""Audio on disk through libsndfile: WAV, FLAC, OGG and MP3."""

from __future__ import annotations

import json
import os
from collections.abc import Generator, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rnnmusic.audio.decoder import borrowed_decoder
from rnnmusic.audio.decoder_process import BLOCK, HEAD, REFUSAL
from rnnmusic.audio.signal import Audio, checked_rate
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
# A decoder gets so long, and more for a large file: a tenth of the speed of a slow machine.
TIMEOUT_S = 20.0
SLOWEST_BYTES_PER_S = 1e6


class Reading(NamedTuple):
    """A sound file as read, and in what it isn't all that it says it is."""

    audio: Audio
    repairs: tuple[str, ...]


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


def read_audio(
    path: str | os.PathLike[str], *, sample_rate_hz: int | None = None, mono: bool = False
) -> Reading:
    """Read what there is of a sound file: see `Audio.load`, which refuses what isn't whole.

    Repairs are for files cut short or damaged, of which the sound before that is kept, and for
    those longer than they announce, of which what they announce is.
    """
    source = Path(path)
    if sample_rate_hz is not None:
        sample_rate_hz = checked_rate("Audio.load", sample_rate_hz)
    timeout_s = TIMEOUT_S + _size_of(source) / SLOWEST_BYTES_PER_S
    request = {"path": str(source.absolute()), "sample_rate_hz": sample_rate_hz, "mono": mono}
    try:
        with borrowed_decoder() as decoder:
            samples, rate, flaws = _collect(decoder.answer(request, timeout_s))
    except InputError as error:
        raise InputError(f"{source} {error}") from error
    if not samples.size:
        raise InputError(f"{source} holds no sound; leave it out.")
    audio = Audio(samples, rate)
    if not np.isfinite(audio.peak):
        raise InputError(
            f"{source} has samples that are NaN or infinite; write it anew from its source."
        )
    return Reading(audio, flaws)


def _collect(
    answer: Generator[tuple[bytes, bytes], None, None],
) -> tuple[NDArray[np.float32], int, tuple[str, ...]]:
    """Samples (channels, frames), their rate and their flaws, from a decoder's answer."""
    head: dict[str, Any] = {}
    tail: dict[str, Any] = {}
    samples = np.empty((1, 0), dtype=np.float32)
    frames = 0
    with closing(answer):
        for kind, body in answer:
            if kind == HEAD:
                head = json.loads(body)
                # Memory that nothing is written to isn't taken: announcing much costs nothing.
                samples = np.empty((head["channels"], head["announced"]), dtype=np.float32)
            elif kind == BLOCK:
                block = np.frombuffer(body, dtype=np.float32).reshape(-1, head["channels"]).T
                samples = _with_room(samples, frames + block.shape[1])
                samples[:, frames : frames + block.shape[1]] = block
                frames += block.shape[1]
            else:
                tail = json.loads(body)
                if kind == REFUSAL:
                    raise InputError(tail["reason"])
    if frames < samples.shape[1]:
        samples = samples[:, :frames].copy()
    return samples, head["sample_rate_hz"], tuple(tail["flaws"])


def _with_room(samples: NDArray[np.float32], frames: int) -> NDArray[np.float32]:
    """The same samples (channels, frames), or a longer copy where frames don't fit."""
    channels, room = samples.shape
    if frames <= room:
        return samples
    longer = np.empty((channels, max(frames, 2 * room)), dtype=np.float32)
    longer[:, :room] = samples
    return longer


def _size_of(path: Path) -> int:
    """Bytes of a file that can be read; InputError when it can't, or is none."""
    try:
        # Not opened before it is known to be a file: a pipe would wait for its writer.
        size = path.stat().st_size if path.is_file() else None
        if size is not None:
            path.open("rb").close()
    except (OSError, ValueError) as error:  # ValueError: a zero byte in its name
        reason = getattr(error, "strerror", None) or error
        raise InputError(
            f"Can't read {str(path)!r}: {reason}; check its name and rights."
        ) from error
    if size is None:
        raise InputError(f"There is no audio file at {path}; check the path.")
    return size


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
