"""Everything docs/flavours.md shows works: its commands and code are run, one after the other."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path
from typing import Any

import pytest

from rnnmusic.recurrent import RECURRENT, WHOLE
from tests.cli.conftest import Studio, call

PAGE = (Path(__file__).parents[2] / "docs" / "flavours.md").read_text(encoding="utf-8")
#: The liberties taken: the reader's minutes are a moment.
BRIEF = {"--minutes": "0.03", "--bars": "1", "--particles": "2"}
MORE = {
    ("inspect", "bach-gru"): ("--steps", "24", "--moments", "2", "--horizon", "4"),
    ("models", "list"): ("--no-cost",),
    ("train", "corpus"): ("--batch-size", "4", "--epochs", "1"),
}


@pytest.mark.slow
def test_commands_and_code_run_in_order(
    studio: Studio,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(studio.store, tmp_path / "corpus")
    shutil.copy(studio.music / "tune 1.mid", tmp_path / "tune.mid")
    names: dict[str, Any] = {}
    for language, block in re.findall(r"```(\w+)\n(.*?)```", PAGE, flags=re.DOTALL):
        if language == "python":
            exec(compile(block, "docs/flavours.md", "exec"), names)
            continue
        for line in block.splitlines():
            program, *arguments = shlex.split(line, comments=True)
            assert program == "rnnmusic"
            before = ["", *arguments]
            brief = [BRIEF.get(option, a) for option, a in zip(before, arguments, strict=False)]
            brief += MORE.get(tuple(arguments[:2]), ())
            assert call(monkeypatch, *brief) == 0, (line, capsys.readouterr().err)
    for name in ("new.mid", "cells.png", "filter.png", "table.png"):
        assert (tmp_path / name).stat().st_size > 0


def test_the_table_of_families_has_every_flavour() -> None:
    table = PAGE[PAGE.index("| family | what it is") :].split("\n\n")[0]
    told: dict[str, set[str]] = {}
    for row in table.splitlines()[2:]:
        family, _, flavours = (cell.strip() for cell in row.strip("|").split("|"))
        plain = re.sub(r"\([^)]*\)", "", flavours)
        told[family] = {name.strip() for name in re.split(r"[,;]", plain)}
    known: dict[str, set[str]] = {}
    for name, flavour in {**RECURRENT, **WHOLE}.items():
        known.setdefault(flavour.family, set()).add(name)
    assert told == known
