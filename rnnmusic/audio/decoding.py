"""Sound files decoded block by block: checked before anything is allocated, mixed and resampled."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from rnnmusic.audio.containers import discrepancy
from rnnmusic.audio.signal import MOST_CHANNELS, SAMPLE_RATES_HZ
from rnnmusic.errors import InputError

if TYPE_CHECKING:
    import soundfile

Block = NDArray[np.float32]  # (frames, channels)

BLOCK_FRAMES = 1 << 13  # what a damaged place takes with it at most
MOST_SAMPLES = 1 << 29  # 2 GiB: an hour and a half of stereo at 44.1 kHz
# An MP3 file's announced length may count the encoder's padding: two frames of 1,152.
_PADDING_FRAMES = {"MP3": 2304}
_UNKNOWN_FRAMES = 1 << 62  # libsndfile's length of what doesn't say


class Decoding:
    """A sound file on its way through: first its header, then its blocks, then its flaws.

    sample_rate_hz, if not None, is the rate to resample to; mono mixes the channels. InputErrors,
    for what isn't audio, absurd or too long, lack their subject: the file.
    """

    def __init__(self, path: Path, *, sample_rate_hz: int | None, mono: bool) -> None:
        self._path = path
        self._file = _opened(path)
        self._mono = mono
        self.file_rate_hz: int = self._file.samplerate
        self.sample_rate_hz = sample_rate_hz or self.file_rate_hz
        self.channels: int = 1 if mono else self._file.channels
        frames = int(self._file.frames)
        self._announced = frames if frames < _UNKNOWN_FRAMES else 0  # at the file's rate
        self.decoded = 0  # frames so far, at the file's rate
        self.flaws: list[str] = []  # why this isn't all of the sound; once the blocks are read
        self._check_length(self._announced)

    @property
    def announced(self) -> int:
        """Frames to expect, at the rate asked for; 0 where the file doesn't say."""
        return self._converted(self._announced)

    def blocks(self) -> Iterator[Block]:
        """The sound (frames, channels), a block at a time."""
        convert = self._converter()
        given = 0
        with self._file:
            for block in self._read():
                converted = convert(block, False)
                given += len(converted)
                yield converted
        rest = convert(np.empty((0, self.channels), dtype=np.float32), True)
        # soxr rounds the length; here it is the same as of a signal resampled at once.
        missing = max(0, self._converted(self.decoded) - given)
        yield np.pad(rest[:missing], ((0, max(0, missing - len(rest))), (0, 0)))
        self._compare()

    def _read(self) -> Iterator[Block]:
        import soundfile

        while True:
            try:
                block = self._file.read(BLOCK_FRAMES, dtype="float32", always_2d=True)
            except soundfile.LibsndfileError as error:
                # What was decoded before the damage stands.
                reason = error.error_string.strip(" .") or "the decoder gave up"
                at_s = self.decoded / self.file_rate_hz
                self.flaws.append(f"it is damaged after {at_s:.2f} s ({reason})")
                return
            if not len(block):
                return
            self.decoded += len(block)
            self._check_length(self.decoded)
            yield block.mean(axis=1, keepdims=True, dtype=np.float32) if self._mono else block

    def _converter(self) -> Callable[[Block, bool], Block]:
        """Takes blocks, the last of them marked, and gives them at the rate that is wanted."""
        if self.sample_rate_hz == self.file_rate_hz:
            return lambda block, last: block
        import soxr

        stream = soxr.ResampleStream(
            self.file_rate_hz, self.sample_rate_hz, self.channels, dtype="float32", quality="HQ"
        )
        convert: Callable[[Block, bool], Block] = stream.resample_chunk
        return convert

    def _compare(self) -> None:
        """Add how the file lies about its length, unless it is known to be damaged."""
        if self.flaws:
            return
        with self._path.open("rb") as file:
            lie = discrepancy(file)
        missing = self._announced - self.decoded
        if lie is None and missing > _PADDING_FRAMES.get(self._file.format, 0):
            there_s = self.decoded / self.file_rate_hz
            lie = f"it is cut short: {there_s:.2f} s of {there_s + missing / self.file_rate_hz:.2f}"
        if lie is not None:
            self.flaws.append(lie)

    def _converted(self, frames: int) -> int:
        """So many frames at the rate asked for, as many as `Audio.resample` makes of them."""
        return -(-frames * self.sample_rate_hz // self.file_rate_hz)

    def _check_length(self, frames: int) -> None:
        samples = self._converted(frames) * self.channels
        if samples > MOST_SAMPLES:
            raise InputError(
                f"lasts {frames / self.file_rate_hz / 3600:.3g} hours or more, {samples} samples, "
                f"of {MOST_SAMPLES} that can be read; load it as mono or at a lower rate, "
                "or split it."
            )


def _opened(path: Path) -> soundfile.SoundFile:
    import soundfile

    try:
        # As bytes: soundfile would refuse names that aren't UTF-8.
        file = soundfile.SoundFile(os.fsencode(path) if os.name == "posix" else path)
    except (soundfile.SoundFileError, TypeError, ValueError, OSError) as error:
        # TypeError: by their name alone, .raw files are taken for headerless ones.
        reason = getattr(error, "error_string", str(error)).strip(" .")
        if not path.stat().st_size:
            reason = "it is empty"
        elif "not a regular file" in reason:  # what libsndfile says of an .mp3 that isn't one
            reason = "Format not recognised"
        raise InputError(
            f"can't be read as audio ({reason}); give a WAV, FLAC, OGG or MP3 file."
        ) from error
    # Where it can, soundfile seeks after each block to where it is; MP3 loses its thread by that.
    file.seekable = lambda: False
    lowest, highest = SAMPLE_RATES_HZ
    if not lowest <= file.samplerate <= highest:
        raise InputError(
            f"says its sample rate is {file.samplerate} Hz; music has {lowest} to {highest}."
        )
    if not 1 <= file.channels <= MOST_CHANNELS:
        raise InputError(f"says it has {file.channels} channels; 1 to {MOST_CHANNELS} can be read.")
    return file
