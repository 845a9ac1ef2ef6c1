"""Rows of the diagonal family."""

from __future__ import annotations

from rnnmusic.flavours.row import Row

ROWS: list[Row] = []
