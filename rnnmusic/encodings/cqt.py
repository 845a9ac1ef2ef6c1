"""Cqt: frames of levels at the pitches of a scale, each heard as long as it takes to tell it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rnnmusic.audio import Audio
from rnnmusic.audio.signal import SAMPLE_RATES_HZ
from rnnmusic.encodings._checks import check_whole
from rnnmusic.encodings._framing import (
    FFT_SIZES,
    Floats,
    FrameEncoding,
    checked_frames,
    padded_to_hops,
    spectra,
    within_full_scale,
)
from rnnmusic.encodings._inversion import PHASE_SEED, lengthened
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

MOST_BINS = 1000
PHASE_ITERATIONS = 16
SPARSITY = 1e-4  # of a kernel's largest bin: what is less is left out


@dataclass(frozen=True)
class Cqt(FrameEncoding):
    """Levels of `bins` frequencies from `lowest_hz` up, `bins_per_octave` to the octave.

    Each is heard under a Hann window of its own, Q = 1 / (2^(1 / bins_per_octave) - 1) periods
    long: a constant-Q transform (Brown 1991), by one FFT as long as the longest window, times the
    windows' own spectra (Brown and Puckette 1992). A sine at full scale has level 0 dB at its bin;
    steps say levels as `LogMel`'s do. Columns are pitches: a transposition is a shift.

    Decoding estimates the phases by librosa's Griffin-Lim for constant-Q transforms. Every array
    of finite numbers is legal; those beyond -2..2.5 are taken for the nearest of these.
    """

    name: ClassVar[str] = "cqt"

    sample_rate_hz: int = 16_000
    hop_size: int = 512
    bins: int = 84
    bins_per_octave: int = 12
    lowest_hz: float = 32.703195662574829  # C1
    floor_db: float = -60.0  # above what single precision's FFTs of this length round off

    def __post_init__(self) -> None:
        check_whole(self.name, "sample_rate_hz", self.sample_rate_hz, *SAMPLE_RATES_HZ)
        check_whole(self.name, "bins", self.bins, 1, MOST_BINS)
        check_whole(self.name, "bins_per_octave", self.bins_per_octave, 1, 96)
        check_number(self.name, "lowest_hz", self.lowest_hz, 1.0, self.sample_rate_hz / 2)
        check_number(self.name, "floor_db", self.floor_db, -160.0, -10.0)
        if self.frequencies_hz[-1] * (1 + 1 / self._q) > self.sample_rate_hz / 2:
            raise UsageError(
                f"The {self.name} encoding was given {self.bins} bins up to "
                f"{self.frequencies_hz[-1]:.0f} Hz, too near to half the sample rate of "
                f"{self.sample_rate_hz} Hz; use fewer bins or a higher rate."
            )
        if self.fft_size > FFT_SIZES[1]:
            raise UsageError(
                f"The {self.name} encoding was given lowest_hz = {self.lowest_hz:g} with "
                f"{self.bins_per_octave} bins an octave, which takes frames of {self.fft_size} "
                "samples; use a higher lowest_hz, fewer bins an octave or a lower rate."
            )
        check_whole(self.name, "hop_size", self.hop_size, 1, self.fft_size // 2)

    @property
    def _q(self) -> float:
        return float(1 / (2 ** (1 / self.bins_per_octave) - 1))

    @property
    def frequencies_hz(self) -> NDArray[np.float64]:
        """Frequency of each column (bins,)."""
        return np.asarray(self.lowest_hz * 2 ** (np.arange(self.bins) / self.bins_per_octave))

    @property
    def fft_size(self) -> int:
        """Samples in a frame: the power of 2 that the lowest bin's window fits into."""
        longest = self._q * self.sample_rate_hz / self.lowest_hz
        return int(2 ** np.ceil(np.log2(max(longest, FFT_SIZES[0]))))

    @property
    def sizes(self) -> tuple[int, ...]:
        """REAL for each bin."""
        return (REAL,) * self.bins

    def start_step(self) -> Steps:
        """Silence."""
        return np.full(self.bins, LOWEST_STEP, dtype=np.float32)

    def steps_of(self, samples: Floats) -> Floats:
        """Steps (T, bins) of mono samples (n,) at the encoding's rate."""
        kernel = _kernel(self).sparse
        power = np.empty((self.frame_count(len(samples)), self.bins), dtype=np.float32)
        window = np.ones(self.fft_size, dtype=np.float32)  # the kernel has the windows
        for rows, spectrum in spectra(samples, window, self.hop_size):
            response = (kernel @ spectrum.T).T
            power[rows] = response.real**2 + response.imag**2
        return steps_of_power(power, self.floor_db)

    def frames(self, samples: torch.Tensor) -> torch.Tensor:
        """The steps (B, T, bins) of mono samples (B, n): see `FrameEncoding.frames`."""
        import torch

        from rnnmusic.audio import transforms

        transform = transforms.spectrum(
            samples, fft_size=self.fft_size, hop_size=self.hop_size, windowed=False
        )
        spectrum = transform(padded_to_hops(samples, self.hop_size)).transpose(1, 2)  # (B, T, K)
        kernel = torch.from_numpy(_kernel(self).sparse.toarray().T).to(spectrum)
        return tensor_steps_of_power((spectrum @ kernel).abs().square(), self.floor_db)

    def decode(self, steps: Steps) -> Audio:
        """An estimate of the sound of steps (T, bins): (T - 1) * hop_size samples, peak 1 at most.

        The same for the same steps. InputError for another shape, NaN or infinities.
        """
        magnitude: Floats = np.sqrt(power_of_steps(checked_frames(self, steps), self.floor_db))
        length = self.sample_count(len(magnitude))
        if length < 1 or not magnitude.any():
            return Audio(np.zeros(length, dtype=np.float32), self.sample_rate_hz)
        import librosa

        samples = librosa.griffinlim_cqt(
            # librosa's unit: a sine at full scale has half the root of its window's length
            lengthened(
                magnitude * np.sqrt(_kernel(self).lengths) / np.float32(2),
                self.fft_size,
                self.hop_size,
            ).T,
            n_iter=PHASE_ITERATIONS,
            sr=self.sample_rate_hz,
            hop_length=self.hop_size,
            fmin=self.lowest_hz,
            bins_per_octave=self.bins_per_octave,
            tuning=0.0,
            pad_mode="constant",
            random_state=PHASE_SEED,
        )
        return within_full_scale(samples[:length], self.sample_rate_hz)


class _Kernel(NamedTuple):
    sparse: Any  # (bins, K) complex64: the windows' spectra, conjugated
    lengths: Floats  # (bins,) samples of each window


@lru_cache(maxsize=8)
def _kernel(encoding: Cqt) -> _Kernel:
    import librosa
    from scipy.sparse import csr_array

    # Hann windows of the frequencies, with magnitudes that sum to 1
    waves, lengths = librosa.filters.wavelet(
        freqs=encoding.frequencies_hz, sr=encoding.sample_rate_hz, pad_fft=False
    )
    size = encoding.fft_size
    spectra = np.fft.fft(librosa.util.pad_center(waves, size=size, axis=1))[:, : size // 2 + 1]
    magnitudes = np.abs(spectra)
    spectra[magnitudes < SPARSITY * magnitudes.max(axis=1, keepdims=True)] = 0
    # By Parseval's theorem the mean over all bins is the sum over all samples.
    kernel = csr_array((spectra.conj() * (2 / size)).astype(np.complex64))
    return _Kernel(kernel, lengths.astype(np.float32))
