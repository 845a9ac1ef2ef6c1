"""Gated layers: Elman's network, LSTM, GRU and what became of them."""

from rnnmusic.recurrent.gated.feedback import GatedFeedback
from rnnmusic.recurrent.gated.fused import FusedLayer, Gru, Lstm, VanillaRnn
from rnnmusic.recurrent.gated.gru_before import GruBefore
from rnnmusic.recurrent.gated.layer import GatedLayer, GruState, LstmState, RnnState
from rnnmusic.recurrent.gated.peephole import PeepholeLstm
from rnnmusic.recurrent.gated.phased import Phased, PhasedState, phased_lstm
from rnnmusic.recurrent.gated.slstm import Slstm, SlstmState
from rnnmusic.recurrent.registry import Flavour

__all__ = [
    "FLAVOURS",
    "FusedLayer",
    "GatedFeedback",
    "GatedLayer",
    "Gru",
    "GruBefore",
    "GruState",
    "Lstm",
    "LstmState",
    "PeepholeLstm",
    "Phased",
    "PhasedState",
    "RnnState",
    "Slstm",
    "SlstmState",
    "VanillaRnn",
    "phased_lstm",
]

FLAVOURS: dict[str, Flavour] = {
    "rnn": Flavour(VanillaRnn, "gated", "Elman 1990"),
    "lstm": Flavour(Lstm, "gated", "Hochreiter and Schmidhuber 1997; Gers et al. 2000"),
    "peephole-lstm": Flavour(PeepholeLstm, "gated", "Gers and Schmidhuber 2000"),
    "gru": Flavour(Gru, "gated", "Cho et al. 2014"),
    "gru-before": Flavour(GruBefore, "gated", "Cho et al. 2014; Chung et al. 2014"),
    "slstm": Flavour(Slstm, "gated", "Beck et al. 2024"),
    "phased-lstm": Flavour(phased_lstm, "gated", "Neil et al. 2016"),
    "gated-feedback": Flavour(GatedFeedback, "gated", "Chung et al. 2015"),
}
