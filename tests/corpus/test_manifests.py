"""The shipped manifests, and how strictly a manifest is read."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
from rnnmusic_cli.main import app
from typer.main import get_command

from rnnmusic.corpus import manifests
from rnnmusic.errors import InputError

SHIPPED = manifests.load_all()
GOOD = """
title = "A corpus"
what = "Tunes."
pieces = 3
hours = 1
format = "MIDI"
homepage = "https://example.org"
citation = "Someone (2020)."
split = "hash"
build = "rnnmusic corpus build {folder} -o store"

[licence]
name = "CC0"
allows = "Everything."

[archive]
urls = ["https://example.org/a%20corpus.zip"]
"""


def manifest(folder: Path, text: str) -> manifests.Manifest:
    file = folder / "tunes.toml"
    file.write_text(text)
    return manifests.load(file)


def test_the_corpora_that_people_use_are_there() -> None:
    assert {"maestro", "lakh-clean", "jsb-chorales", "nottingham", "piano-midi-de"} <= set(SHIPPED)
    assert {"pop909", "giantmidi-piano", "aria-midi", "gigamidi", "irishman"} <= set(SHIPPED)


@pytest.mark.parametrize("name", SHIPPED)
def test_each_says_what_a_person_needs(name: str) -> None:
    known = SHIPPED[name]
    assert known.name == name
    assert known.pieces
    for text in (known.what, known.licence.allows, known.citation, known.by_hand or "."):
        assert text.endswith(".")
    archive = known.archive
    if archive is not None:
        # A checksum is somebody's: without saying whose, nobody can look it up.
        assert bool(archive.checksum_from) == bool(archive.sha256 or archive.md5)
        assert not (archive.size_bytes and archive.about_bytes)


@pytest.mark.parametrize("name", SHIPPED)
def test_each_build_command_is_one(name: str) -> None:
    program, *words = shlex.split(SHIPPED[name].build)
    assert program == "rnnmusic"
    group = get_command(app).commands[words[0]]  # type: ignore[attr-defined]
    context = group.commands[words[1]].make_context("build", words[2:])
    assert any("{folder}" in source for source in context.params["sources"])
    assert context.params["output"]


def test_a_manifest_is_read(tmp_path: Path) -> None:
    found = manifest(tmp_path, GOOD)
    assert (found.name, found.title, found.pieces, found.hours) == ("tunes", "A corpus", 3, 1)
    assert found.licence == manifests.Licence("CC0", "Everything.")
    assert found.archive is not None
    assert found.archive.urls == ("https://example.org/a%20corpus.zip",)
    assert found.archive.file_name == "a corpus.zip"


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("pieces = 3", "peices = 3", "unknown key 'peices'"),
        ('name = "CC0"', 'nam = "CC0"', r"\[licence\] has an unknown key 'nam'"),
        ('title = "A corpus"', "", "lacks title"),
        ("pieces = 3", 'pieces = "3"', "pieces must be int"),
        ("pieces = 3", "pieces = true", "pieces must be int"),
        ("hours = 1", "hours = [1]", "hours must be float"),
        ("[licence]", "[license]", "unknown key 'license'"),
        ("[archive]", 'by_hand = "Ask."\n[archive]', "unknown key 'by_hand'"),
        ('urls = ["https://example.org/a%20corpus.zip"]', "urls = []", "addresses"),
        ("https://example.org/a", "file:///etc/a", "addresses"),
        ("https://example.org/a", "ftp://example.org/a", "addresses"),
        ("corpus.zip", "corpus.exe", "plain name"),
        ("a%20corpus.zip", "..%2Fcorpus.zip", "plain name"),
        ("urls = [", 'sha256 = "12"\nurls = [', "64 hexadecimal digits"),
        ("urls = [", 'md5 = "xyz"\nurls = [', "32 hexadecimal digits"),
        ('split = "hash"', 'split = "luck"', "one of hash, csv"),
        ('title = "', "title = ", "Can't read"),
        ("hours = 1\n", 'by_hand = "Ask them."\n', "either"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, old: str, new: str, words: str) -> None:
    assert old in GOOD
    with pytest.raises(InputError, match=words) as caught:
        manifest(tmp_path, GOOD.replace(old, new))
    assert "tunes.toml" in str(caught.value)


def test_neither_an_archive_nor_a_way_by_hand(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="either"):
        manifest(tmp_path, GOOD[: GOOD.index("[archive]")])


def test_finding_by_name() -> None:
    assert manifests.find("maestro") is not None
    with pytest.raises(InputError, match="did you mean lakh-clean or lakh-matched"):
        manifests.find("Lakh")
    with pytest.raises(InputError, match=r"did you mean maestro\?"):
        manifests.find("meastro")
    with pytest.raises(InputError, match=r"known are .*gigamidi.*maestro"):
        manifests.find("zzz")
