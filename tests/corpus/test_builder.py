from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from rnnmusic.corpus import SPLITS, Corpus, build
from rnnmusic.corpus import builder as builder_module
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
    assert report.counts == {"kept": 12, "rejected": 0, "duplicate": 0, "ignored": 0}
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
    (folder / "notes.txt").write_text("hello")
    (folder / "README").write_text("hello")
    report = build([folder], tmp_path / "store", ROLL)
    by_name = {Path(v.source).name: v for v in report.verdicts}
    assert len(by_name) == len(report.verdicts) == 12 + 8 + 1
    rejected = {name for name, v in by_name.items() if v.verdict == "rejected"}
    expected = {"empty.mid", "text.MID", "header.mid", "silent.mid", "too_low.mid", "drums.mid"}
    assert rejected == expected
    reasons = {by_name[name].reason for name in rejected}
    assert all(len(reason) > 10 and "\n" not in reason for reason in reasons)
    assert by_name["whole.mid"].verdict == "duplicate"
    assert "00.mid" in by_name["whole.mid"].reason
    assert by_name["partly.mid"].verdict == "kept"
    assert (by_name["partly.mid"].left_out or {})["pitches out of range"] == 1
    assert by_name["midi"].verdict == "ignored"
    assert "2 files" in by_name["midi"].reason
    assert report.counts == {"kept": 13, "rejected": 6, "duplicate": 1, "ignored": 1}
    lines = (tmp_path / "store" / "verdicts.jsonl").read_text().splitlines()
    told = [json.loads(line) for line in lines]
    assert [t["source"] for t in told] == [v.source for v in report.verdicts]
    assert set(told[0]) == {
        "source", "verdict", "reason", "notes", "steps", "split", "left_out"
    }  # fmt: skip
    for entry in told:
        assert (entry["split"] in SPLITS) == (entry["verdict"] == "kept")


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
    for name in ("store.json", "steps.npy", "clock.npy", "verdicts.jsonl"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    assert [done for done, _, _ in seen] == list(range(1, 14))
    assert seen[-1] == (13, 13, "broken.mid")


def test_an_empty_corpus_writes_nothing(tmp_path: Path) -> None:
    write_midi(tmp_path / "midi" / "low.mid", [20])
    store = tmp_path / "out" / "store"
    with pytest.raises(InputError, match=r"Empty corpus.*low\.mid"):
        build([tmp_path / "midi"], store, ROLL)
    (tmp_path / "none").mkdir()
    with pytest.raises(InputError, match="no files at all"):
        build([tmp_path / "none"], store, ROLL)
    assert list((tmp_path / "out").iterdir()) == []


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

    monkeypatch.setattr(builder_module, "write_index", interrupted)
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
