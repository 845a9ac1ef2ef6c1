"""Curves in a terminal: braille dots, eight to a character, or stars where there are no others."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from rnnmusic_cli.console import out

Array = NDArray[np.float64]

# Bits of the eight dots of a braille character, by row and column of its 4 x 2 grid.
_BITS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
_BLANK = 0x2800
MARGIN = 9  # for the scale on the left


class Canvas:
    """A grid of characters with 2 x 4 dots each; places are fractions of its width and height."""

    def __init__(self, width: int, height: int) -> None:
        self._cells = np.zeros((height, width), dtype=np.int64)
        self._letters: dict[tuple[int, int], str] = {}

    def dot(self, x: float, y: float) -> None:
        """Set the dot nearest to x (from the left) and y (from below), both within 0 and 1."""
        rows, columns = self._cells.shape
        if not (0 <= x <= 1 and 0 <= y <= 1):
            return
        column = min(int(x * columns * 2), 2 * columns - 1)
        row = min(int((1 - y) * rows * 4), 4 * rows - 1)
        self._cells[row // 4, column // 2] |= _BITS[row % 4][column % 2]

    def letter(self, x: float, y: float, letter: str) -> None:
        """Put a character where a dot would be."""
        rows, columns = self._cells.shape
        if 0 <= x <= 1 and 0 <= y <= 1:
            row, column = min(int((1 - y) * rows), rows - 1), min(int(x * columns), columns - 1)
            self._letters[row, column] = letter

    def curve(self, x: Array, y: Array) -> None:
        """Join points by straight lines; what isn't a number is left out."""
        rows, columns = self._cells.shape
        for k in range(len(x) - 1):
            if not np.isfinite(y[k : k + 2]).all():
                continue
            far = max(abs(x[k + 1] - x[k]) * columns * 2, abs(y[k + 1] - y[k]) * rows * 4)
            for part in np.linspace(0, 1, min(math.ceil(far), 4096) + 1):
                self.dot(
                    float(x[k] + part * (x[k + 1] - x[k])), float(y[k] + part * (y[k + 1] - y[k]))
                )

    def lines(self) -> list[str]:
        """The rows of characters, the uppermost first."""
        braille = has_braille()
        rows = []
        for number, row in enumerate(self._cells):
            signs = (
                self._letters.get((number, place)) or _sign(int(cell), braille)
                for place, cell in enumerate(row)
            )
            rows.append("".join(signs))
        return rows


def _sign(cell: int, braille: bool) -> str:
    if not cell:
        return " "
    return chr(_BLANK | cell) if braille else "*"


def chart(
    title: str,
    x: Array,
    y: Sequence[Array],
    *,
    limits: tuple[float, float],
    ticks: Mapping[float, str],
    width: int,
    height: int,
) -> list[str]:
    """Curves with a scale on the left and ticks below: lines of at most so many characters.

    x (K,) from 0 to 1; y: lines (K,) within limits; ticks: names by their place on x.
    """
    low, high = round_limits(*limits)
    labels = [f"{high:.5g}", f"{(low + high) / 2:.5g}", f"{low:.5g}"]
    margin = MARGIN
    canvas = Canvas(max(width - margin, 8), height)
    for line in y:
        canvas.curve(x, (np.clip(line, low, high) - low) / (high - low))
    places = {0: labels[0], (height - 1) // 2: labels[1], height - 1: labels[2]}
    side = "│" if has_braille() else "|"
    rows = [
        f"{places.get(number, ''):>{margin - 1}}{side}{row}".rstrip()
        for number, row in enumerate(canvas.lines())
    ]
    return [title, *rows, _axis(ticks, margin, max(width - margin, 8))]


def _axis(ticks: Mapping[float, str], margin: int, width: int) -> str:
    text = [" "] * (margin + width)
    taken = 0
    for place, name in sorted(ticks.items()):
        start = min(margin + int(place * width) - len(name) // 2, len(text) - len(name))
        if start < taken:
            continue
        text[start : start + len(name)] = name
        taken = start + len(name) + 1
    return "".join(text).rstrip()


def round_limits(low: float, high: float) -> tuple[float, float]:
    """The next numbers outside that are round in tenths, fifths or halves of their distance."""
    if not high - low > 1e-9 * max(abs(low), abs(high), 1e-300):
        low, high = low - 1, high + 1
    rough = (high - low) / 6
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(times * power for times in (1, 2, 5, 10) if times * power >= rough)
    return step * math.floor(low / step + 1e-9), step * math.ceil(high / step - 1e-9)


def has_braille() -> bool:
    """Whether the terminal takes the characters that curves are drawn with."""
    try:
        chr(_BLANK).encode(out.encoding)
    except (UnicodeEncodeError, LookupError):
        return False
    return True
