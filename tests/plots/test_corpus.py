from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from rnnmusic.corpus import Corpus, Pieces
from rnnmusic.corpus.pieces import Piece
from rnnmusic.corpus.statistics import statistics
from rnnmusic.encodings import Encoding, LogMel, NoteEvents, PianoRoll
from rnnmusic.plots import save
from rnnmusic.plots.corpus import plot_statistics


def corpus_of(encoding: Encoding, *, length: int = 60, name: str = "some") -> Corpus:
    """Three pieces of random steps in memory, two of them to train."""
    rng = np.random.default_rng(0)

    def pieces(count: int) -> Pieces:
        made = []
        for number in range(count):
            shape = (length + number, len(encoding.sizes))
            steps = (
                rng.normal(size=shape)
                if encoding.is_real
                else rng.random(shape) ** 4 * np.array(encoding.sizes)
            )
            clock = np.zeros((len(steps), len(encoding.clock_sizes)), dtype=np.uint8)
            made.append(Piece(f"{number}", steps.astype(encoding.dtype), clock))
        return Pieces.of(made)

    splits = {"train": pieces(2), "valid": pieces(1), "test": pieces(1)}
    return Corpus(Path(name), encoding, splits)


ENCODINGS: list[Encoding] = [
    PianoRoll(),
    PianoRoll(articulation=False, metrical=False),
    NoteEvents(),
    LogMel(mels=12),
]


@pytest.mark.parametrize("encoding", ENCODINGS, ids=lambda e: f"{e.name}-{len(e.sizes)}")
def test_every_panel_has_its_title_and_units(encoding: Encoding, tmp_path: Path) -> None:
    figure = plot_statistics(statistics(corpus_of(encoding)))
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert "splits" in titles
    assert any(title.startswith("column") for title in titles)
    assert ("pitch" in titles) == (not encoding.is_real)
    for axes in figure.axes:
        assert axes.get_xlabel() or axes.get_title(loc="left") in ("pitch", "columns", "all values",
            "column pitch", "column velocity")  # fmt: skip
        assert axes.patches or axes.lines or axes.collections
    save(figure, tmp_path / "page.png")
    assert (tmp_path / "page.png").read_bytes().startswith(b"\x89PNG")


def test_bars_are_the_shares() -> None:
    found = statistics(corpus_of(PianoRoll()))
    figure = plot_statistics(found)
    pitch = next(axes for axes in figure.axes if axes.get_title(loc="left") == "pitch")
    heights = [bar.get_height() for bar in pitch.patches]  # type: ignore[attr-defined]
    assert heights == pytest.approx((100 * found.histograms["pitch"].shares).tolist())
    splits = next(axes for axes in figure.axes if axes.get_title(loc="left") == "splits")
    widths = [bar.get_width() for bar in splits.patches]  # type: ignore[attr-defined]
    assert widths[:3] == pytest.approx([50, 25, 25])


def test_silence_and_names_with_dollars(tmp_path: Path) -> None:
    quiet = corpus_of(PianoRoll(), name="$x^$ [b]")
    silent = Pieces.of([Piece("p", np.zeros((4, 176), np.uint8), np.zeros((4, 2), np.uint8))])
    corpus = Corpus(quiet.path, quiet.encoding, dict.fromkeys(quiet.splits, silent))
    save(plot_statistics(statistics(corpus)), tmp_path / "page.svg")
    assert "[b]" in (tmp_path / "page.svg").read_text(encoding="utf-8")


def test_no_window_is_opened() -> None:
    import sys

    before = "matplotlib.pyplot" in sys.modules
    plot_statistics(statistics(corpus_of(PianoRoll())))
    assert ("matplotlib.pyplot" in sys.modules) == before
