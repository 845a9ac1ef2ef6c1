"""`rnnmusic inspect`, as a person uses it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from rnnmusic_cli import console

from tests.cli.conftest import Run, Studio


def test_a_trained_network_is_shown_as_a_filter(
    rnnmusic: Run, studio: Studio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(console.out, "width", 50)
    short = ("--steps", 20, "--moments", 3, "--horizon", 10)
    shown = rnnmusic("inspect", studio.run, *short, "--plot", tmp_path / "filter.png")
    assert shown.code == 0
    assert "1 Gru" in shown.out
    assert "…" not in shown.out  # nothing is cut off, however narrow the terminal
    assert (tmp_path / "filter.png").read_bytes()[:4] == b"\x89PNG"
    piece = studio.music / "tune 1.mid"
    layers = json.loads(rnnmusic("inspect", studio.run, "--piece", piece, *short, "--json").out)
    assert [layer["layer"] for layer in layers] == ["1 Gru"]
    assert [moment["step"] for moment in layers[0]["moments"]] == [0, 10, 19]
    assert len(layers[0]["moments"][0]["eigenvalues"]) == 16


def test_what_cannot_be_played_is_said(rnnmusic: Run, studio: Studio, tmp_path: Path) -> None:
    missing = rnnmusic("inspect", studio.run, "--piece", tmp_path / "no.mid")
    assert (missing.code, missing.out) == (3, "")
    assert "no.mid" in missing.err
    picture = rnnmusic("inspect", studio.run, "--steps", 4, "--plot", tmp_path / "filter.doc")
    assert picture.code == 3
    assert not (tmp_path / "filter.doc").exists()
