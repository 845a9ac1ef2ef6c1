"""Recipes: everything that decides what a training run computes, as a TOML file of four tables."""

from __future__ import annotations

import json
import os
import re
import tomllib
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from rnnmusic.checkpoint import from_table
from rnnmusic.errors import InputError, RnnMusicError, UsageError
from rnnmusic.generator import HeadConfig, ModelConfig
from rnnmusic.recurrent.belief.bounds import Bound

SCHEDULES = ("constant", "cosine", "plateau")


@dataclass(frozen=True)
class DataConfig:
    """How pieces become batches."""

    transpose: int = 0  # augmentation: each piece is shifted by up to this many semitones
    batch_size: int = 16  # pieces, or carried rows, per optimiser step over all devices
    chunk_length: int = 0  # steps of truncated BPTT with carried state; 0: whole pieces
    max_length: int = 1024  # longer whole pieces are cut into windows of this many steps


@dataclass(frozen=True)
class TrainingConfig:
    """The optimiser, its schedule and when to stop."""

    learning_rate: float = 2e-3  # of AdamW
    weight_decay: float = 0.0
    clip_norm: float = 1.0  # of the whole gradient; 0: no clipping
    clip_value: float = 0.0  # of each number of it, before clip_norm; 0: no clipping
    teach: str = "every"  # which steps of a piece are taught: every, last, or "last 8"
    teach_pitches: str = ""  # which notes of them, of a roll: "60-108", or all
    sampled_inputs: float = 0.0  # share of inputs that the model makes up itself, in the end
    sampled_inputs_steps: int = 1000  # optimiser steps until then, linear from 0
    schedule: str = "plateau"  # constant, cosine (to 0 at max_epochs), plateau (halve when stuck)
    warmup_steps: int = 0  # linear from 0
    plateau_patience: int = 3  # validations without progress before the rate is halved
    patience: int = 10  # validations without progress before training stops
    average_decay: float = 0.0  # exponential moving average of the weights; 0: none
    max_epochs: int = 1000
    max_minutes: float = 0.0  # wall time over all resumes; 0: no limit
    validate_every: int = 0  # steps between validations; 0: after each epoch
    bound: str = "elbo"  # elbo, iwae or fivo: what is maximised where there are latent variables
    particles: int = 1  # of iwae and fivo
    kl_warmup_steps: int = 0  # until the KL of latent variables counts in full, linear from 0
    free_bits: float = 0.0  # nats a step that it costs nothing below; elbo only
    precision: str = "32-true"  # any precision Lightning Fabric knows
    seed: int = 0

    def __post_init__(self) -> None:
        if self.schedule not in SCHEDULES:
            raise UsageError(
                f"Unknown schedule {self.schedule!r}; choose one of {', '.join(SCHEDULES)}."
            )
        if self.learning_rate <= 0:
            raise UsageError(f"learning_rate must be above 0, not {self.learning_rate}.")
        lowest = {"plateau_patience": 1, "patience": 1, "max_epochs": 1}
        nonnegative = ("warmup_steps", "validate_every", "clip_norm", "clip_value", "max_minutes")
        lowest |= dict.fromkeys((*nonnegative, "kl_warmup_steps", "free_bits"), 0)
        lowest |= {"sampled_inputs": 0, "sampled_inputs_steps": 1}
        for name, limit in lowest.items():
            if getattr(self, name) < limit:
                raise UsageError(f"{name} must be {limit} or more, not {getattr(self, name)}.")
        if not 0 <= self.average_decay < 1:
            raise UsageError(f"average_decay must be in 0 <= x < 1, not {self.average_decay}.")
        if self.sampled_inputs > 1:
            raise UsageError(f"sampled_inputs is a share; give 0 to 1, not {self.sampled_inputs}.")
        if re.fullmatch(r"([0-9]{1,3}-[0-9]{1,3})?", self.teach_pitches) is None:
            raise UsageError(
                f'teach_pitches is {self.teach_pitches!r}; give two MIDI pitches, as in "60-108".'
            )
        if re.fullmatch(r"every|last( [1-9][0-9]*)?", self.teach) is None:
            raise UsageError(
                f'teach is {self.teach!r}; choose every, last, or a number of steps as in "last 8".'
            )
        Bound(self.bound, self.particles)
        if self.free_bits and self.bound != "elbo":
            raise UsageError(
                f"free_bits is {self.free_bits}, but the {self.bound} has no KL of its own; leave "
                'it out, or take bound = "elbo".'
            )

    @property
    def taught_pitches(self) -> range | None:
        """The pitches that are taught; None: all."""
        if not self.teach_pitches:
            return None
        low, high = map(int, self.teach_pitches.split("-"))
        return range(low, high + 1)

    @property
    def last_taught(self) -> int | None:
        """How many of a piece's last steps are taught; None: all."""
        if self.teach == "every":
            return None
        return int(self.teach.removeprefix("last") or 1)


@dataclass(frozen=True)
class Recipe:
    """A whole recipe: [model], [head], [data], [training]."""

    model: ModelConfig = field(default_factory=ModelConfig)
    head: HeadConfig = field(default_factory=HeadConfig)
    data: DataConfig = field(default_factory=DataConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Recipe:
        """Read a recipe file; an unknown table, key or type is a UsageError that names it."""
        try:
            text = Path(path).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"Can't read the recipe {path}: {error}.") from error
        try:
            return cls.from_dict(tomllib.loads(text))
        except tomllib.TOMLDecodeError as error:
            raise InputError(f"The recipe {path} is not valid TOML: {error}.") from error
        except RnnMusicError as error:
            raise type(error)(f"In the recipe {path}: {error}") from error

    @classmethod
    def from_dict(cls, tables: dict[str, Any]) -> Recipe:
        """A recipe from nested dictionaries; what is missing keeps its default."""
        kinds = {"model": ModelConfig, "head": HeadConfig}
        kinds |= {"data": DataConfig, "training": TrainingConfig}
        unknown = [name for name in tables if name not in kinds]
        if unknown:
            raise UsageError(f"Unknown table [{unknown[0]}]; known are {', '.join(kinds)}.")
        return cls(**{name: from_table(kinds[name], t, name) for name, t in tables.items()})

    def with_overrides(self, **tables: dict[str, Any]) -> Recipe:
        """The recipe with some settings changed: table name -> {key: value}."""
        parts: dict[str, Any] = {}
        for name, changes in tables.items():
            part = getattr(self, name)
            parts[name] = from_table(type(part), {**asdict(part), **changes}, name)
        return replace(self, **parts)

    def to_toml(self) -> str:
        """The recipe as the text of a file that `load` reads back to an equal recipe."""
        lines: list[str] = []
        for table in fields(self):
            settings = asdict(getattr(self, table.name))
            lines += _table(table.name, settings)
            for key, value in settings.items():
                if isinstance(value, dict) and value:
                    lines += _table(f"{table.name}.{key}", value)
        return "\n".join(lines)


def _table(name: str, settings: dict[str, Any]) -> list[str]:
    # TOML has no null: None is the default and stays unsaid.
    said = {k: v for k, v in settings.items() if v is not None and not isinstance(v, dict)}
    return [f"[{name}]", *(f"{_key(key)} = {_toml(value)}" for key, value in said.items()), ""]


def _key(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else _toml(key)


def _toml(value: object) -> str:
    # A JSON scalar is a TOML scalar, but for one control character that JSON needn't escape.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
