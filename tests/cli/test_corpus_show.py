from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from rnnmusic_cli.corpus_show import SHOWN, split_table

from rnnmusic.audio import Audio
from rnnmusic.corpus import Corpus, build, summarize
from rnnmusic.encodings import LogMel

from .conftest import Run, Studio


def test_show_tells_what_is_usual(rnnmusic: Run, studio: Studio) -> None:
    shown = rnnmusic("corpus", "show", studio.store)
    assert shown.code == 0
    for start in ("pitch: ", "duration: ", "polyphony: ", "tempo: ", "key: ", "length: "):
        assert any(line.startswith(start) for line in shown.out.splitlines()), start
    some = rnnmusic("corpus", "show", studio.store, "--sample", "3", "--split", "train")
    assert "those of 3 of" in some.out


def test_json_has_the_histograms_too(rnnmusic: Run, studio: Studio) -> None:
    shown = json.loads(rnnmusic("corpus", "show", studio.store, "--json").out)
    pitch = shown["statistics"]["histograms"]["pitch"]
    assert sum(pitch["counts"]) == sum(split["notes"] for split in shown["splits"].values())
    assert shown["repaired"] == []


def test_a_page_is_drawn(
    rnnmusic: Run, studio: Studio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert rnnmusic("corpus", "show", studio.store, "--plot").code == 0
    assert (tmp_path / f"{studio.store.name}.png").read_bytes().startswith(b"\x89PNG")
    drawn = rnnmusic("corpus", "show", studio.store, "--plot", "page.pdf")
    assert "page.pdf" in drawn.out
    assert (tmp_path / "page.pdf").read_bytes().startswith(b"%PDF")


def test_pieces_are_heard_at_their_tempo(rnnmusic: Run, studio: Studio, tmp_path: Path) -> None:
    corpus = Corpus.open(studio.store)
    assert corpus.store is not None
    record = corpus.store.records[2]
    played = rnnmusic("corpus", "listen", studio.store, "3", "-o", tmp_path / "x.wav")
    assert played.code == 0
    assert record.name in played.out
    assert f"{record.tempo_bpm:.0f} bpm" in played.out
    audio = Audio.load(tmp_path / "x.wav")
    assert audio.peak > 0.5
    assert record.duration_s <= audio.duration_s < record.duration_s + 4


def test_the_file_is_named_after_the_piece(
    rnnmusic: Run, studio: Studio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    corpus = Corpus.open(studio.store)
    name = corpus.splits["train"].names[0]
    assert rnnmusic("corpus", "listen", studio.store, "1", "--split", "train").code == 0
    assert [path.name for path in tmp_path.iterdir()] == [f"{Path(name).stem}.wav"]


def test_sound_is_heard_too(rnnmusic: Run, tmp_path: Path) -> None:
    rate = 8000
    tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(rate) / rate)
    Audio(tone[None].astype(np.float32), rate).save(tmp_path / "tone.wav")
    encoding = LogMel(sample_rate_hz=rate, highest_hz=4000.0, mels=40, fft_size=512, hop_size=128)
    build([tmp_path / "tone.wav"], tmp_path / "store", encoding)
    shown = rnnmusic("corpus", "show", tmp_path / "store")
    assert (shown.code, shown.err) == (0, "")
    assert "real" in shown.out
    assert rnnmusic("corpus", "listen", tmp_path / "store", "1", "-o", tmp_path / "o.wav").code == 0
    heard = Audio.load(tmp_path / "o.wav")
    spectrum = np.abs(np.fft.rfft(heard.samples[0]))
    assert spectrum.argmax() * rate / heard.samples.shape[1] == pytest.approx(440, abs=15)


def test_repairs_and_refusals_are_told(rnnmusic: Run, tmp_path: Path, studio: Studio) -> None:
    source = next(studio.music.rglob("*.mid")).read_bytes()
    folder = tmp_path / "midi"
    folder.mkdir()
    (folder / "whole.mid").write_bytes(source)
    (folder / "cut.mid").write_bytes(source[: len(source) * 2 // 3])
    for number in range(SHOWN + 3):
        (folder / f"bad{number}.mid").write_bytes(b"MThd" + bytes([number]))
    build([folder], tmp_path / "store", Corpus.open(studio.store).encoding)
    shown = rnnmusic("corpus", "show", tmp_path / "store").out
    assert f"{SHOWN + 3} rejected" in shown
    assert "... and 3 more rejected" in shown
    repaired = [line for line in shown.splitlines() if line.startswith("repaired: ")]
    assert len(repaired) == 1
    assert "cut.mid" in repaired[0]


def test_the_table_says_what_went_where(studio: Studio) -> None:
    summary = summarize(Corpus.open(studio.store))
    table = split_table(summary)
    cells = {str(column.header): list(column.cells) for column in table.columns}
    assert cells["split"] == ["train", "valid", "test"]
    assert sum(map(int, cells["pieces"])) == 12  # type: ignore[arg-type]
    assert cells["groups"] == [str(split.groups) for split in summary.splits.values()]


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("listen", "{store}", "999"), 2, "1 to 12"),
        (("listen", "{store}", "0"), 2, "1 to 12"),
        (("listen", "{store}", "nonesuch"), 2, "nonesuch"),
        (("listen", "{store}", "1", "--split", "tests"), 2, "train, valid, test"),
        (("listen", "{store}", "1", "-o", "x.xyz"), 3, "x.xyz"),
        (("listen", "nowhere", "1"), 3, "nowhere"),
        (("show", "{store}", "--split", "tests"), 2, "train, valid, test"),
        (("show", "{store}", "page.png"), 2, "--plot"),
        (("show", "{store}", "--plot", "page.xyz"), 3, "page.xyz"),
    ],
)
def test_nonsense_gets_one_sentence(
    rnnmusic: Run, studio: Studio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...], code: int, told: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    ran = rnnmusic("corpus", *(a.format(store=studio.store) for a in arguments))
    assert ran.code == code, ran.err
    assert told in ran.err
    assert ran.err.count("\n") == 1
    assert not list(tmp_path.iterdir())
