"""What all encodings of audio share: shapes, times, refusals, and the same numbers from torch."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rnnmusic.audio import Audio
from rnnmusic.encodings import Chroma, Cqt, LogMel, Stft, Waveform, from_config
from rnnmusic.encodings._framing import FrameEncoding, spectra
from rnnmusic.encodings.protocol import AudioEncoding
from rnnmusic.errors import InputError, UsageError
from tests.encodings.sounds import EVERY, FRAMED, chord, noise, tone

every = pytest.mark.parametrize("encoding", EVERY, ids=lambda e: f"{e.name}-{e.hop_size}")
framed = pytest.mark.parametrize("encoding", FRAMED, ids=lambda e: f"{e.name}-{e.hop_size}")


@every
def test_configurations_survive_json(encoding: AudioEncoding) -> None:
    config = json.loads(json.dumps(encoding.to_config()))
    assert from_config(config) == encoding
    assert hash(from_config(config)) == hash(encoding)


@every
@pytest.mark.parametrize("frames", [1, 499, 500, 501, 4000])
def test_steps_have_their_shape_and_type(encoding: AudioEncoding, frames: int) -> None:
    steps, clock, left_out = encoding.encode(noise(frames))
    assert steps.ndim == 2
    assert steps.shape[1] == len(encoding.sizes)
    assert steps.dtype == encoding.dtype
    assert steps.dtype.newbyteorder("<") == steps.dtype
    assert clock.shape == (len(steps), 0)
    assert clock.dtype == np.uint8
    assert left_out == {}
    hop = encoding.hop_size
    whole = -(-frames // hop)
    assert len(steps) == (whole if isinstance(encoding, Waveform) else whole + 1)
    # Decoding gives whole hops: the sound and silence, never less.
    decoded = encoding.decode(steps)
    assert decoded.samples.shape == (1, whole * hop)
    assert decoded.sample_rate_hz == encoding.sample_rate_hz
    assert len(encoding.encode(decoded).steps) == len(steps)


@settings(max_examples=60, deadline=None)
@given(samples=st.integers(1, 3000), hop=st.integers(1, 128), at=st.data())
def test_an_impulse_lands_in_the_frames_around_it_and_no_others(samples, hop, at) -> None:
    encoding = Stft(fft_size=256, hop_size=hop)
    place = at.draw(st.integers(0, samples - 1))
    signal = np.zeros(samples, dtype=np.float32)
    signal[place] = 1.0
    steps = encoding.encode(Audio(signal, 16_000)).steps
    assert len(steps) == encoding.frame_count(samples) == 1 + -(-samples // hop)
    energy = np.square(steps[:, 1:128]).sum(axis=1) + np.square(steps[:, 129:]).sum(axis=1)
    centres = np.arange(len(steps)) * hop
    # The periodic Hann window is 0 at its first sample, half a frame before the centre.
    within = (centres - 128 < place) & (place < centres + 128)
    np.testing.assert_array_equal(energy > 1e-12, within)
    # It weighs most where it is nearest to a centre.
    assert abs(centres[energy.argmax()] - place) <= hop / 2
    np.testing.assert_allclose(encoding.times_s(len(steps)) * 16_000, centres, atol=1e-6)


@settings(max_examples=40, deadline=None)
@given(
    samples=st.integers(1, 40_000),
    half=st.integers(8, 300),
    hop=st.integers(1, 300),
)
def test_frames_are_those_of_the_padded_signal(samples: int, half: int, hop: int) -> None:
    hop = min(hop, half)
    signal = np.arange(1, samples + 1, dtype=np.float32)
    padded = np.pad(signal, (half, half + -samples % hop))
    count = 1 + -(-samples // hop)
    seen = 0
    impulse = np.zeros(2 * half, dtype=np.float32)
    impulse[0] = 1.0  # a window that shows each frame's first sample
    for rows, spectrum in spectra(signal, impulse, hop):
        assert rows.start == seen
        seen = rows.stop
        np.testing.assert_allclose(
            spectrum[:, 0].real, padded[np.arange(rows.start, rows.stop) * hop]
        )
    assert seen == count


@every
def test_other_rates_and_channels_are_converted(encoding: AudioEncoding) -> None:
    audio = noise(20_000, channels=2, rate_hz=44_100)
    converted = audio.mono().resample(16_000)
    np.testing.assert_array_equal(encoding.encode(audio).steps, encoding.encode(converted).steps)


@every
def test_what_is_no_sound_is_refused(encoding: AudioEncoding) -> None:
    with pytest.raises(InputError, match="no samples"):
        encoding.encode(Audio(np.zeros((2, 0)), 16_000))
    for bad in (np.nan, np.inf):
        with pytest.raises(InputError, match="NaN or infinite"):
            encoding.encode(Audio(np.array([0.0, bad, 0.0]), 16_000))


@every
def test_steps_that_are_none_are_refused(encoding: AudioEncoding) -> None:
    width = len(encoding.sizes)
    kind = np.float32 if encoding.is_real else np.int64
    for shape in ((3, width + 1), (width,), (1, 3, width)):
        with pytest.raises(InputError, match="shape"):
            encoding.decode(np.zeros(shape, dtype=kind))
    with pytest.raises(InputError, match="shape"):
        encoding.decode(np.zeros((3, width), dtype=np.int64 if encoding.is_real else np.float32))
    if encoding.is_real:
        for bad in (np.nan, -np.inf):
            with pytest.raises(InputError, match="NaN or infinite"):
                encoding.decode(np.full((3, width), bad))


@every
def test_no_steps_and_the_start_step_decode_to_no_sound(encoding: AudioEncoding) -> None:
    kind = np.float32 if encoding.is_real else np.int64
    assert encoding.decode(np.empty((0, len(encoding.sizes)), dtype=kind)).samples.size == 0
    if encoding.is_real:
        start = encoding.start_step()
        silence = encoding.encode(Audio(np.zeros(2000), 16_000)).steps
        np.testing.assert_array_equal(silence, np.broadcast_to(start, silence.shape))
        assert encoding.decode(silence).peak == 0.0


@pytest.mark.parametrize("encoding", [e for e in FRAMED if not isinstance(e, Stft)])
def test_whatever_a_network_samples_decodes_to_sound_within_full_scale(
    encoding: FrameEncoding,
) -> None:
    rng = np.random.default_rng(0)
    for spread in (1.0, 1e3, 1e30):
        steps = (spread * rng.standard_normal((6, len(encoding.sizes)))).astype(np.float32)
        audio = encoding.decode(steps)
        assert 0 < audio.peak <= 1.0
        np.testing.assert_array_equal(audio.samples, encoding.decode(steps).samples)


@every
@pytest.mark.parametrize("kind", ["noise", "tone", "chord", "silence and click"])
def test_torch_gives_the_same_steps(encoding: AudioEncoding, kind: str) -> None:
    click = np.zeros(8001)
    click[4000] = 1.0
    sounds = {
        "noise": noise(8001).samples[0],
        "tone": tone(440.0, 0.5001, peak=1.0).samples[0],
        "chord": chord(0.5001).samples[0],
        "silence and click": click.astype(np.float32),
    }
    both = np.stack([sounds[kind][:8000], noise(8000, seed=3).samples[0]])
    frames = encoding.frames(torch.from_numpy(both))  # type: ignore[attr-defined]
    wanted = np.stack([encoding.encode(Audio(row, 16_000)).steps for row in both])
    assert tuple(frames.shape) == wanted.shape
    if encoding.is_real:
        np.testing.assert_allclose(frames.numpy(), wanted, rtol=0, atol=1e-4)
    else:
        apart = np.abs(frames.numpy() - wanted.astype(np.int64))
        assert apart.max() <= 1
        assert apart.mean() < 1e-3  # only on the borders between levels


@framed
def test_torch_is_differentiable_and_keeps_the_type(encoding: FrameEncoding) -> None:
    samples = torch.from_numpy(noise(4000).samples).double().requires_grad_()
    frames = encoding.frames(samples)
    assert frames.dtype == torch.float64
    frames.sum().backward()  # type: ignore[no-untyped-call]
    assert samples.grad is not None
    assert torch.isfinite(samples.grad).all()
    assert samples.grad.abs().max() > 0


@framed
def test_threads_share_an_encoding(encoding: FrameEncoding) -> None:
    sounds = [noise(3000 + 100 * i, seed=i) for i in range(8)]
    wanted = [encoding.encode(sound).steps for sound in sounds]
    fresh = replace(encoding, hop_size=encoding.hop_size)
    with ThreadPoolExecutor(4) as pool:
        for steps, encoded in zip(wanted, pool.map(fresh.encode, sounds), strict=True):
            np.testing.assert_array_equal(steps, encoded.steps)


@pytest.mark.parametrize(
    ("kind", "options", "words"),
    [
        (LogMel, {"sample_rate_hz": 0}, "from 1000 to 1000000"),
        (Waveform, {"sample_rate_hz": 10**9}, "from 1000 to 1000000"),
        (Cqt, {"sample_rate_hz": True}, "whole number"),
        (Stft, {"fft_size": 1023}, "even number"),
        (Stft, {"fft_size": 1 << 20}, "from 16 to 65536"),
        (Stft, {"fft_size": 1024, "hop_size": 513}, "from 1 to 512"),
        (Chroma, {"hop_size": 0}, "from 1 to 2048"),
        (LogMel, {"mels": 0}, "from 1 to 512"),
        (LogMel, {"highest_hz": 9_000.0}, "from 1 to 8000"),
        (LogMel, {"lowest_hz": 8_000.0}, "from 0 to 7999"),
        (LogMel, {"lowest_hz": float("nan")}, "takes a number"),
        (LogMel, {"floor_db": 0.0}, "from -160 to -10"),
        (LogMel, {"floor_db": "-80"}, "takes a number"),
        (Cqt, {"bins": 100}, "too near to half the sample rate"),
        (Cqt, {"bins_per_octave": 96, "lowest_hz": 5.0, "bins": 12}, "frames of"),
        (Cqt, {"lowest_hz": 0.0}, "takes a number"),
        (Waveform, {"quantiser": "a-law"}, "mu-law, linear"),
        (Waveform, {"frame_size": 0}, "from 1 to 16384"),
    ],
)
def test_hostile_configurations_get_one_sentence(kind, options, words) -> None:
    with pytest.raises(UsageError) as caught:
        from_config({"name": kind.name, **options})
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
