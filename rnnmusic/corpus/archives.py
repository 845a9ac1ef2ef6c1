"""Archives from strangers, unpacked so that they can do no harm.

Only plain files are written, only below the folder given, and no more than a bounded multiple of
the archive's own size.
"""

from __future__ import annotations

import gzip
import lzma
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import IO, NamedTuple

from rnnmusic.errors import InputError

# Music compresses 3 to 30 times, MusicXML most; a bomb does so a thousand times and more.
MOST_GROWTH = 100
ALWAYS_ALLOWED_BYTES = 64 << 20
ALWAYS_ALLOWED_FILES = 10_000
LEAST_BYTES_PER_FILE = 10  # of the archive, on average

_CHUNK = 1 << 20
# What the readers of the standard library raise at a damaged archive. They read; writing, whose
# errors are OSErrors too, is done outside of the blocks that catch these.
_DAMAGE = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    lzma.LZMAError,
    gzip.BadGzipFile,
    EOFError,
    OSError,
    RuntimeError,  # encrypted zips, and NotImplementedError for exotic compression
    ValueError,
)

Tick = Callable[[int, int], None]


class Unpacked(NamedTuple):
    """What came out of an archive; left out are links and devices."""

    files: int
    bytes: int
    left_out: int


class _Entry(NamedTuple):
    name: str
    chunks: Iterator[bytes] | None  # None for what isn't a plain file


def unpack(archive: Path, folder: Path, tick: Tick | None = None) -> Unpacked:
    """Unpack a zip or tar (plain, gzip, bzip2 or xz) into an existing folder.

    `tick(done, total)` is called with bytes of the archive read. InputError when it is damaged,
    when an entry points out of the folder, or when it unpacks to more than MOST_GROWTH times its
    size or to too many files; OSError when the folder doesn't take them.
    """
    size = archive.stat().st_size
    most_bytes = max(ALWAYS_ALLOWED_BYTES, MOST_GROWTH * size)
    most_files = ALWAYS_ALLOWED_FILES + size // LEAST_BYTES_PER_FILE
    entries = _zip_entries if zipfile.is_zipfile(archive) else _tar_entries
    files = written = left_out = seen = 0
    for name, chunks in entries(archive, tick or (lambda done, total: None)):
        seen += 1
        if seen > most_files:
            raise _bomb(archive, f"more than {most_files} entries")
        target = folder / _inside(name, archive)
        if chunks is None:
            left_out += 1
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("wb") as file:
            for chunk in chunks:
                written += len(chunk)
                if written > most_bytes:
                    raise _bomb(archive, f"more than {most_bytes} bytes")
                file.write(chunk)
        files += 1
    return Unpacked(files, written, left_out)


def _zip_entries(archive: Path, tick: Tick) -> Iterator[_Entry]:
    done, total = 0, archive.stat().st_size
    with _reading(archive), zipfile.ZipFile(archive) as opened:
        for info in opened.infolist():
            tick(done, total)
            done = min(total, done + info.compress_size)
            if info.is_dir():
                continue
            if stat.S_ISLNK(info.external_attr >> 16):
                yield _Entry(info.filename, None)
                continue
            with opened.open(info) as stream:
                yield _Entry(info.filename, _chunks(stream, archive))
    tick(total, total)


def _tar_entries(archive: Path, tick: Tick) -> Iterator[_Entry]:
    total = archive.stat().st_size
    # As a stream: an archive of a million files is read once, from front to back.
    with (
        archive.open("rb") as raw,
        _reading(archive),
        tarfile.open(fileobj=raw, mode="r|*") as opened,
    ):
        while (info := opened.next()) is not None:
            tick(raw.tell(), total)
            opened.members = []  # type: ignore[attr-defined]  # else it keeps all it has seen
            if info.isdir():
                continue
            stream = opened.extractfile(info) if info.isreg() else None
            yield _Entry(info.name, None if stream is None else _chunks(stream, archive))
    tick(total, total)


def _chunks(stream: IO[bytes], archive: Path) -> Iterator[bytes]:
    with _reading(archive):
        while chunk := stream.read(_CHUNK):
            yield chunk


@contextmanager
def _reading(archive: Path) -> Iterator[None]:
    """Turn what a damaged archive provokes into one sentence."""
    try:
        yield
    except _DAMAGE as error:
        raise InputError(
            f"{archive} is damaged or no zip or tar archive ({error}); delete it and "
            "fetch it again."
        ) from error


def _inside(name: str, archive: Path) -> Path:
    """The entry's path below the folder; InputError where it leads out of it."""
    parts = {*PurePosixPath(name).parts, *PureWindowsPath(name).parts}
    if ".." in parts or name.startswith(("/", "\\")) or Path(name).is_absolute() or "\0" in name:
        raise InputError(
            f"{archive} is not to be trusted: its entry {name!r} leads out of the folder it is "
            "unpacked to; nothing was kept of it."
        )
    if Path(name).drive:
        raise InputError(f"{archive} holds {name!r}, which can't be a file on this system.")
    return Path(name)


def _bomb(archive: Path, what: str) -> InputError:
    return InputError(
        f"{archive} unpacks to {what}, out of all proportion to its size; nothing was kept of it."
    )
