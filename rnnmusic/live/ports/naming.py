"""Which port a performer means, and whether it is the same one that comes back."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TypeVar

T = TypeVar("T")

#: The numbers that ALSA gives anew each time a device is plugged in: "Synth (129):in 129:0".
NUMBERS = re.compile(r"\s*(\(\d+(:\d+)?\)|\b\d+:\d+$)")


def meant(spec: str, named: Iterable[tuple[str, T]]) -> tuple[str, T] | None:
    """The first entry with the name `spec`, or else the first that contains it.

    Both without regard to case; None where there is neither.
    """
    wanted = spec.casefold()
    alike = [entry for entry in named if wanted in entry[0].casefold()]
    same = [entry for entry in alike if entry[0].casefold() == wanted]
    return next(iter(same + alike), None)


def returned(name: str, names: Iterable[str]) -> str | None:
    """What a port is called now: by its name, or by one that differs in ALSA's numbers only."""
    present = list(names)
    if name in present:
        return name
    stem = NUMBERS.sub("", name)
    return next((other for other in present if NUMBERS.sub("", other) == stem), None)
