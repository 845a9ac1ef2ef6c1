"""`corpus list` and `corpus fetch`, against a server of this test's own."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import pytest

from rnnmusic import midi
from rnnmusic.corpus import downloads, manifests
from tests.cli.conftest import Run, tune
from tests.corpus.server import Site, serving
from tests.corpus.test_archives import zipped

MANIFEST = """
title = "Some tunes"
what = "Tunes."
pieces = 2_000
hours = 1.5
format = "MIDI"
homepage = "https://example.org"
citation = "Someone (2020)."
split = "hash"
build = "rnnmusic corpus build {{folder}}/tunes -o store"
note = "They are short."

[licence]
name = "CC BY 4.0"
url = "https://example.org/terms"
allows = "Nearly everything."

[archive]
urls = ["{address}"]
about_bytes = 2_500_000
"""


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    files = {}
    for seed in range(3):
        midi.write(tune(seed), tmp_path / "tune.mid")
        files[f"tunes/{seed}.mid"] = (tmp_path / "tune.mid").read_bytes()
    with serving(zipped(files)) as site:
        (tmp_path / "tunes.toml").write_text(MANIFEST.format(address=site.address))
        known = {"tunes": manifests.load(tmp_path / "tunes.toml")}
        monkeypatch.setattr(manifests, "load_all", lambda: known)
        monkeypatch.setattr(downloads, "PAUSE_S", 0.0)
        monkeypatch.setenv("no_proxy", "*")
        yield site


class _Terminal(StringIO):
    def isatty(self) -> bool:
        return True


def test_the_list(rnnmusic: Run, site: Site) -> None:
    ran = rnnmusic("corpus", "list")
    assert ran.code == 0
    for text in ("tunes", "Some tunes", "2,000", "1.5", "2.5 MB", "CC BY 4.0", "hash"):
        assert text in ran.out
    known = json.loads(rnnmusic("corpus", "list", "--json").out)
    assert known["tunes"]["pieces"] == 2000
    assert known["tunes"]["licence"]["allows"] == "Nearly everything."
    assert known["tunes"]["archive"]["urls"] == [site.address]


def test_the_shipped_ones_are_listed(rnnmusic: Run) -> None:
    ran = rnnmusic("corpus", "list")
    assert ran.code == 0
    assert all(name in ran.out for name in manifests.load_all())


def test_fetched_and_built_as_it_says(
    rnnmusic: Run, site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "my music"
    ran = rnnmusic("corpus", "fetch", "tunes", "-o", place, "--yes")
    assert ran.code == 0
    for text in ("Some tunes", "CC BY 4.0 (https://example.org/terms). Nearly", "2.5 MB"):
        assert text in ran.err
    assert "They are short." in ran.err
    assert (place / "tunes" / "tunes" / "2.mid").is_file()
    program, *words = shlex.split(ran.out)  # the command alone, for a pipe into sh
    assert program == "rnnmusic"
    monkeypatch.chdir(tmp_path)
    assert rnnmusic(*words).code == 0
    assert (tmp_path / "store").is_dir()


def test_without_a_terminal_yes_has_to_be_said(rnnmusic: Run, site: Site, tmp_path: Path) -> None:
    ran = rnnmusic("corpus", "fetch", "tunes", "-o", tmp_path / "place")
    assert ran.code == 2
    assert "--yes" in ran.err
    assert not (tmp_path / "place").exists()
    assert not site.asked


@pytest.mark.parametrize(("answer", "code"), [("y\n", 0), ("n\n", 1), ("\n", 1)])
def test_on_a_terminal_one_is_asked(
    rnnmusic: Run,
    site: Site,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    answer: str,
    code: int,
) -> None:
    monkeypatch.setattr(sys, "stdin", _Terminal(answer))
    ran = rnnmusic("corpus", "fetch", "tunes", "-o", tmp_path / "place")
    assert ran.code == code
    assert "Accept the licence" in ran.err
    assert bool(site.asked) == (tmp_path / "place").exists() == (code == 0)


@pytest.mark.parametrize(
    ("name", "code", "words"),
    [
        ("tune", 3, ["did you mean tunes"]),
        ("tunes", 3, ["404", "put it at"]),
    ],
)
def test_one_sentence_when_it_fails(
    rnnmusic: Run, site: Site, tmp_path: Path, name: str, code: int, words: list[str]
) -> None:
    site.statuses = [404]
    ran = rnnmusic("corpus", "fetch", name, "-o", tmp_path / "place", "--yes")
    assert ran.code == code
    assert ran.out == ""
    assert all(word in ran.err.splitlines()[-1] for word in words)


def test_without_a_network(rnnmusic: Run, site: Site, tmp_path: Path) -> None:
    (tmp_path / "gone.toml").write_text(MANIFEST.format(address="http://gone.invalid/tunes.zip"))
    manifests.load_all()["gone"] = manifests.load(tmp_path / "gone.toml")
    ran = rnnmusic("corpus", "fetch", "gone", "-o", tmp_path / "place", "--yes")
    assert ran.code == 4
    last = ran.err.splitlines()[-1]
    assert "no network" in last
    assert f"put it at {tmp_path / 'place' / 'tunes.zip'}" in last


def test_what_only_a_person_can_do_is_said(rnnmusic: Run, tmp_path: Path) -> None:
    ran = rnnmusic("corpus", "fetch", "gigamidi", "-o", tmp_path / "place")
    assert ran.code == 3
    assert "by hand" in ran.err
    assert "Log in at" in ran.err.splitlines()[-1]
    assert not (tmp_path / "place").exists()
