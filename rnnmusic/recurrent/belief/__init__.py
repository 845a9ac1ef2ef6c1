"""Beliefs about hidden states: Markov chains, Kalman filters, particles, and variational cells.

The classical models stand in `hmm`, `kalman`, `linear_dynamics`, `nonlinear` and `particles`, exact
and in float64; the flavours are filters that learn by gradient like any other recurrence.
"""

from __future__ import annotations

from rnnmusic.recurrent.belief import variational
from rnnmusic.recurrent.belief.hmm_layer import HmmLayer, HmmState
from rnnmusic.recurrent.belief.kalman_layer import KalmanLayer, KalmanState
from rnnmusic.recurrent.belief.rtrbm import MeanField
from rnnmusic.recurrent.registry import Flavour

__all__ = ["FLAVOURS", "HmmLayer", "HmmState", "KalmanLayer", "KalmanState", "MeanField"]

FLAVOURS: dict[str, Flavour] = {
    "hmm": Flavour(HmmLayer, "belief", "Rabiner 1989"),
    "kalman": Flavour(KalmanLayer, "belief", "Kalman 1960"),
    "rtrbm": Flavour(MeanField, "belief", "Sutskever et al. 2008"),
    **variational.FLAVOURS,
}
