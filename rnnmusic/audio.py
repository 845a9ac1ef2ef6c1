"""Audio in memory, and on disk through libsndfile: float samples with their sample rate."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

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


@dataclass(frozen=True, eq=False)
class Audio:
    """Sampled sound: `samples` (channels, frames) float32, full scale +-1, at `sample_rate_hz`.

    A one-dimensional array is taken as one channel. InputError for any other shape, for no
    channels, and for a sample rate that is not positive.
    """

    samples: NDArray[np.float32]
    sample_rate_hz: int

    def __post_init__(self) -> None:
        samples = np.atleast_2d(np.asarray(self.samples, dtype=np.float32))
        if samples.ndim != 2 or not samples.shape[0]:
            raise InputError(
                f"Audio was given samples of shape {np.shape(self.samples)}; "
                "pass an array of shape (channels, frames)."
            )
        if self.sample_rate_hz < 1:
            raise InputError(
                f"Audio was given a sample rate of {self.sample_rate_hz} Hz; "
                "pass a positive one, such as 44100."
            )
        object.__setattr__(self, "samples", samples)
        object.__setattr__(self, "sample_rate_hz", int(self.sample_rate_hz))

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return float(self.samples.shape[1] / self.sample_rate_hz)

    @property
    def peak(self) -> float:
        """Largest magnitude of any sample, 0 when there are none; NaN if one is NaN."""
        # Two passes without a temporary: minutes of audio are hundreds of megabytes.
        return float(max(self.samples.max(), -self.samples.min())) if self.samples.size else 0.0

    @property
    def rms(self) -> float:
        """Root mean square over all channels and frames, 0 when there are none."""
        if not self.samples.size:
            return 0.0
        energy = sum(float(np.square(c, dtype=np.float64).sum()) for c in self.samples)
        return float(np.sqrt(energy / self.samples.size))

    def normalised(self, peak_dbfs: float = -1.0) -> Audio:
        """The same sound scaled so that its peak lies `peak_dbfs` decibels re full scale.

        Silence stays silence. InputError when a sample is NaN or infinite.
        """
        self._check_finite()
        peak = self.peak
        # What is below the normal floating-point numbers is silence: its gain would overflow.
        gain = db_to_gain(peak_dbfs) / peak if peak >= np.finfo(np.float32).tiny else 1.0
        return Audio(self.samples * np.float32(gain), self.sample_rate_hz)

    def save(self, path: str | os.PathLike[str], *, subtype: str | None = None) -> None:
        """Write a .wav, .flac, .ogg or .mp3 file, whole or not at all.

        subtype is libsndfile's name of the sample format ("PCM_16", "PCM_24", "FLOAT", ...); by
        default 16-bit WAV, 24-bit FLAC, Vorbis or MP3. InputError for another extension or
        subtype, a place that can't be written, NaN or infinite samples, and samples beyond +-1
        unless the subtype is a floating one: nothing is ever clipped in silence.
        """
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
        self._check_finite()
        if subtype not in FLOATING_SUBTYPES and self.peak > 1.0:
            raise InputError(
                f"The audio for {target} peaks at {self.peak:.3f} and would be clipped beyond 1; "
                "call normalised() first or save a .wav with subtype='FLOAT'."
            )
        channels = self.samples.shape[0]
        with replacing_file(target) as temporary:
            try:
                with soundfile.SoundFile(
                    temporary, "w", self.sample_rate_hz, channels, subtype, format=file_format
                ) as file:
                    for block in _blocks(self.samples):
                        file.write(block)
            except soundfile.LibsndfileError as error:
                raise InputError(
                    f"{target} can't be written as {file_format} with {channels} channels at "
                    f"{self.sample_rate_hz} Hz ({error.error_string}); "
                    "check the space on the disk, or try a .wav file or another sample rate."
                ) from error

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Audio:
        """Read any file that libsndfile reads; InputError when there is none or it isn't audio."""
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
        return cls(np.ascontiguousarray(samples.T), sample_rate_hz)

    def _check_finite(self) -> None:
        # NaN and infinities survive a maximum, so the peak tells without another temporary.
        if not np.isfinite(self.peak):
            bad = int((~np.isfinite(self.samples)).sum())
            raise InputError(
                f"The audio has {bad} samples that are NaN or infinite; "
                "the filter or network that made it has diverged, so mend that first."
            )


def db_to_gain(level_db: ArrayLike) -> NDArray[np.float64]:
    """Amplitude ratio of a level in decibels: 10 ** (level / 20)."""
    return np.asarray(10.0 ** (np.asarray(level_db, dtype=np.float64) / 20.0))


def gain_to_db(gain: ArrayLike) -> NDArray[np.float64]:
    """Level in decibels of an amplitude ratio; -inf for 0."""
    with np.errstate(divide="ignore"):
        return np.asarray(20.0 * np.log10(np.abs(np.asarray(gain, dtype=np.float64))))


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
