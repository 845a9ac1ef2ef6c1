"""Decoders that hang, die, or serve many at once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from rnnmusic.audio import Audio, decoder, files
from rnnmusic.audio.decoder import borrowed_decoder
from rnnmusic.errors import InputError
from tests.audio.sounds import noise


@pytest.fixture
def path(tmp_path: Path) -> Path:
    noise(10_000).save(tmp_path / "a.wav", subtype="FLOAT")
    return tmp_path / "a.wav"


def test_a_decoder_that_hangs_is_killed_and_replaced(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "TIMEOUT_S", 0.5)
    with borrowed_decoder() as process:
        os.kill(process.pid, signal.SIGSTOP)
    begin = time.monotonic()
    with pytest.raises(InputError, match=r"a\.wav was given to a decoder and kept it busy"):
        Audio.load(path)
    assert time.monotonic() - begin < 10
    assert not process.is_alive
    monkeypatch.undo()
    assert Audio.load(path).samples.shape == (1, 10_000)


def test_a_decoder_that_dies_at_work_is_a_file_refused(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with borrowed_decoder() as process:
        os.kill(process.pid, signal.SIGSTOP)
    threading.Timer(0.3, os.kill, [process.pid, signal.SIGSEGV]).start()
    threading.Timer(0.4, os.kill, [process.pid, signal.SIGCONT]).start()
    with pytest.raises(InputError, match="was given to a decoder and killed it"):
        Audio.load(path)
    assert Audio.load(path).samples.shape == (1, 10_000)


def test_a_decoder_that_died_at_rest_is_replaced_unnoticed(path: Path) -> None:
    with borrowed_decoder() as process:
        pass
    os.kill(process.pid, signal.SIGKILL)
    process._process.wait()
    assert Audio.load(path).samples.shape == (1, 10_000)


def test_an_answer_left_unread_is_not_taken_for_the_next(path: Path, tmp_path: Path) -> None:
    noise(400_000, seed=1).save(tmp_path / "long.wav")
    request = {"path": str(tmp_path / "long.wav"), "sample_rate_hz": None, "mono": False}
    with borrowed_decoder() as process:
        answer = process.answer(request, 10.0)
        next(answer)
        answer.close()
        assert not process.is_alive
    assert Audio.load(path).samples.shape == (1, 10_000)


def test_the_same_process_decodes_file_after_file(path: Path) -> None:
    pids = set()
    for _ in range(3):
        Audio.load(path)
        with borrowed_decoder() as process:
            pids.add(process.pid)
    assert len(pids) == 1


def test_threads_read_at_once_without_mixing_up(tmp_path: Path) -> None:
    sounds = [noise(3000 + i, seed=i) for i in range(24)]
    for i, sound in enumerate(sounds):
        sound.save(tmp_path / f"{i}.wav", subtype="FLOAT")
    with ThreadPoolExecutor(4) as pool:
        loaded = list(pool.map(Audio.load, [tmp_path / f"{i}.wav" for i in range(24)]))
    for sound, back in zip(sounds, loaded, strict=True):
        np.testing.assert_array_equal(sound.samples, back.samples)


def test_what_decoders_print_disturbs_nobody_and_none_outlives_its_program(path: Path) -> None:
    junk = path.with_name("b.mp3")
    noise(100_000).save(junk)
    data = bytearray(junk.read_bytes())
    data[3000:9000] = bytes(i * 7 % 256 for i in range(6000))
    junk.write_bytes(data)
    script = (
        "import sys\n"
        "from rnnmusic.audio import read_audio, decoder\n"
        "for path in sys.argv[1:]: read_audio(path)\n"
        "with decoder.borrowed_decoder() as process: print(process.pid)\n"
    )
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", script, path, junk],
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stderr == ""
    with pytest.raises(ProcessLookupError):
        os.kill(int(run.stdout), 0)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_fork_starts_its_own(path: Path) -> None:
    Audio.load(path)
    with borrowed_decoder() as process:
        mine = process.pid
    script = (
        "import os, sys\n"
        "from rnnmusic.audio import Audio, decoder\n"
        "def pid():\n"
        "    Audio.load(sys.argv[1])\n"
        "    with decoder.borrowed_decoder() as process: return process.pid\n"
        "mine = pid()\n"
        "if child := os.fork():\n"
        "    os.waitpid(child, 0)\n"
        "    print(pid() == mine)\n"
        "else:\n"
        "    print(pid() == mine, flush=True)\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", script, path], capture_output=True, text=True, check=True
    )
    assert run.stdout.split() == ["False", "True"]
    assert decoder._resting[os.getpid()][-1].pid == mine
