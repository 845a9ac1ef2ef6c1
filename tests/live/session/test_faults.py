"""What may go wrong while a performance is recorded: kills, full disks, places without a right."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from rnnmusic.live.events import Extend
from rnnmusic.live.session.reading import read
from rnnmusic.live.session.writer import SessionWriter, create

WRITER = """
import sys, time
from rnnmusic.live.events import Heard
from rnnmusic.live.session.writer import SessionWriter
folder, role = sys.argv[1:]
writer = SessionWriter(folder, who=role)
print("ready", flush=True)
i = 0
while True:
    for _ in range(20):
        if role == "sampler":
            writer.event(Heard(i / 16, i / 16, (0x90, i % 128, 1 + i % 127), 0))
        else:
            writer.sent(i / 10, bytes((0x90, i % 128, 1)), due_s=i / 10, time_quarters=i / 16)
            writer.heard(i / 10, bytes((0x90, i % 128, 1)), time_quarters=i / 16)
            writer.clock((i / 10, i * 1.5, 1.0 + i % 7))
            writer.notice(i / 10, "x" * (i % 200))
        i += 1
    writer.flush()
    time.sleep(0.0002)
"""


@pytest.mark.slow
def test_a_session_is_readable_after_any_of_fifty_kills(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    most = 0
    for kill in range(50):
        folder = create(tmp_path / str(kill), {"kill": kill})
        role = ("sampler", "sender")[kill % 2]
        with subprocess.Popen(
            [sys.executable, "-c", WRITER, str(folder), role], stdout=subprocess.PIPE
        ) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
            time.sleep(float(rng.uniform(0, 0.15)))
            process.kill()
        session = read(folder)
        assert session.settings == {"kill": kill}
        if role == "sampler":
            assert [e.at_quarters for e in session.events] == [  # type: ignore[union-attr]
                i / 16 for i in range(len(session.events))
            ]
        else:
            assert [s.time_quarters for s in session.sent] == [
                i / 16 for i in range(len(session.sent))
            ]
            assert all(h.time_quarters == i / 16 for i, h in enumerate(session.heard))
        most = max(most, len(session.events), len(session.sent))
    assert most > 1000


def test_a_full_disk_ends_the_recording_and_nothing_else(tmp_path: Path) -> None:
    folder = create(tmp_path / "s", {})
    script = textwrap.dedent(
        """
        import resource, sys
        from rnnmusic.live.events import Extend
        from rnnmusic.live.session.writer import SessionWriter
        resource.setrlimit(resource.RLIMIT_FSIZE, (5003, 5003))
        writer = SessionWriter(sys.argv[1])
        problems = []
        for i in range(2000):
            writer.event(Extend(float(i)))
            writer.flush_if_due(i / 10)
            if writer.problem and writer.problem not in problems:
                problems.append(writer.problem)
        writer.close()
        print(writer.problem)
        assert len(problems) <= 1
        """
    )
    run = subprocess.run(
        [sys.executable, "-c", script, str(folder)], check=True, capture_output=True, text=True
    )
    assert "so the recording ends here; the performance goes on." in run.stdout
    data = (folder / "events.jsonl").read_bytes()
    assert len(data) <= 5003
    assert data.endswith(b"}\n")
    events = read(folder).events
    assert events == tuple(Extend(float(i)) for i in range(len(events)))
    assert len(events) > 50
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY


@pytest.mark.parametrize("what", ["gone", "file"])
def test_a_folder_that_vanishes_is_one_sentence(tmp_path: Path, what: str) -> None:
    folder = create(tmp_path / "s", {})
    for file in folder.iterdir():
        file.unlink()
    folder.rmdir()
    if what == "file":
        folder.write_text("")
    writer = SessionWriter(folder)
    for i in range(5):
        writer.event(Extend(float(i)))
        writer.flush()
    writer.close()
    assert writer.problem is not None
    assert writer.problem.startswith(f"Can't write to {folder}")
    assert writer._notes == []


def test_a_folder_without_rights_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = create(tmp_path / "s", {})

    def refuse(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)  # the tests may run as root, whom nothing refuses
    writer = SessionWriter(folder)
    writer.event(Extend(1.0))
    writer.close()
    monkeypatch.undo()
    assert writer.problem is not None
    assert "(Permission denied), so the recording ends here" in writer.problem
    assert read(folder).events == ()


def test_a_stalled_disk_neither_blocks_nor_fills_the_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = create(tmp_path / "s", {})
    goes_on = threading.Event()
    write = os.write

    def stall(file: int, data: bytes) -> int:
        goes_on.wait(30)
        return write(file, data)

    monkeypatch.setattr(os, "write", stall)
    writer = SessionWriter(folder)
    for i in range(130_000):
        writer.event(Extend(float(i)))
        if i % 1000 == 0:
            writer.flush()
    assert writer.problem is not None
    assert "has stalled, so the recording ends here" in writer.problem
    assert len(writer._notes) < 1000
    goes_on.set()
    writer.close()
    events = read(folder).events
    assert events == tuple(Extend(float(i)) for i in range(len(events)))


def test_hours_of_playing_take_no_memory(tmp_path: Path) -> None:
    import tracemalloc

    folder = create(tmp_path / "s", {})
    writer = SessionWriter(folder)
    sizes = []
    tracemalloc.start()
    for i in range(20_000):
        writer.sent(i / 20, b"\x90\x40\x40", due_s=i / 20, time_quarters=i / 10)
        writer.flush_if_due(i / 20)
        if i in (5_000, 19_999):
            writer.flush()
            while writer._disk._written < writer._disk._handed:
                time.sleep(0.001)
            sizes.append(tracemalloc.get_traced_memory()[0])
    tracemalloc.stop()
    writer.close()
    assert sizes[1] - sizes[0] < 50_000
    assert len(read(folder).sent) == 20_000


def test_a_signal_to_the_group_does_not_tear_lines(tmp_path: Path) -> None:
    folder = create(tmp_path / "s", {})
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(folder), "sender"], stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(0.05)
        process.send_signal(signal.SIGINT)
    for file in folder.glob("*.jsonl"):
        assert file.read_bytes().endswith(b"}\n")
    assert read(folder).sent
