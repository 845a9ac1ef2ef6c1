"""The General MIDI drum kit: skins, metal, wood and rattles, of swept tones, modes and noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rnnmusic.synthesis.resonators import ring

CHOKE_S = 0.012


@dataclass(frozen=True)
class Drum:
    """One instrument of the kit: a swept skin, a cloud of metal modes and a burst of noise.

    Each layer is left out where its gain is 0. Decays are the times in which it falls by 60 dB.
    """

    skin: float = 0.0
    skin_hz: float = 100.0  # where the pitch settles
    skin_from_hz: float = 0.0  # where it starts, when higher
    skin_s: float = 0.4
    metal: float = 0.0
    metal_hz: tuple[float, float] = (300.0, 12_000.0)  # modes spread over this range
    metal_modes: int = 48
    metal_s: float = 1.0
    noise: float = 0.0
    noise_hz: tuple[float, float] = (1500.0, 9000.0)  # band
    noise_s: float = 0.2
    bursts: int = 1  # a clap is several hands
    click: float = 0.0
    pan: float = 0.0
    gain_db: float = 9.0  # re a middle C on the piano

    def longest_s(self, pitch: int) -> float:
        """Time after which the hit has died away."""
        layers = ((self.skin, self.skin_s), (self.metal, self.metal_s), (self.noise, self.noise_s))
        return 1.25 * max((s for gain, s in layers if gain), default=0.1) + 0.02 * self.bursts

    def release_at(self, pitch: int) -> float | None:
        """Time constant with which a hand or the other cymbal stops it."""
        return CHOKE_S

    def tone(
        self, pitch: int, velocity: float, frames: int, sample_rate_hz: int
    ) -> NDArray[np.float32]:
        """One hit, (frames,); harder hits (velocity 1..127) have more of what is bright in them."""
        rng = np.random.default_rng(pitch)
        time_s = np.arange(frames) / sample_rate_hz
        edge = (max(velocity, 1.0) / 100) ** 0.6
        sound = np.zeros(frames, dtype=np.float32)
        if self.skin:
            sound += np.float32(self.skin) * self._skin(time_s)
        if self.metal:
            sound += np.float32(self.metal * edge) * self._metal(rng, frames, sample_rate_hz)
        if self.noise:
            sound += np.float32(self.noise * edge) * self._noise(rng, time_s, sample_rate_hz)
        if self.click:
            burst = rng.standard_normal(frames) * np.exp(-time_s / 0.0015)
            sound += (self.click * edge * burst).astype(np.float32)
        return sound

    def _skin(self, time_s: NDArray[np.float64]) -> NDArray[np.float32]:
        start_hz = max(self.skin_from_hz, self.skin_hz)
        # Frequency falls as an exponential; its integral is the phase.
        glide_s = 0.028
        glide = (start_hz - self.skin_hz) * glide_s * (1 - np.exp(-time_s / glide_s))
        phase = 2 * np.pi * (self.skin_hz * time_s + glide)
        # Two modes of a circular membrane, 1 and 1.593, the upper one shorter.
        envelope = np.exp(-6.9 * time_s / self.skin_s)
        upper = 0.35 * np.sin(1.593 * phase) * envelope**2
        motion = (np.sin(phase) * envelope + upper) * _onset(time_s, 0.0008)
        return np.asarray(motion, dtype=np.float32)

    def _metal(
        self, rng: np.random.Generator, frames: int, sample_rate_hz: int
    ) -> NDArray[np.float32]:
        low_hz, high_hz = self.metal_hz
        spread = rng.random(self.metal_modes)
        frequency = low_hz * (high_hz / low_hz) ** spread
        rate = 6.9 / self.metal_s * rng.uniform(0.8, 2.5, self.metal_modes)
        gain = rng.normal(size=self.metal_modes) * np.sqrt(2 / self.metal_modes)
        phase = np.exp(2j * np.pi * rng.random(self.metal_modes))
        # Bright modes of a plate take a moment to build up: the swell of a cymbal.
        swell = np.full(self.metal_modes, 700.0)
        frequency, rate = np.tile(frequency, 2), np.concatenate((rate, rate + swell))
        return ring(
            frequency, rate, np.concatenate((gain * phase, -gain * phase)), frames, sample_rate_hz
        )

    def _noise(
        self, rng: np.random.Generator, time_s: NDArray[np.float64], sample_rate_hz: int
    ) -> NDArray[np.float32]:
        from scipy.signal import butter, sosfilt

        low_hz, high_hz = self.noise_hz
        top_hz = min(high_hz, 0.45 * sample_rate_hz)
        band = (min(low_hz, top_hz / 1.5), top_hz)
        filtered = sosfilt(
            butter(2, band, "bandpass", fs=sample_rate_hz, output="sos"),
            rng.standard_normal(len(time_s)),
        )
        filtered /= np.sqrt(np.mean(filtered**2))
        envelope = np.zeros(len(time_s))
        for burst in range(self.bursts):
            after = time_s - 0.011 * burst
            length_s = self.noise_s if burst == self.bursts - 1 else 0.05
            envelope += np.where(after >= 0, np.exp(-6.9 * np.maximum(after, 0) / length_s), 0)
        return np.asarray(filtered * envelope * _onset(time_s, 0.0004), dtype=np.float32)


def _onset(time_s: NDArray[np.float64], rise_s: float) -> NDArray[np.float64]:
    return np.asarray(1 - np.exp(-time_s / rise_s))


def _tom(frequency_hz: float, pan: float) -> Drum:
    return Drum(
        skin=0.9, skin_hz=frequency_hz, skin_from_hz=1.5 * frequency_hz, skin_s=0.7, pan=pan,
        noise=0.08, noise_hz=(300, 3000), noise_s=0.08, click=0.1,
    )  # fmt: skip


def _conga(frequency_hz: float, skin_s: float = 0.3, pan: float = 0.2) -> Drum:
    return Drum(
        skin=0.8, skin_hz=frequency_hz, skin_from_hz=1.12 * frequency_hz, skin_s=skin_s, pan=pan,
        noise=0.12, noise_hz=(700, 5000), noise_s=0.04, click=0.1, gain_db=6,
    )  # fmt: skip


def _block(low_hz: float, high_hz: float, metal_s: float = 0.12, pan: float = 0.2) -> Drum:
    return Drum(
        metal=0.8, metal_hz=(low_hz, high_hz), metal_modes=4, metal_s=metal_s, pan=pan,
        click=0.15, gain_db=4,
    )  # fmt: skip


def _rattle(low_hz: float, noise_s: float, pan: float = -0.3) -> Drum:
    return Drum(noise=0.5, noise_hz=(low_hz, 14_000), noise_s=noise_s, pan=pan, gain_db=3)


def _cymbal(low_hz: float, metal_s: float, noise: float, pan: float, gain_db: float) -> Drum:
    return Drum(
        metal=0.5, metal_hz=(low_hz, 15_000), metal_modes=90, metal_s=metal_s, pan=pan,
        noise=noise, noise_hz=(4000, 15_000), noise_s=0.6 * metal_s, gain_db=gain_db,
    )  # fmt: skip


_KICK = Drum(skin=1.0, skin_hz=48, skin_from_hz=190, skin_s=0.45, click=0.35, gain_db=11)
_SNARE = Drum(
    skin=0.9, skin_hz=175, skin_from_hz=240, skin_s=0.28, click=0.3,
    noise=0.6, noise_hz=(900, 9500), noise_s=0.34,
)  # fmt: skip
_HAT = Drum(
    metal=0.12, metal_hz=(3500, 14_000), metal_modes=36, metal_s=0.2, pan=0.25,
    noise=0.4, noise_hz=(6500, 14_000), noise_s=0.17, gain_db=4,
)  # fmt: skip
_OPEN_HAT = Drum(
    metal=0.2, metal_hz=(3200, 14_000), metal_modes=50, metal_s=1.4, pan=0.25,
    noise=0.35, noise_hz=(6000, 14_000), noise_s=1.0, gain_db=0,
)  # fmt: skip

# Key -> drum, General MIDI level 1: keys 35 to 81.
KIT: dict[int, Drum] = {
    35: _KICK,
    36: _KICK,
    37: _block(900, 3200, 0.07, 0.0),
    38: _SNARE,
    39: Drum(noise=0.5, noise_hz=(800, 5000), noise_s=0.26, bursts=3, gain_db=8),
    40: Drum(
        skin=0.8, skin_hz=215, skin_from_hz=290, skin_s=0.2, click=0.3,
        noise=0.65, noise_hz=(1200, 11_000), noise_s=0.28,
    ),
    41: _tom(82, -0.35),
    42: _HAT,
    43: _tom(98, -0.2),
    44: Drum(
        metal=0.08, metal_hz=(3500, 12_000), metal_modes=30, metal_s=0.14, pan=0.25,
        noise=0.25, noise_hz=(5500, 13_000), noise_s=0.12, gain_db=4,
    ),
    45: _tom(118, -0.1),
    46: _OPEN_HAT,
    47: _tom(140, 0.05),
    48: _tom(165, 0.2),
    49: _cymbal(400, 4.0, 0.35, -0.35, 2),
    50: _tom(196, 0.3),
    51: _cymbal(900, 2.6, 0.15, 0.35, -2),
    52: _cymbal(300, 1.6, 0.45, -0.3, 1),
    53: Drum(metal=0.6, metal_hz=(900, 6000), metal_modes=7, metal_s=1.2, pan=0.35, gain_db=-1),
    54: _rattle(6000, 0.4),
    55: _cymbal(700, 1.0, 0.45, -0.2, 1),
    56: Drum(metal=0.9, metal_hz=(540, 1650), metal_modes=6, metal_s=0.35, click=0.1, gain_db=1),
    57: _cymbal(450, 3.6, 0.35, 0.4, 2),
    58: Drum(noise=0.4, noise_hz=(1500, 5000), noise_s=0.6, bursts=6, pan=-0.3, gain_db=0),
    59: _cymbal(800, 2.4, 0.15, 0.3, -2),
    60: _conga(390, 0.18),
    61: _conga(290, 0.22),
    62: _conga(250, 0.1, -0.2),
    63: _conga(220, 0.35, -0.2),
    64: _conga(165, 0.4, -0.2),
    65: _conga(440, 0.3, 0.1),
    66: _conga(300, 0.4, 0.1),
    67: _block(800, 2800, 0.3, 0.3),
    68: _block(560, 2000, 0.3, 0.3),
    69: _rattle(4500, 0.16),
    70: _rattle(5500, 0.1),
    71: _block(2200, 2500, 0.15, 0.1),
    72: _block(2200, 2500, 0.6, 0.1),
    73: _rattle(2500, 0.08, 0.3),
    74: _rattle(2500, 0.3, 0.3),
    75: _block(2350, 2600, 0.08, -0.1),
    76: _block(980, 2200, 0.09, -0.2),
    77: _block(720, 1700, 0.1, -0.2),
    78: _conga(520, 0.1, -0.1),
    79: _conga(330, 0.25, -0.1),
    80: Drum(metal=0.5, metal_hz=(1700, 11_000), metal_modes=10, metal_s=0.12, gain_db=-3),
    81: Drum(metal=0.5, metal_hz=(1700, 11_000), metal_modes=10, metal_s=1.8, gain_db=-3),
}  # fmt: skip

# A hi-hat that closes stops the open one: keys that cut short the key they stand beside.
CHOKES: dict[int, tuple[int, ...]] = {46: (42, 44, 46), 81: (80,), 72: (71,), 79: (78,)}
