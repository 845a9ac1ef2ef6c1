from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from rnnmusic.corpus import Corpus, build, summarize

from .helpers import ROLL, melody, write_midi
from .test_benchmark import arrays, rolls


def test_the_figures_of_a_store(tmp_path: Path) -> None:
    melodies = {i: melody(i, notes=8 + i) for i in range(6)}
    for i, pitches in melodies.items():
        write_midi(tmp_path / "midi" / f"{i}.mid", pitches)
    write_midi(tmp_path / "midi" / "more.mid", [20, *melody(9)])
    (tmp_path / "midi" / "bad.mid").write_bytes(b"MThd")
    articulated = type(ROLL)(lowest_pitch=48, highest_pitch=71)
    build([tmp_path / "midi"], tmp_path / "store", articulated)
    summary = summarize(Corpus.open(tmp_path / "store"))
    splits = summary.splits.values()
    assert sum(s.pieces for s in splits) == 7
    assert sum(s.notes for s in splits) == sum(len(m) for m in melodies.values()) + 12
    seconds = sum(len(m) for m in melodies.values()) + 13
    assert sum(s.duration_s or 0.0 for s in splits) == pytest.approx(0.5 * seconds)
    every = [p for m in melodies.values() for p in m] + melody(9)
    assert min(s.lowest_pitch or 0 for s in splits) == min(every)
    assert max(s.highest_pitch or 0 for s in splits) == max(every)
    assert {k: n for k, n in summary.verdicts.items() if n} == {"kept": 7, "rejected": 1}
    assert sum(s.groups or 0 for s in splits) == 7
    assert sum(summary.left_out.values()) == 1
    assert summary.licences == {"not stated": 7}
    assert [Path(v.source).name for v in summary.not_kept] == ["bad.mid"]
    assert summary.repaired == ()
    assert json.loads(json.dumps(summary.to_dict()))["encoding"]["name"] == articulated.name


def test_the_figures_of_a_benchmark_file(tmp_path: Path) -> None:
    np.savez(tmp_path / "set.npz", **arrays())
    summary = summarize(Corpus.open(tmp_path / "set.npz"))
    for split, roll in rolls().items():
        figures = summary.splits[split]
        # A note starts where a pitch sounds that didn't in the frame before, in each sequence.
        starts = 0
        for part in np.split(roll.astype(int), [10, 11]):
            starts += int((np.diff(part, axis=0, prepend=0) == 1).sum())
        assert (figures.pieces, figures.steps, figures.notes) == (3, 30, starts)
        sounding = np.flatnonzero(roll.any(axis=0)) + 21
        assert (figures.lowest_pitch, figures.highest_pitch) == (sounding[0], sounding[-1])
        assert figures.duration_s is None
        assert figures.groups is None
    json.dumps(summary.to_dict())


def test_building_needs_no_torch() -> None:
    code = (
        "import sys, rnnmusic.corpus\n"
        "heavy = {'torch', 'music21', 'librosa', 'matplotlib'} & set(sys.modules)\n"
        "sys.exit(', '.join(heavy) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
