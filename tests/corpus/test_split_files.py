from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnmusic.corpus.split_files import SPELLINGS, Entry, SplitFile, read, write
from rnnmusic.corpus.splits import SPLITS
from rnnmusic.errors import InputError

MAESTRO = (
    "canonical_composer,canonical_title,split,year,midi_filename,audio_filename,duration\n"
    "Alban Berg,Sonata Op. 1,train,2018,2018/a.midi,2018/a.wav,698.66\n"
    'Frédéric Chopin,"Etudes, Op. 10",validation,2008,2008/a.midi,2008/a.wav,1.5\n'
    "Franz Liszt,Totentanz,test,2009,2009/b.midi,2009/b.wav,2.5\n"
)
NAMES = {"2018/a": "train", "2008/a": "valid", "2009/b": "test"}


def saved(folder: Path, text: str | bytes, name: str = "splits.csv") -> Path:
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


@pytest.mark.parametrize("extension", [".midi", ".wav", ".mid", ""])
@pytest.mark.parametrize("above", ["", "maestro-v3.0.0/", "./"])
def test_maestro(tmp_path: Path, above: str, extension: str) -> None:
    table = read(saved(tmp_path, MAESTRO))
    for name, split in NAMES.items():
        assert table.split_of(above + name + extension) == split
    assert table.composer_of("2008/a.midi") == "Frédéric Chopin"
    assert table.split_of("b" + extension) == "test"  # the only one of that name
    assert table.split_of("a" + extension) is None
    assert table.split_of("2010/b" + extension) is None
    assert table.names[:2] == ("2018/a.midi", "2018/a.wav")


def test_maestro_json_says_the_same(tmp_path: Path) -> None:
    header, *rows = (line.split(",") for line in MAESTRO.replace(", Op", " Op").splitlines())
    columns = {
        column: {str(i): row[number].strip('"') for i, row in enumerate(rows)}
        for number, column in enumerate(header)
    }
    table = read(saved(tmp_path, json.dumps(columns), "maestro.json"))
    assert [table.split_of(name) for name in NAMES] == list(NAMES.values())
    assert table.names == read(saved(tmp_path, MAESTRO)).names


def test_plain_tables(tmp_path: Path) -> None:
    text = "\ufeffSplit , Name,composer\r\n" + "".join(
        f"{spelling.upper()},{spelling}.mid,\r\n" for spelling in SPELLINGS
    )
    table = read(saved(tmp_path, text + "\r\ntrain,tunes.abc,\r\ntest,tunes.abc#2,Trad\r\n"))
    assert {name: table.split_of(name) for name in SPELLINGS} == SPELLINGS
    assert table.split_of("tunes.abc#1") == "train"
    assert table.split_of("tunes.abc#2") == "test"
    assert table.composer_of("tunes.abc#2") == "Trad"
    assert table.composer_of("train.mid") is None
    assert table.split_of("other.mid") is None


def test_extensions_tell_apart_and_only_those_of_music_are_left_away(tmp_path: Path) -> None:
    table = read(saved(tmp_path, "name,split\nx.mid,train\nx.xml,test\nop.27,test\nop.28,train\n"))
    assert table.split_of("x.mid") == "train"
    assert table.split_of("x.xml") == "test"
    assert table.split_of("x.krn") is None
    assert table.split_of("op.27.mid") == "test"
    assert table.split_of("op.29") is None


def test_backslashes_and_composed_letters(tmp_path: Path) -> None:
    table = read(saved(tmp_path, "name,split\nDvorˇa\\Etude\u0301.mid,test\n"))
    assert table.split_of("Dvorˇa/Etud\u00e9.mid") == "test"


@given(
    st.dictionaries(
        st.text(
            st.characters(exclude_categories=["Cs", "Cc", "Z"], exclude_characters="/\\.#"),
            min_size=1,
            max_size=9,
        ),
        st.sampled_from(SPLITS),
        min_size=1,
        max_size=20,
    )
)
def test_what_is_written_is_read(
    tmp_path_factory: pytest.TempPathFactory, pairs: dict[str, str]
) -> None:
    path = tmp_path_factory.mktemp("splits") / "splits.csv"
    write(path, ((f'folder, "1"/{name}.mid', split) for name, split in pairs.items()))
    table = read(path)
    for name, split in pairs.items():
        assert table.split_of(f'folder, "1"/{name}.mid') == split


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "first line of .* none"),
        ("a.mid,train\n", "first line of .* columns a.mid, train"),
        ("name,place\na,train\n", "needs `split`"),
        ("name,split\n", "names no piece"),
        ("name,split\na.mid,train\nb.mid,dress rehearsal\n", "Line 3 .* 'dress rehearsal'"),
        ("name,split\na.mid\n", "Line 2 .* 1 columns"),
        ("name,split\na, b.mid,train\n", "Line 2 .* quotes"),
        ("name,split\n,train\n", "Line 2 .* names no piece"),
        ("name,split\na,train\n\na,test\n", "Line 4 .* in test, line 2 in train"),
        ('name,split\n"a"b,train\n', "Line 2 .* isn't CSV"),
        (b"name,split\na,train\n\xe9tude,train\n", "Line 3 .* UTF-8"),
        (f"name,split\n{'x' * 140_000},train\n", "isn't CSV"),
    ],
)
def test_a_bad_table_is_told_by_its_line(tmp_path: Path, text: str | bytes, words: str) -> None:
    with pytest.raises(InputError, match=words):
        read(saved(tmp_path, text))


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"split": 3}', '{"split": {"0": "train"}}', "[" * 100_000]
)
def test_bad_json(tmp_path: Path, text: str) -> None:
    with pytest.raises(InputError):
        read(saved(tmp_path, text, "splits.json"))


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="Can't read"):
        read(tmp_path / "none.csv")


def test_entries_that_agree_may_repeat() -> None:
    twice = [Entry("a/x.mid", "train", ""), Entry("b/x.mid", "train", "")]
    assert SplitFile(twice).split_of("x.mid") == "train"
