"""Reservoirs: large random recurrences of which only the readout learns."""

from __future__ import annotations

from rnnmusic.recurrent.registry import Flavour
from rnnmusic.recurrent.reservoir.echo_state import EchoState, EchoStateNetwork
from rnnmusic.recurrent.reservoir.liquid import LiquidState, LiquidStateMachine

__all__ = ["FLAVOURS", "EchoState", "EchoStateNetwork", "LiquidState", "LiquidStateMachine"]

FLAVOURS: dict[str, Flavour] = {
    "esn": Flavour(EchoStateNetwork, "reservoir", "Jaeger 2001; Jaeger and Haas 2004"),
    "lsm": Flavour(LiquidStateMachine, "reservoir", "Maass et al. 2002"),
}
