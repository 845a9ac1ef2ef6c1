from __future__ import annotations

import os
import warnings
from pathlib import Path

import pytest

from rnnmusic.corpus import Corpus, build, notation
from rnnmusic.errors import InputError

from .helpers import ROLL

TUNES = """X:1
T:Up
C:Anna  Bon
M:4/4
L:1/4
K:C
CDEF|GABc|

X:2
T:Down
M:3/4
L:1/4
K:G
cBA|GFE|
"""


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RNNMUSIC_CACHE", str(tmp_path / "cache"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import music21  # noqa: F401  it warns when it is imported the first time
    return tmp_path / "cache" / "scores"


@pytest.fixture
def tunes(tmp_path: Path) -> Path:
    file = tmp_path / "tunes.abc"
    file.write_text(TUNES)
    return file


def test_the_cache_gives_back_the_same_scores(
    tunes: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not notation.is_cached(tunes)
    first = notation.load(tunes)
    assert [score.note_count for score, *_ in first] == [8, 6]
    assert [int(score.notes()["pitch"][0]) for score, *_ in first] == [60, 72]
    assert [found.composer for found in first] == ["Anna Bon", ""]
    assert notation.is_cached(tunes)
    monkeypatch.setattr(notation, "_parse", None)  # nothing is parsed again
    assert notation.load(tunes) == first
    assert len(list(cache.iterdir())) == 1


def test_a_changed_file_is_parsed_anew(tunes: Path, cache: Path) -> None:
    notation.load(tunes)
    tunes.write_text(TUNES.replace("CDEF", "DDEF"))
    assert not notation.is_cached(tunes)
    assert notation.load(tunes)[0].score.notes()["pitch"][0] == 62
    assert len(list(cache.iterdir())) == 2


def test_a_damaged_cache_heals(tunes: Path, cache: Path) -> None:
    first = notation.load(tunes)
    [kept] = cache.iterdir()
    whole = kept.read_bytes()
    for damaged in (b"", b"PK nonsense", whole[: len(whole) // 2]):
        kept.write_bytes(damaged)
        assert notation.load(tunes) == first
        assert kept.read_bytes() == whole


def test_without_a_writable_cache_it_is_only_slower(
    tunes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("RNNMUSIC_CACHE", str(tmp_path / "file"))
    assert len(notation.load(tunes)) == 2
    assert not notation.is_cached(tunes)


def test_where_the_cache_is(monkeypatch: pytest.MonkeyPatch) -> None:
    assert notation.cache_folder() == Path(os.environ["RNNMUSIC_CACHE"], "scores")
    monkeypatch.delenv("RNNMUSIC_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", "/xdg")
    assert notation.cache_folder() == Path("/xdg/rnnmusic/scores")
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", "/home/someone")
    assert notation.cache_folder() == Path("/home/someone/.cache/rnnmusic/scores")


def test_tunes_of_one_file_are_pieces_of_their_own(tunes: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.musicxml"
    broken.write_text("<score-partwise><part>")
    report = build([tunes, broken], tmp_path / "store", ROLL)
    assert [(Path(v.source).name, v.verdict) for v in report.verdicts] == [
        ("broken.musicxml", "rejected"),
        ("tunes.abc#1", "kept"),
        ("tunes.abc#2", "kept"),
    ]
    assert "music21 can't read" in report.verdicts[0].reason
    names = [p.name for pieces in Corpus.open(tmp_path / "store").splits.values() for p in pieces]
    assert sorted(names) == ["tunes.abc#1", "tunes.abc#2"]


def test_without_music21_the_reason_says_how_to_get_it(
    tunes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(name: str) -> str:
        raise notation.PackageNotFoundError(name)

    monkeypatch.setattr(notation, "version", missing)
    with pytest.raises(InputError, match=r"rnnmusic\[scores\]"):
        notation.load(tunes)


@pytest.mark.slow
def test_the_bach_chorales_build(tmp_path: Path) -> None:
    report = build(["music21:bach"], tmp_path / "store", ROLL)
    assert sum(report.counts.values()) == 350
    assert report.counts["kept"] > 300
    assert report.counts["rejected"] < 25
    again = build(["music21:bach"], tmp_path / "again", ROLL)
    assert again.verdicts == report.verdicts
