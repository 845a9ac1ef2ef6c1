from __future__ import annotations

import socket
import time

import mido
import pytest
from mido.sockets import PortServer, connect

from rnnmusic.errors import DeviceError, UsageError
from rnnmusic.live.messages import control_change, note_off, note_on
from rnnmusic.live.ports import open_input, open_output

MESSAGES = [note_on(3, 60, 99), control_change(3, 64, 0), note_off(3, 60)]


@pytest.fixture
def number() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def comes_true(condition) -> bool:
    for _ in range(1000):
        if condition():
            return True
        time.sleep(0.005)
    return False


def test_what_is_played_arrives_at_midos_server(number):
    with PortServer("127.0.0.1", number) as server:
        port = open_output(f"tcp:127.0.0.1:{number}")
        with server.accept(block=True) as client:
            for message in MESSAGES:
                port.send(message, 0.0)
            heard = [bytes(client.receive(block=True).bytes()) for _ in MESSAGES]
        assert heard == MESSAGES
        port.close()
        assert not port.is_alive


def test_what_mido_plays_is_heard_from_all_who_connect(number):
    heard = []
    port = open_input(f"tcp:{number}", lambda *message: heard.append(message))
    before_s = time.monotonic()
    with connect("127.0.0.1", number) as one, connect("127.0.0.1", number) as two:
        one.send(mido.Message("note_on", channel=3, note=60, velocity=99))
        assert comes_true(lambda: len(heard) == 1)
        two.send(mido.Message("sysex", data=[1, 2, 3]))
        two.send(mido.Message("clock"))
        two.send(mido.Message("note_off", channel=3, note=60, velocity=0))
        assert comes_true(lambda: len(heard) == 2)
    assert [message for message, _ in heard] == [MESSAGES[0], MESSAGES[2]]
    assert all(before_s <= time_s <= time.monotonic() for _, time_s in heard)
    port.close()
    with pytest.raises(OSError, match=r"refused|Connection"):
        socket.create_connection(("127.0.0.1", number), 1).close()


def test_the_clock_is_heard_when_wanted(number):
    heard = []
    port = open_input(f"tcp:{number}", lambda m, _: heard.append(m), hears_clock=True)
    with connect("127.0.0.1", number) as one:
        one.send(mido.Message("clock"))
        assert comes_true(lambda: heard == [b"\xf8"])
    port.close()


def test_a_receiver_that_leaves_is_noticed_and_connected_to_when_it_is_back(number):
    server = socket.create_server(("127.0.0.1", number))
    port = open_output(f"tcp:127.0.0.1:{number}")
    connection, _ = server.accept()
    assert port.is_alive
    connection.close()
    server.close()
    assert comes_true(lambda: not port.is_alive)
    with socket.create_server(("127.0.0.1", number)) as server:
        connection, _ = server.accept()
        with connection:
            assert comes_true(lambda: port.is_alive)
            port.send(MESSAGES[0], 0.0)
            assert connection.recv(3) == MESSAGES[0]
            port.close()


def test_a_receiver_that_does_not_read_never_holds_up_the_sender(number):
    with socket.create_server(("127.0.0.1", number)):
        port = open_output(f"tcp:127.0.0.1:{number}")

        def flood() -> None:
            for _ in range(10_000_000):
                port.send(bytes(100), 0.0)

        with pytest.raises(DeviceError):
            flood()
        port.close()


def test_nobody_there_and_a_port_taken_are_one_sentence(number):
    with pytest.raises(DeviceError, match="Nothing answers"):
        open_output(f"tcp:127.0.0.1:{number}")
    with (
        socket.create_server(("127.0.0.1", number)),
        pytest.raises(DeviceError, match="Can't listen"),
    ):
        open_input(f"tcp:{number}", print)


@pytest.mark.parametrize(
    "spec", ["tcp", "tcp:", "tcp:host", "tcp:host:0", "tcp:host:70000", "tcp:1:x"]
)
def test_addresses_are_checked(spec):
    with pytest.raises(UsageError, match="tcp:HOST:PORT"):
        open_output(spec)
    with pytest.raises(UsageError, match="tcp:PORT"):
        open_input(spec, print)


def test_an_output_needs_a_host():
    with pytest.raises(UsageError, match="give tcp:HOST:PORT"):
        open_output("tcp:9000")
