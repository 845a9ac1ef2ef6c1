from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from rnnmusic.corpus import SPLITS, Corpus, build
from rnnmusic.corpus import builder as builder_module
from rnnmusic.corpus.reading import Job, outcomes_of
from rnnmusic.corpus.records import VERDICTS
from rnnmusic.corpus.sources import Item
from rnnmusic.encodings import NoteEvents, PianoRoll
from rnnmusic.errors import InputError, UsageError
from rnnmusic.midi import read

from .helpers import ROLL, melody, write_midi


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for i in range(12):
        write_midi(tmp_path / "midi" / f"{'ab'[i % 2]}" / f"{i:02d}.mid", melody(i))
    return tmp_path / "midi"


@pytest.mark.parametrize("encoding", [PianoRoll(), ROLL, NoteEvents()], ids=["rich", "plain", "ev"])
def test_a_store_gives_back_what_the_encoding_made(
    folder: Path, tmp_path: Path, encoding: PianoRoll | NoteEvents
) -> None:
    report = build([folder], tmp_path / "store", encoding)
    assert report.counts == dict.fromkeys(VERDICTS, 0) | {"kept": 12}
    corpus = Corpus.open(tmp_path / "store")
    assert corpus.encoding == encoding
    pieces = {p.name: p for split in SPLITS for p in corpus.splits[split]}
    assert len(pieces) == 12
    for name, piece in pieces.items():
        steps, clock, _ = encoding.encode(read(folder / name))
        assert np.array_equal(piece.steps, steps)
        assert np.array_equal(piece.clock, clock)
    assert report.splits == {split: len(corpus.splits[split]) for split in SPLITS}
    assert min(report.splits.values()) > 0


def test_every_input_has_its_verdict(folder: Path, tmp_path: Path) -> None:
    (folder / "empty.mid").write_bytes(b"")
    (folder / "text.MID").write_text("this is no MIDI")
    whole = write_midi(folder / "whole.mid", melody(0)).read_bytes()  # as a/00.mid
    (folder / "header.mid").write_bytes(whole[:10])
    write_midi(folder / "silent.mid", [])
    write_midi(folder / "too_low.mid", [20, 21, 22])
    write_midi(folder / "drums.mid", [36, 38], channel=9)
    write_midi(folder / "partly.mid", [30, *melody(77)])
    cut = write_midi(folder / "cut.mid", melody(78))
    cut.write_bytes(cut.read_bytes()[:-9])
    (folder / "notes.txt").write_text("hello")
    (folder / "README").write_text("hello")
    report = build([folder], tmp_path / "store", ROLL)
    by_name = {Path(v.source).name: v for v in report.verdicts}
    assert len(by_name) == len(report.verdicts) == 12 + 9 + 1
    rejected = {name for name, v in by_name.items() if v.verdict == "rejected"}
    expected = {"empty.mid", "text.MID", "header.mid", "silent.mid", "too_low.mid", "drums.mid"}
    assert rejected == expected
    reasons = {by_name[name].reason for name in rejected}
    assert all(len(reason) > 10 and "\n" not in reason for reason in reasons)
    assert by_name["whole.mid"].verdict == "duplicate"
    assert "00.mid" in by_name["whole.mid"].reason
    assert by_name["partly.mid"].verdict == "kept"
    assert (by_name["partly.mid"].left_out or {})["pitches out of range"] == 1
    assert by_name["cut.mid"].verdict == "repaired"
    assert by_name["cut.mid"].repairs
    assert by_name["cut.mid"].repairs[0] in by_name["cut.mid"].reason
    assert by_name["midi"].verdict == "ignored"
    assert "2 files" in by_name["midi"].reason
    assert report.counts == {
        "kept": 13, "repaired": 1, "rejected": 6, "duplicate": 1, "ignored": 1
    }  # fmt: skip
    lines = (tmp_path / "store" / "verdicts.jsonl").read_text().splitlines()
    told = [json.loads(line) for line in lines]
    assert [t["source"] for t in told] == [v.source for v in report.verdicts]
    assert set(told[0]) == {
        "source", "verdict", "reason", "repairs", "notes", "steps", "split", "left_out"
    }  # fmt: skip
    for entry in told:
        assert (entry["split"] in SPLITS) == (entry["verdict"] in ("kept", "repaired"))


def test_the_split_follows_the_music_not_the_files(folder: Path, tmp_path: Path) -> None:
    def places(name: str) -> dict[bytes, str]:
        splits = Corpus.open(tmp_path / name).splits
        return {p.steps.tobytes(): split for split in SPLITS for p in splits[split]}

    for i in range(12, 60):
        write_midi(folder / f"{i}.mid", melody(i))
    build([folder], tmp_path / "one", ROLL)
    for i, file in enumerate(sorted(folder.rglob("*.mid"))):
        file.rename(tmp_path / "midi" / f"renamed {97 * i % 60}.MIDI")
    for i in range(60, 90):
        write_midi(folder / f"{i}.mid", melody(i))
    build([folder], tmp_path / "two", ROLL)
    one, two = places("one"), places("two")
    assert len(one) == 60
    assert len(two) == 90
    assert one.items() <= two.items()


