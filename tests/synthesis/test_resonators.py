"""The bank of modes against filters run one by one, the reverb against its definition."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import lfilter

from rnnmusic.synthesis.pitch import frequency_hz, read_at
from rnnmusic.synthesis.resonators import ring, strike
from rnnmusic.synthesis.reverb import add_room
from rnnmusic.synthesis.struck import blow

RATE_HZ = 44_100


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 2000), st.integers(1, 12), st.integers(0, 300), st.integers(0, 2**32 - 1))
def test_a_struck_bank_is_a_sum_of_two_pole_filters(
    frames: int, modes: int, contact: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    frequency = rng.uniform(20, 21_000, modes)
    decay = rng.uniform(0, 50, modes)
    gain = rng.normal(size=modes)
    force = rng.normal(size=contact + 1)
    got = strike(frequency, decay, gain, force, frames, RATE_HZ)
    drive = np.zeros(max(frames, len(force)))
    drive[: len(force)] = force
    wanted = np.zeros(frames)
    for hz, rate, g in zip(frequency, decay, gain, strict=True):
        radius, angle = np.exp(-rate / RATE_HZ), 2 * np.pi * hz / RATE_HZ
        b = [0, g * radius * np.sin(angle)]
        wanted += lfilter(b, [1, -2 * radius * np.cos(angle), radius**2], drive)[:frames]
    scale = np.abs(gain).sum() * np.abs(force).sum()
    np.testing.assert_allclose(got, wanted, atol=2e-6 * scale)


def test_modes_beyond_nyquist_are_left_out() -> None:
    alone = ring(np.array([440.0]), np.zeros(1), np.ones(1), 1000, RATE_HZ)
    both = ring(np.array([440.0, 30_000.0]), np.zeros(2), np.ones(2), 1000, RATE_HZ)
    np.testing.assert_array_equal(alone, both)
    assert ring(np.array([440.0]), np.zeros(1), np.ones(1), 0, RATE_HZ).shape == (0,)


@pytest.mark.parametrize("corner_hz", [300, 1000, 5000])
def test_a_blow_is_a_low_pass(corner_hz: float) -> None:
    force = blow(corner_hz, RATE_HZ)
    response = np.abs(np.fft.rfft(force, RATE_HZ))
    assert response[0] == pytest.approx(1)
    # Two equal poles: -6 dB at the corner.
    assert response[round(corner_hz)] == pytest.approx(0.5, rel=0.15)


def test_reading_between_frames() -> None:
    tone = np.arange(5, dtype=np.float32)
    np.testing.assert_allclose(read_at(tone, np.array([0, 0.25, 3.5])), [0, 0.25, 3.5])
    np.testing.assert_array_equal(read_at(tone, np.array([5.0, 99.0])), [0, 0])
    assert frequency_hz(69) == 440
    assert frequency_hz(60) == pytest.approx(261.6256, rel=1e-6)


def test_the_room_falls_by_60_db_in_its_time_and_is_linear() -> None:
    impulse = np.zeros((2, 3 * RATE_HZ), dtype=np.float32)
    impulse[0, 0] = 1
    answer = impulse.copy()
    add_room(answer, RATE_HZ, reverb_time_s=1.5)
    tail = answer - impulse
    assert np.all(tail[:, : int(0.021 * RATE_HZ)] == 0)
    # Schroeder's backward integral below the damping, from -5 to -35 dB.
    smooth = np.stack([np.convolve(t, np.ones(40) / 40, "same") for t in tail])
    energy = np.square(smooth, dtype=np.float64).sum(axis=0)[::-1].cumsum()[::-1]
    level = 10 * np.log10(energy / energy[0] + 1e-12)
    time_s = (np.argmax(level < -35) - np.argmax(level < -5)) / RATE_HZ * 2
    assert time_s == pytest.approx(1.35, abs=0.25)
    # Both sides answer, each in its own way.
    assert abs(np.corrcoef(tail)[0, 1]) < 0.2
    assert 0.5 < np.linalg.norm(tail[0]) / np.linalg.norm(tail[1]) < 2

    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 2, 20_000)).astype(np.float32)
    together, apart = a + 2 * b, (a.copy(), b.copy())
    for sound in (together, *apart):
        add_room(sound, RATE_HZ)
    np.testing.assert_allclose(together, apart[0] + 2 * apart[1], atol=1e-4)
