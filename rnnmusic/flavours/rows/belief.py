"""Rows of the belief family."""

from __future__ import annotations

from rnnmusic.flavours.row import Row
from rnnmusic.flavours.rows import belief_classical, belief_variational

ROWS: list[Row] = [*belief_classical.ROWS, *belief_variational.ROWS]
