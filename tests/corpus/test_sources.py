from __future__ import annotations

import warnings
from pathlib import Path

import pytest

from rnnmusic.corpus.sources import expand
from rnnmusic.errors import InputError

from .helpers import melody, write_midi


def test_folders_are_searched_through_in_order(tmp_path: Path) -> None:
    for name in ("b/2.mid", "a/x.KAR", "c.Midi", "b/1.mid", "s.mxl", "d.abc"):
        write_midi(tmp_path / name, melody(1))
    (tmp_path / "b" / "cover.jpg").write_bytes(b"")
    (tmp_path / "LICENSE").write_bytes(b"")
    found = expand([tmp_path])
    assert [i.name for i in found.items] == [
        "a/x.KAR",
        "b/1.mid",
        "b/2.mid",
        "c.Midi",
        "d.abc",
        "s.mxl",
    ]
    assert [i.is_notation for i in found.items] == [False] * 4 + [True] * 2
    assert found.ignored == {str(tmp_path): {".jpg": 1, "no extension": 1}}


def test_a_file_named_twice_is_taken_once(tmp_path: Path) -> None:
    file = write_midi(tmp_path / "a.mid", melody(1))
    (tmp_path / "sub").mkdir()
    again = tmp_path / "sub" / ".." / "a.mid"
    assert len(expand([tmp_path, file, str(again)]).items) == 1


def test_a_file_is_taken_whatever_its_extension(tmp_path: Path) -> None:
    file = write_midi(tmp_path / "music.dat", melody(1))
    [item] = expand([file]).items
    assert (item.name, item.path, item.is_notation) == ("music.dat", file, False)


def test_what_isnt_there_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no file or folder"):
        expand([tmp_path / "nowhere"])
    with pytest.raises(InputError, match="no collection or work 'nobody'"):
        expand(["music21:nobody"])


def test_collections_of_music21() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # music21's own, at import
        chorales = expand(["music21:bach"]).items
    assert len(chorales) == 350  # of 371, 21 are there twice
    assert {item.voices for item in chorales} == {4}
    assert chorales[0].source == "music21:bach/bwv10.7"
    [one] = expand(["music21:bach/bwv269"]).items
    assert one.voices is None
    assert "music21" in one.licence
    # Names are those of the corpus, never of the folders it is installed in.
    with pytest.raises(InputError, match="no collection"):
        expand(["music21:site-packages"])
    essen = expand(["music21:essenFolksong"]).items
    assert {"essenFolksong/license.txt" in item.licence for item in essen} == {True}
