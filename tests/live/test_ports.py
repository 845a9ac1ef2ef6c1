from __future__ import annotations

import os
import sys
import threading
import types

import pytest

from rnnmusic.errors import DeviceError
from rnnmusic.live import ports
from rnnmusic.live.file_port import FilePort
from rnnmusic.live.messages import note_on
from rnnmusic.live.ports import DevicePort, MemoryPort, PortName, list_ports, open_output


class Output:
    def __init__(self, label: str) -> None:
        self.label = label
        self.sent: list[bytes] = []
        self.closed = 0

    def send(self, message: bytes) -> None:
        self.sent.append(message)

    def close(self) -> None:
        self.closed += 1


class FakeDriver:
    def __init__(self, name: str, outputs: list[str], has_virtual: bool = True) -> None:
        self.name, self.has_virtual = name, has_virtual
        self._outputs = outputs
        self.opened: list[Output] = []

    def inputs(self) -> list[str]:
        return [f"{self.name} keyboard"]

    def outputs(self) -> list[str]:
        return self._outputs

    def open(self, output: str) -> Output:
        self.opened.append(Output(f"{self.name}/{output}"))
        return self.opened[-1]

    def open_virtual(self, name: str) -> Output:
        return self.open(f"virtual {name}")


def two_drivers() -> list[FakeDriver]:
    return [
        FakeDriver("ALSA", ["Midi Through Port-0", "Fluid Synth (12)", "USB MIDI 1", "USB MIDI"]),
        FakeDriver("JACK", ["fluidsynth:midi", "Straße:in"]),
    ]


@pytest.mark.parametrize(
    ("spec", "opened"),
    [
        ("fluid", "ALSA/Fluid Synth (12)"),  # the first that contains it
        ("usb midi", "ALSA/USB MIDI"),  # the same name comes before one that contains it
        ("fluidsynth:MIDI", "JACK/fluidsynth:midi"),
        ("STRASSE", "JACK/Straße:in"),
        ("virtual:stage", "ALSA/virtual stage"),
        ("virtual", "ALSA/virtual out"),
    ],
)
def test_a_name_opens_the_output_that_the_rule_says(spec, opened):
    drivers = two_drivers()
    port = open_output(spec, drivers)
    (output,) = [output for driver in drivers for output in driver.opened]
    assert output.label == opened
    port.send(note_on(0, 60, 1), 0.0)
    assert output.sent == [note_on(0, 60, 1)]
    port.close()
    port.close()
    assert output.closed == 1
    with pytest.raises(DeviceError, match="closed"):
        port.send(note_on(0, 60, 1), 0.0)


def test_an_unknown_name_is_refused_with_the_names_there_are():
    with pytest.raises(DeviceError, match=r"'organ'.*'Fluid Synth \(12\)'.*virtual:NAME"):
        open_output("organ", two_drivers())


def test_a_system_without_virtual_ports_says_so():
    with pytest.raises(DeviceError, match="loopMIDI"):
        open_output("virtual:x", [FakeDriver("Windows MM", [], has_virtual=False)])


def test_memory_and_files_need_no_driver(tmp_path):
    assert isinstance(open_output("memory", []), MemoryPort)
    port = open_output(str(tmp_path / "Take One.MID"), [])
    assert isinstance(port, FilePort)
    port.close()
    assert (tmp_path / "Take One.MID").exists()


def test_ports_are_listed_with_their_drivers():
    listed = list_ports(two_drivers())
    assert listed.inputs == (
        PortName("ALSA keyboard", "ALSA"),
        PortName("JACK keyboard", "JACK"),
    )
    assert listed.outputs[-1] == PortName("Straße:in", "JACK")
    assert listed.drivers == ("ALSA", "JACK")


def test_a_device_that_fails_or_hangs_does_not_hold_up_the_end(monkeypatch):
    monkeypatch.setattr(ports, "CLOSE_TIMEOUT_S", 0.01)
    release = threading.Event()

    class Hanging(Output):
        def send(self, message: bytes) -> None:
            raise OSError("no such device")

        def close(self) -> None:
            release.wait(20)

    port = DevicePort("synth", Hanging("x"))
    with pytest.raises(DeviceError, match="'synth' refused a message"):
        port.send(note_on(0, 60, 1), 0.0)
    port.close()
    release.set()


