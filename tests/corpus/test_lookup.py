from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from rnnmusic.corpus import SPLITS, Corpus, build
from rnnmusic.corpus.lookup import find
from rnnmusic.errors import InputError, RnnMusicError, UsageError

from .helpers import ROLL, melody, write_midi
from .test_benchmark import arrays

NAMES = [f"{kind}/{i}.mid" for kind in ("air", "reel") for i in range(6)]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    place = tmp_path_factory.mktemp("lookup")
    for seed, name in enumerate(NAMES):
        write_midi(place / "midi" / name, melody(seed))
    build([place / "midi"], place / "store", ROLL)
    return Corpus.open(place / "store")


def test_numbers_count_pieces_as_they_were_read(corpus: Corpus) -> None:
    found = [find(corpus, str(number)) for number in range(1, 13)]
    assert [place.piece(corpus).name for place in found] == NAMES
    assert {place.tempo_bpm for place in found} == {120.0}
    for place in found:
        assert corpus.splits[place.split].names[place.number] == place.piece(corpus).name


def test_numbers_within_a_split(corpus: Corpus) -> None:
    for split in SPLITS:
        names = corpus.splits[split].names
        found = [
            find(corpus, str(i + 1), split=split).piece(corpus).name for i in range(len(names))
        ]
        assert found == list(names)


def test_a_name_or_a_part_that_no_other_has(corpus: Corpus) -> None:
    assert find(corpus, "reel/3.mid").piece(corpus).name == "reel/3.mid"
    assert find(corpus, "REEL/3").piece(corpus).name == "reel/3.mid"
    split = find(corpus, "air/2.mid").split
    assert find(corpus, "air/2.mid", split=split).split == split


def test_a_benchmark_file_is_numbered_split_by_split(tmp_path: Path) -> None:
    np.savez(tmp_path / "set.npz", **arrays())
    corpus = Corpus.open(tmp_path / "set.npz")
    place = find(corpus, "5")
    assert (place.split, place.number) == ("valid", 1)
    assert math.isnan(place.tempo_bpm)


@pytest.mark.parametrize(
    ("which", "split", "kind", "told"),
    [
        ("0", None, UsageError, "1 to 12"),
        ("999", None, UsageError, "1 to 12"),
        ("99", "train", UsageError, "train split"),
        ("rel/3.mid", None, UsageError, "did you mean reel/3.mid"),
        ("xyzzy", None, UsageError, "number from 1 to 12"),
        ("air", None, UsageError, "6 pieces .* 1 (air/0.mid), 2"),
        ("1", "trian", UsageError, "train, valid, test"),
    ],
)
def test_what_isnt_there_gets_a_sentence(
    corpus: Corpus, which: str, split: str | None, kind: type[RnnMusicError], told: str
) -> None:
    with pytest.raises(kind) as raised:
        find(corpus, which, split=split)
    first, _, rest = told.partition(" .* ")
    assert first in str(raised.value)
    assert rest in str(raised.value)


def test_a_split_without_pieces(tmp_path: Path) -> None:
    build([write_midi(tmp_path / "a.mid", melody(1))], tmp_path / "store", ROLL)
    corpus = Corpus.open(tmp_path / "store")
    with pytest.raises(InputError, match="no pieces; choose train"):
        find(corpus, "1", split="test")
