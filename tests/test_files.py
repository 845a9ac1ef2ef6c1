"""Atomic writing: old or new, never half."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from rnnmusic.errors import InputError
from rnnmusic.files import existing_folder, replacing_file, replacing_folder


def test_a_file_appears_whole_and_leaves_nothing_else(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    target.write_text("old")
    with replacing_file(target) as temporary:
        temporary.write_text("new")
        assert target.read_text() == "old"
        assert temporary.suffix == ".txt"
    assert target.read_text() == "new"
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]
    assert target.stat().st_mode & 0o777 == 0o666 & ~_umask()


def test_a_failure_inside_the_block_keeps_the_old_file(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    target.write_text("old")

    def fail_half_way() -> None:
        with replacing_file(target) as temporary:
            temporary.write_text("half of the n")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_half_way()
    assert target.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


def test_a_missing_folder_is_one_sentence(tmp_path: Path) -> None:
    with (
        pytest.raises(InputError, match=r"Can't write .*a\.txt"),
        replacing_file(tmp_path / "no" / "a.txt"),
    ):
        pass


def test_a_folder_is_replaced_as_a_whole(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "store"
    for content in ("one", "two"):
        with replacing_folder(target) as temporary:
            (temporary / content).write_text(content)
            (temporary / content).chmod(0o600)
        assert [p.name for p in target.iterdir()] == [content]
        assert (target / content).stat().st_mode & 0o777 == 0o666 & ~_umask()
    assert [p.name for p in target.parent.iterdir()] == ["store"]


def test_what_a_crash_between_the_two_renames_leaves_is_found(tmp_path: Path) -> None:
    target = tmp_path / "last"
    with replacing_folder(target) as temporary:
        (temporary / "x").write_text("1")
    target.rename(tmp_path / ".last.old")
    assert (existing_folder(target) / "x").read_text() == "1"


WRITER = """
import itertools, sys
from pathlib import Path
from rnnmusic.files import replacing_folder
for n in itertools.count():
    with replacing_folder(sys.argv[1]) as folder:
        for name in "ab":
            (folder / name).write_text(str(n) * 20_000)
    if n == 0:
        print("ready", flush=True)
"""


def test_a_folder_survives_kills_at_random_moments(tmp_path: Path) -> None:
    target = tmp_path / "last"
    for attempt in range(8):
        process = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(target)], stdout=subprocess.PIPE
        )
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(0.003 * attempt)
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        folder = existing_folder(target)
        a, b = (folder / "a").read_text(), (folder / "b").read_text()
        assert a == b != ""


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_a_folder_never_takes_the_place_of_a_file(tmp_path: Path) -> None:
    file = tmp_path / "notes"
    file.write_text("mine")
    with pytest.raises(InputError, match="is a file"), replacing_folder(file):
        pass
    assert file.read_text() == "mine"
    assert list(tmp_path.iterdir()) == [file]
