"""Generators on disk: a folder of config.json and model.safetensors, nothing pickled.

`best/` of a run and the models of the zoo are such folders. A run's `last/` adds training.json and
training.safetensors, so that training goes on as if it had never stopped (training.state).
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

import rnnmusic
from rnnmusic import encodings
from rnnmusic.errors import InputError, RnnMusicError, UsageError
from rnnmusic.files import assets, existing_folder, replacing_folder
from rnnmusic.generator import Generator, GeneratorConfig, HeadConfig, ModelConfig

FORMAT = 1
CONFIG_FILE = "config.json"
WEIGHTS_FILE = "model.safetensors"
MAX_CONFIG_BYTES = 1 << 20

Config = TypeVar("Config")


class Checkpoint(NamedTuple):
    """A loaded generator (in eval mode) and what was noted about its making."""

    generator: Generator
    notes: dict[str, Any]
    folder: Path


def write_model(folder: Path, generator: Generator, notes: dict[str, Any]) -> None:
    """Write config.json and model.safetensors into an existing folder (not atomic by itself)."""
    config = {
        "format": FORMAT,
        "rnnmusic": rnnmusic.__version__,
        **generator.config.to_dict(),
        "notes": notes,
    }
    (folder / CONFIG_FILE).write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    write_tensors(generator.state_dict(), folder / WEIGHTS_FILE)


def write_tensors(tensors: Mapping[str, Tensor], path: Path) -> None:
    """Write tensors as safetensors; InputError when the disk doesn't take them."""
    # clone: safetensors refuses tensors that share memory, as views of one parameter do
    owned = {name: t.detach().cpu().clone().contiguous() for name, t in tensors.items()}
    try:
        save_file(owned, path)
    except SafetensorError as error:
        raise InputError(
            f"Can't save the checkpoint: {error}; free some space, or save elsewhere."
        ) from error


def save(generator: Generator, path: str | os.PathLike[str], **notes: Any) -> None:
    """Save a generator as a checkpoint folder at `path`, replacing what is there atomically."""
    with replacing_folder(path) as folder:
        write_model(folder, generator, notes)


def load(source: str | os.PathLike[str]) -> Checkpoint:
    """Load a checkpoint folder, a run folder (its best), or a model of the zoo by name.

    InputError when there is none, when another version of rnnmusic wrote it, or when config and
    weights don't belong together.
    """
    folder = find(source)
    config = read_config(folder)
    notes = config.pop("notes", {})
    generator = Generator(parse_config(config, folder))
    try:
        weights = load_file(folder / WEIGHTS_FILE)
        generator.load_state_dict(weights)
    except (OSError, SafetensorError, RuntimeError) as error:
        first = str(error).strip().splitlines()[-1].strip()
        raise InputError(
            f"The weights in {folder / WEIGHTS_FILE} don't fit its {CONFIG_FILE} ({first}); "
            "copy the whole checkpoint folder again."
        ) from error
    return Checkpoint(generator.eval(), notes, folder)


def find(source: str | os.PathLike[str]) -> Path:
    """The checkpoint folder that `source` means."""
    path = existing_folder(source)
    for folder in (path, existing_folder(path / "best"), existing_folder(path / "last")):
        if (folder / CONFIG_FILE).is_file():
            return folder
    name = os.fspath(source)
    if not path.exists() and name in zoo():
        return zoo()[name]
    if path.exists():
        raise InputError(
            f"{path} is not a checkpoint: it has no {CONFIG_FILE}; give a folder that "
            "`rnnmusic train` wrote, or one of its best/ and last/."
        )
    raise InputError(
        f"There is no checkpoint {name}; give a folder that `rnnmusic train` wrote or a shipped "
        f"model ({', '.join(zoo()) or 'none here'})."
    )


def zoo() -> dict[str, Path]:
    """The shipped models: name -> checkpoint folder."""
    folders = sorted((assets() / "models").glob("*/" + CONFIG_FILE))
    return {config.parent.name: config.parent for config in folders}


def read_config(folder: Path) -> dict[str, Any]:
    """Read and check config.json of a checkpoint folder."""
    path = folder / CONFIG_FILE
    try:
        if path.stat().st_size > MAX_CONFIG_BYTES:
            raise InputError(f"{path} is larger than 1 MB: that is no rnnmusic checkpoint.")
        config = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"Can't read {path}: {error}.") from error
    if not isinstance(config, dict) or "format" not in config:
        raise InputError(f"{path} is not the configuration of an rnnmusic checkpoint.")
    if config["format"] != FORMAT:
        raise InputError(
            f"{path} has checkpoint format {config['format']!r} (written by rnnmusic "
            f"{config.get('rnnmusic', 'unknown')}); this is rnnmusic {rnnmusic.__version__}, which "
            f"reads format {FORMAT}: use the version that wrote it, or train again."
        )
    return config


def parse_config(config: dict[str, Any], origin: object) -> GeneratorConfig:
    """GeneratorConfig from the dictionaries of `GeneratorConfig.to_dict`."""
    try:
        return GeneratorConfig(
            encoding=encodings.from_config(config["encoding"]),
            model=from_table(ModelConfig, _with_options(config["model"]), "model"),
            head=from_table(HeadConfig, config["head"], "head"),
        )
    except KeyError as error:
        raise InputError(f"{origin}: the configuration lacks {error}.") from error
    except RnnMusicError as error:
        raise InputError(f"{origin}: {error}") from error


#: Options of flavours that had keys of their own in earlier checkpoints, null where not given.
_FORMER_KEYS = (
    "forget_bias", "max_radius", "orthogonal", "states", "sections", "modes", "discretization",
    "start",
)  # fmt: skip


def _with_options(table: dict[str, Any]) -> dict[str, Any]:
    """The table of a model, with options of its flavour under `options`."""
    if "options" in table:
        return table
    former = {key: table[key] for key in _FORMER_KEYS if table.get(key) is not None}
    return {key: table[key] for key in table if key not in _FORMER_KEYS} | {"options": former}


def from_table(kind: type[Config], table: Any, name: str) -> Config:
    """A config dataclass from a dictionary; unknown keys and wrong types are UsageErrors."""
    if not isinstance(table, dict):
        raise UsageError(f"[{name}] must be a table of settings, not {table!r}.")
    known = {f.name: f for f in fields(kind)}  # type: ignore[arg-type]
    for key, value in table.items():
        if key not in known:
            raise UsageError(f"Unknown key {key!r} in [{name}]; known are {', '.join(known)}.")
        wanted = str(known[key].type)
        if wanted.startswith("dict["):
            _check_options(value, f"{name}.{key}")
        elif not _fits(value, wanted):
            raise UsageError(f"{key} in [{name}] must be {wanted}, not {value!r}.")
    return kind(**table)


def _check_options(table: object, name: str) -> None:
    """UsageError unless the table holds plain settings."""
    if not isinstance(table, dict):
        raise UsageError(f"[{name}] must be a table of settings, not {table!r}.")
    for key, value in table.items():
        if not isinstance(value, bool | int | float | str | list):
            raise UsageError(
                f"{key} in [{name}] must be a number, a word or a list of them, not {value!r}."
            )


def _fits(value: object, wanted: str) -> bool:
    """Whether a TOML or JSON value fits a field annotated with simple types ("int | None")."""
    kinds: dict[str, tuple[type, ...]] = {
        "int": (int,),
        "float": (int, float),
        "str": (str,),
        "bool": (bool,),
        "None": (type(None),),
    }
    for part in wanted.split(" | "):
        if isinstance(value, kinds[part]) and (part == "bool" or not isinstance(value, bool)):
            return True
    return False
