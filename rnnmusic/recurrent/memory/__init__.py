"""Flavours with a memory that is read by content: attention as recurrence, and fast weights."""

from __future__ import annotations

from rnnmusic.recurrent.memory.attention import AttentiveGru, AttentiveState
from rnnmusic.recurrent.memory.delta import GatedDelta
from rnnmusic.recurrent.memory.linear_attention import LinearAttention
from rnnmusic.recurrent.registry import Flavour

__all__ = ["FLAVOURS", "AttentiveGru", "AttentiveState", "GatedDelta", "LinearAttention"]

FLAVOURS: dict[str, Flavour] = {
    "attention": Flavour(AttentiveGru, "memory", "Cheng et al. 2016; Bahdanau et al. 2015"),
    "linear-attention": Flavour(LinearAttention, "memory", "Katharopoulos et al. 2020"),
    "gated-delta": Flavour(GatedDelta, "memory", "Schlag et al. 2021; Yang et al. 2024"),
}
