from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from rnnmusic import midi
from rnnmusic.corpus import SPLITS, Corpus, build
from rnnmusic.corpus.keys import KEY_NAMES
from rnnmusic.corpus.statistics import DURATIONS, LONGER, statistics
from rnnmusic.encodings import NoteEvents, PianoRoll, ScoreEncoding
from rnnmusic.errors import InputError, UsageError
from rnnmusic.score import KEY, NOTE, TEMPO, Score, Track, table

from .test_benchmark import arrays

TEMPOS_BPM = (60, 90, 100, 120)


def tune(seed: int) -> Score:
    """Chords of random lengths at one of four tempos, in a stated minor key."""
    rng = np.random.default_rng(seed)
    rows, tick = [], 0
    for _ in range(12):
        length = int(rng.choice([120, 160, 240, 480, 960, 1440]))
        pitches = rng.choice(np.arange(45, 75), size=int(rng.integers(1, 4)), replace=False)
        rows += [(tick, tick + length, int(pitch), 64) for pitch in pitches]
        tick += length + int(rng.choice([0, 0, 240]))
    tempo = table(TEMPO, [(0, 60_000_000 // TEMPOS_BPM[seed % 4])])
    return Score(tracks=(Track(notes=table(NOTE, rows)),), tempos=tempo,
                 keys=table(KEY, [(0, 2, True)]))  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("tunes")
    for seed in range(20):
        midi.write(tune(seed), place / f"{seed:02}.mid")
    return place


@pytest.mark.parametrize(
    "encoding",
    [PianoRoll(steps_per_quarter=12), PianoRoll(articulation=False), NoteEvents()],
    ids=["roll", "plain roll", "events"],
)
def test_histograms_are_those_of_the_decoded_pieces(
    folder: Path, tmp_path: Path, encoding: ScoreEncoding
) -> None:
    build([folder], tmp_path / "store", encoding)
    corpus = Corpus.open(tmp_path / "store")
    found = statistics(corpus)
    pitches: Counter[int] = Counter()
    durations: Counter[str] = Counter()
    sounding: Counter[int] = Counter()
    for split in SPLITS:
        for piece in corpus.splits[split]:
            score = encoding.decode(piece.steps)
            grid = score.ticks_per_quarter // 12
            notes = score.notes()
            pitches.update(notes["pitch"].tolist())
            for quarters in (notes["end_tick"] - notes["start_tick"]) / score.ticks_per_quarter:
                nearest = min(DURATIONS, key=lambda d: (abs(np.log(quarters / d)), -d))
                durations[LONGER if quarters > 19 else DURATIONS[nearest]] += 1
            for tick in range(0, int(notes["end_tick"].max()), grid):
                heard = (notes["start_tick"] <= tick) & (tick < notes["end_tick"])
                sounding[int(heard.sum())] += 1
    assert found.pieces == found.pieces_read == 20
    pitch = found.histograms["pitch"]
    assert pitch.edges is not None
    counted = dict(zip((pitch.edges[:-1] + 0.5).astype(int).tolist(), pitch.counts, strict=True))
    assert {p: n for p, n in counted.items() if n} == pitches
    duration = found.histograms["duration"]
    named = dict(zip(duration.labels, duration.counts, strict=True))
    assert {name: n for name, n in named.items() if n} == durations
    together = found.histograms["polyphony"].counts
    assert together == pytest.approx([sounding[n] / 12 for n in range(len(together))])
    assert sum(sounding.values()) / 12 == pytest.approx(together.sum())


def test_what_a_store_knows_of_its_pieces(folder: Path, tmp_path: Path) -> None:
    build([folder], tmp_path / "store", PianoRoll())
    corpus = Corpus.open(tmp_path / "store")
    found = statistics(corpus)
    tempo, key = found.histograms["tempo"], found.histograms["key"]
    assert tempo.edges is not None
    for bpm in TEMPOS_BPM:
        bin_ = int(np.searchsorted(tempo.edges, bpm + 0.01)) - 1
        assert tempo.counts[bin_] == 5
    assert {KEY_NAMES[i] for i in np.flatnonzero(key.counts)} <= {"B minor", "E minor"}
    assert key.total == 20
    seconds = [tune(seed).duration_s for seed in range(20)]
    time = found.histograms["time"]
    assert (time.lowest, time.highest) == pytest.approx((min(seconds), max(seconds)))
    assert found.split_pieces == {name: len(pieces) for name, pieces in corpus.splits.items()}
    every = np.concatenate([pieces.lengths for pieces in corpus.splits.values()])
    assert sum(found.split_steps.values()) == every.sum()
    length = found.histograms["length"]
    assert (length.lowest, length.highest, length.total) == (every.min(), every.max(), 20)
    shown = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert shown["histograms"]["key"]["labels"][0] == "C major"


def test_one_split_and_its_pieces_only(folder: Path, tmp_path: Path) -> None:
    build([folder], tmp_path / "store", PianoRoll())
    corpus = Corpus.open(tmp_path / "store")
    parts = [statistics(corpus, split=split) for split in SPLITS]
    whole = statistics(corpus)
    for name in ("duration", "key"):
        total = sum((part.histograms[name].counts for part in parts), np.zeros(1))
        assert np.array_equal(total, whole.histograms[name].counts)
    assert [part.pieces for part in parts] == list(whole.split_pieces.values())


def test_a_large_corpus_is_sampled_evenly_and_says_so(folder: Path, tmp_path: Path) -> None:
    build([folder], tmp_path / "store", PianoRoll())
    corpus = Corpus.open(tmp_path / "store")
    found = statistics(corpus, most_pieces=5)
    assert (found.pieces, found.pieces_read) == (20, 5)
    assert found.histograms["length"].total == 20
    every = [piece for split in SPLITS for piece in corpus.splits[split]]
    chosen = sum(
        len(PianoRoll().decode(every[number].steps).notes()) for number in (0, 4, 8, 12, 16)
    )
    assert found.histograms["pitch"].total == chosen
    assert "5 of 20 pieces" in found.lines()[-1]


def test_a_benchmark_file_has_what_its_steps_say(tmp_path: Path) -> None:
    np.savez(tmp_path / "set.npz", **arrays())
    found = statistics(Corpus.open(tmp_path / "set.npz"))
    assert set(found.histograms) == {"pitch", "duration", "polyphony", "length"}
    assert found.pieces == 9
    assert all(found.lines())


def test_sound_has_lengths_and_columns(tmp_path: Path) -> None:
    from rnnmusic.audio import Audio
    from rnnmusic.encodings import LogMel

    encoding = LogMel(sample_rate_hz=8000, mels=8, highest_hz=4000.0, fft_size=256, hop_size=128)
    rng = np.random.default_rng(0)
    (tmp_path / "wav").mkdir()
    for number in range(4):
        samples = 0.1 * rng.normal(size=(1, 8000 * (1 + number))).astype(np.float32)
        Audio(samples.clip(-1, 1), 8000).save(tmp_path / "wav" / f"{number}.wav")
    build([tmp_path / "wav"], tmp_path / "store", encoding)
    found = statistics(Corpus.open(tmp_path / "store"))
    assert set(found.histograms) == {"time", "length"}
    assert (found.histograms["time"].lowest, found.histograms["time"].highest) == (1.0, 4.0)
    assert found.to_dict()["columns"]["kind"] == "real"
    assert len(found.to_dict()["columns"]["mean"]) == 8


def test_nonsense_is_refused_in_a_sentence(folder: Path, tmp_path: Path) -> None:
    build([folder / "00.mid"], tmp_path / "store", PianoRoll())
    corpus = Corpus.open(tmp_path / "store")
    with pytest.raises(UsageError, match="train, valid, test"):
        statistics(corpus, split="tset")
    with pytest.raises(InputError, match=r"split test .* no pieces"):
        statistics(corpus, split="test")
    with pytest.raises(UsageError, match="1 or more"):
        statistics(corpus, most_pieces=0)
