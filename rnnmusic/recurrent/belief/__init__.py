"""Beliefs about hidden states: Markov chains, Kalman filters, and variational cells."""

from __future__ import annotations

from rnnmusic.recurrent.registry import Flavour

FLAVOURS: dict[str, Flavour] = {}
