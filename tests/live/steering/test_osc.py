"""OSC over a real socket of this machine."""

from __future__ import annotations

import queue
import socket
import sys
import threading
from collections.abc import Iterator

import pytest
from pythonosc.osc_bundle_builder import IMMEDIATELY, OscBundleBuilder
from pythonosc.osc_message import OscMessage
from pythonosc.osc_message_builder import OscMessageBuilder

from rnnmusic.errors import DeviceError, UsageError
from rnnmusic.live.steering.orders import Action, Call, Turn
from rnnmusic.live.steering.osc import OscServer

WAIT_S = 10.0


def packet(address: str, *arguments: object) -> bytes:
    builder = OscMessageBuilder(address)
    for argument in arguments:
        builder.add_arg(argument)  # type: ignore[arg-type]
    return bytes(builder.build().dgram)


class Desk:
    """A server, a client that talks to it, and what came of it."""

    def __init__(self) -> None:
        self.client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.client.bind(("127.0.0.1", 0))
        self.client.settimeout(WAIT_S)
        self.actions: queue.Queue[Action] = queue.Queue()
        self.notices: queue.Queue[str] = queue.Queue()
        self.server = OscServer(
            self._act,
            on_notice=self.notices.put,
            port=0,
            feedback=self.client.getsockname(),
        )

    def _act(self, action: Action) -> None:
        if action == Call("store", ("refused",)):
            raise UsageError("No such state.")
        if action == Call("store", ("broken",)):
            raise RuntimeError("a fault")
        self.actions.put(action)

    def send(self, *data: bytes) -> None:
        for part in data:
            self.client.sendto(part, self.server.address)

    def act(self, address: str, *arguments: object) -> Action:
        self.send(packet(address, *arguments))
        return self.actions.get(timeout=WAIT_S)

    def answer(self) -> tuple[str, list[object]]:
        message = OscMessage(self.client.recv(65536))
        return message.address, list(message.params)


@pytest.fixture
def desk() -> Iterator[Desk]:
    made = Desk()
    yield made
    made.server.close()
    made.client.close()


@pytest.mark.parametrize(
    ("address", "arguments", "action"),
    [
        ("/rnnmusic/temperature", [0.5], Turn("temperature", 0.5)),
        ("/rnnmusic/temperature", [2], Turn("temperature", 2.0)),
        ("/rnnmusic/temperature", ["0.25"], Turn("temperature", 0.25)),
        ("/rnnmusic/key", ["d dorian"], Turn("key", "D dorian")),
        ("/rnnmusic/key", ["none"], Turn("key", None)),
        ("/rnnmusic/polyphony", [4.0], Turn("polyphony", 4)),
        ("/rnnmusic/tempo", [96], Turn("tempo", 96.0)),
        ("/rnnmusic/density/fader", [0.75], Turn("density", 0.5)),
        ("/rnnmusic/rewind", [2], Call("rewind", (2,))),
        ("/rnnmusic/rewind", [], Call("rewind")),
        ("/rnnmusic/preset", ["quiet"], Call("preset", ("quiet",))),
        ("/rnnmusic/morph", ["a", "b", 0.5], Call("morph", ("a", "b", 0.5))),
        ("/rnnmusic/freeze", [], Call("freeze")),
        ("/rnnmusic/freeze", [1.0], Call("freeze")),
        ("/rnnmusic/freeze", [True], Call("freeze")),
    ],
)
def test_messages_become_actions(
    desk: Desk, address: str, arguments: list[object], action: Action
) -> None:
    assert desk.act(address, *arguments) == action


def test_a_button_that_is_let_go_does_nothing(desk: Desk) -> None:
    desk.send(packet("/rnnmusic/freeze", 0.0))
    assert desk.act("/rnnmusic/resume") == Call("resume")
    assert desk.notices.empty()


