"""Ctrl-C and SIGTERM: notes closed, work kept, exit codes as documented."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import mido
import pytest

from rnnmusic import checkpoint
from tests.cli.conftest import Run, Studio

SIGNALS = [(signal.SIGINT, 130), (signal.SIGTERM, 143)]


def _start(*arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "rnnmusic", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


HALF_A_STORE = """
import sys, time
import rnnmusic.corpus
from rnnmusic.files import replacing_folder
from rnnmusic_cli.main import main

def build(sources, output, encoding, **options):
    with replacing_folder(output) as folder:
        (folder / "half").write_text("of it")
        print("ready", flush=True)
        time.sleep(60)

rnnmusic.corpus.build = build
sys.argv = ["rnnmusic", "corpus", "build", "music", "-o", sys.argv[1]]
main()
"""


@pytest.mark.parametrize(("number", "code"), SIGNALS)
def test_a_stopped_build_leaves_nothing_behind(
    tmp_path: Path, number: signal.Signals, code: int
) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", HALF_A_STORE, tmp_path / "store"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    assert list(tmp_path.iterdir()) != []
    process.send_signal(number)
    _, err = process.communicate(timeout=30)
    assert process.returncode == code, err
    assert "Traceback" not in err
    assert list(tmp_path.iterdir()) == []


def _sounding(path: Path) -> set[tuple[int, int]]:
    held: set[tuple[int, int]] = set()
    for message in mido.MidiFile(path):
        if message.type == "note_on" and message.velocity:
            held.add((message.channel, message.note))
        elif message.type in ("note_on", "note_off"):
            held.discard((message.channel, message.note))
    return held


@pytest.mark.parametrize(("number", "code"), SIGNALS)
def test_a_stopped_performance_is_a_valid_file_with_every_note_closed(
    studio: Studio, tmp_path: Path, number: signal.Signals, code: int
) -> None:
    path = tmp_path / "out.mid"
    process = _start("live", studio.run, "--out", path, "--tempo", 200)
    assert process.stderr is not None
    assert "Playing" in process.stderr.readline()
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(1.5)
    process.send_signal(number)
    out, err = process.communicate(timeout=30)
    assert process.returncode == code, err
    assert "notes" in out
    assert _sounding(path) == set()
    assert any(m.type == "note_on" for m in mido.MidiFile(path))


@pytest.mark.parametrize(("number", "code"), SIGNALS)
def test_stopped_training_is_saved_and_goes_on(
    rnnmusic: Run, studio: Studio, tmp_path: Path, number: signal.Signals, code: int
) -> None:
    run = tmp_path / "run"
    process = _start("train", studio.store, "--size", 8, "--epochs", 100_000, "-o", run)
    assert process.stderr is not None
    assert "epoch" in process.stderr.readline()
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert process.returncode == code, err
    assert "--resume" in err
    step = checkpoint.load(run / "last").notes["step"]
    assert step > 0
    resumed = rnnmusic("train", studio.store, "-o", run, "--resume", "--minutes", 1e-6)
    assert resumed.code == 0, resumed.err
    assert checkpoint.load(run / "last").notes["step"] == step + 1


def test_a_reader_that_has_seen_enough_is_no_failure(studio: Studio) -> None:
    process = _start("corpus", "show", studio.store)
    assert process.stdout is not None
    process.stdout.close()
    assert process.wait(60) == 0
    assert process.stderr is not None
    assert process.stderr.read() == ""
    process.stderr.close()
