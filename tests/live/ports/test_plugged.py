"""Ports that vanish and return."""

from __future__ import annotations

import time

import pytest

from rnnmusic.errors import DeviceError
from rnnmusic.live.messages import control_change, note_on
from rnnmusic.live.ports.naming import returned
from rnnmusic.live.ports.plugged import PluggedInput, PluggedOutput
from tests.live.ports.fakes import FakeDriver, FakeInput, FakeOutput

A, B = note_on(0, 60, 1), note_on(0, 61, 1)
NEVER_S = 1e6  # the tests look themselves


@pytest.fixture
def driver() -> FakeDriver:
    return FakeDriver("ALSA", ["Synth:in 20:0", "Other 21:0"])


def plugged(driver: FakeDriver, look_every_s: float = NEVER_S) -> PluggedOutput:
    return PluggedOutput(
        "Synth:in 20:0", driver.open_output, driver.outputs, driver.close, look_every_s=look_every_s
    )


def test_a_port_that_vanishes_is_dead_until_it_returns(driver):
    port = plugged(driver)
    port.begin(5.0, 90.0)
    port.send(A, 0.0)
    driver.present.remove("Synth:in 20:0")
    port.look()
    assert not port.is_alive
    with pytest.raises(DeviceError, match="has gone"):
        port.send(A, 0.0)
    port.look()
    assert not port.is_alive
    driver.present.append("Synth:in 24:0")  # the same device, plugged in again
    port.look()
    assert port.is_alive
    port.send(B, 0.0)
    first, second = driver.opened
    assert isinstance(second, FakeOutput)
    assert (first.sent, first.closed) == ([A], 1)
    assert (second.sent, second.closed, second.begun) == ([B], 0, [(5.0, 90.0)])
    port.close()
    assert second.closed == 1
    assert driver.closed == 1


def test_another_port_is_never_taken_for_it(driver):
    port = plugged(driver)
    driver.present[:] = ["Other 21:0", "Synth:in too 20:0", "My Synth:in 20:0"]
    for _ in range(3):
        port.look()
    assert not port.is_alive
    assert len(driver.opened) == 1
    port.close()


def test_a_send_that_fails_counts_as_gone_and_the_next_look_tries_again(driver):
    port = plugged(driver)
    driver.opened[0].is_broken = True
    with pytest.raises(DeviceError, match="loose"):
        port.send(A, 0.0)
    assert not port.is_alive
    assert driver.opened[0].closed == 0  # nothing is closed by the thread that sends
    driver.is_busy = True
    port.look()
    assert (port.is_alive, driver.opened[0].closed) == (False, 1)
    driver.is_busy = False
    port.look()
    assert port.is_alive
    port.close()


def test_a_port_that_dies_while_its_name_stays_is_opened_again(driver):
    port = plugged(driver)
    driver.opened[0].close()  # a server that shuts down
    assert not port.is_alive
    port.look()
    port.look()
    assert port.is_alive
    port.close()


def test_a_driver_that_fails_counts_as_a_port_gone(driver):
    def names() -> list[str]:
        raise OSError("the sequencer has gone")

    port = PluggedOutput("Synth", driver.open_output, names, look_every_s=NEVER_S)
    port.look()
    assert not port.is_alive
    port.close()


def test_a_port_that_opens_while_it_is_closed_is_closed_too(driver):
    port = plugged(driver)
    driver.opened[0].close()
    port.look()
    open_output = port._open_port

    def slowly(name: str) -> FakeOutput:
        port.close()
        return open_output(name)

    port._open_port = slowly
    port.look()
    assert not port.is_alive
    assert [output.closed for output in driver.opened] == [2, 1]


def test_the_thread_looks_by_itself(driver):
    port = plugged(driver, look_every_s=0.01)
    driver.present.clear()
    assert _comes_true(lambda: not port.is_alive)
    driver.present.append("Synth:in 20:0")
    assert _comes_true(lambda: port.is_alive)
    port.close()


def test_an_input_goes_on_after_it_returns(driver):
    heard = []
    port = PluggedInput(
        "Synth:in 20:0",
        lambda name, on_message: FakeInput(name, on_message, False),
        lambda *message: heard.append(message),
        driver.outputs,
        look_every_s=NEVER_S,
    )
    assert port.is_alive
    driver.present.remove("Synth:in 20:0")
    port.look()
    assert not port.is_alive
    # Keys that were down aren't held for ever.
    assert [message for message, _ in heard] == [control_change(c, 123, 0) for c in range(16)]
    heard.clear()
    driver.present.append("Synth:in 20:0")
    port.look()
    assert port.is_alive
    port._port.hear(A, 1.0)
    port.close()
    assert not port.is_alive
    assert heard == [(A, 1.0)]


@pytest.mark.parametrize(
    ("name", "names", "now"),
    [
        ("USB MIDI 1", ["USB MIDI 2"], None),  # two devices of one make
        ("Syn (9):in (9:0) 129:0", ["Syn (11):in (11:0) 131:0"], "Syn (11):in (11:0) 131:0"),
        ("Keys 24:0", ["Keys 20:0", "Keys 24:0"], "Keys 24:0"),
        ("fluid:midi_00", ["fluid:midi_01"], None),
    ],
)  # fmt: skip
def test_a_name_is_known_again_by_all_but_the_numbers_of_alsa(name, names, now):
    assert returned(name, names) == now


def _comes_true(condition) -> bool:
    for _ in range(1000):
        if condition():
            return True
        time.sleep(0.005)
    return False
