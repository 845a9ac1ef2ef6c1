"""Audio in memory: float samples with their sample rate."""

from __future__ import annotations

import os
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rnnmusic.audio.levels import db_to_gain
from rnnmusic.errors import InputError

SAMPLE_RATES_HZ = (1_000, 1_000_000)  # what isn't music lies beyond
MOST_CHANNELS = 64  # seventh-order ambisonics; a transposed array has thousands


@dataclass(frozen=True, eq=False)
class Audio:
    """Sampled sound: `samples` (channels, frames) float32, full scale +-1, at `sample_rate_hz`.

    A one-dimensional array is taken as one channel. InputError for any other shape, for no
    channels or more than 64, and for a sample rate that isn't a whole number from 1 kHz to 1 MHz.
    """

    samples: NDArray[np.float32]
    sample_rate_hz: int

    def __post_init__(self) -> None:
        samples = np.atleast_2d(np.asarray(self.samples, dtype=np.float32))
        if samples.ndim != 2 or not 1 <= samples.shape[0] <= MOST_CHANNELS:
            raise InputError(
                f"Audio was given samples of shape {np.shape(self.samples)}; pass an array of "
                f"shape (channels, frames) with 1 to {MOST_CHANNELS} channels."
            )
        object.__setattr__(self, "samples", samples)
        object.__setattr__(self, "sample_rate_hz", checked_rate("Audio", self.sample_rate_hz))

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

    # -- new sound from old ----------------------------------------------------------------

    def normalised(self, peak_dbfs: float = -1.0) -> Audio:
        """The same sound scaled so that its peak lies `peak_dbfs` decibels re full scale.

        Silence stays silence. InputError when a sample is NaN or infinite.
        """
        self.check_finite()
        peak = self.peak
        # What is below the normal floating-point numbers is silence: its gain would overflow.
        gain = db_to_gain(peak_dbfs) / peak if peak >= np.finfo(np.float32).tiny else 1.0
        return Audio(self.samples * np.float32(gain), self.sample_rate_hz)

    def mono(self) -> Audio:
        """The mean of all channels as one, so that what fits full scale still does."""
        if self.samples.shape[0] == 1:
            return self
        return Audio(self.samples.mean(axis=0, dtype=np.float32), self.sample_rate_hz)

    def resample(self, sample_rate_hz: int) -> Audio:
        """The same sound at another rate, ceil(frames * new / old) frames long.

        What lies above the lower of the two Nyquist frequencies is filtered out, without delay:
        soxr's "HQ" recipe, linear in phase, a pass band to 0.91 of Nyquist and 120 dB rejection.
        InputError when a sample is NaN or infinite, or the rate is absurd.
        """
        rate = checked_rate("Audio.resample", sample_rate_hz)
        if rate == self.sample_rate_hz:
            return self
        import soxr

        self.check_finite()  # one NaN would spread over the filter's whole length
        channels, frames = self.samples.shape
        length = -(-frames * rate // self.sample_rate_hz)
        out = np.zeros((channels, length), dtype=np.float32)
        for row, channel in zip(out, self.samples, strict=True):
            resampled = soxr.resample(channel, self.sample_rate_hz, rate, quality="HQ")
            row[: len(resampled)] = resampled[:length]  # soxr rounds the length
        return Audio(out, rate)

    # -- files -----------------------------------------------------------------------------

    def save(self, path: str | os.PathLike[str], *, subtype: str | None = None) -> None:
        """Write a .wav, .flac, .ogg or .mp3 file, whole or not at all.

        subtype is libsndfile's name of the sample format ("PCM_16", "PCM_24", "FLOAT", ...); by
        default 16-bit WAV, 24-bit FLAC, Vorbis or MP3. InputError for another extension or
        subtype, a place that can't be written, NaN or infinite samples, and samples beyond +-1
        unless the subtype is a floating one: nothing is ever clipped in silence.
        """
        from rnnmusic.audio.files import write_audio

        write_audio(self, path, subtype=subtype)

    @classmethod
    def load(
        cls,
        path: str | os.PathLike[str],
        *,
        sample_rate_hz: int | None = None,
        mono: bool = False,
    ) -> Audio:
        """Read a WAV, FLAC, OGG or MP3 file, or whatever else libsndfile reads.

        sample_rate_hz and mono, the same as `resample` and `mono` afterwards, are done block by
        block as the file is decoded, so that an hour needs the memory of what is kept of it.

        InputError when there is no file, it can't be read, isn't audio or holds no sound; for an
        absurd sample rate or number of channels, more than 2**29 samples, and NaN or infinite
        ones; when its decoder, a process of its own, dies or takes too long (20 s and 1 s a
        megabyte); and when it is cut short, damaged or longer than it announces.
        `rnnmusic.audio.read_audio` keeps what there is of those, and says so.
        """
        from rnnmusic.audio.files import read_audio

        audio, repairs = read_audio(path, sample_rate_hz=sample_rate_hz, mono=mono)
        if repairs:
            raise InputError(
                f"{path} isn't whole: {repairs[0]}; get it anew, or keep the "
                f"{audio.duration_s:.2f} s that there are with rnnmusic.audio.read_audio."
            )
        return audio

    def check_finite(self) -> None:
        """InputError when a sample is NaN or infinite."""
        # NaN and infinities survive a maximum, so the peak tells without another temporary.
        if not np.isfinite(self.peak):
            bad = int((~np.isfinite(self.samples)).sum())
            raise InputError(
                f"The audio has {bad} samples that are NaN or infinite; "
                "the filter or network that made it has diverged, so mend that first."
            )


def checked_rate(owner: str, sample_rate_hz: float) -> int:
    """A sample rate as an int; InputError unless it is whole and one that music could have."""
    lowest, highest = SAMPLE_RATES_HZ
    if not lowest <= sample_rate_hz <= highest or sample_rate_hz != int(sample_rate_hz):
        raise InputError(
            f"{owner} was given a sample rate of {sample_rate_hz} Hz; pass a whole number "
            f"from {lowest} to {highest}, such as 44100."
        )
    return int(sample_rate_hz)
