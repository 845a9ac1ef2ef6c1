"""The code that docs/datasets.md shows runs, one block after the other, and does what it says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

import rnnmusic

PAGE = Path(rnnmusic.__file__).parent.parent / "docs" / "datasets.md"
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL)


def test_code_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    for block in BLOCKS:
        exec(compile(block, str(PAGE), "exec"), names)
    assert names["x"].shape == names["y"].shape
    assert names["tokens"][1].inputs[0] == 500
    assert len(names["data"]) == 3


def test_own_arrays_take_ten_lines() -> None:
    lines = [line for line in BLOCKS[0].splitlines() if line.strip()]
    assert len(lines) <= 10