def test_transpositions_share_a_split_and_duplicates_are_kept_once(tmp_path: Path) -> None:
    for i in range(40):
        notes = [min(p, 68) for p in melody(i)]
        write_midi(tmp_path / "midi" / f"{i}.mid", notes)
        write_midi(tmp_path / "midi" / f"{i} up.mid", [p + 2 for p in notes])
        write_midi(tmp_path / "midi" / f"{i} again.mid", notes, name="another file")
    report = build([tmp_path / "midi"], tmp_path / "store", ROLL)
    assert report.counts["duplicate"] == 40
    place = {Path(v.source).stem: v for v in report.verdicts}
    for i in range(40):
        assert place[f"{i} up"].split == (place[str(i)].split or place[f"{i} again"].split)
    assert len(set(report.splits.values()) - {0}) > 1


def test_workers_change_nothing(folder: Path, tmp_path: Path) -> None:
    (folder / "broken.mid").write_bytes(b"MThd")
    seen: list[tuple[int, int, str]] = []
    one = build(
        [folder], tmp_path / "one", PianoRoll(), workers=1, progress=lambda *a: seen.append(a)
    )
    two = build([folder], tmp_path / "two", PianoRoll(), workers=2)
    assert one.verdicts == two.verdicts
    for file in (tmp_path / "one").iterdir():
        name = file.name
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    assert [done for done, _, _ in seen] == list(range(1, 14))
    assert seen[-1] == (13, 13, "broken.mid")


def test_an_empty_corpus_is_no_store_but_says_why(tmp_path: Path) -> None:
    write_midi(tmp_path / "midi" / "low.mid", [20])
    store = tmp_path / "out" / "store"
    with pytest.raises(InputError, match=r"Empty corpus.*low\.mid"):
        build([tmp_path / "midi"], store, ROLL)
    assert [file.name for file in store.iterdir()] == ["verdicts.jsonl"]
    assert json.loads((store / "verdicts.jsonl").read_text())["verdict"] == "rejected"
    write_midi(tmp_path / "midi" / "high.mid", melody(1))
    assert build([tmp_path / "midi"], store, ROLL).counts["kept"] == 1
    (tmp_path / "none").mkdir()
    with pytest.raises(InputError, match="no files at all"):
        build([tmp_path / "none"], store, ROLL)
    assert len(Corpus.open(store).splits["train"]) == 1


def test_a_store_is_replaced_and_anything_else_refused(folder: Path, tmp_path: Path) -> None:
    store = tmp_path / "store"
    build([folder], store, PianoRoll())
    build([folder / "a"], store, ROLL)
    assert sum(map(len, Corpus.open(store).splits.values())) == 6
    assert {f.name for f in tmp_path.iterdir()} == {"midi", "store"}
    with pytest.raises(InputError, match="Empty corpus"):
        build([write_midi(tmp_path / "low.mid", [20])], store, ROLL)
    assert sum(map(len, Corpus.open(store).splits.values())) == 6
    with pytest.raises(UsageError, match="other things"):
        build([folder], folder, ROLL)
    with pytest.raises(UsageError, match="is a file"):
        build([folder], tmp_path / "low.mid", ROLL)
    (tmp_path / "empty").mkdir()
    build([folder], tmp_path / "empty", ROLL)
    assert Corpus.open(tmp_path / "empty").splits["train"]


