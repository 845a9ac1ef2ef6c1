"""Recurrent networks as effects: sound in, sound out, learned from recordings of a device."""

from __future__ import annotations

from rnnmusic.effects.files import is_effect, load, save
from rnnmusic.effects.fit import Learned, Schedule, error_to_signal, fit
from rnnmusic.effects.linear import LINEAR, as_form
from rnnmusic.effects.model import Effect, EffectConfig, build
from rnnmusic.effects.streaming import EffectStream

__all__ = [
    "LINEAR",
    "Effect",
    "EffectConfig",
    "EffectStream",
    "Learned",
    "Schedule",
    "as_form",
    "build",
    "error_to_signal",
    "fit",
    "is_effect",
    "load",
    "save",
]
