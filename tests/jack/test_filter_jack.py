"""A live filter in a real JACK graph: its output is the offline result, sample by sample."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import signal as dsp

from rnnmusic.filters import forms
from rnnmusic.filters.streaming import Stream
from tests.jack.servers import jack_server, needs_jack

pytestmark = [pytest.mark.slow, needs_jack]

SERVER = "rnnmusic-test"

FILTER = forms.Sections(dsp.ellip(6, 0.5, 60, 0.2, output="sos"), 48_000.0)
OTHER = forms.Sections(dsp.butter(2, 0.1, output="sos"), 48_000.0)


class Probe:
    """A JACK client that plays a signal into the filter, once, and records the answer."""

    def __init__(self, sent: NDArray[np.float32]) -> None:
        client_library = pytest.importorskip("jack", reason="needs JACK-Client (see .ci/run)")
        self.client = client_library.Client("probe", servername=SERVER, no_start_server=True)
        self.played = self.client.outports.register("out")
        self.heard = self.client.inports.register("in")
        self.sent = sent
        self.record: list[NDArray[np.float32]] = []
        self.at = len(sent)  # silence, until both ends are connected
        self.client.set_process_callback(self._process)

    def _process(self, frames: int) -> None:
        block = np.zeros(frames, dtype=np.float32)
        part = self.sent[self.at : self.at + frames]
        block[: len(part)] = part
        self.played.get_array()[:] = block
        self.record.append(self.heard.get_array().copy())
        self.at += frames

    def through(self, filter_ports: list[str], seconds: float) -> NDArray[np.float32]:
        """Connect, let it play for so long, and give what was heard."""
        self.client.activate()
        self.client.connect(self.played, filter_ports[0])
        self.client.connect(filter_ports[1], self.heard)
        time.sleep(0.3)
        self.at = 0
        self.record.clear()
        time.sleep(seconds)
        return np.concatenate(self.record)

    def close(self) -> None:
        self.client.deactivate()
        self.client.close()


@pytest.fixture(scope="module")
def jack() -> Iterator[dict[str, str]]:
    with jack_server(SERVER, period_frames=1024) as env:
        yield env


@pytest.fixture
def running(
    jack: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    for name, value in jack.items():
        monkeypatch.setenv(name, value)
    path = tmp_path / "f.json"
    forms.save(FILTER, path)
    process = subprocess.Popen(
        [sys.executable, "-m", "rnnmusic", "filter", "run", path, "--jack", "--channels", "1"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    # Word comes once its ports are there; compiling the kernel may take its time.
    watchdog = threading.Timer(60, process.kill)
    watchdog.start()
    line = process.stderr.readline()
    assert line.startswith("Filtering 1 inputs"), line
    yield process, path
    watchdog.cancel()
    if process.poll() is None:
        process.kill()
    process.wait()
    process.stdout.close()  # type: ignore[union-attr]
    process.stderr.close()


def _aligned(heard: NDArray[np.float32], wanted: NDArray[np.float32]) -> NDArray[np.float32]:
    """The part of what was heard that begins where the signal does: JACK adds whole periods."""
    lags = range(len(heard) - len(wanted))
    begin = int(np.argmax(np.abs(heard) > np.abs(wanted).max() / 1e4))
    first = int(np.argmax(np.abs(wanted) > np.abs(wanted).max() / 1e4))
    assert begin - first in lags
    return heard[begin - first :][: len(wanted)]


def test_an_impulse_comes_back_as_the_offline_result(
    running: tuple[subprocess.Popen[str], Path],
) -> None:
    process, _ = running
    sent = np.zeros(4096, dtype=np.float32)
    sent[100] = 1
    probe = Probe(sent)
    try:
        heard = probe.through(["rnnmusic-filter:in_1", "rnnmusic-filter:out_1"], 1.5)
    finally:
        probe.close()
    wanted = Stream(FILTER, 1).process(sent[None])[0]
    np.testing.assert_array_equal(_aligned(heard, wanted), wanted)
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "xruns" in out


def test_a_filter_written_anew_is_taken_over(running: tuple[subprocess.Popen[str], Path]) -> None:
    process, path = running
    forms.save(OTHER, path)
    assert process.stderr is not None
    assert "took over" in process.stderr.readline()
    time.sleep(0.3)  # the next block, and its ramp
    sent = np.zeros(4096, dtype=np.float32)
    sent[100] = 1
    probe = Probe(sent)
    try:
        heard = probe.through(["rnnmusic-filter:in_1", "rnnmusic-filter:out_1"], 1.5)
    finally:
        probe.close()
    wanted = dsp.sosfilt(OTHER.sos, sent).astype(np.float32)
    np.testing.assert_allclose(_aligned(heard, wanted), wanted, atol=1e-6)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=30)
    assert process.returncode == 143


def test_a_filter_for_another_rate_is_refused(jack: dict[str, str], tmp_path: Path) -> None:
    forms.save(forms.Sections(FILTER.sos, 44_100.0), tmp_path / "f.json")
    ran = subprocess.run(
        [sys.executable, "-m", "rnnmusic", "filter", "run", tmp_path / "f.json", "--jack"],
        env={**os.environ, **jack}, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert ran.returncode == 4
    assert "48000 Hz" in ran.stderr
    assert "44100 Hz" in ran.stderr


def test_without_a_server_there_is_one_sentence(tmp_path: Path) -> None:
    forms.save(FILTER, tmp_path / "f.json")
    environment: dict[str, Any] = {**os.environ, "JACK_DEFAULT_SERVER": "nobody"}
    ran = subprocess.run(
        [sys.executable, "-m", "rnnmusic", "filter", "run", tmp_path / "f.json", "--jack"],
        env=environment, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert ran.returncode == 4
    assert ran.stderr.startswith("Error: No JACK server answers")
    assert ran.stderr.count("\n") == 1
