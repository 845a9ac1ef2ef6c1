"""What a corpus is built from: files, folders and the collections that music21 carries."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from rnnmusic.corpus import notation
from rnnmusic.corpus.notation import NOT_STATED
from rnnmusic.errors import InputError

MIDI_EXTENSIONS = frozenset({".mid", ".midi", ".kar", ".smf", ".rmi"})
MUSIC_EXTENSIONS = MIDI_EXTENSIONS | notation.EXTENSIONS
AUDIO_EXTENSIONS = frozenset({".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff"})
MUSIC21_PREFIX = "music21:"
CHORALES = "bach"
CHORALE_VOICES = 4
MUSIC21_LICENCE = "distributed with music21 by permission of the encoders (corpus/license.txt)"


@dataclass(frozen=True, slots=True)
class Item:
    """One file to read. Items sort by name: `name` within its source, `source` as it was given."""

    name: str
    source: str
    file: str
    licence: str = NOT_STATED  # of the collection, where the file itself states none
    voices: int | None = None  # parts a score must have

    @property
    def path(self) -> Path:
        """The file."""
        return Path(self.file)

    @property
    def is_notation(self) -> bool:
        """Whether music21 reads it, rather than the MIDI parser."""
        return _extension(self.file) in notation.EXTENSIONS


@dataclass(frozen=True)
class Sources:
    """The items of all sources, by name, and what folders hold beside music."""

    items: tuple[Item, ...]
    ignored: dict[str, Counter[str]] = field(default_factory=dict)  # folder -> extension -> files


def expand(
    sources: Iterable[str | os.PathLike[str]], extensions: Collection[str] = MUSIC_EXTENSIONS
) -> Sources:
    """Find the items of files, folders (searched recursively) and `music21:NAME`.

    Of folders, files with one of these extensions are taken.

    `music21:bach` is the four-part chorales; any other NAME is a composer's or collection's
    folder, or a work, in music21's corpus. A file that several sources name is taken once.
    InputError for a source that isn't there.
    """
    items: dict[str, Item] = {}  # by the file they mean
    ignored: dict[str, Counter[str]] = {}
    sources = list(sources)
    for given in sources:
        source = os.fspath(given)
        if source.startswith(MUSIC21_PREFIX):
            found = _music21(source)
        elif Path(source).is_dir():
            found, others = _folder(source, extensions)
            if others:
                ignored[source] = others
        elif Path(source).is_file():
            found = [Item(Path(source).name, source, source)]
        else:
            raise InputError(
                f"There is no file or folder {source}; give music files, folders of them, or "
                f"a collection such as {MUSIC21_PREFIX}{CHORALES}."
            )
        for item in found:
            # One source doesn't overlap with itself, and following links takes time.
            items.setdefault(os.path.realpath(item.file) if sources[1:] else item.file, item)
    ordered = sorted(items.values(), key=lambda item: (item.name, item.source))
    return Sources(tuple(ordered), ignored)


def _folder(source: str, extensions: Collection[str]) -> tuple[list[Item], Counter[str]]:
    items: list[Item] = []
    others: Counter[str] = Counter()
    above = len(os.path.join(source, ""))  # noqa: PTH118 - a Path for each of a million files

    def unreadable(_: OSError) -> None:
        others["folders that can't be opened"] += 1

    for folder, _, names in os.walk(source, onerror=unreadable):
        for name in names:
            file = os.path.join(folder, name)  # noqa: PTH118
            if (extension := _extension(name)) in extensions:
                items.append(Item(file[above:].replace(os.sep, "/"), file, file))
            else:
                others[extension or "no extension"] += 1
    return items, others


def _extension(name: str) -> str:
    return os.path.splitext(name)[1].lower()  # noqa: PTH122


def _music21(source: str) -> list[Item]:
    notation.music21_version()
    from music21 import common, corpus

    name = source.removeprefix(MUSIC21_PREFIX).strip("/").lower()
    root = Path(common.getCorpusFilePath())
    works: dict[str, Path] = {}  # a work that is there in several formats is taken once
    for path in map(Path, corpus.getPaths()):
        if path.suffix.lower() in MUSIC_EXTENSIONS and path.is_relative_to(root):
            work = path.relative_to(root).with_suffix("").as_posix()
            if path.suffix in (".mxl", ".xml") or work not in works:
                works[work] = path
    voices = None
    if name == CHORALES:
        # The 371 of Riemenschneider's edition, 21 of them twice; one title is cut short.
        titles = set(corpus.chorales.Iterator(returnType="filename"))
        known = sorted(works)
        chosen = {
            next(work for work in known if work.startswith(title))
            for title in titles - works.keys()
        }
        chosen |= titles & works.keys()
        voices = CHORALE_VOICES
    else:
        chosen = {work for work in works if name in {*work.lower().split("/"), work.lower()}}
    if not chosen:
        raise InputError(
            f"music21 has no collection or work {name!r}; give for instance "
            "music21:bach, music21:palestrina or music21:oneills1850."
        )
    return [
        Item(work, f"{MUSIC21_PREFIX}{work}", str(works[work]), _terms(works[work], root), voices)
        for work in chosen
    ]


def _terms(path: Path, root: Path) -> str:
    # A collection under terms of its own brings them along, as the Essen folk songs do.
    own = path.parent / "license.txt"
    if path.parent != root and own.is_file():
        return f"terms of its own, see music21 corpus/{own.relative_to(root).as_posix()}"
    return MUSIC21_LICENCE
