"""Diagonal recurrences: linear in the state, each lane for itself, so that one scan trains them."""

from __future__ import annotations

from rnnmusic.recurrent.diagonal import blocks
from rnnmusic.recurrent.diagonal.arma import Arma, ArmaState
from rnnmusic.recurrent.diagonal.block import ResidualBlock
from rnnmusic.recurrent.diagonal.gated_scans import MinGru, RgLru
from rnnmusic.recurrent.diagonal.linear_scan import DiagonalState, LinearScan
from rnnmusic.recurrent.diagonal.state_space import ChannelSsm, DiagonalSsm
from rnnmusic.recurrent.registry import Flavour

__all__ = [
    "FLAVOURS",
    "Arma",
    "ArmaState",
    "ChannelSsm",
    "DiagonalSsm",
    "DiagonalState",
    "LinearScan",
    "MinGru",
    "ResidualBlock",
    "RgLru",
]

FLAVOURS: dict[str, Flavour] = {
    "arma": Flavour(Arma, "diagonal", "Box and Jenkins 1970; Barndorff-Nielsen and Schou 1973"),
    "ssm": Flavour(DiagonalSsm, "diagonal", "Gu et al. 2022; Orvieto et al. 2023"),
    "lru": Flavour(blocks.lru, "diagonal", "Orvieto et al. 2023"),
    "s4d": Flavour(blocks.s4d, "diagonal", "Gu et al. 2022"),
    "s5": Flavour(blocks.s5, "diagonal", "Smith et al. 2023"),
    "mingru": Flavour(blocks.min_gru, "diagonal", "Feng et al. 2024"),
    "rg-lru": Flavour(blocks.rg_lru, "diagonal", "De et al. 2024"),
}
