"""What a performance was made with: versions and checkpoints, so that a replay can name changes."""

from __future__ import annotations

import platform
from collections.abc import Callable
from hashlib import blake2b
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import rnnmusic
from rnnmusic.errors import RnnMusicError
from rnnmusic.live.session.reading import Session

#: Packages that compute what is played.
_PACKAGES = ("torch", "numpy", "numba", "scipy")
_CHECKPOINT_FILES = ("config.json", "model.safetensors")
_BLOCK_BYTES = 1 << 20


def versions() -> dict[str, str]:
    """Versions of rnnmusic, Python and what computes, and the kind of machine; imports none."""
    found = {"rnnmusic": rnnmusic.__version__, "python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return {**found, "machine": platform.machine()}


def digest(checkpoint: Path) -> str:
    """BLAKE2b of a checkpoint's configuration and weights, 32 hexadecimal digits; OSError."""
    total = blake2b(digest_size=16)
    for name in _CHECKPOINT_FILES:
        with (checkpoint / name).open("rb") as file:
            while block := file.read(_BLOCK_BYTES):
                total.update(block)
    return total.hexdigest()


def changes(session: Session, find: Callable[[str], Path]) -> list[str]:
    """What is not as it was, as sentences: the reasons why a replay may differ.

    find: the folder of a checkpoint (`rnnmusic.checkpoint.find`).
    """
    now = versions()
    sentences = [
        f"{name} was {was} and is {now.get(name, 'not installed')}."
        for name, was in session.made_with.items()
        if now.get(name) != was
    ]
    for name, was in session.models:
        try:
            is_same = digest(find(name)) == was
        except (RnnMusicError, OSError):
            sentences.append(f"The checkpoint {name} isn't there any more.")
            continue
        if not is_same:
            sentences.append(f"The checkpoint {name} has been trained on or replaced.")
    return sentences
