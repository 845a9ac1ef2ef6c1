"""Rows of the memoryless family: what frames, windows of them, and counting are worth."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Literal

from rnnmusic.flavours.music import POOLED, Set, corpus, trained
from rnnmusic.flavours.row import Measured, Row, Setting
from rnnmusic.recurrent.memoryless import FrameNgram

_PAPER = "Boulanger-Lewandowski et al. 2012"


def _counted(
    name: Set, order: int, floor: Literal["notes", "uniform"], note: str
) -> Callable[[Setting], Measured]:
    """A row's `run`: n-grams of frames, smoothed as suits the validation pieces best.

    Counting takes seconds: quick and full are the same.
    """

    def run(setting: Setting) -> Measured:
        splits = corpus(setting, name).splits
        train, valid, test = (
            [piece.steps for piece in splits[split]] for split in ("train", "valid", "test")
        )
        begun = time.monotonic()
        model = FrameNgram(order, floor=floor).fit(train, valid)
        seconds = time.monotonic() - begun
        return Measured(model.pooled(test), model.parameter_count, seconds, note)

    return run


def _ngram(
    flavour: str, name: Set, limit: float, paper: float, run: Callable[..., Measured]
) -> Row:
    return Row(flavour, "memoryless", name, POOLED, run, limit, "lower", paper, _PAPER, name)


_NOTES = "independent notes, as frequent as in training"
_FRAMES = "add-p smoothing over all 2^88 frames"
_NGRAM = "4 frames, Witten-Bell back-off to independent notes; the paper's floor is add-p"

# The first two are the paper's own models again: their limits are what rounds to its figures.
ROWS: list[Row] = [
    _ngram("note-unigram", "jsb", 11.065, 11.06, _counted("jsb", 0, "notes", _NOTES)),
    _ngram(
        "frame-unigram", "nottingham", 5.945, 5.94, _counted("nottingham", 1, "uniform", _FRAMES)
    ),
    _ngram("frame-ngram", "nottingham", 3.16, 3.16, _counted("nottingham", 4, "notes", _NGRAM)),
    *(
        Row(
            flavour,
            "memoryless",
            "nottingham",
            POOLED,
            trained(
                "nottingham",
                minutes=1.5,
                quick_minutes=0.3,
                model={"name": flavour, "size": 256, "dropout": 0.3, "options": options},
                head={"name": "bernoulli"},
                training={"learning_rate": 3e-3, "average_decay": 0.99},
            ),
            limit=4.38 if flavour == "window" else None,
            paper=4.38 if flavour == "window" else None,
            source=_PAPER if flavour == "window" else "",
            needs="nottingham",
        )
        for flavour, options in (("window", {"window": 8}), ("time-delay", {}))
    ),
]
