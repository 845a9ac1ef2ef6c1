"""What happens in a driver's callback, with drivers that need no hardware."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
from scipy import signal

from rnnmusic.errors import DeviceError, InputError
from rnnmusic.filters.forms import Form, Sections
from rnnmusic.filters.streaming import Stream
from rnnmusic.live.effects.drivers import jack, sound_card
from rnnmusic.live.effects.effect import Effect
from rnnmusic.live.timing.clock import Stop

FILTER = Sections(signal.butter(4, 0.1, output="sos"), 48_000.0)
OTHER = Sections(signal.butter(4, 0.3, output="sos"), 48_000.0)
FRAMES = 64


def make(frames: int, rate: float) -> Effect:
    return Effect(Stream(FILTER, 2), frames, rate)


def noise(frames: int) -> np.ndarray:
    return np.random.default_rng(1).uniform(-0.5, 0.5, (2, frames)).astype(np.float32)


def test_blocks_are_the_offline_result_and_are_counted() -> None:
    effect, x = make(FRAMES, 48_000), noise(10 * FRAMES)
    heard = []
    for start in range(0, x.shape[1], FRAMES):
        effect.input(FRAMES)[:] = x[:, start : start + FRAMES]
        heard.append(np.array(effect.process(FRAMES)))
    wanted = Stream(FILTER, 2).process(x)
    np.testing.assert_array_equal(np.concatenate(heard, axis=1), wanted)
    effect.count_xrun()
    report = effect.report()
    assert (report.blocks, report.frames, report.xruns, report.faults) == (10, 640, 1, 0)
    assert report.load > 0


def test_the_buffer_is_the_same_for_every_block() -> None:
    effect = make(FRAMES, 48_000)
    assert np.shares_memory(effect.input(FRAMES), effect.input(FRAMES // 2))
    assert effect.input(4 * FRAMES).shape == (2, 4 * FRAMES)  # a driver that breaks its word


def test_a_nan_is_silenced_and_forgotten() -> None:
    effect = make(FRAMES, 48_000)
    effect.input(FRAMES)[:] = np.nan
    assert effect.process(FRAMES) is None
    effect.input(FRAMES)[:] = noise(FRAMES)
    np.testing.assert_array_equal(effect.process(FRAMES), Stream(FILTER, 2).process(noise(FRAMES)))
    assert effect.report().faults == 1


def test_a_change_is_ramped() -> None:
    effect = make(FRAMES, 48_000)
    ones = np.ones((2, FRAMES), dtype=np.float32)
    out = []
    for block in range(100):
        if block == 50:
            effect.change(OTHER)
        effect.input(FRAMES)[:] = ones
        out.append(np.array(effect.process(FRAMES)))
    steady = np.concatenate(out[49:], axis=1)
    # Both pass a constant; on the way from one to the other nothing jumps.
    assert np.abs(np.diff(steady)).max() < 0.01
    assert np.abs(steady[:, -1] - 1).max() < 1e-3


def test_what_fails_in_the_callback_is_raised_where_one_waits() -> None:
    class Broken:
        inputs = outputs = 1
        calls = 0

        def process(self, block: Any) -> Any:
            self.calls += 1
            if self.calls > 1:
                raise InputError("The filter broke.")
            return block

        def change(self, form: Form, ramp_s: float) -> None: ...

        def reset(self) -> None: ...

    effect = Effect(Broken(), FRAMES, 48_000)
    effect.input(FRAMES)
    assert effect.process(FRAMES) is None
    with pytest.raises(InputError, match="broke"):
        effect.wait(Stop(), 10)


def test_waiting_ends_with_the_stop() -> None:
    stop = Stop()
    stop.set()
    make(FRAMES, 48_000).wait(stop, 1e9)


# -- sound cards -------------------------------------------------------------------------------


class FakeStream:
    """PortAudio's callback stream: plays three blocks when it is started."""

    heard: list[np.ndarray]

    def __init__(self, **options: Any) -> None:
        if options["device"] == "theremin":
            raise ValueError("No device matching 'theremin'")
        self.options = options
        self.events: list[str] = []
        FakeStream.last = self  # type: ignore[attr-defined]

    def start(self) -> None:
        self.events.append("start")
        x, self.heard = noise(3 * FRAMES), []
        late = SimpleNamespace(input_overflow=False, output_underflow=True)
        fine = SimpleNamespace(input_overflow=False, output_underflow=False)
        for k in range(3):
            out = np.full((FRAMES, 2), 9, dtype=np.float32)
            block = x[:, k * FRAMES : (k + 1) * FRAMES].T
            self.options["callback"](block, out, FRAMES, None, late if k == 1 else fine)
            self.heard.append(out)

    def stop(self) -> None:
        self.events.append("stop")

    def close(self) -> None:
        self.events.append("close")


@pytest.fixture
def portaudio(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("sounddevice")
    module.Stream = FakeStream  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "sounddevice", module)


@pytest.mark.usefixtures("portaudio")
def test_a_sound_card_plays_the_offline_result() -> None:
    with sound_card(make, sample_rate_hz=48_000, block_frames=FRAMES) as effect:
        pass
    stream = FakeStream.last  # type: ignore[attr-defined]
    wanted = Stream(FILTER, 2).process(noise(3 * FRAMES))
    np.testing.assert_array_equal(np.concatenate(stream.heard).T, wanted)
    assert stream.events == ["start", "stop", "close"]
    assert stream.options["channels"] == (2, 2)
    assert (stream.options["samplerate"], stream.options["blocksize"]) == (48_000, FRAMES)
    assert effect.report().xruns == 1


@pytest.mark.usefixtures("portaudio")
def test_a_card_is_closed_whatever_happens() -> None:
    with (
        pytest.raises(ZeroDivisionError),
        sound_card(make, sample_rate_hz=48_000, block_frames=FRAMES),
    ):
        raise ZeroDivisionError
    assert FakeStream.last.events == ["start", "stop", "close"]  # type: ignore[attr-defined]


@pytest.mark.usefixtures("portaudio")
def test_a_card_that_is_not_there() -> None:
    with (
        pytest.raises(DeviceError, match=r"theremin.*--device"),
        sound_card(make, sample_rate_hz=48_000, block_frames=FRAMES, device="theremin"),
    ):
        pass


@pytest.mark.parametrize("module", ["sounddevice", "jack"])
def test_a_library_that_is_not_installed(monkeypatch: pytest.MonkeyPatch, module: str) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    opened = {
        "sounddevice": lambda: sound_card(make, sample_rate_hz=48_000, block_frames=FRAMES),
        "jack": lambda: jack(make, sample_rate_hz=48_000),
    }[module]
    with pytest.raises(DeviceError, match=r"rnnmusic\[audio\]"), opened():
        pass
