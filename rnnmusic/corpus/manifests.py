"""The corpora that people train on: what they hold, on what terms, and where they are.

A manifest is a TOML file in data/corpora/, named as the corpus is called. It describes; the music
itself stays where its owners put it, until `rnnmusic.corpus.fetch` is told to get it.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import MISSING, dataclass, fields
from difflib import get_close_matches
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit

from rnnmusic.errors import InputError
from rnnmusic.files import assets

SCHEMES = ("http", "https")
SPLITS = {
    "hash": "none is published: a hash of the music decides",
    "csv": "a table in the archive",
    "folders": "folders of the archive",
    "files": "the data set's own files",
}
ARCHIVE_SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")

Table = TypeVar("Table")


@dataclass(frozen=True)
class Licence:
    """The terms of a corpus: their name, where they are written, and what they come to."""

    name: str
    allows: str
    url: str = ""


@dataclass(frozen=True)
class Archive:
    """The one file that holds a corpus, and how to know it when it arrives.

    `urls` are tried in their order. `size_bytes`, `sha256` and `md5` are stated only where they
    are published (`checksum_from` says by whom) and must then hold; `about_bytes` is for people.
    """

    urls: tuple[str, ...]
    name: str = ""  # of the file; by default as the first address has it
    size_bytes: int | None = None
    about_bytes: int | None = None
    sha256: str = ""
    md5: str = ""
    checksum_from: str = ""

    @property
    def file_name(self) -> str:
        """What the downloaded file is called."""
        return self.name or unquote(PurePosixPath(urlsplit(self.urls[0]).path).name)


@dataclass(frozen=True)
class Manifest:
    """A corpus: content, terms, place and customs.

    hours: of music. split: what tells train, valid and test apart by convention, one of SPLITS.
    build: the command that suits it, `{folder}` standing for where it was unpacked. Either
    `archive` says what can be downloaded, or `by_hand` what a person has to do instead.
    """

    name: str
    title: str
    what: str
    format: str
    homepage: str
    citation: str
    split: str
    build: str
    licence: Licence
    pieces: int | None = None
    hours: float | None = None
    archive: Archive | None = None
    by_hand: str = ""
    note: str = ""


def load_all() -> dict[str, Manifest]:
    """All shipped manifests by name; InputError when one of them is broken."""
    return {
        path.stem: load(path) for path in sorted((assets() / "data" / "corpora").glob("*.toml"))
    }


def find(name: str) -> Manifest:
    """The manifest of a corpus; InputError, naming those there are, when there is none."""
    known = load_all()
    if name in known:
        return known[name]
    # Prefixes count: "lakh" is much shorter than "lakh-matched".
    key = name.lower()
    close = [k for k in known if key and key in k] or get_close_matches(key, known, n=3)
    hint = f"did you mean {' or '.join(close)}? Known are" if close else "known are"
    raise InputError(f"There is no manifest of a corpus {name!r}; {hint} {', '.join(known)}.")


def load(path: Path) -> Manifest:
    """Read a manifest; InputError for unknown keys, missing ones and values of the wrong kind."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"Can't read the manifest {path}: {error}.") from error
    document["name"] = path.stem
    licence = document.pop("licence", None)
    archive = document.pop("archive", None)
    nested: dict[str, Any] = {}
    if licence is not None:
        nested["licence"] = _table(Licence, licence, f"{path}, [licence]")
    if archive is not None:
        nested["archive"] = _table(Archive, archive, f"{path}, [archive]")
    manifest = _table(Manifest, document, str(path), nested)
    _check(manifest, path)
    return manifest


def _table(
    kind: type[Table], table: Any, where: str, nested: dict[str, Any] | None = None
) -> Table:
    """A dataclass from a TOML table, keys and types checked; `nested` are checked already."""
    if not isinstance(table, dict):
        raise InputError(f"{where} must be a table, not {table!r}.")
    nested = nested or {}
    known = {f.name: f for f in fields(kind)}  # type: ignore[arg-type]
    if unknown := sorted(table.keys() - known.keys()):
        raise InputError(
            f"{where} has an unknown key {unknown[0]!r}; known are {', '.join(known)}."
        )
    values = dict(nested)
    for key, value in table.items():
        wanted = str(known[key].type)
        if wanted == "tuple[str, ...]" and isinstance(value, list):
            value = tuple(value)
        if not _fits(value, wanted):
            raise InputError(f"{where}: {key} must be {wanted}, not {value!r}.")
        values[key] = value
    for name, field in known.items():
        if name not in values and field.default is MISSING:
            raise InputError(f"{where} lacks {name}.")
    return kind(**values)


def _fits(value: object, wanted: str) -> bool:
    if wanted == "tuple[str, ...]":
        return isinstance(value, tuple) and all(isinstance(one, str) for one in value)
    kinds: dict[str, type | tuple[type, ...]] = {"str": str, "int": int, "float": (int, float)}
    kind = kinds.get(wanted.removesuffix(" | None"), ())
    return isinstance(value, kind) and not isinstance(value, bool)


def _check(manifest: Manifest, path: Path) -> None:
    """What types alone don't say."""
    archive = manifest.archive
    if manifest.split not in SPLITS:
        known = ", ".join(SPLITS)
        raise InputError(f"{path}: split must be one of {known}, not {manifest.split!r}.")
    if (archive is None) == (not manifest.by_hand):
        raise InputError(f"{path} must have either an [archive] or by_hand, one of them.")
    if archive is None:
        return
    if not archive.urls or not all(_is_address(url) for url in archive.urls):
        raise InputError(f"{path}: urls must be http or https addresses, not {archive.urls!r}.")
    name = archive.file_name
    if PurePosixPath(name).name != name or not name.endswith(ARCHIVE_SUFFIXES):
        raise InputError(
            f"{path}: the archive is called {name!r}; give it a plain name that ends in "
            f"{', '.join(ARCHIVE_SUFFIXES)}."
        )
    for key, digits in (("sha256", 64), ("md5", 32)):
        value = getattr(archive, key)
        if value and not re.fullmatch(f"[0-9a-f]{{{digits}}}", value):
            raise InputError(f"{path}: {key} must be {digits} hexadecimal digits, not {value!r}.")


def _is_address(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme in SCHEMES and bool(parts.hostname)