def test_a_failure_half_way_leaves_the_old_store(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build([folder], tmp_path / "store", ROLL)
    before = (tmp_path / "store" / "store.json").read_bytes()

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(builder_module.StoreWriter, "seal", interrupted)
    with pytest.raises(KeyboardInterrupt):
        build([folder / "a"], tmp_path / "store", ROLL)
    assert (tmp_path / "store" / "store.json").read_bytes() == before
    assert {f.name for f in tmp_path.iterdir()} == {"midi", "store"}


def test_options_that_make_no_sense(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="workers"):
        build([folder], tmp_path / "store", ROLL, workers=0)
    with pytest.raises(UsageError, match="add up to 1"):
        build([folder], tmp_path / "store", ROLL, fractions=(0.5, 0.1, 0.1))
    assert not (tmp_path / "store").exists()


def _files(store: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in store.iterdir()}


def test_an_unchanged_folder_is_not_read_again(folder: Path, tmp_path: Path) -> None:
    store = tmp_path / "store"
    (folder / "broken.mid").write_bytes(b"MThd")
    first = build([folder], store, ROLL)
    born = store.stat().st_ino
    again = build([folder], store, ROLL)
    assert (first.read, again.read) == (13, 0)
    assert again.verdicts == first.verdicts
    assert (again.counts, again.splits) == (first.counts, first.splits)
    assert store.stat().st_ino == born
    for change in ({"seed": 1}, {"fractions": (0.5, 0.25, 0.25)}, {"group_by": "folder"}):
        assert build([folder], store, ROLL, **change).read == 0  # split anew, from what is there
        assert store.stat().st_ino != born
        born = store.stat().st_ino
    assert build([folder], store, ROLL, fresh=True).read == 13
    assert build([folder], store, PianoRoll()).read == 13
    assert build([folder], store, PianoRoll()).read == 0


def test_only_what_has_changed_is_read(folder: Path, tmp_path: Path) -> None:
    store = tmp_path / "store"
    (folder / "broken.mid").write_bytes(b"MThd")
    write_midi(folder / "z.mid", melody(3))  # as b/03.mid
    build([folder], store, ROLL)
    write_midi(folder / "a" / "00.mid", melody(100))
    write_midi(folder / "0.mid", melody(101))
    (folder / "b" / "03.mid").unlink()  # which makes a piece of z.mid
    (folder / "notes.txt").write_text("hello")
    report = build([folder], store, ROLL)
    assert report.read == 3
    assert report.counts == {
        "kept": 13, "repaired": 0, "rejected": 1, "duplicate": 0, "ignored": 1
    }  # fmt: skip
    build([folder], tmp_path / "anew", ROLL)
    assert _files(store) == _files(tmp_path / "anew")


@pytest.mark.parametrize("damaged", ["verdicts.jsonl", "inputs.jsonl", "sketches.npy", "steps.npy"])
def test_a_damaged_store_is_built_anew(folder: Path, tmp_path: Path, damaged: str) -> None:
    store = tmp_path / "store"
    build([folder], store, ROLL)
    whole = _files(store)
    (store / damaged).write_bytes(whole[damaged][:-40])
    write_midi(folder / "z.mid", melody(3))
    (folder / "z.mid").unlink()
    write_midi(folder / "more.mid", melody(50))
    build([folder], store, ROLL)
    (folder / "more.mid").unlink()
    build([folder], store, ROLL)
    assert _files(store) == whole


def test_pieces_of_a_folder_or_a_composer_stay_together(tmp_path: Path) -> None:
    for i in range(60):
        write_midi(
            tmp_path / "midi" / f"composer {i % 6}" / f"book {i % 12}" / f"{i}.mid", melody(i)
        )
    for group_by, depth in (("folder", 2), ("composer", 1)):
        report = build([tmp_path / "midi"], tmp_path / "store", ROLL, group_by=group_by)
        assert len(report.verdicts) == 60
        places: dict[tuple[str, ...], set[str]] = {}
        for verdict in report.verdicts:
            parts = Path(verdict.source).relative_to(tmp_path / "midi").parts
            places.setdefault(parts[:depth], set()).add(verdict.split)
        assert {len(where) for where in places.values()} == {1}
        assert report.groups <= len(places)
        assert min(report.splits.values()) > 0
    with pytest.raises(UsageError, match="folder or composer"):
        build([tmp_path / "midi"], tmp_path / "store", ROLL, group_by="key")


def test_a_split_file_decides_and_its_leaks_are_told(tmp_path: Path) -> None:
    for i in range(9):
        write_midi(tmp_path / "midi" / f"{i}.mid", melody(i))
    write_midi(tmp_path / "midi" / "copy.mid", [p - 1 for p in melody(0, 12)])
    lines = [f"{i}.mid,{SPLITS[i % 3]}" for i in range(8)] + ["copy.mid,test"]
    (tmp_path / "splits.csv").write_text("\n".join(["name,split", *lines]))
    report = build([tmp_path / "midi"], tmp_path / "s", ROLL, split_file=tmp_path / "splits.csv")
    where = {Path(v.source).name: v.split for v in report.verdicts}
    assert {name: where[name] for name, _ in (line.split(",") for line in lines)} == dict(
        line.split(",") for line in lines
    )
    assert where["8.mid"] in SPLITS  # it isn't named, and split by its music
    assert report.leaking == 1
    assert "copy.mid (test)" in report.leaks[0]
    assert "0.mid (train)" in report.leaks[0]


def test_names_that_are_no_text_are_kept(tmp_path: Path) -> None:
    (tmp_path / "midi").mkdir()
    odd = os.fsdecode(b"caf\xe9 \xff.mid")
    write_midi(tmp_path / "midi" / "a.mid", melody(1)).rename(tmp_path / "midi" / odd)
    write_midi(tmp_path / "midi" / "Dvořák.mid", melody(2))
    build([tmp_path / "midi"], tmp_path / "store", ROLL)
    names = {p.name for split in Corpus.open(tmp_path / "store").splits.values() for p in split}
    assert names == {odd, "Dvořák.mid"}
    assert build([tmp_path / "midi"], tmp_path / "store", ROLL).read == 0


def test_few_items_are_under_way_at_once(tmp_path: Path) -> None:
    """Memory mustn't grow with the corpus: the reader may not run far ahead of the writer."""
    started: list[int] = []

    def jobs() -> Iterator[Job]:
        for i in range(500):
            started.append(i)
            path = str(tmp_path / f"{i}.mid")
            yield Job(Item(f"{i}", path, path), (0, 0), None)

    with outcomes_of(jobs(), ROLL, tmp_path, slow=0, count=500, workers=2) as outcomes:
        for done, (job, [verdict]) in enumerate(outcomes):
            assert job.item.name == str(done)
            assert verdict.verdict == "rejected"
            assert len(started) <= done + 130