def test_a_bundle_is_carried_out_in_its_order(desk: Desk) -> None:
    builder = OscBundleBuilder(IMMEDIATELY)
    for density in (0.25, 0.5):
        builder.add_content(OscMessage(packet("/rnnmusic/density", density)))
    desk.send(builder.build().dgram)
    heard = [desk.actions.get(timeout=WAIT_S) for _ in range(2)]
    assert heard == [Turn("density", 0.25), Turn("density", 0.5)]


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (packet("/rnnmusic/volume", 1), "neither a control nor an order 'volume'"),
        (packet("/other/density", 1), "Got the OSC address '/other/density'"),
        (packet("/rnnmusic/density/knob", 1), "/rnnmusic/density/knob"),
        (packet("/rnnmusic/freeze/fader", 1), "/rnnmusic/freeze/fader"),
        (packet("/rnnmusic/density", 3), "density was given 3"),
        (packet("/rnnmusic/density", 0.1, 0.2), "density was given 2 values"),
        (packet("/rnnmusic/density", b"blob"), "it takes numbers and text"),
        (packet("/rnnmusic/density", float("nan")), "density was given nan"),
        (packet("/rnnmusic/density/fader", 1.5), "The fader of density was given 1.5"),
        (packet("/rnnmusic/density/fader", "up"), "The fader of density was given 'up'"),
        (packet("/rnnmusic/density/fader"), "The fader of density was given None"),
        (packet("/rnnmusic/chord/fader", 0.5), "chord has no fader"),
        (packet("/rnnmusic/mode", "sleep"), "no mode 'sleep'"),
        (packet("/rnnmusic/store", "refused"), "No such state"),
        (packet("/rnnmusic/store", "broken"), "/rnnmusic/store failed"),
        (b"nonsense", "no OSC packet"),
        (b"#bundle\0" + b"\0" * 9, "no OSC packet"),
    ],
)
def test_what_makes_no_sense_is_answered_and_changes_nothing(
    desk: Desk, data: bytes, sentence: str
) -> None:
    desk.send(data)
    assert sentence in desk.notices.get(timeout=WAIT_S)
    address, arguments = desk.answer()
    assert address == "/rnnmusic/error"
    assert sentence in str(arguments[0])
    assert desk.act("/rnnmusic/density", 0.5) == Turn("density", 0.5)  # and it goes on


def test_what_python_osc_says_of_a_packet_isnt_printed(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    desk.send(b"nonsense", packet("/rnnmusic/density", 1).replace(b",i", b",q"))
    assert desk.act("/rnnmusic/density", 0.5) == Turn("density", 0.5)
    assert not caplog.records


def test_values_are_told_and_can_be_asked_for(desk: Desk) -> None:
    desk.send(packet("/rnnmusic/density"))
    assert desk.answer() == ("/rnnmusic/density", [0.0])
    desk.server.tell("density", 0.5)
    assert desk.answer() == ("/rnnmusic/density", [0.5])
    desk.server.tell("key", None)
    assert desk.answer() == ("/rnnmusic/key", ["none"])
    desk.send(packet("/rnnmusic/density"))
    assert desk.answer() == ("/rnnmusic/density", [0.5])


def test_a_port_that_is_taken_is_said(desk: Desk) -> None:
    port = desk.server.address[1]
    with pytest.raises(DeviceError, match=rf"Can't listen for OSC on 127.0.0.1:{port}: .*another"):
        OscServer(desk.actions.put, on_notice=desk.notices.put, port=port)


@pytest.mark.parametrize(("host", "port"), [("127.0.0.1", 70000), ("no.such.host.invalid", 0)])
def test_an_address_that_isnt_one_is_said(host: str, port: int) -> None:
    with pytest.raises(DeviceError, match="Can't listen for OSC on"):
        OscServer(print, on_notice=print, host=host, port=port)


def test_without_python_osc_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pythonosc", None)
    with pytest.raises(DeviceError, match=r"pip install 'rnnmusic\[osc\]'"):
        OscServer(print, on_notice=print, port=0)


def test_closing_ends_the_thread_frees_the_port_and_may_be_repeated() -> None:
    for host in ("127.0.0.1", "0.0.0.0"):
        server = OscServer(print, on_notice=print, host=host, port=0)
        _, port = server.address
        server.close()
        server.close()
        assert not any(t.name == "osc" for t in threading.enumerate())
        OscServer(print, on_notice=print, host=host, port=port).close()


def test_closing_from_its_own_thread_doesnt_hang() -> None:
    closed = threading.Event()

    def close(_: Action) -> None:
        server.close()
        closed.set()

    server = OscServer(close, on_notice=print, port=0)
    thread = next(t for t in threading.enumerate() if t.name == "osc")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.sendto(packet("/rnnmusic/freeze"), server.address)
    assert closed.wait(WAIT_S)
    thread.join(WAIT_S)
    assert not thread.is_alive()