# -- the two bindings, which the machine that runs the tests may not be able to use ---------------


class NativeError(OSError):
    """python-rtmidi's SystemError isn't the built-in one either."""


def binding(name: str, working: dict[int, list[str]]) -> types.ModuleType:
    """A module like rtmidi or rtmidi2: API number -> its outputs."""
    module = types.ModuleType(name)
    numbers = {"LINUX_ALSA": 2, "UNIX_JACK": 3, "MACOSX_CORE": 1, "WINDOWS_MM": 4}
    for api, number in numbers.items():
        setattr(module, f"API_{api}", number)
    module.log = []

    class Native:
        def __init__(self, api: int, client: str) -> None:
            os.write(2, b"ALSA lib: noise\n")
            if api not in working:
                raise NativeError("error creating ALSA sequencer client object")
            self.names = working[api]
            module.log.append(("client", client, api))

        def open_port(self, index: int) -> None:
            module.log.append(("open", self.names[index]))

        def open_virtual_port(self, name: str) -> None:
            module.log.append(("virtual", name))

        def close_port(self) -> None:
            module.log.append(("close",))

    class One(Native):
        def __init__(self, rtapi: int, name: str) -> None:
            super().__init__(rtapi, name)

        def get_ports(self) -> list[str]:
            return self.names

        def send_message(self, message: bytes) -> None:
            module.log.append(("send", tuple(message)))

        def delete(self) -> None:
            module.log.append(("delete",))

    class Two(Native):
        def __init__(self, clientname: str, *, api: int) -> None:
            super().__init__(api, clientname)

        @property
        def ports(self) -> list[str]:
            return self.names

        def send_raw(self, *message: int) -> None:
            module.log.append(("send", message))

    module.MidiOut = module.MidiIn = One if name == "rtmidi" else Two
    return module


@pytest.fixture
def on_linux(monkeypatch):
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr("rnnmusic.live.drivers._rtmidi2_reaches_jack", lambda: False)

    def install(name: str, working: dict[int, list[str]]) -> types.ModuleType:
        module = binding(name, working)
        monkeypatch.setitem(sys.modules, "rtmidi", None)
        monkeypatch.setitem(sys.modules, "rtmidi2", None)
        monkeypatch.setitem(sys.modules, name, module)
        return module

    return install


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
    on_linux("rtmidi", {3: ["synth:in"]})
    assert list_ports() == (
        (PortName("synth:in", "JACK"),),
        (PortName("synth:in", "JACK"),),
        ("JACK",),
    )


def test_rtmidi2_never_touches_a_jack_that_would_kill_the_process(on_linux):
    module = on_linux("rtmidi2", {2: ["a"], 3: ["b"]})
    assert list_ports().drivers == ("ALSA",)
    assert all(api == 2 for _, _, api in module.log)


@pytest.mark.parametrize("name", ["rtmidi", "rtmidi2"])
def test_both_bindings_open_play_and_close(on_linux, name):
    module = on_linux(name, {2: ["Through", "Synth"]})
    port = open_output("synth")
    port.begin(0.0, 120.0)
    port.send(note_on(0, 60, 5), 0.0)
    port.close()
    played = [entry for entry in module.log if entry[0] not in ("client", "delete")]
    assert played == [("open", "Synth"), ("send", (0x90, 60, 5)), ("close",)]
    if name == "rtmidi":  # a client that isn't deleted jams JACK
        assert module.log.count(("delete",)) == sum(entry[0] == "client" for entry in module.log)


def test_an_output_that_vanishes_before_it_is_opened_is_one_sentence(on_linux):
    module = on_linux("rtmidi", {2: ["Synth"]})

    def refuse(self: object, index: int) -> None:
        raise NativeError("busy")

    module.MidiOut.open_port = refuse
    with pytest.raises(DeviceError, match="ALSA can't open the MIDI output 'Synth'"):
        open_output("Synth")
    assert module.log.count(("delete",)) == sum(entry[0] == "client" for entry in module.log)
