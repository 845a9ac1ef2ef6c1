"""What happens in JACK's callbacks, with a server that is stepped by hand."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rnnmusic.errors import DeviceError
from rnnmusic.live.messages import note_off, note_on
from rnnmusic.live.ports import jack_output
from rnnmusic.live.ports.jack_client import close_client, open_client
from rnnmusic.live.ports.jack_clock import WRAP, JackClock
from rnnmusic.live.ports.jack_driver import jack_driver
from rnnmusic.live.ports.jack_input import JackInput
from rnnmusic.live.ports.jack_output import JackOutput

PERIOD, RATE = 256, 48_000


class JackError(Exception):
    pass


class Port:
    def __init__(self, name: str) -> None:
        self.name = name
        self.buffer: list[tuple[int, bytes]] = []
        self.room = 1000

    def clear_buffer(self) -> None:
        self.buffer = []

    def write_midi_event(self, offset: int, message: bytes) -> None:
        if len(self.buffer) >= self.room:
            raise JackError("no room")
        assert 0 <= offset < PERIOD
        assert not self.buffer or offset >= self.buffer[-1][0]
        self.buffer.append((offset, message))

    def incoming_midi_events(self) -> Iterator[tuple[int, bytes]]:
        yield from self.buffer


class Server:
    """The server and its library at once; `frame` counts on beyond 32 bits."""

    def __init__(self, frame: int) -> None:
        self.frame = frame
        self.is_up = True
        self.clients: list[Any] = []
        module = ModuleType("jack")
        module.JackError = JackError  # type: ignore[attr-defined]
        module.Client = self.client  # type: ignore[attr-defined]
        module.set_error_function = module.set_info_function = lambda f: None  # type: ignore[attr-defined]
        self.module = module

    def client(self, name: str, no_start_server: bool) -> Any:
        assert no_start_server
        if not self.is_up:
            raise JackError("server_failed")
        client = Client(self, name)
        self.clients.append(client)
        return client

    def period(self) -> None:
        for client in self.clients:
            if client.process is not None:
                client.process(PERIOD)
        self.frame += PERIOD

    def end(self) -> None:
        self.is_up = False
        for client in list(self.clients):
            client.on_end(0, "the end")


class Client:
    def __init__(self, server: Server, name: str) -> None:
        self.server, self.name = server, name
        self.blocksize, self.samplerate = PERIOD, RATE
        self.process: Callable[[int], None] | None = None
        self.is_active = self.is_closed = False
        self.midi_outports = self.midi_inports = SimpleNamespace(register=self.register)

    def register(self, name: str) -> Port:
        return Port(f"{self.name}:{name}")

    @property
    def frame_time(self) -> int:
        assert not self.is_closed
        return self.server.frame % WRAP

    last_frame_time = frame_time

    def set_process_callback(self, callback: Callable[[int], None]) -> None:
        self.process = callback

    def set_xrun_callback(self, callback: Callable[[float], None]) -> None:
        self.on_xrun = callback

    def set_shutdown_callback(self, callback: Callable[[int, str], None]) -> None:
        self.on_end = callback

    def connect(self, source: Any, target: Any) -> None:
        if "nobody" in (source, target):
            raise JackError("no such port")

    def get_ports(self, **_: bool) -> list[Port]:
        return [Port("synth:in")]

    def activate(self) -> None:
        self.is_active = True

    def deactivate(self) -> None:
        self.is_active = False

    def close(self) -> None:
        self.is_closed = True
        self.server.clients.remove(self)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    server = Server(WRAP - 10 * PERIOD)  # about to wrap, as after a day
    monkeypatch.setitem(sys.modules, "jack", server.module)
    monkeypatch.setattr(jack_output, "PATIENCE_S", 0.0)
    yield server
    assert server.clients == []  # one that is left behind jams the graph


@pytest.fixture
def clock(server: Server) -> Iterator[JackClock]:
    clock = JackClock()
    client = open_client("names")
    clock.attach(client)
    yield clock
    clock.detach()
    close_client(client)


EVENTS = st.lists(
    st.tuples(st.integers(0, 20 * PERIOD), st.integers(0, 3), st.sampled_from([note_on, note_off]))
)


@settings(
    deadline=None, max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(events=EVENTS, ahead=st.integers(PERIOD, 4 * PERIOD))
def test_messages_in_time_are_on_their_frames(server, clock, events, ahead) -> None:
    port = JackOutput("synth:in", "out", clock)
    start = server.frame + ahead
    due = sorted(((start + at, make(channel, 60, 1)) for at, channel, make in events), key=_frame)
    waiting, written = list(due), []
    for _ in range(30):
        while waiting and waiting[0][0] < server.frame + ahead + PERIOD:
            frame, message = waiting.pop(0)
            port.send(message, clock.time_at(frame))
        begins = server.frame
        server.period()
        written += [(begins + offset, message) for offset, message in port._port.buffer]
    assert written == due
    assert port.late == 0
    port.close()


def _frame(item: tuple[int, bytes]) -> int:
    return item[0]


def test_late_messages_leave_with_the_next_period_in_order(server, clock) -> None:
    port = JackOutput(None, "out", clock)
    now = server.frame
    for late, pitch in ((5000, 60), (10, 61), (-20, 62)):
        port.send(note_on(pitch % 3, pitch, 1), clock.time_at(now - late))
    server.period()
    assert port._port.buffer == [
        (0, note_on(0, 60, 1)), (0, note_on(1, 61, 1)), (20, note_on(2, 62, 1))
    ]  # fmt: skip
    assert port.late == 2
    port.close()


def test_a_full_period_leaves_the_rest_to_the_next(server, clock) -> None:
    port = JackOutput(None, "out", clock)
    port._port.room = 2
    for pitch in range(5):
        port.send(note_on(0, pitch, 1), clock.time_at(server.frame))
    heard = []
    for _ in range(3):
        server.period()
        heard += [message[1] for _, message in port._port.buffer]
    assert heard == [0, 1, 2, 3, 4]
    assert port.late == 3
    port.close()


def test_lead_is_two_periods_and_at_least_twelve_milliseconds(server, clock) -> None:
    port = JackOutput(None, "out", clock)
    for frames, lead_s in ((64, 0.012), (256, 0.012), (1024, 2048 / RATE)):
        port._process(frames)
        assert port.lead_s == pytest.approx(lead_s)
    port.close()


def test_xruns_are_counted_and_the_end_of_the_server_is_noticed(server, clock) -> None:
    port = JackOutput(None, "out", clock)
    port._client.on_xrun(12.0)
    assert port.xruns == 1
    server.end()
    assert not port.is_alive
    with pytest.raises(DeviceError, match="gone"):
        port.send(note_on(0, 60, 1), 0.0)
    port.close()


def test_what_it_will_not_connect_to_is_one_sentence_and_leaves_no_client(server, clock) -> None:
    before = len(server.clients)
    with pytest.raises(DeviceError, match="can't play to 'nobody'"):
        JackOutput("nobody", "out", clock)
    with pytest.raises(DeviceError, match="can't listen to 'nobody'"):
        JackInput("nobody", "in", clock, lambda *_: None, False)
    assert len(server.clients) == before


def test_an_input_tells_the_times_of_frames(server, clock) -> None:
    heard: list[tuple[bytes, float]] = []
    port = JackInput(None, "in", clock, lambda *message: heard.append(message), False)
    port._port.buffer = [(0, note_on(0, 60, 1)), (10, b"\xf8"), (200, note_on(0, 61, 1))]
    server.period()
    (first, first_s), (second, second_s) = heard
    assert (first, second) == (note_on(0, 60, 1), note_on(0, 61, 1))
    assert second_s - first_s == pytest.approx(200 / RATE)
    assert 0 <= time.monotonic() - first_s < 10
    port.close()
    server.period()
    assert len(heard) == 2


def test_one_driver_is_shared_and_closed_with_its_last_user(server) -> None:
    one, two = jack_driver(), jack_driver()
    assert one is two
    one.close()
    assert one.outputs() == ["synth:in"]
    two.close()
    assert server.clients == []
    three = jack_driver()
    assert three is not one
    three.close()


def test_a_driver_finds_the_server_again_and_its_clock_goes_on(server) -> None:
    driver = jack_driver()
    before_s = driver.clock.now()
    server.end()
    old = list(server.clients)
    assert driver.outputs() == []
    with pytest.raises(DeviceError, match="No JACK server answers"):
        driver.virtual_output("out")
    during_s = driver.clock.now()
    server.is_up, server.frame = True, 0  # a new one counts from nought
    assert driver.outputs() == ["synth:in"]
    assert all(client.is_closed for client in old)  # before anything was opened anew
    assert before_s <= during_s <= driver.clock.now() < during_s + 10
    frame = driver.clock.frame_at(driver.clock.now())
    assert abs(frame - server.frame) <= 1
    driver.close()


@given(
    first=st.integers(0, WRAP - 1),
    steps=st.lists(st.integers(-300, WRAP // 4), min_size=1, max_size=50),
)
def test_the_clock_never_runs_back_and_counts_on_beyond_32_bits(first, steps) -> None:
    server = Server(first)
    clock = JackClock()
    clock.attach(Client(server, "names"))
    start_frame, start_s, latest_s = server.frame, clock.now(), float("-inf")
    for step in steps:
        server.frame = max(0, server.frame + step)
        now_s = clock.now()
        assert now_s >= latest_s
        latest_s = now_s
        frame = clock.unwrapped(server.frame % WRAP)
        assert frame - clock.frame_at(start_s) == server.frame - start_frame
        assert clock.frame_at(clock.time_at(frame)) == frame
