"""The synthesiser on a sound card that needs no hardware."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnmusic.errors import DeviceError
from rnnmusic.live.messages import note_off, note_on, program_change
from rnnmusic.live.ports import open_output, synth
from rnnmusic.live.ports.frame_clock import FrameClock
from rnnmusic.live.ports.ordering import InOrder

RATE, BLOCK = 48_000, 256
BLOCK_S = BLOCK / RATE
LATENCY_S = 0.02


class Card:
    """PortAudio's output stream, driven by the test, with a clock of its own."""

    def __init__(self) -> None:
        self.now_s = 1000.0
        self.heard: list[np.ndarray] = []
        self.events: list[str] = []
        self.options: dict[str, Any] = {}

    def stream(self, **options: Any) -> Any:
        if options["device"] == "theremin":
            raise ValueError("No device matching 'theremin'")
        self.options = options
        return SimpleNamespace(
            latency=LATENCY_S,
            start=lambda: self.events.append("start"),
            stop=lambda: self.events.append("stop"),
            close=lambda: self.events.append("close"),
        )

    def play(self, blocks: int, underflow: bool = False) -> None:
        for _ in range(blocks):
            out = np.full((BLOCK, 2), np.nan, dtype=np.float32)
            status = SimpleNamespace(output_underflow=underflow)
            self.options["callback"](out, BLOCK, None, status)
            self.heard.append(out)
            self.now_s += BLOCK_S

    @property
    def sound(self) -> np.ndarray:
        return np.concatenate(self.heard)


@pytest.fixture
def card(monkeypatch: pytest.MonkeyPatch) -> Card:
    card = Card()
    module = ModuleType("sounddevice")
    module.OutputStream = card.stream  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "sounddevice", module)
    clock = SimpleNamespace(monotonic=lambda: card.now_s, sleep=lambda seconds: card.play(20))
    monkeypatch.setattr(synth, "time", clock)
    return card


def test_a_note_is_heard_when_it_is_due(card: Card) -> None:
    port = open_output("synth:usb")
    assert card.options["device"] == "usb"
    assert card.events == ["start"]
    began_s = card.now_s
    card.play(100)
    due_s = card.now_s + port.lead_s + 0.0301
    port.send(program_change(0, 19), due_s)
    port.send(note_on(0, 69, 100), due_s)
    card.play(100)
    first = int(np.flatnonzero(card.sound.any(axis=1))[0])
    # A frame is heard the card's latency after it was asked for.
    assert began_s + first / RATE + LATENCY_S == pytest.approx(due_s, abs=2 / RATE)
    assert port.late == 0
    port.close()
    port.close()
    assert card.events == ["start", "stop", "close"]
    assert not card.sound[-BLOCK:].any()  # what sounded was let go first
    assert not port.is_alive
    with pytest.raises(DeviceError, match="stopped"):
        port.send(note_on(0, 60, 1), 0.0)


def test_messages_in_time_are_in_time_and_late_ones_are_counted(card: Card) -> None:
    port = open_output("synth")
    card.play(50)
    port.send(note_on(0, 60, 90), card.now_s + port.lead_s)
    assert port.late == 0
    port.send(note_on(0, 61, 90), card.now_s - 1)
    assert port.late == 0  # behind the one before, which isn't late
    port.send(note_on(1, 61, 90), card.now_s - 1)
    assert port.late == 1
    card.play(1, underflow=True)
    assert port.xruns == 1
    port.close()


def test_a_card_that_stops_is_dead(card: Card) -> None:
    port = open_output("synth")
    assert port.is_alive
    card.options["finished_callback"]()
    assert not port.is_alive
    port.close()


def test_no_card_and_no_library_are_one_sentence(card, monkeypatch) -> None:
    with pytest.raises(DeviceError, match=r"No sound card theremin .*NAME\.wav"):
        open_output("synth:theremin")
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    with pytest.raises(DeviceError, match="sounddevice with PortAudio isn't there") as caught:
        open_output("synth")
    assert caught.value.exit_code == 4


@pytest.mark.parametrize("true_rate", [48_000, 47_990, 48_012])
def test_the_frame_clock_follows_the_card_and_not_the_jitter(true_rate: float) -> None:
    clock = FrameClock(RATE, BLOCK)
    rng = np.random.default_rng(0)
    worst = 0.0
    for block in range(6000):
        time_s = 50 + block * BLOCK / true_rate
        clock.block(block * BLOCK, time_s + rng.uniform(0, 0.002))
        if block > 1000:
            wanted = (time_s + 0.001 - 50) * true_rate + 960  # the mean of the jitter, 20 ms ahead
            got = clock.frame_at(time_s + 0.001 + 0.001 + 960 / true_rate)
            worst = max(worst, abs(got - wanted))
    assert worst < 0.0004 * RATE  # a fifth of the jitter


def test_the_frame_clock_starts_anew_after_a_gap() -> None:
    clock = FrameClock(RATE, BLOCK)
    for block in range(100):
        clock.block(block * BLOCK, block * BLOCK_S)
    clock.block(100 * BLOCK, 9.0)
    assert clock.frame_at(9.0) == 100 * BLOCK
    assert clock.frame_at(9.0 + BLOCK_S) == 101 * BLOCK


@given(
    st.lists(
        st.tuples(st.integers(0, 100), st.integers(0, 2), st.sampled_from([note_on, note_off]))
    )
)
def test_messages_of_a_channel_keep_their_order(wanted) -> None:
    in_order, latest = InOrder(), dict.fromkeys(range(3), 0)
    for frame, channel, make in wanted:
        got = in_order.frame(make(channel, 60, 1), frame)
        assert got == max(frame, latest[channel])
        latest[channel] = got
