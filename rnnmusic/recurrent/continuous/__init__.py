"""Flavours in continuous time: differential equations, and what solves them in closed form."""

from __future__ import annotations

from rnnmusic.recurrent.registry import Flavour

FLAVOURS: dict[str, Flavour] = {}
