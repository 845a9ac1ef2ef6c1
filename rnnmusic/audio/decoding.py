"""Sound files decoded block by block: checked before anything is allocated, mixed and resampled."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from rnnmusic.audio.containers import discrepancy
from rnnmusic.audio.signal import MOST_CHANNELS, SAMPLE_RATES_HZ
from rnnmusic.errors import InputError

if TYPE_CHECKING:
    import soundfile

BLOCK_FRAMES = 1 << 16
MOST_SAMPLES = 1 << 29  # 2 GiB: an hour and a half of stereo at 44.1 kHz
# An MP3 file's announced length may count the encoder's padding: two frames of 1,152.
_PADDING = {"MP3": 2304}
_UNKNOWN = 1 << 62  # libsndfile's length of what doesn't say


@dataclass
class Decoding:
    """A sound file on its way through: `blocks` yields it, the rest is known before or after.

    `sample_rate_hz` and `mono` are what is asked for; None keeps the file's rate. InputError, with
    a message that lacks its subject, for what isn't audio, absurd or too long.
    """

    path: Path
    sample_rate_hz: int | None = None
    mono: bool = False
    file_rate_hz: int = field(init=False)
    channels: int = field(init=False)
    announced: int | None = field(init=False)  # frames, at the file's rate
    decoded: int = field(init=False, default=0)  # likewise
    flaws: list[str] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        self._file = _opened(self.path)
        self.file_rate_hz = self._file.samplerate
        self.channels = 1 if self.mono else self._file.channels
        frames = int(self._file.frames)
        self.announced = frames if frames < _UNKNOWN else None
        _check_limits(self._file)
        self._check_length(self.announced or 0)

    def blocks(self) -> Iterator[NDArray[np.float32]]:
        """The sound as (frames, channels) float32, a block at a time; `flaws` follow."""
        convert = self._converter()
        with self._file:
            for block in self._read():
                yield convert(block, False)
            yield convert(np.empty((0, self.channels), dtype=np.float32), True)
        self._compare()

    def _read(self) -> Iterator[NDArray[np.float32]]:
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
            yield block.mean(axis=1, keepdims=True, dtype=np.float32) if self.mono else block

    def _converter(self):  # type: ignore[no-untyped-def]
        if self.sample_rate_hz in (None, self.file_rate_hz):
            return lambda block, last: block
        import soxr

        stream = soxr.ResampleStream(
            self.file_rate_hz, self.sample_rate_hz, self.channels, dtype="float32", quality="HQ"
        )
        return stream.resample_chunk

    def _compare(self) -> None:
        if self.flaws:
            return
        with self.path.open("rb") as file:
            lie = discrepancy(file)
        slack = _PADDING.get(self._file.format, 0)
        if lie is None and self.announced is not None and self.decoded < self.announced - slack:
            lie = (
                f"it is cut short: {self.decoded / self.file_rate_hz:.2f} of "
                f"{self.announced / self.file_rate_hz:.2f} s are there"
            )
        if lie:
            self.flaws.append(lie)

    def _check_length(self, frames: int) -> None:
        rate = self.sample_rate_hz or self.file_rate_hz
        if frames * self.channels * rate > MOST_SAMPLES * self.file_rate_hz:
            raise InputError(
                f"lasts {frames / self.file_rate_hz / 3600:.3g} hours or more and would take "
                f"{frames * self.channels * rate // self.file_rate_hz} samples; at most "
                f"{MOST_SAMPLES} can be read: load it as mono at a lower rate, or split it."
            )
