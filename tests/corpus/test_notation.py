from __future__ import annotations

import contextlib
import os
import signal
import time
import warnings
import zipfile
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


XML = """<?xml version="1.0"?>
<score-partwise><work><work-title>Song</work-title></work><identification>
<creator type="composer">Maria Szymanowska</creator><rights>CC0 1.0</rights></identification>
<part-list><score-part id="P1"><part-name>One</part-name></score-part></part-list><part id="P1">
<measure number="1"><attributes><divisions>1</divisions>
<time><beats>4</beats><beat-type>4</beat-type></time></attributes>
<note><pitch><step>C</step><octave>4</octave></pitch><duration>4</duration><voice>1</voice></note>
</measure></part></score-partwise>
"""
CONTAINER = """<?xml version="1.0"?>
<container><rootfiles><rootfile full-path="song.xml"/></rootfiles></container>"""


def compressed(file: Path, **entries: str) -> Path:
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("META-INF/container.xml", CONTAINER)
        for name, text in entries.items():
            archive.writestr(f"{name}.xml", text)
    return file


def test_compressed_musicxml_with_what_it_states(tmp_path: Path) -> None:
    (tmp_path / "song.musicxml").write_text(XML)
    zipped = compressed(tmp_path / "song.mxl", song=XML)
    for file in (zipped, tmp_path / "song.musicxml"):
        [found] = notation.load(file)
        assert found.score.notes()[["start_tick", "end_tick", "pitch"]].tolist() == [(0, 1920, 60)]
        assert (found.licence, found.composer) == ("CC0 1.0", "Maria Szymanowska")
        assert found.score.name == "Song"


def test_fields_inside_lines_and_old_encodings(tmp_path: Path) -> None:
    file = tmp_path / "old.abc"
    text = (
        "X:1\nT:Café\nM:4/4\nL:1/4\nQ:1/4=60\nK:C\nCDEF|[M:3/4][Q:1/4=120][K:G]GAF|GA[L:1/8]FF|\n"
    )
    file.write_bytes(text.encode("latin-1"))
    [found] = notation.load(file)
    assert found.score.name == "Café"
    assert found.score.notes()["pitch"].tolist() == [60, 62, 64, 65, 67, 69, 66, 67, 69, 66, 66]
    assert found.score.metres.tolist() == [(0, 4, 4), (4 * 480, 3, 4)]
    assert found.score.tempos.tolist() == [(0, 1_000_000), (4 * 480, 500_000)]
    assert found.score.end_tick == 10 * 480


def test_one_broken_tune_leaves_the_others(tmp_path: Path, cache: Path) -> None:
    file = tmp_path / "book.abc"
    broken = "X:3\nT:Broken\nM:4/4\nL:x\nK:C\n[CEG|\n"
    file.write_text(f"% my book\n{TUNES}\n{broken}\n{TUNES.replace('X:1', 'X:4')}")
    found = notation.load(file)
    assert [one.score.note_count for one in found] == [8, 6, 0, 8, 6]
    assert ["music21 can't read this tune" in one.fault for one in found] == [0, 0, 1, 0, 0]
    assert len(list(cache.iterdir())) == 1
    assert notation.load(file) == found
    verdicts = build([file], tmp_path / "store", ROLL).verdicts
    assert {Path(v.source).name: v.verdict for v in verdicts}["book.abc#3"] == "rejected"
    file.write_text(broken)
    with pytest.raises(InputError, match="music21 can't read"):
        notation.load(file)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.musicxml", b""),
        ("a.musicxml", b"<score-partwise><part>"),
        ("a.xml", b"<?xml version='1.0'?><html/>"),
        ("a.mxl", b"PK\x03\x04 no archive"),
        ("a.mxl", b"plain"),
        ("a.krn", b"\x00\xff\xfe"),
        ("a.krn", b"**kern\n4c\t4d\n*-\n"),
        ("a.abc", b""),
        ("a.abc", b"buy milk"),
    ],
)
def test_broken_files_are_input_errors_or_without_notes(
    tmp_path: Path, name: str, content: bytes
) -> None:
    file = tmp_path / name
    file.write_bytes(content)
    try:
        found = notation.load(file)
    except InputError as error:
        assert str(file) in str(error)  # noqa: PT017 - either outcome will do, but no other error
    else:
        assert sum(one.score.note_count for one in found) <= 2


def test_bombs_are_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notation, "MOST_BYTES", 1 << 20)
    bomb = compressed(tmp_path / "bomb.mxl", song=XML, ballast=" " * (4 << 20))
    assert bomb.stat().st_size < 10_000
    large = tmp_path / "large.musicxml"
    large.write_text(XML + " " * (2 << 20))
    for file in (bomb, large):
        with pytest.raises(InputError, match="scores have up to 1048576"):
            notation.load(file)


def test_entities_do_not_explode(tmp_path: Path) -> None:
    entities = "".join(f'<!ENTITY e{i} "{f"&e{i - 1};" * 10}">' for i in range(1, 12))
    file = tmp_path / "laughs.musicxml"
    file.write_text(
        XML.replace(
            "<score-partwise>", f'<!DOCTYPE x [<!ENTITY e0 "ha">{entities}]><score-partwise>'
        ).replace("Song", "&e11;")
    )
    with pytest.raises(InputError, match="music21 can't read"):
        notation.load(file)


def test_what_takes_too_long_is_given_up(tunes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from music21 import converter

    def endless(*args: object, **options: object) -> None:
        while True:
            with contextlib.suppress(Exception):  # as music21 does here and there
                time.sleep(0.001)

    before = signal.getsignal(signal.SIGALRM)
    monkeypatch.setattr(converter, "parseData", endless)
    monkeypatch.setattr(notation, "TIME_LIMIT_S", 0.05)
    with pytest.raises(InputError, match=r"not done with .*tunes\.abc after 0\.05 seconds"):
        notation.load(tunes)
    assert signal.getsignal(signal.SIGALRM) is before
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_a_converter_that_changed_parses_anew(tunes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = notation.cached_file(tunes)
    monkeypatch.setattr(notation, "_CONVERTERS", ("rnnmusic.score.model",))
    assert notation.cached_file(tunes) != first


@pytest.mark.slow
def test_the_bach_chorales_build(tmp_path: Path) -> None:
    report = build(["music21:bach"], tmp_path / "store", ROLL)
    assert sum(report.counts.values()) == 350
    assert report.counts["kept"] > 300
    assert report.counts["rejected"] < 25
    again = build(["music21:bach"], tmp_path / "again", ROLL)
    assert again.verdicts == report.verdicts
