"""A small keyboard and what was played on it lately, drawn with characters."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection
from itertools import groupby
from operator import itemgetter

#: A line of a view: texts and their styles, as rich names them.
Line = list[tuple[str, str]]

LOWEST, HIGHEST = 21, 108  # a piano's keys
PITCHES = HIGHEST - LOWEST + 1
ROWS_PER_QUARTER = 4  # of the roll; two rows share a line
_BLACK = frozenset((1, 3, 6, 8, 10))
_NEW, _OLD, FAINT = "bold cyan", "cyan", "bright_black"


class Roll:
    """The pitches that sounded in each sixteenth, newest last."""

    def __init__(self, rows: int = 128) -> None:
        self._rows: deque[frozenset[int]] = deque(maxlen=rows)
        self._at = 0  # the sixteenth of the newest row

    def take(self, beat_quarters: float, sounding: Collection[int]) -> None:
        """Add what sounds now. A clock that jumps back, or far ahead, leaves one empty row."""
        at = int(beat_quarters * ROWS_PER_QUARTER // 1)
        if self._rows and at == self._at:
            self._rows[-1] |= frozenset(sounding)
            return
        missed = at - self._at - 1
        if self._rows and not 0 <= missed < 2 * ROWS_PER_QUARTER:
            self._rows.append(frozenset())
        elif self._rows:
            self._rows.extend([frozenset(sounding) & self._rows[-1]] * missed)
        self._rows.append(frozenset(sounding))
        self._at = at

    def lines(self, height: int, columns: range) -> list[Line]:
        """The newest 2 * `height` rows, the newest at the bottom, a column for each pitch."""
        rows = list(self._rows)[-2 * height :]
        rows = [frozenset[int]()] * (2 * height - len(rows)) + rows
        lines = []
        for line in range(height):
            upper, lower = rows[2 * line], rows[2 * line + 1]
            played = _NEW if line == height - 1 else _OLD
            marks: Line = []
            for pitch in columns:
                mark = " ▀▄█"[(pitch in upper) + 2 * (pitch in lower)]
                is_line = mark == " " and pitch % 12 == 0
                marks.append(("┊", FAINT) if is_line else (mark, "" if mark == " " else played))
            lines.append(_joined(marks))
        return lines


def keyboard(sounding: Collection[int], columns: range) -> list[Line]:
    """Two lines: the keys, those that sound filled, and where the octaves begin."""
    keys: Line = [
        ("█", _NEW) if pitch in sounding else ("▁" if pitch % 12 in _BLACK else "▇", FAINT)
        for pitch in columns
    ]
    names = "".join(f"{f'C{pitch // 12 - 1}':<12}" for pitch in columns if pitch % 12 == 0)
    before = next(i for i, pitch in enumerate(columns) if pitch % 12 == 0)
    return [_joined(keys), [((" " * before + names)[: len(columns)], FAINT)]]


def _joined(marks: Line) -> Line:
    """One span for each run of a style: a terminal far away has less to read."""
    runs = groupby(marks, key=itemgetter(1))
    return [("".join(mark for mark, _ in run), style) for style, run in runs]


def window(width: int, sounding: Collection[int], before: range | None = None) -> range:
    """The pitches to show in `width` columns: all of a piano's, or an octave-wise choice that
    contains what sounds and moves from `before` only when it must."""
    if width >= PITCHES:
        return range(LOWEST, HIGHEST + 1)
    width = max(width, 12)
    first = 60 - width // 2 if before is None or len(before) != width else before.start
    shown = [pitch for pitch in sounding if LOWEST <= pitch <= HIGHEST]
    if shown:
        while max(shown) >= first + width:
            first += 12
        while min(shown) < first:
            first -= 12
    first = min(max(first, LOWEST), HIGHEST + 1 - width)
    return range(first, first + width)
