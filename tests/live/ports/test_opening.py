from __future__ import annotations

import pytest

from rnnmusic.errors import DeviceError, UsageError
from rnnmusic.live.messages import note_on
from rnnmusic.live.ports import (
    FilePort,
    MemoryInput,
    MemoryPort,
    PortName,
    WavPort,
    list_ports,
    open_input,
    open_output,
    panic,
)
from tests.live.ports.fakes import FakeDriver


def two_drivers() -> list[FakeDriver]:
    return [
        FakeDriver("ALSA", ["Midi Through Port-0", "Fluid Synth (12)", "USB MIDI 1", "USB MIDI"]),
        FakeDriver("JACK", ["fluidsynth:midi", "Straße:in"]),
    ]


NAMES = [
    ("fluid", "ALSA/Fluid Synth (12)"),  # the first that contains it
    ("usb midi", "ALSA/USB MIDI"),  # the same name comes before one that contains it
    ("fluidsynth:MIDI", "JACK/fluidsynth:midi"),
    ("STRASSE", "JACK/Straße:in"),
    ("virtual:stage", "ALSA/virtual stage"),
]


@pytest.mark.parametrize(("spec", "opened"), [*NAMES, ("virtual", "ALSA/virtual out")])
def test_a_name_opens_the_output_that_the_rule_says(spec, opened):
    drivers = two_drivers()
    port = open_output(spec, drivers)
    (output,) = [output for driver in drivers for output in driver.opened]
    assert output.name == opened
    port.send(note_on(0, 60, 1), 0.0)
    assert output.sent == [note_on(0, 60, 1)]
    assert sum(driver.closed for driver in drivers) == 1  # the one that wasn't needed
    port.close()
    port.close()
    assert output.closed == 1
    assert [driver.closed for driver in drivers] == [1, 1]
    with pytest.raises(DeviceError):
        port.send(note_on(0, 60, 1), 0.0)


@pytest.mark.parametrize(
    ("spec", "opened"),
    [("usb midi in", "ALSA/USB MIDI in"), ("strasse", "JACK/Straße:in in"),
     ("virtual", "ALSA/virtual in")],
)  # fmt: skip
@pytest.mark.parametrize("hears_clock", [True, False])
def test_a_name_opens_the_input_that_the_rule_says(spec, opened, hears_clock):
    drivers = two_drivers()
    heard = []
    port = open_input(
        spec, lambda *message: heard.append(message), drivers, hears_clock=hears_clock
    )
    (opened_port,) = [port for driver in drivers for port in driver.opened]
    assert (opened_port.name, opened_port.hears_clock) == (opened, hears_clock)
    opened_port.hear(note_on(0, 60, 1), 2.5)
    assert heard == [(note_on(0, 60, 1), 2.5)]
    port.close()
    assert opened_port.closed == 1


@pytest.mark.parametrize("opener", [open_output, lambda s, d: open_input(s, print, d)])
def test_an_unknown_name_is_refused_with_the_names_there_are(opener):
    drivers = two_drivers()
    with pytest.raises(DeviceError, match=r"'organ'.*'Fluid Synth \(12\).*virtual:NAME"):
        opener("organ", drivers)
    assert [driver.closed for driver in drivers] == [1, 1]


@pytest.mark.parametrize("spec", ["", " ", "jack:"])
@pytest.mark.parametrize("opener", [open_output, lambda s, d: open_input(s, print, d)])
def test_no_name_is_not_any_name(spec, opener):
    drivers = two_drivers()
    with pytest.raises(UsageError, match="part of its name"):
        opener(spec, drivers)
    assert not any(driver.opened for driver in drivers)


@pytest.mark.parametrize("opener", [open_output, lambda s, d: open_input(s, print, d)])
def test_a_port_in_use_is_refused(opener):
    drivers = two_drivers()
    drivers[0].is_busy = True
    with pytest.raises(DeviceError, match="taken"):
        opener("usb", drivers)
    assert [driver.closed for driver in drivers] == [1, 1]


def test_a_system_without_virtual_ports_says_so():
    with pytest.raises(DeviceError, match="loopMIDI"):
        open_output("virtual:x", [FakeDriver("Windows MM", [], has_virtual=False)])


def test_memory_and_files_need_no_driver(tmp_path):
    assert isinstance(open_output("memory", []), MemoryPort)
    for name, kind in (("Take One.MID", FilePort), ("x.wav", WavPort)):
        port = open_output(str(tmp_path / name), [])
        assert type(port) is kind
        port.close()
        assert (tmp_path / name).exists()


def test_memory_is_played_by_calling_it():
    heard = []
    port = open_input("memory", lambda *message: heard.append(message))
    assert isinstance(port, MemoryInput)
    port.play(note_on(0, 60, 1), 3.0)
    port.close()
    port.play(note_on(0, 61, 1), 4.0)
    assert heard == [(note_on(0, 60, 1), 3.0)]
    assert not port.is_alive


@pytest.mark.parametrize("spec", ["x.mid", "x.wav", "synth", "synth:card"])
def test_what_only_sounds_is_no_input(spec):
    with pytest.raises(UsageError, match="can't be listened to"):
        open_input(spec, print)


def test_ports_are_listed_with_their_drivers():
    drivers = two_drivers()
    listed = list_ports(drivers)
    assert listed.inputs[0] == PortName("Midi Through Port-0 in", "ALSA")
    assert listed.outputs[-1] == PortName("Straße:in", "JACK")
    assert listed.drivers == ("ALSA", "JACK")
    assert [driver.closed for driver in drivers] == [1, 1]


def test_panic_silences_every_channel_at_the_pace_of_a_cable():
    drivers = two_drivers()
    slept = []
    sent = panic("usb midi", drivers, sleep=slept.append)
    (output,) = drivers[0].opened
    assert len(output.sent) == sent == 16 * 3 + 16 * 128
    for channel in range(16):
        controllers = [m[1:] for m in output.sent if m[0] == 0xB0 | channel]
        assert controllers == [b"\x40\0", b"\x7b\0", b"\x78\0"]
        assert {m[1] for m in output.sent if m[0] == 0x80 | channel} == set(range(128))
    assert all(message[0] & 0xF0 == 0xB0 for message in output.sent[:48])  # the quick cure first
    assert min(slept) >= 3 * 10 / 31250
    assert output.closed == 1


@pytest.mark.parametrize("spec", ["memory", "x.mid", "x.WAV", "synth", "virtual:x", "jack"])
def test_panic_refuses_what_can_not_be_left_sounding(spec):
    with pytest.raises(UsageError, match="left sounding"):
        panic(spec)
