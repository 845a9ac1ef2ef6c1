"""Getting a corpus that a manifest describes: downloaded, checked, unpacked, all once.

In the folder there are then the archive as it was published, NAME/ with what was in it, and
NAME.json, the receipt: where it came from, its SHA-256, and on what terms. Where folders of the
archive tell its split, NAME.splits.csv says so for `corpus build --splits`.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rnnmusic.corpus import archives, downloads, split_files
from rnnmusic.corpus.manifests import Archive, Manifest
from rnnmusic.errors import DeviceError, InputError, UsageError
from rnnmusic.files import replacing_file, replacing_folder, unwritable

BY_HAND = "put there by hand"
MOST_BYTES = 1 << 40  # where nobody says how long the archive is

_CHUNK = 1 << 20

Progress = Callable[[str, int, int | None], None]  # what is done, bytes done, bytes in all


def fetch(
    manifest: Manifest,
    folder: str | os.PathLike[str],
    *,
    accepted_licence: bool,
    progress: Progress | None = None,
) -> Path:
    """Download a corpus into a folder and unpack it; return the folder of its music.

    A download that breaks off goes on where it stopped, and an archive already in the folder,
    put there by hand say, is used. Its size and checksum must be the published ones where there
    are any; its SHA-256 is written to the receipt in any case. What is there already stays.

    UsageError unless the licence is accepted. InputError when the corpus can't be downloaded by a
    program, when the archive isn't the published one or isn't safe to unpack. DeviceError when
    there is no network.
    """
    archive = manifest.archive
    if archive is None:
        raise InputError(f"{manifest.title} can't be downloaded by a program. {manifest.by_hand}")
    if not accepted_licence:
        raise UsageError(
            f"{manifest.title} is under the licence {manifest.licence.name}: "
            f"{manifest.licence.allows} Accept it to download the corpus."
        )
    place = Path(folder)
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable(place, error) from error
    music, receipt = place / manifest.name, place / f"{manifest.name}.json"
    if music.is_dir() and _is_receipt_of(receipt, archive):
        return music
    tell = progress or (lambda what, done, total: None)
    file = place / archive.file_name
    url, sha256 = _obtain(archive, file, tell)
    with replacing_folder(music) as temporary:
        unpacked = archives.unpack(
            file, temporary, lambda done, total: tell("unpacking", done, total)
        )
    if manifest.split == "folders":
        split_files.write(place / f"{manifest.name}.splits.csv", _splits_by_folder(music))
    _write_receipt(
        receipt,
        {
            "title": manifest.title,
            "licence": manifest.licence.name,
            "file": archive.file_name,
            "url": url,
            "fetched": datetime.now(UTC).isoformat(timespec="seconds"),
            "size_bytes": file.stat().st_size,
            "sha256": sha256,
            "checksum": "as published" if archive.sha256 or archive.md5 else "none published",
            "files": unpacked.files,
            "unpacked_bytes": unpacked.bytes,
            "left_out": unpacked.left_out,
        },
    )
    return music


def _obtain(archive: Archive, file: Path, tell: Progress) -> tuple[str, str]:
    """Have the archive at `file`, checked; return where it came from and its SHA-256."""
    if file.is_file():
        sha256, wrong = _examine(archive, file, tell)
        if wrong:
            raise InputError(
                f"{file} isn't the archive that was published: it has {wrong}; delete it, and "
                "it will be downloaded anew."
            )
        return BY_HAND, sha256
    part = file.with_name(file.name + ".part")
    about = archive.size_bytes or archive.about_bytes
    try:
        url = downloads.download(
            archive.urls,
            part,
            size_bytes=archive.size_bytes,
            most_bytes=4 * about if about else MOST_BYTES,
            tick=lambda done, total: tell("downloading", done, total or about),
        )
        sha256, wrong = _examine(archive, part, tell)
    except (InputError, DeviceError) as error:
        raise type(error)(
            f"{error} You may get {archive.urls[0]} another way, put it at {file} and give the "
            "same command again."
        ) from error
    except OSError as error:
        raise unwritable(part, error) from error
    if wrong:
        downloads.discard(part)
        raise InputError(
            f"What {url} sent isn't the archive that was published: it has {wrong}; it was "
            "deleted. Try again, and if that happens twice, report it."
        )
    part.replace(file)
    downloads.discard(part)
    return url, sha256


def _examine(archive: Archive, file: Path, tell: Progress) -> tuple[str, str]:
    """The file's SHA-256, and in words what about it isn't as published, if anything."""
    size = file.stat().st_size
    if archive.size_bytes not in (None, size):
        return "", f"{size} bytes in place of {archive.size_bytes}"
    sha256, md5 = hashlib.sha256(), hashlib.md5(usedforsecurity=False)
    done = 0
    with file.open("rb") as handle:
        while chunk := handle.read(_CHUNK):
            sha256.update(chunk)
            md5.update(chunk)
            done += len(chunk)
            tell("checking", done, size)
    for name, got, wanted in (
        ("SHA-256", sha256.hexdigest(), archive.sha256),
        ("MD5", md5.hexdigest(), archive.md5),
    ):
        if wanted and got != wanted:
            return got, f"the {name} {got} in place of {wanted}"
    return sha256.hexdigest(), ""


def _splits_by_folder(music: Path) -> Iterator[tuple[str, str]]:
    """Name and split of each file in a folder that is called like a split."""
    for file in sorted(music.rglob("*")):
        name = file.relative_to(music)
        splits = [split_files.SPELLINGS.get(part.lower()) for part in name.parts[:-1]]
        split = next(filter(None, splits), None)
        if split and file.is_file():
            yield name.as_posix(), split


def _is_receipt_of(receipt: Path, archive: Archive) -> bool:
    try:
        found: Any = json.loads(receipt.read_text(encoding="utf-8"))
        return found["file"] == archive.file_name and archive.sha256 in ("", found["sha256"])
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _write_receipt(receipt: Path, content: dict[str, Any]) -> None:
    with replacing_file(receipt) as temporary:
        temporary.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
