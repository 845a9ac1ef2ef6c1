"""Effects on disk: a folder of effect.json and model.safetensors."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file

from rnnmusic.checkpoint import WEIGHTS_FILE, from_table, write_tensors
from rnnmusic.effects.model import Effect, EffectConfig
from rnnmusic.errors import InputError, RnnMusicError
from rnnmusic.files import existing_folder, replacing_folder

EFFECT_FILE = "effect.json"
FORMAT = 1


def save(effect: Effect, path: str | os.PathLike[str], **notes: Any) -> None:
    """Write an effect as a folder, replacing what is there atomically."""
    fields = {"format": FORMAT, **effect.config.to_dict(), "notes": notes}
    with replacing_folder(path) as folder:
        (folder / EFFECT_FILE).write_text(json.dumps(fields, indent=2) + "\n", encoding="utf-8")
        write_tensors(effect.state_dict(), folder / WEIGHTS_FILE)


def is_effect(path: str | os.PathLike[str]) -> bool:
    """Whether a folder of `save` is at this path."""
    return (existing_folder(Path(path)) / EFFECT_FILE).is_file()


def load(path: str | os.PathLike[str]) -> Effect:
    """Read an effect (in eval mode); InputError for anything else."""
    folder = existing_folder(Path(path))
    try:
        fields = json.loads((folder / EFFECT_FILE).read_text(encoding="utf-8"))
        version = fields.pop("format")
        fields.pop("notes", None)
    except (OSError, ValueError, AttributeError, KeyError, TypeError) as error:
        raise InputError(
            f"{folder} is not an effect ({error}); give a folder that "
            "`rnnmusic filter fit --cell` wrote."
        ) from None
    if version != FORMAT:
        raise InputError(
            f"{folder} is an effect of format {version!r}; this rnnmusic reads format {FORMAT}."
        )
    try:
        effect = Effect(from_table(EffectConfig, fields, f"{folder / EFFECT_FILE}"))
    except (RnnMusicError, RuntimeError) as error:  # RuntimeError: torch's, for a lack of memory
        raise InputError(f"{folder / EFFECT_FILE} is damaged: {error}") from None
    try:
        effect.load_state_dict(load_file(folder / WEIGHTS_FILE))
    except (OSError, SafetensorError, RuntimeError) as error:
        first = str(error).strip().splitlines()[-1].strip()
        raise InputError(
            f"The weights in {folder} don't fit its {EFFECT_FILE} ({first}); copy the whole "
            "folder again."
        ) from error
    return effect.eval()
