"""Running filters: any blocks, the same bits; ramps without clicks; files of any length."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.signal
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from rnnmusic.errors import InputError, UsageError
from rnnmusic.filters.forms import (
    Allpass,
    DelayNetwork,
    Diagonal,
    Form,
    Lattice,
    Parallel,
    Sections,
    StateSpace,
    SvfChain,
    TransferFunction,
    ZeroPoleGain,
    convert,
)
from rnnmusic.filters.modules import SectionsFilter
from rnnmusic.filters.streaming import Stream, run_file
from tests.filters.modules.builders import forms

RATE = 48_000.0
ELLIPTIC = Sections(scipy.signal.ellip(6, 1, 50, 0.2, output="sos"), RATE)
LOW = Sections(scipy.signal.butter(4, 0.02, output="sos"), RATE)
FORMS: dict[str, Form] = {
    **{kind: form for kind, (_, form) in forms(7).items()},
    **{kind.kind: convert(ELLIPTIC, kind) for kind in (TransferFunction, Lattice, StateSpace)},
    "two by two": StateSpace(0.5 * np.eye(3), np.ones((3, 2)), np.ones((2, 3)), np.eye(2)),
}


def noise(channels: int, frames: int, dtype: str = "float32", seed: int = 0) -> NDArray[Any]:
    return np.random.default_rng(seed).standard_normal((channels, frames)).astype(dtype)


def in_blocks(stream: Stream, x: NDArray[Any], cuts: list[int]) -> NDArray[Any]:
    parts = np.split(x, sorted(cuts), axis=1)
    return np.concatenate([stream.process(part) for part in parts], axis=1)


@pytest.mark.parametrize("kind", FORMS)
@given(
    cuts=st.lists(st.integers(0, 300), max_size=12),
    channels=st.integers(1, 9),
    dtype=st.sampled_from(["float32", "float64"]),
    seed=st.integers(0, 99),
)
@settings(max_examples=12, deadline=None)
def test_blocks_make_the_same_bits_as_the_whole(
    kind: str, cuts: list[int], channels: int, dtype: str, seed: int
) -> None:
    form = FORMS[kind]
    count = channels if form.inputs == form.outputs == 1 else None
    whole, blocks = Stream(form, count, dtype), Stream(form, count, dtype)
    x = noise(whole.inputs, 300, dtype, seed)
    given_x = x.copy()
    y = whole.process(x)
    assert y.dtype == x.dtype
    assert y.shape == (whole.outputs, 300)
    assert np.array_equal(y, in_blocks(blocks, x, cuts))
    assert np.array_equal(x, given_x)


@pytest.mark.parametrize("kind", FORMS)
def test_the_impulse_response_has_the_forms_response(kind: str) -> None:
    form = FORMS[kind]
    stream = Stream(form, dtype="float64")
    length = 1 << 16
    spectra = []
    for i in range(stream.inputs):
        stream.reset()
        x = np.zeros((stream.inputs, length))
        x[i, 0] = 1
        spectra.append(np.fft.rfft(stream.process(x)))
    omega = np.arange(length // 2 + 1) * 2 * np.pi / length
    wanted = form.response(omega).reshape(len(omega), stream.outputs, stream.inputs)
    assert abs(np.transpose(spectra, (2, 1, 0)) - wanted).max() < 1e-8 * abs(wanted).max()


def test_sections_equal_scipy() -> None:
    x = noise(2, 500, "float64")
    wanted = scipy.signal.sosfilt(ELLIPTIC.sos, x)
    np.testing.assert_allclose(Stream(ELLIPTIC, 2, "float64").process(x), wanted, atol=1e-12)
    tf = convert(LOW, TransferFunction)
    wanted = scipy.signal.lfilter(tf.b, tf.a, x)
    np.testing.assert_allclose(Stream(tf, 2, "float64").process(x), wanted, atol=1e-10)


@pytest.mark.parametrize("kind", FORMS)
def test_a_state_is_a_value(kind: str) -> None:
    stream = Stream(FORMS[kind])
    x = noise(stream.inputs, 200)
    stream.process(x)
    state = stream.state
    first = stream.process(x)
    stream.process(x)
    stream.state = state
    assert np.array_equal(stream.process(x), first)
    other = Stream(FORMS[kind])
    other.state = state
    assert np.array_equal(other.process(x), first)
    stream.reset()
    assert np.array_equal(stream.process(x), Stream(FORMS[kind]).process(x))


CHANGES = {
    "sections glide": (LOW, Sections(scipy.signal.butter(4, 0.025, output="sos"), RATE)),
    "more sections": (LOW, ELLIPTIC),
    "crossfade": (ELLIPTIC, convert(LOW, StateSpace)),
    "modes glide": (
        Diagonal([0.9 + 0.1j], [[1.0]], [[1.0]], [[0.0]], RATE),
        Diagonal([0.5 - 0.1j], [[2.0]], [[1.0]], [[0.5]], RATE),
    ),
    "networks glide": (
        DelayNetwork((5, 7), 0.9 * np.eye(2), np.ones(2), [[1], [1]], [[1, 1]], [[0]], RATE),
        DelayNetwork((5, 7), [[0, -0.9], [0.9, 0]], np.ones(2), [[1], [1]], [[1, 1]], [[0]], RATE),
    ),
    "parallel": (convert(ELLIPTIC, Parallel), convert(ELLIPTIC, Parallel)),
    "one for each channel": ([ELLIPTIC, LOW], [LOW, LOW]),
}


@pytest.mark.parametrize("name", CHANGES)
@given(cuts=st.lists(st.integers(0, 700), max_size=8))
@settings(max_examples=8, deadline=None)
def test_a_ramp_is_the_same_in_any_blocks(name: str, cuts: list[int]) -> None:
    before, after = CHANGES[name]
    channels = 2
    outputs = []
    for pieces in ([], cuts):
        stream = Stream(before, channels)  # type: ignore[arg-type]
        stream.process(noise(channels, 100))
        stream.change(after, 0.01)  # type: ignore[arg-type]
        outputs.append(in_blocks(stream, noise(channels, 700, seed=1), pieces))
    assert np.array_equal(*outputs)


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_ends_as_the_new_filter_without_a_click(name: str) -> None:
    before, after = CHANGES[name]
    stream = Stream(before, 2, "float64")  # type: ignore[arg-type]
    tone = np.sin(np.arange(9600) * 0.01)[None].repeat(2, axis=0)
    start = stream.process(tone)
    stream.change(after, 0.02)  # type: ignore[arg-type]
    changed = stream.process(np.sin((9600 + np.arange(9600)) * 0.01)[None].repeat(2, axis=0))
    settled = Stream(after, 2, "float64")  # type: ignore[arg-type]
    wanted = settled.process(np.sin(np.arange(19_200) * 0.01)[None].repeat(2, axis=0))
    np.testing.assert_allclose(changed[:, -2000:], wanted[:, -2000:], atol=1e-3)
    # No step much larger than the tones' own and that from one level to the other in 20 ms.
    own = max(abs(np.diff(part[:, 5000:])).max() for part in (start, wanted))
    levels = max(abs(part[:, 5000:]).max() for part in (start, wanted))
    joined = np.concatenate([start[:, 5000:], changed], axis=1)
    assert abs(np.diff(joined)).max() < 3 * own + 20 * levels / 960
    assert abs(changed).max() < 1.5 * levels


def test_a_change_at_once_keeps_the_state_and_a_state_holds_a_ramp() -> None:
    stream = Stream(ELLIPTIC)
    stream.process(noise(1, 100))
    stream.change(Sections(ELLIPTIC.sos * [0.9, 0.9, 0.9, 1, 1, 1]), 0)
    assert not np.array_equal(stream.process(np.zeros(10)), np.zeros(10))
    stream.change(LOW, 0.01)
    stream.process(noise(1, 100))
    middle = stream.state
    first = stream.process(noise(1, 600))
    stream.state = middle
    assert np.array_equal(stream.process(noise(1, 600)), first)
    stream.state = middle
    stream.reset()
    assert np.array_equal(stream.process(noise(1, 50)), Stream(LOW).process(noise(1, 50)))


@given(cuts=st.lists(st.integers(0, 2500), max_size=8))
@settings(max_examples=8, deadline=None)
def test_a_change_during_a_crossfade_follows_it(cuts: list[int]) -> None:
    outputs = []
    for pieces in ([], cuts):
        stream = Stream(LOW, 2, "float64")
        for form in (ELLIPTIC, convert(LOW, StateSpace), LOW):
            stream.change(form, 0.01)
        outputs.append(in_blocks(stream, np.ones((2, 5000)), pieces))
    assert np.array_equal(*outputs)
    # LOW begins at rest when the first crossfade is over; the second change was overtaken.
    wanted = scipy.signal.sosfilt(LOW.sos, np.ones(5000 - 480))
    np.testing.assert_allclose(outputs[0][0, 960:], wanted[480:], atol=1e-9)
    stream.change(ELLIPTIC, 0.01)
    stream.change(LOW, 0.01)
    stream.reset()
    fresh = Stream(LOW, 2, "float64")
    assert np.array_equal(stream.process(np.ones((2, 9))), fresh.process(np.ones((2, 9))))


def test_what_makes_no_sense_is_refused() -> None:
    with pytest.raises(InputError, match=r"radius 1\.2"):
        Stream(Sections([[1, 0, 0, 1, -1.2, 0]]))
    with pytest.raises(InputError, match="radius"):
        Stream(TransferFunction([1.0], [1.0, -1.0]))
    with pytest.raises(UsageError, match="float16"):
        Stream(ELLIPTIC, dtype=np.float16)
    with pytest.raises(UsageError, match="at least one"):
        Stream(ELLIPTIC, 0)
    with pytest.raises(InputError, match="shape"):
        Stream(ELLIPTIC, 2).process(np.zeros(5))
    with pytest.raises(InputError, match="3 channels"):
        Stream([ELLIPTIC, LOW], 3)
    with pytest.raises(InputError, match="3 channels"):
        Stream(FORMS["two by two"], 3)
    with pytest.raises(InputError, match="2 inputs"):
        Stream(ELLIPTIC).change(FORMS["two by two"])
    with pytest.raises(UsageError, match="sample rate"):
        Stream(Sections([[1, 0, 0, 1, 0, 0]])).change(LOW)
    with pytest.raises(UsageError, match="ramp"):
        Stream(ELLIPTIC).change(LOW, -1.0)
    assert Stream(ELLIPTIC).process(np.zeros(0)).shape == (0,)
    assert Stream(ELLIPTIC, 2).process(np.zeros((2, 0))).shape == (2, 0)


def test_a_module_streams_as_it_is() -> None:
    module = SectionsFilter.from_form(ELLIPTIC)
    x = noise(1, 100)
    assert np.array_equal(Stream(module).process(x), Stream(module.form()).process(x))


@pytest.mark.parametrize("suffix", [".wav", ".flac"])
def test_a_file_is_filtered_in_its_own_format(tmp_path: Path, suffix: str) -> None:
    source, target = tmp_path / f"in{suffix}", tmp_path / f"out{suffix}"
    x = 0.3 * noise(2, 150_000, "float64").T
    soundfile.write(source, x, int(RATE), subtype="PCM_24")
    done = run_file(LOW, source, target, tail_s=0.1)
    y, rate = soundfile.read(target)
    assert soundfile.info(target).subtype == "PCM_24"
    assert rate == RATE
    assert done["frames"] == len(y) == 150_000 + 4800
    assert done["clipped"] == 0
    wanted = scipy.signal.sosfilt(LOW.sos, np.pad(soundfile.read(source)[0], ((0, 4800), (0, 0))).T)
    assert abs(y.T - wanted).max() < 2e-5
    assert done["peak"] == pytest.approx(abs(wanted).max(), rel=1e-4)


def test_clipping_is_counted_and_other_formats_chosen(tmp_path: Path) -> None:
    source = tmp_path / "in.wav"
    soundfile.write(source, np.full(100, 0.5), 8000, subtype="FLOAT")
    gain = Sections([[4.0, 0, 0, 1, 0, 0]])
    assert run_file(gain, source, tmp_path / "float.wav")["clipped"] == 0
    assert soundfile.read(tmp_path / "float.wav")[0].max() == 2.0
    assert run_file(gain, source, tmp_path / "out.flac")["clipped"] == 100
    assert soundfile.read(tmp_path / "out.flac")[0].max() == pytest.approx(1.0, abs=1e-4)
    assert run_file(gain, source, tmp_path / "quiet.flac", gain_db=-20.0)["clipped"] == 0


def test_files_that_cant_be_filtered_are_refused_and_nothing_is_written(tmp_path: Path) -> None:
    source, target = tmp_path / "in.wav", tmp_path / "out.wav"
    soundfile.write(source, np.zeros(10), 44_100)
    with pytest.raises(InputError, match=r"48000 Hz.*44100"):
        run_file(LOW, source, target)
    run_file(LOW, source, target, any_rate=True)
    target.unlink()
    with pytest.raises(InputError, match="1 channels"):
        run_file(FORMS["two by two"], source, target)
    with pytest.raises(InputError, match="can't be read"):
        run_file(LOW, tmp_path / "none.wav", target)
    (tmp_path / "text.wav").write_text("no sound")
    with pytest.raises(InputError, match="can't be read"):
        run_file(LOW, tmp_path / "text.wav", target)
    with pytest.raises(UsageError, match="suffix"):
        run_file(LOW, source, tmp_path / "out.txt", any_rate=True)
    with pytest.raises(UsageError, match="tail"):
        run_file(LOW, source, target, tail_s=-1.0, any_rate=True)
    soundfile.write(source, np.array([0.0, np.nan]), 48_000, subtype="FLOAT")
    with pytest.raises(InputError, match="finite"):
        run_file(LOW, source, target)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.wav", "text.wav"]


def test_gliding_keeps_every_section_stable() -> None:
    stream = Stream(LOW)
    stream.change(CHANGES["sections glide"][1], 0.01)  # type: ignore[arg-type]
    for _ in range(40):
        stream.process(noise(1, 16))
        a1, a2 = stream._engine.coefficients[0][:, 4:].T
        assert (abs(a2) < 1).all()
        assert (abs(a1) < 1 + a2).all()


def test_svf_zpk_and_allpass_run_as_what_they_are() -> None:
    x = noise(1, 400, "float64")
    wanted = scipy.signal.sosfilt(ELLIPTIC.sos, x)
    for kind in (SvfChain, ZeroPoleGain, Parallel):
        np.testing.assert_allclose(
            Stream(convert(ELLIPTIC, kind), dtype="float64").process(x), wanted, atol=1e-10
        )
    schroeder = Allpass.schroeder([0.7], [3])
    wanted = scipy.signal.lfilter([0.7, 0, 0, 1], [1, 0, 0, 0.7], x)
    np.testing.assert_allclose(Stream(schroeder, dtype="float64").process(x), wanted, atol=1e-12)
