"""Recurrences along more than time: depth, pitch, both directions."""

from __future__ import annotations

from rnnmusic.recurrent.multiaxis.bidirectional import Bidirectional, bi_gru, bi_lstm
from rnnmusic.recurrent.multiaxis.grid import GridLstm
from rnnmusic.recurrent.multiaxis.renet import ReNet
from rnnmusic.recurrent.multiaxis.spatial import Spatial
from rnnmusic.recurrent.multiaxis.tied_parallel import TiedParallel
from rnnmusic.recurrent.registry import Flavour, WholeFlavour

__all__ = ["FLAVOURS", "WHOLE", "Bidirectional", "GridLstm", "ReNet", "Spatial", "TiedParallel"]

FLAVOURS: dict[str, Flavour] = {
    "grid-lstm": Flavour(GridLstm, "multiaxis", "Kalchbrenner et al. 2016"),
    "tied-parallel": Flavour(TiedParallel, "multiaxis", "Johnson 2017"),
    "spatial": Flavour(Spatial, "multiaxis", "Graves, Fernandez and Schmidhuber 2007"),
}

WHOLE: dict[str, WholeFlavour] = {
    "bi-lstm": WholeFlavour(bi_lstm, "multiaxis", "Graves and Schmidhuber 2005"),
    "bi-gru": WholeFlavour(bi_gru, "multiaxis", "Schuster and Paliwal 1997; Cho et al. 2014"),
    "renet": WholeFlavour(ReNet, "multiaxis", "Visin et al. 2015"),
}
