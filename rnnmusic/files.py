"""Files: written so that a reader sees the old one or the new, never half; and those shipped."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path

from rnnmusic.errors import InputError


@contextmanager
def replacing_file(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a temporary path beside `path` (same suffix); move it there if the block succeeds.

    Folders above it must exist. InputError when the folder is missing or can't be written.
    """
    target = Path(path)
    try:
        handle, name = tempfile.mkstemp(
            prefix=f".{target.stem[:40]}-", suffix=target.suffix, dir=target.parent
        )
        os.close(handle)
    except OSError as error:
        raise unwritable(target, error) from error
    temporary = Path(name)
    try:
        yield temporary
        # mkstemp makes the file private; give it what an ordinary open() would have.
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(target)
    except OSError as error:
        raise unwritable(target, error) from error
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def replacing_folder(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Give an empty temporary folder beside `path`; put it there if the block succeeds.

    What stood there is moved to `.NAME.old` for the instant between two renames and then deleted:
    after a crash in that instant `existing_folder` still finds it. InputError where a file stands.
    """
    target = Path(path)
    if target.exists() and not target.is_dir():
        raise InputError(f"{target} is a file; give the name of a folder to write.")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{target.name[:40]}-", dir=target.parent))
    except OSError as error:
        raise unwritable(target, error) from error
    try:
        yield temporary
        for file in temporary.iterdir():
            _settle(file)
        temporary.chmod(0o777 & ~_umask())
        old = _old(target)
        if target.exists():
            shutil.rmtree(old, ignore_errors=True)
            target.replace(old)
        temporary.replace(target)
        shutil.rmtree(old, ignore_errors=True)
    except OSError as error:
        raise unwritable(target, error) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def existing_folder(path: str | os.PathLike[str]) -> Path:
    """The folder to read for `path`: itself, or what a crash in `replacing_folder` left of it."""
    target = Path(path)
    return _old(target) if not target.exists() and _old(target).is_dir() else target


def assets() -> Path:
    """The folder that holds models/ and data/: in the wheel, or the root of a checkout."""
    package = Path(str(files("rnnmusic")))
    installed = package / "_assets"
    return installed if installed.is_dir() else package.parent


def unwritable(path: Path, error: OSError) -> InputError:
    """The error for an output that the system refuses, in one sentence."""
    reason = error.strerror or str(error)
    return InputError(f"Can't write {path}: {reason}; give an output in a folder you can write to.")


def _old(target: Path) -> Path:
    return target.with_name(f".{target.name}.old")


def _settle(file: Path) -> None:
    """Put a finished file on the disk, with the permissions an ordinary open() would give it."""
    if file.is_file():
        file.chmod(0o666 & ~_umask())  # safetensors makes its files private
        with file.open("rb") as handle:
            os.fsync(handle.fileno())


def _umask() -> int:
    # Asking for the umask means setting it; there is no other portable way.
    mask = os.umask(0)
    os.umask(mask)
    return mask
