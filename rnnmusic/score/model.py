"""Score, Track and their event tables: symbolic music as a few numpy structured arrays.

Ticks are int64 and are the truth; seconds follow from them through the tempo map. Events are
tables, not objects: a performance of 20,000 notes is one array, and every encoding is a few
vectorised operations on its columns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rnnmusic.errors import InputError

if TYPE_CHECKING:
    import mido
    import music21
    import pretty_midi

Table = NDArray[np.void]

NOTE = np.dtype([("start_tick", "<i8"), ("end_tick", "<i8"), ("pitch", "u1"), ("velocity", "u1")])
TEMPO = np.dtype([("tick", "<i8"), ("microseconds_per_quarter", "<i8")])
METRE = np.dtype([("tick", "<i8"), ("numerator", "u1"), ("denominator", "<u2")])
KEY = np.dtype([("tick", "<i8"), ("sharps", "i1"), ("is_minor", "?")])  # flats are negative
CONTROL = np.dtype([("tick", "<i8"), ("number", "u1"), ("value", "u1")])
BEND = np.dtype([("tick", "<i8"), ("value", "<i2")])  # -8192..8191
SPAN = np.dtype([("start_tick", "<i8"), ("end_tick", "<i8")])

SUSTAIN_PEDAL = 64
_KEYED_TICKS = 1 << 54  # below, a tick and a pitch fit one integer
DEFAULT_MICROSECONDS_PER_QUARTER = 500_000  # 120 quarters a minute, by the SMF standard

_MOST_BARS = 10_000_000  # more is a broken or hostile file


def table(dtype: np.dtype[Any], rows: Iterable[tuple[Any, ...]] = ()) -> Table:
    """Build an event table, sorted by its first field, from tuples in field order."""
    array = np.array(list(rows), dtype=dtype)
    return array[np.argsort(array[dtype.names[0]], kind="stable")] if dtype.names else array


def _none_of(dtype: np.dtype[Any]) -> Callable[[], Table]:
    return lambda: np.empty(0, dtype=dtype)


@dataclass(frozen=True, eq=False)
class Track:
    """One part: its notes and controllers, the General MIDI program that plays it.

    notes is a NOTE table sorted by start, then pitch; controls and bends are sorted by tick.
    """

    notes: Table = field(default_factory=_none_of(NOTE))
    program: int = 0  # General MIDI, 0..127
    is_drum: bool = False  # channel 10
    name: str = ""
    controls: Table = field(default_factory=_none_of(CONTROL))
    bends: Table = field(default_factory=_none_of(BEND))

    @property
    def pedal(self) -> Table:
        """SPAN table of the stretches with the sustain pedal down (CC 64 at 64 or more).

        A pedal that is never released lasts until the track's last event.
        """
        cc = self.controls[self.controls["number"] == SUSTAIN_PEDAL]
        down = cc["value"] >= 64
        # Only changes count: repeated values of a continuous pedal prolong the span.
        changed = np.flatnonzero(np.diff(np.concatenate(([False], down))))
        ticks = cc["tick"][changed]
        if len(ticks) % 2:
            ticks = np.append(ticks, max(self.end_tick, int(ticks[-1])))
        spans = np.empty(len(ticks) // 2, dtype=SPAN)
        spans["start_tick"], spans["end_tick"] = ticks[0::2], ticks[1::2]
        return spans

    @property
    def end_tick(self) -> int:
        """Tick of the last event: a note's end, a control or a bend."""
        ends = [self.notes["end_tick"], self.controls["tick"], self.bends["tick"]]
        return max((int(e.max()) for e in ends if len(e)), default=0)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Track):
            return NotImplemented
        return (self.program, self.is_drum, self.name) == (
            other.program,
            other.is_drum,
            other.name,
        ) and all(
            np.array_equal(getattr(self, f), getattr(other, f))
            for f in ("notes", "controls", "bends")
        )


