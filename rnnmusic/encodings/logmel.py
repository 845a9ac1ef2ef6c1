"""LogMel: frames of mel-band levels, what most networks that hear read."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from rnnmusic.audio import Audio
from rnnmusic.encodings._checks import check_whole
from rnnmusic.encodings._framing import (
    Floats,
    FrameEncoding,
    check_frames,
    checked_frames,
    hann,
    padded_to_hops,
    spectra,
    within_full_scale,
)
from rnnmusic.encodings._inversion import unmixed, with_phases
from rnnmusic.encodings._levels import (
    LOWEST_STEP,
    check_number,
    power_of_steps,
    steps_of_power,
    tensor_steps_of_power,
)
from rnnmusic.encodings.protocol import REAL, Steps
from rnnmusic.errors import UsageError

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class LogMel(FrameEncoding):
    """Levels of `mels` bands, evenly spaced in mel from `lowest_hz` to `highest_hz`.

    A band's power is the sum of its bins' powers under a triangle of height 1 (Slaney's mel scale;
    librosa's filters with norm=None). It is counted re a sine at full scale, |X|^2 divided by
    (sum of the window / 2)^2. Of its level in decibels, raised to `floor_db` where it lies below,
    the step is

        2 - 4 * level_db / floor_db

    which is -2 at the floor, 0 half way and 2 at full scale: music lies within that range, with a
    mean near 0 and a spread near 1.

    Decoding estimates: bins from bands by multiplicative updates, phases by Griffin-Lim. Every
    array of finite numbers is legal; those beyond -2..2.5 are taken for the nearest of these.
    """

    name: ClassVar[str] = "log-mel"

    sample_rate_hz: int = 16_000
    fft_size: int = 1024
    hop_size: int = 256
    mels: int = 80
    lowest_hz: float = 40.0
    highest_hz: float = 8_000.0
    floor_db: float = -80.0

    def __post_init__(self) -> None:
        check_frames(self)
        check_whole(self.name, "mels", self.mels, 1, self.fft_size // 2)
        check_number(self.name, "highest_hz", self.highest_hz, 1.0, self.sample_rate_hz / 2)
        check_number(self.name, "lowest_hz", self.lowest_hz, 0.0, self.highest_hz - 1.0)
        check_number(self.name, "floor_db", self.floor_db, -160.0, -10.0)

    @property
    def sizes(self) -> tuple[int, ...]:
        """REAL for each band."""
        return (REAL,) * self.mels

    def start_step(self) -> Steps:
        """Silence."""
        return np.full(self.mels, LOWEST_STEP, dtype=np.float32)

    def steps_of(self, samples: Floats) -> Floats:
        """Steps (T, mels) of mono samples (n,) at the encoding's rate."""
        bank = _bank(self).T * np.float32(self._power_scale)  # (K, mels)
        bands = np.empty((self.frame_count(len(samples)), self.mels), dtype=np.float32)
        for rows, spectrum in spectra(samples, hann(self.fft_size), self.hop_size):
            np.matmul(spectrum.real**2 + spectrum.imag**2, bank, out=bands[rows])
        return steps_of_power(bands, self.floor_db)

    def frames(self, samples: torch.Tensor) -> torch.Tensor:
        """The steps (B, T, mels) of mono samples (B, n): see `FrameEncoding.frames`."""
        from rnnmusic.audio import transforms

        _bank(self)  # refuses bands without a bin
        transform = transforms.mel_power(
            samples,
            sample_rate_hz=self.sample_rate_hz,
            fft_size=self.fft_size,
            hop_size=self.hop_size,
            mels=self.mels,
            lowest_hz=self.lowest_hz,
            highest_hz=self.highest_hz,
        )
        power = transform(padded_to_hops(samples, self.hop_size)) * self._power_scale
        return tensor_steps_of_power(power, self.floor_db).transpose(1, 2)

    def decode(self, steps: Steps) -> Audio:
        """An estimate of the sound of steps (T, mels): (T - 1) * hop_size samples, peak 1 at most.

        The same for the same steps. InputError for another shape, NaN or infinities.
        """
        power = power_of_steps(checked_frames(self, steps), self.floor_db)
        bins = unmixed(power, _bank(self)) / np.float32(self._power_scale)
        samples = with_phases(np.sqrt(bins), self.fft_size, self.hop_size)
        return within_full_scale(samples, self.sample_rate_hz)

    @property
    def _power_scale(self) -> float:
        return float((2.0 / hann(self.fft_size).sum(dtype=np.float64)) ** 2)


@lru_cache(maxsize=16)
def _bank(encoding: LogMel) -> Floats:
    """Filters (mels, K); UsageError when the FFT is too short to tell the lowest bands apart."""
    import librosa

    edges_hz = librosa.mel_frequencies(
        encoding.mels + 2, fmin=encoding.lowest_hz, fmax=encoding.highest_hz
    )
    bins_hz = np.arange(encoding.fft_size // 2 + 1) * (encoding.sample_rate_hz / encoding.fft_size)
    within = np.searchsorted(bins_hz, edges_hz[2:]) - np.searchsorted(
        bins_hz, edges_hz[:-2], side="right"
    )
    if within.min() < 1:  # librosa would only warn
        raise UsageError(
            f"{encoding.mels} mel bands from {encoding.lowest_hz:g} to {encoding.highest_hz:g} Hz "
            f"are finer than an FFT of {encoding.fft_size} samples can tell apart; "
            "use fewer mels or a larger fft_size."
        )
    bank: Floats = librosa.filters.mel(
        sr=encoding.sample_rate_hz,
        n_fft=encoding.fft_size,
        n_mels=encoding.mels,
        fmin=encoding.lowest_hz,
        fmax=encoding.highest_hz,
        norm=None,
    )
    return bank
