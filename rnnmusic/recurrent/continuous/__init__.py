"""Flavours in continuous time: differential equations, and what solves them in closed form."""

from __future__ import annotations

from rnnmusic.recurrent.continuous.closed_form import ClosedForm
from rnnmusic.recurrent.continuous.ctrnn import Ctrnn
from rnnmusic.recurrent.continuous.gru_ode import GruOde
from rnnmusic.recurrent.continuous.layer import ContinuousState
from rnnmusic.recurrent.continuous.ode_rnn import OdeRnn
from rnnmusic.recurrent.registry import Flavour

__all__ = ["FLAVOURS", "ClosedForm", "ContinuousState", "Ctrnn", "GruOde", "OdeRnn"]

FLAVOURS: dict[str, Flavour] = {
    "ctrnn": Flavour(Ctrnn, "continuous", "Beer 1995; Bown and Lexer 2006"),
    "ode-rnn": Flavour(OdeRnn, "continuous", "Rubanova et al. 2019"),
    "gru-ode": Flavour(GruOde, "continuous", "De Brouwer et al. 2019"),
    "cfc": Flavour(ClosedForm, "continuous", "Hasani et al. 2022"),
}
