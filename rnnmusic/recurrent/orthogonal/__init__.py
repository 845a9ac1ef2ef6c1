"""Orthogonal flavours: rotations, which neither forget nor explode."""

from __future__ import annotations

from rnnmusic.recurrent.orthogonal.lossless import LosslessNetwork
from rnnmusic.recurrent.orthogonal.modrelu import OrthogonalRnn, OrthogonalState
from rnnmusic.recurrent.registry import Flavour

__all__ = ["FLAVOURS", "LosslessNetwork", "OrthogonalRnn", "OrthogonalState"]

FLAVOURS: dict[str, Flavour] = {
    "orthogonal": Flavour(
        OrthogonalRnn, "orthogonal", "Helfrich et al. 2018; Mhammedi et al. 2017"
    ),
    "lossless": Flavour(LosslessNetwork, "orthogonal", "Gerzon 1976"),
}
