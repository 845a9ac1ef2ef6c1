from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnmusic.corpus import Corpus, build
from rnnmusic.corpus.pieces import Piece, Pieces
from rnnmusic.corpus.records import pack
from rnnmusic.corpus.store import Store
from rnnmusic.encodings import PianoRoll
from rnnmusic.errors import InputError

from .helpers import ROLL, melody, numbered, some_lengths, write_midi


@pytest.fixture
def store(tmp_path: Path) -> Path:
    for i in range(5):
        write_midi(tmp_path / "midi" / f"{i}.mid", melody(i))
    build([tmp_path / "midi"], tmp_path / "store", PianoRoll())
    return tmp_path / "store"


@given(some_lengths, st.booleans())
def test_pieces_unpack_to_what_was_packed(lengths: list[int], packed: bool) -> None:
    originals = numbered(lengths)
    pieces = Pieces.of(originals)
    if packed:
        rows = np.concatenate([pack(p.steps, ROLL) for p in originals])
        assert rows.shape[1] == 3
        clock = np.concatenate([p.clock for p in originals])
        pieces = Pieces(rows, clock, pieces.names, pieces.offsets, pieces.lengths, bits=24)
    assert len(pieces) == len(originals)
    assert pieces.lengths.tolist() == lengths
    for piece, original in zip(pieces, originals, strict=True):
        assert piece.name == original.name
        assert np.array_equal(piece.steps, original.steps)
        assert np.array_equal(piece.clock, original.clock)
    assert [p.name for p in pieces[1:4]] == [p.name for p in originals[1:4]]
    assert isinstance(pieces[-1], Piece)
    with pytest.raises(IndexError):
        pieces[len(lengths)]


def test_a_store_is_mapped_not_read(store: Path) -> None:
    opened = Store.open(store)
    assert isinstance(opened.rows, np.memmap)
    assert isinstance(opened.clock, np.memmap)
    assert opened.rows.dtype == np.uint8
    assert opened.rows.shape[1] == len(PianoRoll().sizes) // 8


def test_opening_what_isnt_a_corpus(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="There is no corpus"):
        Corpus.open(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="is empty"):
        Corpus.open(tmp_path / "empty")
    write_midi(tmp_path / "midi" / "deep" / "1.mid", melody(0))
    with pytest.raises(InputError, match="folder of files: build a corpus first"):
        Corpus.open(tmp_path / "midi")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "a.txt").write_text("x")
    with pytest.raises(InputError, match=r"no store\.json"):
        Corpus.open(tmp_path / "other")


def _edit(change: Callable[[dict], None]) -> Callable[[Path], None]:  # type: ignore[type-arg]
    def damage(store: Path) -> None:
        index = json.loads((store / "store.json").read_text())
        change(index)
        (store / "store.json").write_text(json.dumps(index))

    return damage


def _row(**fields: int) -> Callable[[Path], None]:
    """Change the first row of the table of pieces."""

    def damage(store: Path) -> None:
        table = np.load(store / "pieces.npy")
        for name, value in fields.items():
            table[name][0] = value
        np.save(store / "pieces.npy", table)

    return damage


def _cut(name: str, keep: int) -> Callable[[Path], None]:
    return lambda store: (store / name).write_bytes((store / name).read_bytes()[:keep]) and None


def _pickled(store: Path) -> None:
    np.save(store / "steps.npy", np.array([{}], dtype=object), allow_pickle=True)


DAMAGES: dict[str, tuple[Callable[[Path], None], str]] = {
    "no JSON": (_cut("store.json", 40), "Can't read"),
    "another thing": (_edit(lambda s: s.update(format="x")), "doesn't belong"),
    "a later version": (_edit(lambda s: s.update(version=99)), "version 99"),
    "no pieces": (lambda store: (store / "pieces.npy").unlink(), "damaged"),
    "another table": (lambda store: np.save(store / "pieces.npy", np.zeros(5)), "not a table"),
    "a name too few": (_cut("names.jsonl", 0), "0 names for 5"),
    "names that aren't JSON": (_cut("names.jsonl", 3), "damaged"),
    "an unknown encoding": (_edit(lambda s: s["encoding"].update(name="x")), "damaged"),
    "an unknown split": (_row(split=7), "split that doesn't exist"),
    "a negative offset": (_row(offset=-1), "lies outside"),
    "a long piece": (_row(length=10**9), "lies outside"),
    "an endless piece": (_row(offset=2**62, length=2**62), "lies outside"),
    "another width": (_edit(lambda s: s["encoding"].update(articulation=False)), r"not uint8 \(N"),
    "truncated steps": (_cut("steps.npy", 300), "damaged"),
    "no header": (_cut("steps.npy", 20), "damaged"),
    "empty steps": (_cut("steps.npy", 0), "damaged"),
    "missing clock": (lambda store: (store / "clock.npy").unlink(), "damaged"),
    "a pickle": (_pickled, "damaged"),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damaged_store_is_an_input_error(store: Path, name: str) -> None:
    damage, message = DAMAGES[name]
    damage(store)
    with pytest.raises(InputError, match=message):
        Corpus.open(store)


def test_damaged_verdicts_are_an_input_error(store: Path) -> None:
    (store / "verdicts.jsonl").write_text("{")
    with pytest.raises(InputError, match="damaged"):
        Store.open(store).verdicts()
