"""Music as training data: built once into a store, opened in no time, handed out in batches.

`rnnmusic.corpus.batches` turns pieces into tensors; it alone needs torch and is imported by name.
"""

from rnnmusic.corpus.builder import BuildReport, build
from rnnmusic.corpus.corpus import Corpus
from rnnmusic.corpus.pieces import Piece, Pieces
from rnnmusic.corpus.records import PieceRecord, Verdict
from rnnmusic.corpus.splits import SPLITS
from rnnmusic.corpus.store import Store
from rnnmusic.corpus.summary import SplitSummary, Summary, summarize

__all__ = [
    "SPLITS",
    "BuildReport",
    "Corpus",
    "Piece",
    "PieceRecord",
    "Pieces",
    "SplitSummary",
    "Store",
    "Summary",
    "Verdict",
    "build",
    "summarize",
]
