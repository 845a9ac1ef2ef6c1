"""The two bindings of RtMidi, which the machine that runs the tests may not be able to use."""

from __future__ import annotations

import os
import sys
import threading
import types

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnmusic.errors import DeviceError
from rnnmusic.live.messages import note_on
from rnnmusic.live.ports import PortName, closing, list_ports, open_input, open_output
from rnnmusic.live.ports.rtmidi_driver import RtMidiOutput
from rnnmusic.live.ports.stamps import Stamps
from tests.live.ports.fakes import NativeError, binding


@pytest.fixture
def on_linux(monkeypatch):
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setitem(sys.modules, "jack", None)

    def install(name: str, working: dict[int, list[str]]) -> types.ModuleType:
        module = binding(name, working)
        monkeypatch.setitem(sys.modules, "rtmidi", None)
        monkeypatch.setitem(sys.modules, "rtmidi2", None)
        monkeypatch.setitem(sys.modules, name, module)
        return module

    return install


def assert_every_client_was_deleted(module: types.ModuleType) -> None:
    if module.__name__ == "rtmidi":  # a client that isn't deleted jams JACK
        assert module.log.count(("delete",)) == sum(entry[0] == "client" for entry in module.log)


@pytest.mark.parametrize("name", ["rtmidi", "rtmidi2"])
def test_a_machine_without_drivers_gets_one_sentence(on_linux, name, capfd):
    on_linux(name, {})
    with pytest.raises(DeviceError, match="No MIDI driver answers") as caught:
        list_ports()
    assert caught.value.exit_code == 4
    assert capfd.readouterr() == ("", "")  # the native libraries' noise is kept away
    os.write(2, b"ours")
    assert capfd.readouterr().err == "ours"


def test_a_machine_without_bindings_gets_one_sentence(on_linux, monkeypatch):
    on_linux("rtmidi", {})
    monkeypatch.setitem(sys.modules, "rtmidi", None)
    with pytest.raises(DeviceError, match="can be imported"):
        list_ports()


def test_jack_is_found_where_alsa_is_not(on_linux):
    module = on_linux("rtmidi", {3: ["synth:in"]})
    assert list_ports() == (
        (PortName("synth:in", "JACK"),),
        (PortName("synth:in", "JACK"),),
        ("JACK",),
    )
    assert_every_client_was_deleted(module)


def test_rtmidi2_never_touches_a_jack_that_would_kill_the_process(on_linux):
    module = on_linux("rtmidi2", {2: ["a"], 3: ["b"]})
    assert list_ports().drivers == ("ALSA",)
    assert all(entry[2] == 2 for entry in module.log if entry[0] == "client")


@pytest.mark.parametrize("name", ["rtmidi", "rtmidi2"])
def test_both_bindings_open_play_and_close(on_linux, name):
    module = on_linux(name, {2: ["Through", "Synth"]})
    port = open_output("syn")
    port.begin(0.0, 120.0)
    port.send(note_on(0, 60, 5), 0.0)
    port.close()
    played = [entry for entry in module.log if entry[0] not in ("client", "delete")]
    assert played == [("open", "Synth"), ("send", (0x90, 60, 5)), ("close",)]
    assert_every_client_was_deleted(module)


@pytest.mark.parametrize("name", ["rtmidi", "rtmidi2"])
@pytest.mark.parametrize("hears_clock", [True, False])
def test_both_bindings_hear(on_linux, name, hears_clock):
    module = on_linux(name, {2: ["Through", "Keys"]})
    heard = []
    port = open_input("keys", lambda *message: heard.append(message), hears_clock=hears_clock)
    module.hearing[0]([0x90, 60, 5], 0.0)
    module.hearing[0]([0xF8], 0.001)
    assert [message for message, _ in heard] == [note_on(0, 60, 5), b"\xf8"]
    assert heard[1][1] <= heard[0][1] + 0.001 + 1e-9
    assert ("ignore", True, not hears_clock, True) in module.log  # sysex, timing, sensing
    port.close()
    module.hearing[0]([0x90, 61, 5], 0.0)
    assert len(heard) == 2
    assert_every_client_was_deleted(module)


@pytest.mark.parametrize("opener", [open_output, lambda spec: open_input(spec, print)])
def test_a_port_that_is_in_use_is_one_sentence(on_linux, opener):
    module = on_linux("rtmidi", {2: ["Synth"]})

    def refuse(self: object, index: int) -> None:
        raise NativeError("busy")

    module.MidiOut.open_port = refuse
    with pytest.raises(DeviceError, match=r"ALSA can't open the MIDI \w+ 'Synth' .*in use"):
        opener("Synth")
    assert_every_client_was_deleted(module)


def test_a_device_that_fails_or_hangs_does_not_hold_up_the_end(monkeypatch):
    monkeypatch.setattr(closing, "CLOSE_TIMEOUT_S", 0.01)
    release = threading.Event()

    class Hanging:
        def send_message(self, message: bytes) -> None:
            raise OSError("no such device")

        def close_port(self) -> None:
            release.wait(20)

    port = RtMidiOutput("synth", Hanging())
    with pytest.raises(DeviceError, match="'synth' refused a message"):
        port.send(note_on(0, 60, 1), 0.0)
    port.close()
    assert not port.is_alive
    with pytest.raises(DeviceError, match="closed"):
        port.send(note_on(0, 60, 1), 0.0)
    release.set()


GAPS = st.lists(st.floats(0, 0.5), min_size=1, max_size=200)


@given(GAPS, st.data())
def test_times_are_the_drivers_whatever_the_callbacks_delay(gaps, data):
    stamps, played_s, least = Stamps(), 1000.0, float("inf")
    for gap in gaps:
        played_s += gap
        delay = data.draw(st.floats(0.0001, 0.015))
        time_s = stamps.time_s(gap, played_s + delay)
        least = min(least, delay)
        # As late as the quickest callback so far, never later than the callback itself.
        assert time_s == pytest.approx(played_s + least, abs=1e-9)


@given(GAPS)
def test_a_driver_that_loses_count_is_not_believed(gaps):
    stamps, now_s = Stamps(), 1000.0
    for gap in gaps:
        now_s += gap
        assert now_s - 0.021 <= stamps.time_s(0.0, now_s) <= now_s
