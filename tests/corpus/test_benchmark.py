from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rnnmusic.corpus import SPLITS, Corpus
from rnnmusic.errors import InputError

SHARED = Path(__file__).parents[3] / "shared" / "data" / "poly"


def rolls() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return {split: (rng.random((30, 88)) < 0.05).astype(np.uint8) for split in SPLITS}


def arrays(**changes: Any) -> dict[str, Any]:
    data: dict[str, Any] = {f"{s}_roll": np.packbits(r, axis=1) for s, r in rolls().items()}
    data |= {f"{s}_lengths": np.array([10, 1, 19], dtype=np.int32) for s in SPLITS}
    data["pitch_low"] = np.int32(21)
    data |= changes
    return {key: value for key, value in data.items() if value is not None}


def test_a_benchmark_file_is_a_corpus(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "set.npz", **arrays())
    corpus = Corpus.open(tmp_path / "set.npz")
    assert corpus.name == "set"
    assert corpus.encoding.sizes == (2,) * 88
    assert corpus.encoding.clock_sizes == ()
    config = corpus.encoding.to_config()
    assert (config["steps_per_quarter"], config["lowest_pitch"]) == (1, 21)
    for split, roll in rolls().items():
        pieces = corpus.splits[split]
        assert pieces.lengths.tolist() == [10, 1, 19]
        assert np.array_equal(np.concatenate([p.steps for p in pieces]), roll)
        assert [p.clock.shape for p in pieces] == [(10, 0), (1, 0), (19, 0)]
        assert pieces.names[1] == f"{split}/0001"


@pytest.mark.parametrize(
    "changes",
    [
        {"pitch_low": None},
        {"test_roll": None},
        {"pitch_low": np.int32(100)},
        {"pitch_low": np.array([1.5])},
        {"train_roll": np.zeros((30, 88), dtype=np.uint8)},
        {"train_roll": np.zeros((30, 11), dtype=np.float32)},
        {"train_roll": np.array([{}] * 3, dtype=object)},
        {"valid_lengths": np.array([10, 1, 18])},
        {"valid_lengths": np.array([10, -1, 21])},
        {"valid_lengths": np.array([10.0, 1.0, 19.0])},
        {"valid_lengths": np.array([[30]])},
    ],
)
def test_anything_else_is_an_input_error(tmp_path: Path, changes: dict[str, Any]) -> None:
    np.savez(tmp_path / "set.npz", **arrays(**changes))
    with pytest.raises(InputError, match="not a benchmark corpus"):
        Corpus.open(tmp_path / "set.npz")


@pytest.mark.parametrize("keep", [0, 10, 400, -30])
def test_a_truncated_file_is_an_input_error(tmp_path: Path, keep: int) -> None:
    np.savez(tmp_path / "set.npz", **arrays())
    whole = (tmp_path / "set.npz").read_bytes()
    (tmp_path / "set.npz").write_bytes(whole[:keep])
    with pytest.raises(InputError, match="not a benchmark corpus"):
        Corpus.open(tmp_path / "set.npz")


def test_other_files_are_an_input_error(tmp_path: Path) -> None:
    np.save(tmp_path / "one.npy", np.zeros(3))
    (tmp_path / "text.npz").write_text("no zip")
    for name in ("one.npy", "text.npz"):
        with pytest.raises(InputError, match="not a benchmark corpus"):
            Corpus.open(tmp_path / name)


@pytest.mark.skipif(not SHARED.is_dir(), reason="the published sets aren't beside this checkout")
@pytest.mark.parametrize(
    ("name", "pieces", "frames"),
    [("jsb", (229, 76, 77), (13807, 4602, 4725)), ("nottingham", (694, 173, 170), None)],
)
def test_the_published_sets(
    name: str, pieces: tuple[int, ...], frames: tuple[int, ...] | None
) -> None:
    corpus = Corpus.open(SHARED / f"{name}.npz")
    assert tuple(len(corpus.splits[split]) for split in SPLITS) == pieces
    if frames is not None:
        assert tuple(int(corpus.splits[s].lengths.sum()) for s in SPLITS) == frames
        # What the literature counts: 3.9 notes sound at once, of 88.
        notes = sum(int(piece.steps.sum()) for piece in corpus.splits["train"])
        assert 3.5 < notes / frames[0] < 4.2
