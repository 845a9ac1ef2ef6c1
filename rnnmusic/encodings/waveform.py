"""Waveform: the samples themselves, as categories or as numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from rnnmusic.audio import Audio
from rnnmusic.audio.signal import SAMPLE_RATES_HZ
from rnnmusic.encodings._checks import check_whole, checked_steps
from rnnmusic.encodings._framing import Floats, checked_frames, padded_to_hops, samples_of
from rnnmusic.encodings.protocol import REAL, AudioEncoding, Encoded, Steps
from rnnmusic.errors import UsageError

if TYPE_CHECKING:
    import torch

QUANTISERS = ("mu-law", "linear")
LEVELS = 256
MU = LEVELS - 1
LARGEST_FRAME = 1 << 14


@dataclass(frozen=True)
class Waveform(AudioEncoding):
    """`frame_size` samples to a step: T = ceil(n / frame_size) steps of n samples, no overlap.

    "mu-law": a column is one of 256 levels by the companding law of ITU-T G.711 with mu = 255 in
    its continuous form, F(x) = sgn(x) ln(1 + mu |x|) / ln(1 + mu) (WaveNet, van den Oord et al.
    2016, section 2.2), rounded to the nearest of 256 values evenly spaced over -1..1. Samples
    beyond full scale are taken for full scale and counted as left out. "linear": a column is a
    sample as it is, and decoding gives it back exactly.

    Step t stands at the first of its samples; the last step is filled up with silence, which
    decoding keeps.
    """

    name: ClassVar[str] = "waveform"

    sample_rate_hz: int = 16_000
    frame_size: int = 1
    quantiser: str = "mu-law"

    def __post_init__(self) -> None:
        check_whole(self.name, "sample_rate_hz", self.sample_rate_hz, *SAMPLE_RATES_HZ)
        check_whole(self.name, "frame_size", self.frame_size, 1, LARGEST_FRAME)
        if self.quantiser not in QUANTISERS:
            raise UsageError(
                f"The {self.name} encoding was given quantiser = {self.quantiser!r}; "
                f"choose one of {', '.join(QUANTISERS)}."
            )

    @property
    def hop_size(self) -> int:
        """Samples from one step to the next: those of a step."""
        return self.frame_size

    @property
    def sizes(self) -> tuple[int, ...]:
        """256 for each sample of a step, or REAL."""
        return (LEVELS if self.quantiser == "mu-law" else REAL,) * self.frame_size

    @property
    def dtype(self) -> np.dtype[Any]:
        """A byte per sample, or four."""
        return np.dtype(np.uint8 if self.quantiser == "mu-law" else "<f4")

    def encode(self, audio: Audio) -> Encoded:
        """Encode a recording into steps (T, frame_size).

        Another rate is resampled, other channels are mixed to one. InputError for an empty
        recording, for NaN or infinite samples, and for more than 16 million steps.
        """
        samples = samples_of(self, audio)
        samples = np.pad(samples, (0, -len(samples) % self.frame_size))
        left_out = {}
        if self.quantiser == "mu-law":
            if beyond := int((np.abs(samples) > 1).sum()):
                left_out["samples beyond full scale"] = beyond
            steps: Steps = mu_law_levels(samples)
        else:
            steps = samples.astype("<f4", copy=False)
        steps = steps.reshape(-1, self.frame_size)
        return Encoded(steps, np.empty((len(steps), 0), dtype=np.uint8), left_out)

    def frames(self, samples: torch.Tensor) -> torch.Tensor:
        """The steps (B, T, frame_size) of mono samples (B, n), by torchaudio on their device.

        Levels are int64; one on the border of two may fall on either side of it.
        """
        padded = padded_to_hops(samples, self.frame_size)
        if self.quantiser == "mu-law":
            from rnnmusic.audio import transforms

            padded = transforms.mu_law_levels(padded.clamp(-1, 1), LEVELS)
        return padded.reshape(len(padded), -1, self.frame_size)

    def decode(self, steps: Steps) -> Audio:
        """The sound of steps (T, frame_size): T * frame_size samples.

        InputError for another shape, levels beyond 0..255, NaN or infinities.
        """
        if self.quantiser == "mu-law":
            samples = mu_law_samples(checked_steps(self, steps))
        else:
            samples = checked_frames(self, steps)
        return Audio(samples.reshape(-1), self.sample_rate_hz)


def mu_law_levels(samples: Floats) -> NDArray[np.uint8]:
    """Level 0..255 of each sample, those beyond +-1 taken for +-1: see `Waveform`."""
    clipped = np.clip(samples, -1, 1)
    companded = np.sign(clipped) * (np.log1p(MU * np.abs(clipped)) / np.float32(np.log1p(MU)))
    levels = (companded + 1) * np.float32(MU / 2) + np.float32(0.5)
    return np.asarray(levels, dtype=np.uint8)


def mu_law_samples(levels: Steps) -> Floats:
    """Sample of each level 0..255: inverse of `mu_law_levels`."""
    companded = levels * (2.0 / MU) - 1.0
    samples = np.sign(companded) * (np.expm1(np.abs(companded) * np.log1p(MU)) / MU)
    return np.asarray(samples, dtype=np.float32)
