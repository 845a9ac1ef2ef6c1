"""A JACK server without a sound card, listeners that write down what they hear, FluidSynth.

Synchronous (-S): a client that is late for a period is waited for. Asynchronous servers serve the
period before once more, so that events are lost and doubled on the way whoever sent them; on a
virtual machine whose processors pause for milliseconds that happens to programs in C as well.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import pytest

SOUNDFONT = Path("/usr/share/sounds/sf2/TimGM6mb.sf2")

needs_jack = pytest.mark.skipif(shutil.which("jackd") is None, reason="needs jackd2 (see .ci/run)")
needs_fluidsynth = pytest.mark.skipif(
    shutil.which("fluidsynth") is None or not SOUNDFONT.exists(),
    reason="needs fluidsynth and timgm6mb-soundfont (see .ci/run)",
)


def environment(server: str) -> dict[str, str]:
    """What a process needs to reach the server of that name, and to start none."""
    return {"JACK_NO_START_SERVER": "1", "JACK_DEFAULT_SERVER": server}


@contextlib.contextmanager
def jack_server(name: str, *, period_frames: int = 256) -> Iterator[dict[str, str]]:
    """Run a server at 48 kHz; gives the environment that reaches it."""
    env = {**os.environ, **environment(name)}
    options = ["-S", "-n", name, "-d", "dummy", "-r", "48000", "-p", str(period_frames)]
    for realtime in (["-R", "-P", "20"], ["-r"]):  # the second where real time isn't allowed
        process = subprocess.Popen(
            ["jackd", *realtime, *options],
            env=env,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        if comes_true(lambda: bool(ports(env)) or process.poll() is not None) and ports(env):  # noqa: B023
            break
        end(process)
    else:
        pytest.fail("jackd is installed but doesn't start")
    try:
        yield environment(name)
    finally:
        end(process)


def end(process: subprocess.Popen[Any]) -> None:
    """Ask a process to leave; a killed server leaves its place in the shared registry taken."""
    process.terminate()
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def ports(env: dict[str, str]) -> list[str]:
    """The ports of the server, none while it doesn't answer."""
    listed = subprocess.run(
        ["jack_lsp"], env={**os.environ, **env}, capture_output=True, text=True, timeout=20
    )
    return listed.stdout.split() if listed.returncode == 0 else []


def comes_true(condition: Any, timeout_s: float = 10.0) -> bool:
    """Wait for something that another process does."""
    give_up_s = time.monotonic() + timeout_s
    while time.monotonic() < give_up_s:
        if condition():
            return True
        time.sleep(0.02)
    return False


LISTENER = """
import sys, threading
import jack
client = jack.Client(sys.argv[1], no_start_server=True)
port = client.midi_inports.register("in")
heard = []
def process(frames):
    start = client.last_frame_time
    for at, event in port.incoming_midi_events():
        heard.append((start + at, bytes(event)))
client.set_process_callback(process)
client.activate()
print("ready", flush=True)
sys.stdin.readline()
client.deactivate()
client.close()
for frame, event in heard:
    print(frame, event.hex())
"""


class Running:
    """A process that doesn't outlive the block: a client left behind would jam the server."""

    process: subprocess.Popen[Any]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            end(self.process)
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()

    def kill(self) -> None:
        """End it as a crash would."""
        self.process.kill()
        self.process.wait()


class Burner(Running):
    """Keeps one core busy."""

    def __init__(self) -> None:
        self.process = subprocess.Popen([sys.executable, "-c", "while True: pass"])


class Pulse(Running):
    """A client in C that strikes and releases a key every 4,800 frames, for ever."""

    port = "pulse:out"

    def __init__(self, env: dict[str, str]) -> None:
        self.process = subprocess.Popen(
            ["jack_midiseq", "pulse", "4800", "0", "60", "2400"],
            env={**os.environ, **env},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        assert comes_true(lambda: self.port in ports(env))


class Listener(Running):
    """A JACK client in a process of its own that writes down (frame, message)."""

    def __init__(self, env: dict[str, str], name: str = "ear") -> None:
        self.port = f"{name}:in"
        self.process = subprocess.Popen(
            [sys.executable, "-c", LISTENER, name],
            env={**os.environ, **env},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "ready\n"

    def stop(self) -> list[tuple[int, bytes]]:
        """End it, and give what it heard: the server's frame, the message."""
        out, _ = self.process.communicate("\n", timeout=30)
        return [
            (int(frame), bytes.fromhex(text)) for frame, text in map(str.split, out.splitlines())
        ]


class FluidSynth(Running):
    """FluidSynth as a JACK client that says which notes and controllers it receives.

    `-d` makes it print every event before its router: `event_pre_noteon 0 60 100`.
    """

    EVENT = re.compile(r"event_pre_(\w+) (\d+) (\d+)(?: (\d+))?")
    STATUS: dict[str, int] = {"noteon": 0x90, "noteoff": 0x80, "cc": 0xB0, "prog": 0xC0}  # noqa: RUF012

    def __init__(self, env: dict[str, str], log: Path, name: str = "fluid") -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            shell = server.getsockname()[1]
        self.port = f"{name}:midi_00"
        self._log = log
        self._env = env
        with log.open("w") as out:
            self.process = subprocess.Popen(
                ["stdbuf", "-oL", "fluidsynth", "-d", "-i", "-s", "-o", f"shell.port={shell}",
                 "-a", "jack", "-m", "jack", "-o", f"midi.jack.id={name}",
                 "-o", "audio.jack.autoconnect=0",
                 "-r", "48000", "-z", "256", str(SOUNDFONT)],
                env={**os.environ, **env}, stdout=out, stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
            )  # fmt: skip
        if not comes_true(lambda: self.port in ports(env), 30):
            self.stop()
            pytest.fail(f"FluidSynth doesn't start: {log.read_text()}")

    def received(self) -> list[bytes]:
        """The messages that have arrived, in order; the file may lag until it has stopped."""
        events = self.EVENT.finditer(self._log.read_text(errors="replace"))
        return [
            bytes((self.STATUS[kind] | int(channel), *map(int, filter(None, data))))
            for kind, channel, *data in (event.groups() for event in events)
            if kind in self.STATUS
        ]

    def stop(self) -> None:
        """End it, so that all it had to say is written."""
        end(self.process)
