"""Keys and chords as performers write them, and the pitches they leave open."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from rnnmusic.errors import UsageError

#: Scale -> semitones above its tonic.
SCALES: dict[str, tuple[int, ...]] = {
    "major": (0, 2, 4, 5, 7, 9, 11),
    "minor": (0, 2, 3, 5, 7, 8, 10),
    "harmonic minor": (0, 2, 3, 5, 7, 8, 11),
    "melodic minor": (0, 2, 3, 5, 7, 9, 11),
    "dorian": (0, 2, 3, 5, 7, 9, 10),
    "phrygian": (0, 1, 3, 5, 7, 8, 10),
    "lydian": (0, 2, 4, 6, 7, 9, 11),
    "mixolydian": (0, 2, 4, 5, 7, 9, 10),
    "locrian": (0, 1, 3, 5, 6, 8, 10),
    "major pentatonic": (0, 2, 4, 7, 9),
    "minor pentatonic": (0, 3, 5, 7, 10),
    "blues": (0, 3, 5, 6, 7, 10),
    "bebop": (0, 2, 4, 5, 7, 9, 10, 11),
    "whole tone": (0, 2, 4, 6, 8, 10),
    "octatonic": (0, 2, 3, 5, 6, 8, 9, 11),
    "half-whole octatonic": (0, 1, 3, 4, 6, 7, 9, 10),
    "hexatonic": (0, 3, 4, 7, 8, 11),
    "hungarian minor": (0, 2, 3, 6, 7, 8, 11),
    "phrygian dominant": (0, 1, 4, 5, 7, 8, 10),
    "lydian dominant": (0, 2, 4, 6, 7, 9, 10),
    "altered": (0, 1, 3, 4, 6, 8, 10),
    "hirajoshi": (0, 2, 3, 7, 8),
    "chromatic": tuple(range(12)),
}
_OTHER_NAMES = {
    "": "major", "maj": "major", "ionian": "major",
    "m": "minor", "-": "minor", "min": "minor", "natural minor": "minor", "aeolian": "minor",
    "pentatonic": "major pentatonic", "diminished": "octatonic", "whole-tone": "whole tone",
}  # fmt: skip

_CHANGE = (
    r"[mM]aj7|M7|sus[24]?|alt|no[35]|(?:add)?(?P<sign>[b#+-])(?P<altered>5|9|11|13)"
    r"|add(?P<added>2|4|6|9|11|13)|\+"
)
#: What a chord symbol may say after its root, in three parts; capital M and small m differ.
_SYMBOL = re.compile(
    r"(?:(?P<minor>[mM]in(?:or)?|m(?!aj|a\d)i?|-)?(?P<major>[mM]aj(?:or)?|ma|M|Δ)?"
    r"|(?P<diminished>dim|°|o)|(?P<half>ø)|(?P<augmented>aug|\+))"
    r"(?P<number>6/?9|5|6|7|9|11|13)?"
    r"(?P<rest>(?:" + re.sub(r"\?P<\w+>", "?:", _CHANGE) + ")*)"
)
#: Semitones of the degrees of a chord; the seventh is that of a dominant.
_DEGREES = {"2": 2, "4": 5, "5": 7, "6": 9, "7": 10, "9": 2, "11": 5, "13": 9}
_NO_CHORD = {"n.c.", "nc", "n.c"}
_STEPS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
_NAME = re.compile(r"([A-Ga-g])(##|bb|[#b♯♭]?)")
_PITCH = re.compile(r"([A-Ga-g])(##|bb|[#b♯♭]?)(-?\d)")
_ACCIDENTALS = {"": 0, "#": 1, "♯": 1, "b": -1, "♭": -1, "##": 2, "bb": -2}
#: A slash chord's bass note stands alone below this pitch.
BASS_BELOW = 48


class Harmony(NamedTuple):
    """The pitches that a key or a chord leaves open.

    name: as rnnmusic writes it. allowed: for each MIDI pitch, whether it may sound.
    """

    name: str
    allowed: tuple[bool, ...]  # 128


@lru_cache(maxsize=256)
def parse_key(text: str) -> Harmony:
    """A key ("C", "Am", "F# minor"), a tonic with a scale in either order ("D dorian", "pentatonic
    A"), "chromatic", or the notes themselves ("C Eb F G Bb").

    UsageError for anything else.
    """
    words = text.split()
    if not words:
        raise UsageError(
            "Asked for a key without notes; name one such as 'C', 'D dorian' or 'C Eb F G Bb', or "
            "give 'none' for every pitch."
        )
    if len(words) > 1 and all(_NAME.fullmatch(word) for word in words):
        return _classes(" ".join(_spelt(word) for word in words), {_class(w) for w in words})
    if " ".join(words).lower() == "chromatic":
        return _classes("chromatic", set(range(12)))
    ways = _tonic_and_scale(words)
    for tonic, scale in ways:
        name = _OTHER_NAMES.get(scale, scale)
        if name in SCALES:
            above = _class(tonic)
            return _classes(f"{_spelt(tonic)} {name}", {(above + s) % 12 for s in SCALES[name]})
    known = f"; the scales are {', '.join(SCALES)}" if ways else ""
    raise UsageError(
        f"Asked for the key {text!r}; give a note from A to G with # or b and perhaps a scale, "
        f"such as C, F# minor or D dorian{known}."
    )


@lru_cache(maxsize=256)
def parse_chord(text: str) -> Harmony | None:
    """A chord symbol ("Am7", "C/E", "Fmaj9", "Bdim"), None for "N.C.", or the pitches themselves.

    A symbol leaves its notes open in every octave; that with a bass note after the slash leaves
    only the bass open below C3 (48). Names with octaves ("C4 E4 G4", middle C is C4) and MIDI
    numbers ("60 64 67") are exactly those pitches; names without ("C E G") are every octave of
    them, and one name alone is a symbol: C5 is a fifth. UsageError for anything else.
    """
    words = text.replace(",", " ").split()
    if len(words) == 1 and words[0].lower() in _NO_CHORD:
        return None
    if words and all(_is_pitch(word) for word in words) and (len(words) > 1 or words[0].isdigit()):
        pitches = {parse_pitch(word) for word in words}
        allowed = tuple(pitch in pitches for pitch in range(128))
        return Harmony(" ".join(words), allowed)
    if len(words) > 1 and all(_NAME.fullmatch(word) for word in words):
        return _classes(" ".join(_spelt(word) for word in words), {_class(w) for w in words})
    if len(words) == 1 and (chord := _symbol(words[0])):
        return chord
    raise UsageError(
        f"Asked for the chord {text!r}; give a symbol such as Am7, C/E, Fmaj9, Bdim or Gsus4, "
        "pitches such as 'C4 E4 G4' or '60 64 67', or N.C."
    )


def parse_pitch(text: str) -> int:
    """The MIDI number of "60" or "C4" (middle C); UsageError unless it is 0 to 127."""
    pitch = -1
    if text.isascii() and text.isdigit():
        pitch = int(text)
    elif match := _PITCH.fullmatch(text):
        letter, accidental, octave = match.groups()
        pitch = 12 * (int(octave) + 1) + _STEPS[letter.upper()] + _ACCIDENTALS[accidental]
    if not 0 <= pitch <= 127:
        raise UsageError(
            f"Asked for the pitch {text!r}; give a MIDI number from 0 to 127 or a name from C-1 "
            "to G9, where C4 is middle C."
        )
    return pitch


def _tonic_and_scale(words: list[str]) -> list[tuple[str, str]]:
    """Ways to read a key: the tonic first, or last."""
    ways = []
    if match := _NAME.match(words[0]):
        rest = words[0][match.end() :]
        scale = " ".join([*([_lower(rest)] if rest else []), *words[1:]])
        ways.append((match[0], _lower(scale)))
    if len(words) > 1 and _NAME.fullmatch(words[-1]):
        ways.append((words[-1], _lower(" ".join(words[:-1]))))
    return ways


def _lower(scale: str) -> str:
    # Only a capital M alone says something else than a small one.
    return "major" if scale == "M" else scale.lower()


def _symbol(text: str) -> Harmony | None:
    root = _NAME.match(text)
    if not root:
        return None
    quality, slash, bass = text[root.end() :].rpartition("/")
    if not slash or not _NAME.fullmatch(bass):
        quality, bass = text[root.end() :], ""
    degrees = _degrees(quality)
    if degrees is None:
        return None
    classes = {(_class(root[0]) + degree) % 12 for degree in degrees}
    spelt = _spelt(root[0]) + quality
    if not bass:
        return _classes(spelt, classes)
    lowest, every = _class(bass), classes | {_class(bass)}
    allowed = tuple(p % 12 == lowest if p < BASS_BELOW else p % 12 in every for p in range(128))
    return Harmony(f"{spelt}/{_spelt(bass)}", allowed)


def _degrees(quality: str) -> set[int] | None:
    """Semitones above the root of a quality such as "m7b5"; None when it isn't one."""
    text = re.sub(r"[(),]", "", quality).replace("♯", "#").replace("♭", "b")
    said = _SYMBOL.fullmatch(text)
    if not said:
        return None
    number = (said["number"] or "").replace("/", "")
    tones = {
        "3": 3 if said["minor"] or said["diminished"] or said["half"] else 4,
        "5": 6 if said["diminished"] or said["half"] else 8 if said["augmented"] else 7,
    }
    if number == "5":
        del tones["3"]
    elif number in ("6", "69"):
        tones |= {degree: _DEGREES[degree] for degree in number}
    if number in ("7", "9", "11", "13") or said["half"] or said["major"] == "Δ":
        tones["7"] = 11 if said["major"] else 9 if said["diminished"] else 10
    for degree in {"9": "9", "11": "9 11", "13": "9 13"}.get(number, "").split():
        tones[degree] = _DEGREES[degree]
    for change in re.finditer(_CHANGE, said["rest"]):
        _alter(tones, change)
    return {0, *tones.values()}


def _alter(tones: dict[str, int], change: re.Match[str]) -> None:
    """Carry out one change of a chord's tones (degree -> semitones): "sus4", "b9", "add11"."""
    what = change[0]
    if what in ("maj7", "Maj7", "M7"):
        tones["7"] = 11
    elif what.startswith("sus"):
        tones.pop("3", None)
        tones["4"] = _DEGREES[what[3:] or "4"]
    elif what == "alt":
        tones |= {"5": 8, "b9": 1, "#9": 3}
    elif what.startswith("no"):
        tones.pop(what[2:], None)
    elif change["added"]:
        tones[change["added"]] = _DEGREES[change["added"]]
    else:
        degree = change["altered"] or "5"  # a lone + raises the fifth
        tones.pop(degree, None)
        tones[what] = _DEGREES[degree] + (-1 if change["sign"] in ("b", "-") else 1)


def _is_pitch(word: str) -> bool:
    return word.lstrip("-").isdigit() or _PITCH.fullmatch(word) is not None


def _class(name: str) -> int:
    return (_STEPS[name[0].upper()] + _ACCIDENTALS[name[1:]]) % 12


def _spelt(name: str) -> str:
    return name[0].upper() + name[1:].replace("♯", "#").replace("♭", "b")


def _classes(name: str, classes: set[int]) -> Harmony:
    return Harmony(name, tuple(pitch % 12 in classes for pitch in range(128)))
