"""`models list` and `bench flavours`: the registry and the table, as a user sees them."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from rnnmusic.recurrent import RECURRENT, WHOLE
from tests.cli.conftest import Run


def test_every_flavour_is_listed(rnnmusic: Run) -> None:
    ran = rnnmusic("models", "list", "--no-cost", "--json")
    assert ran.code == 0
    rows = {row["name"]: row for row in json.loads(ran.out)}
    assert list(rows) == [*RECURRENT, *WHOLE]
    assert all(row["paper"] and row["family"] for row in rows.values())
    assert {name for name, row in rows.items() if row["is_live"]} == set(RECURRENT)
    # torch's LSTM: four gates of 88 + 256 weights and two biases per unit.
    assert rows["lstm"]["parameters"] == 4 * 256 * (88 + 256 + 2)


def test_one_flavour_shows_its_options_and_what_a_step_costs(rnnmusic: Run) -> None:
    ran = rnnmusic("models", "list", "lstm")
    assert ran.code == 0
    assert "forget_bias = 1.0" in ran.out
    assert " us " in ran.out
    missing = rnnmusic("models", "list", "transformer")
    assert missing.code == 2
    assert "lstm" in missing.err


def test_a_row_is_measured_told_and_drawn(rnnmusic: Run, tmp_path: Path) -> None:
    picture = tmp_path / "table.png"
    ran = rnnmusic("bench", "flavours", "lstm:adding-200", "--json", "--plot", picture)
    assert ran.code == 0
    (row,) = json.loads(ran.out)
    assert row["holds"] is None  # only full rows are judged
    assert "easier" in row["note"]
    assert row["value"] < 0.05  # 1/6 without memory
    assert picture.stat().st_size > 1000


def test_rows_that_need_data_say_so(rnnmusic: Run) -> None:
    ran = rnnmusic("bench", "flavours", "lstm:jsb", "--json")
    assert ran.code == 0
    (row,) = json.loads(ran.out)
    assert row["value"] is None
    assert "--data" in row["note"]


@pytest.mark.parametrize("name", ["nonsense", "lstm:nonsense"])
def test_unknown_rows_are_refused(rnnmusic: Run, name: str) -> None:
    ran = rnnmusic("bench", "flavours", name)
    assert ran.code == 2
    assert name in ran.err


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_table_with_the_rows_so_far(number: int) -> None:
    """In the middle of a row that would take minutes: the first one is told, the exit is clean."""
    rows = ["arma:lh", "orthogonal:copy-1000"]
    with subprocess.Popen(
        [sys.executable, "-m", "rnnmusic", "bench", "flavours", *rows, "--full", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as ran:
        assert ran.stderr is not None
        assert "1/2  arma:lh: 0" in ran.stderr.readline()
        time.sleep(2)
        ran.send_signal(number)
        out, told = ran.communicate(timeout=60)
    assert ran.returncode == 128 + number
    assert [row["flavour"] for row in json.loads(out)] == ["arma"]
    assert "Stopped after 1 of 2 rows." in told