@dataclass(frozen=True, eq=False)
class Score:
    """Symbolic music in memory: tracks over one tempo, metre and key map.

    Times are int64 ticks, `ticks_per_quarter` of them to a quarter note. Seconds come from
    `seconds`, which rounds once. Scores are values: methods return new ones.
    """

    ticks_per_quarter: int = 480
    tracks: tuple[Track, ...] = ()
    tempos: Table = field(default_factory=_none_of(TEMPO))
    metres: Table = field(default_factory=_none_of(METRE))
    keys: Table = field(default_factory=_none_of(KEY))
    name: str = ""

    def __post_init__(self) -> None:
        if not 1 <= self.ticks_per_quarter <= 32767:
            raise InputError(
                f"A score was given {self.ticks_per_quarter} ticks per quarter; "
                "MIDI allows 1 to 32767."
            )
        if len(self.tempos) and self.tempos["microseconds_per_quarter"].min() < 1:
            raise InputError(
                "A score was given a tempo below 1 microsecond per quarter, at which time "
                "stands still; use 1 or more."
            )
        if len(self.metres) and not (
            self.metres["numerator"].all() and self.metres["denominator"].all()
        ):
            raise InputError("A score was given a metre with a 0 in it; use metres like 3/4.")
        for name in ("tempos", "metres", "keys"):
            tick = getattr(self, name)["tick"]
            if len(tick) > 1 and (tick[1:] < tick[:-1]).any():
                raise InputError(f"A score was given {name} out of order; sort them by tick.")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Score):
            return NotImplemented
        return (
            self.ticks_per_quarter == other.ticks_per_quarter
            and self.name == other.name
            and self.tracks == other.tracks
            and all(
                np.array_equal(getattr(self, f), getattr(other, f))
                for f in ("tempos", "metres", "keys")
            )
        )

    # -- extent and contents ------------------------------------------------------------

    @property
    def end_tick(self) -> int:
        """Tick at which the last note or controller ends."""
        return max((t.end_tick for t in self.tracks), default=0)

    @property
    def duration_s(self) -> float:
        """Seconds from tick 0 to `end_tick`."""
        return float(self.seconds(self.end_tick))

    @property
    def note_count(self) -> int:
        """Number of notes in all tracks, drums included."""
        return sum(len(t.notes) for t in self.tracks)

    def notes(self, *, drums: bool = False) -> Table:
        """NOTE table of all pitched notes (and drums if asked), sorted by start, then pitch."""
        parts = [t.notes for t in self.tracks if drums or not t.is_drum]
        merged = np.concatenate(parts) if parts else np.empty(0, dtype=NOTE)
        return sort_notes(merged)

    # -- time ----------------------------------------------------------------------------

    def _tempo_map(self, farthest_tick: int) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
        """Ticks of tempo changes, their microseconds per quarter, and elapsed us * tpq there.

        Python's own integers where int64 couldn't count the time up to the farthest tick.
        """
        ticks = self.tempos["tick"].astype(np.int64)
        tempo = self.tempos["microseconds_per_quarter"].astype(np.int64)
        if not len(ticks) or ticks[0] > 0:
            ticks = np.concatenate(([0], ticks))
            tempo = np.concatenate(([DEFAULT_MICROSECONDS_PER_QUARTER], tempo))
        extent = farthest_tick + max(abs(int(ticks[0])), abs(int(ticks[-1])))
        if extent * int(tempo.max()) >= 1 << 63:
            ticks, tempo = ticks.astype(object), tempo.astype(object)
        spent = np.cumsum(np.diff(ticks) * tempo[:-1])
        return ticks, tempo, np.concatenate((np.zeros(1, dtype=ticks.dtype), spent))

    def seconds(self, tick: ArrayLike) -> NDArray[np.float64]:
        """Seconds at each tick (any shape), exact but for one final rounding."""
        at = np.asarray(tick, dtype=np.int64)
        farthest = max(abs(int(at.min())), abs(int(at.max()))) if at.size else 0
        ticks, tempo, elapsed = self._tempo_map(farthest)
        flat = at.reshape(-1).astype(ticks.dtype)
        i = np.maximum(np.searchsorted(ticks, flat, side="right") - 1, 0)
        numerator = elapsed[i] + (flat - ticks[i]) * tempo[i]  # microseconds * ticks_per_quarter
        seconds = numerator / (self.ticks_per_quarter * 1e6)
        return np.asarray(seconds, dtype=np.float64).reshape(at.shape)

    def ticks(self, seconds: ArrayLike) -> NDArray[np.int64]:
        """Nearest tick to each time in seconds (any shape): the inverse of `seconds`."""
        at = np.asarray(seconds, dtype=np.float64) * (self.ticks_per_quarter * 1e6)
        ticks, tempo, elapsed = (column.astype(np.float64) for column in self._tempo_map(0))
        i = np.maximum(np.searchsorted(elapsed, at, side="right") - 1, 0)
        return np.asarray(ticks[i] + np.rint((at - elapsed[i]) / tempo[i])).astype(np.int64)

    def _metre_map(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Ticks at which metres begin, and how many ticks their bars have."""
        metres = self.metres
        if not len(metres) or metres["tick"][0] > 0:
            metres = np.concatenate([table(METRE, [(0, 4, 4)]), metres])
        bar = 4 * self.ticks_per_quarter * metres["numerator"].astype(np.int64)
        return metres["tick"].astype(np.int64), np.maximum(1, bar // metres["denominator"])

    def next_bar(self, tick: int) -> int:
        """Tick of the first bar line at or after a tick: the last of `bar_starts(tick)`."""
        begins, bars = self._metre_map()
        i = max(0, int(np.searchsorted(begins, tick)) - 1)
        begin, bar = int(begins[i]), int(bars[i])
        line = begin + -(-max(0, tick - begin) // bar) * bar
        return min(line, int(begins[i + 1])) if i + 1 < len(begins) else line

    def bar_starts(self, until_tick: int | None = None) -> NDArray[np.int64]:
        """Ticks of the bar lines from 0 up to and including the first at or after `until_tick`.

        4/4 until the first metre; a metre change in mid-bar starts a new bar there, as notation
        programs do. InputError for more than ten million bars.
        """
        until = self.end_tick if until_tick is None else until_tick
        begins, bars = self._metre_map()
        begins = begins[: max(1, int(np.searchsorted(begins, until)))]
        bars = bars[: len(begins)]
        stops = np.append(begins[1:], until)
        if ((stops - begins) // bars).sum() > _MOST_BARS:
            raise InputError(
                f"Bar lines up to tick {until} were asked for, of bars of {bars.min()} to "
                f"{bars.max()} ticks; a score can have {_MOST_BARS} bars: check its metres."
            )
        spans = zip(begins.tolist(), stops.tolist(), bars.tolist(), strict=True)
        lines = [np.arange(*span, dtype=np.int64) for span in spans]
        return np.concatenate([*lines, [self.next_bar(until)]])

    # -- new scores from old ---------------------------------------------------------------

    def transposed(self, semitones: int) -> Score:
        """The same music `semitones` higher; drums stay. Notes must stay within 0..127."""
        tracks = []
        for track in self.tracks:
            notes = track.notes.copy()
            if not track.is_drum and len(notes):
                pitch = notes["pitch"].astype(int) + semitones
                if pitch.min() < 0 or pitch.max() > 127:
                    raise InputError(
                        f"Transposing by {semitones} semitones moves notes to pitches "
                        f"{pitch.min()}..{pitch.max()}; MIDI has 0..127, use a smaller interval."
                    )
                notes["pitch"] = pitch
            tracks.append(replace(track, notes=notes))
        return replace(self, tracks=tuple(tracks))

    # -- other libraries' forms ----------------------------------------------------------------

    @classmethod
    def from_mido(cls, midi: mido.MidiFile) -> Score:
        """Convert a `mido.MidiFile`: see `rnnmusic.score.interchange.from_mido`."""
        from rnnmusic.score.interchange import from_mido

        return from_mido(midi)

    def to_mido(self) -> mido.MidiFile:
        """Convert to a `mido.MidiFile`: see `rnnmusic.score.interchange.to_mido`."""
        from rnnmusic.score.interchange import to_mido

        return to_mido(self)

    @classmethod
    def from_pretty_midi(cls, midi: pretty_midi.PrettyMIDI, *, name: str = "") -> Score:
        """Convert a `PrettyMIDI`: see `rnnmusic.score.interchange.from_pretty_midi`."""
        from rnnmusic.score.interchange import from_pretty_midi

        return from_pretty_midi(midi, name=name)

    def to_pretty_midi(self) -> pretty_midi.PrettyMIDI:
        """Convert to a `PrettyMIDI`: see `rnnmusic.score.interchange.to_pretty_midi`."""
        from rnnmusic.score.interchange import to_pretty_midi

        return to_pretty_midi(self)

    @classmethod
    def from_music21(cls, stream: music21.stream.Stream[Any], *, name: str = "") -> Score:
        """Convert a music21 stream: see `rnnmusic.score.notation.from_music21`."""
        from rnnmusic.score.notation import from_music21

        return from_music21(stream, name=name)


def sort_notes(notes: Table) -> Table:
    """The same NOTE table sorted by start, pitch, end and velocity: the canonical order."""
    # One key settles almost every table; the full sort is several times slower.
    start, pitch = notes["start_tick"], notes["pitch"]
    if len(notes) and max(start.max(), -start.min()) >= _KEYED_TICKS:
        return notes.take(_canonical_order(notes))
    key = start * 256 + pitch
    if (key[1:] >= key[:-1]).all():
        ties = np.flatnonzero(key[1:] == key[:-1])
        end, later_end = notes["end_tick"][ties], notes["end_tick"][ties + 1]
        louder = notes["velocity"][ties] > notes["velocity"][ties + 1]
        if not ((end > later_end) | ((end == later_end) & louder)).any():
            return notes
    order = np.argsort(key, kind="stable")
    if np.any(np.diff(key[order]) == 0):
        order = _canonical_order(notes)
    return notes.take(order)  # ten times quicker than notes[order] on rows of several fields


def _canonical_order(notes: Table) -> NDArray[np.intp]:
    return np.lexsort((notes["velocity"], notes["end_tick"], notes["pitch"], notes["start_tick"]))


def tempo_bpm(microseconds_per_quarter: ArrayLike) -> NDArray[np.float64]:
    """Quarter notes per minute of a tempo given as SMF does, in microseconds per quarter."""
    return np.asarray(6e7 / np.asarray(microseconds_per_quarter, dtype=np.float64))
