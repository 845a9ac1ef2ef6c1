"""Engraved scores to Scores: whatever music21 reads (MusicXML, kern, ABC, its own corpus).

Notation says where bar lines stand, not only which metre is in force: upbeats, bars split by a
repeat and bars cut short are all common. `_bar_lines` turns them into a metre map whose
`Score.bar_starts` are the notated ones.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import TYPE_CHECKING, Any, NamedTuple

from rnnmusic.errors import InputError
from rnnmusic.score.model import KEY, METRE, NOTE, TEMPO, Score, Track, sort_notes, table
from rnnmusic.score.repeats import unfolded

if TYPE_CHECKING:
    import music21

DEFAULT_VELOCITY = 64
USUAL_TICKS_PER_QUARTER = 480
# Divides into 32 parts, triplets of triplets, quintuplets and septuplets; others are rounded.
_FINE_TICKS_PER_QUARTER = 10_080
_SNARE = 38  # what an unpitched note without a pitch of its own plays


class _Note(NamedTuple):
    start: Fraction  # quarters
    end: Fraction
    pitch: int
    velocity: int


class _Metre(NamedTuple):
    start: Fraction
    numerator: int
    denominator: int

    @property
    def bar(self) -> Fraction:
        """Quarters in a bar."""
        return Fraction(4 * self.numerator, self.denominator)


class _Measure(NamedTuple):
    start: Fraction
    length: Fraction
    metre: tuple[int, int] | None  # where a time signature stands


def from_music21(stream: music21.stream.Stream[Any], *, name: str = "") -> Score:
    """Convert a music21 stream at sounding pitch: one Track per part, with its name and program.

    Tied notes become one and repeats are played out where their marks make sense. Grace notes and
    chord symbols, which have no time of their own, are left out. Tempo marks, metres and keys are
    kept, the latter two as the first part has them; without a tempo mark there is no tempo, and
    120 quarters a minute hold. Velocities are those written as such, 64 else: dynamics are signs.

    Music that starts with an upbeat is moved right, so that tick 0 is a bar line: a quarter upbeat
    in 4/4 starts at quarter 3. Every whole measure of the first part starts on one of
    `Score.bar_starts`. Ticks are exact, 480 a quarter or the next multiple that fits all tuplets;
    with tuplets too many for MIDI's 32767 they are rounded to 1/10080 of a quarter.

    name: the Score's; by default the title. Raises InputError when music21 isn't installed.
    """
    try:
        import music21 as m21
    except ImportError:
        raise InputError(
            "Reading notation needs music21, which isn't installed; "
            "run `pip install rnnmusic[scores]`."
        ) from None
    stream = _sounding(unfolded(stream, m21), m21)
    parts: list[Any] = list(stream.getElementsByClass(m21.stream.Part)) or [stream]
    flats = [part.flatten() for part in parts]
    notes = [_notes(flat, m21) for flat in flats]
    shift, metres = _bar_lines(parts[0], flats[0], m21)
    keys = _keys(flats[0], m21)
    tempos = _tempos([stream, *flats], m21)

    times = [time for part in notes for note in part for time in (note.start, note.end)]
    times += [shift, *(m.start for m in metres), *(k[0] for k in keys), *tempos]
    resolution = _resolution(times)

    def tick(quarters: Fraction) -> int:
        # What stands at the very start, an upbeat's key say, holds from tick 0 on.
        return round((quarters + shift) * resolution)

    def tick_of_sign(quarters: Fraction) -> int:
        return tick(quarters) if quarters else 0

    return Score(
        ticks_per_quarter=resolution,
        tracks=tuple(
            _track(part, flat, [(tick(n.start), tick(n.end), n.pitch, n.velocity) for n in played])
            for part, flat, played in zip(parts, flats, notes, strict=True)
        ),
        tempos=table(TEMPO, [(tick_of_sign(at), tempo) for at, tempo in tempos.items()]),
        metres=table(METRE, [(round(m.start * resolution), *m[1:]) for m in metres]),
        keys=table(KEY, [(tick_of_sign(at), sharps, minor) for at, sharps, minor in keys]),
        name=name or _title(stream),
    )


def _sounding(stream: Any, m21: Any) -> Any:
    instruments = stream.recurse().getElementsByClass(m21.instrument.Instrument)
    if all(instrument.transposition is None for instrument in instruments):
        return stream
    return stream.toSoundingPitch()


def _notes(flat: Any, m21: Any) -> list[_Note]:
    """The notes of a part, ties joined, in order of their starts."""
    written = [
        (_offset(element, flat), member, element)
        for element in flat.notes
        if not element.duration.isGrace and not isinstance(element, m21.harmony.Harmony)
        for member in (element.notes if hasattr(element, "notes") else (element,))
    ]
    # Of several notes that may end a tie the marked one does; second endings often lack the mark.
    written.sort(key=lambda row: (row[0], _tie(row[1]) not in ("stop", "continue")))
    played: list[_Note] = []
    tied: dict[tuple[int, Fraction], list[int]] = {}  # pitch, end -> places in `played`
    for start, member, element in written:
        end = start + _fraction(element.duration.quarterLength)
        pitch = _pitch(member)
        before = tied.get((pitch, start))
        if before:
            place = before.pop()
            played[place] = played[place]._replace(end=end)
        else:
            place = len(played)
            played.append(_Note(start, end, pitch, _velocity(member, element)))
        if _tie(member) in ("start", "continue"):
            tied.setdefault((pitch, end), []).append(place)
    return played


def _tie(note: Any) -> str | None:
    return note.tie.type if note.tie is not None else None


def _pitch(note: Any) -> int:
    pitch = getattr(note, "pitch", None)
    if pitch is not None:
        return int(pitch.midi)
    instrument = note.storedInstrument
    mapped = getattr(instrument, "percMapPitch", None)
    return int(mapped) if mapped is not None else _SNARE


def _velocity(note: Any, element: Any) -> int:
    for source in (note, element):
        if source.hasVolumeInformation() and source.volume.velocity is not None:
            return min(127, max(1, int(source.volume.velocity)))
    return DEFAULT_VELOCITY


def _track(part: Any, flat: Any, rows: list[tuple[int, int, int, int]]) -> Track:
    instruments = list(flat.getElementsByClass("Instrument"))
    instrument = instruments[0] if instruments else None
    program = getattr(instrument, "midiProgram", None)
    unpitched = any(flat.getElementsByClass(("Unpitched", "PercussionChord")))
    name = getattr(part, "partName", None) or getattr(instrument, "instrumentName", None) or ""
    return Track(
        notes=sort_notes(table(NOTE, rows)),
        program=program if program is not None and 0 <= program <= 127 else 0,
        is_drum=unpitched or getattr(instrument, "midiChannel", None) == 9,
        name=str(name),
    )


def _bar_lines(part: Any, flat: Any, m21: Any) -> tuple[Fraction, list[_Metre]]:
    """Quarters by which an upbeat moves the music, and the metres after that move."""
    measures = list(_measures(part, m21))
    if not measures:
        signs = flat.getElementsByClass(m21.meter.TimeSignature)
        return Fraction(0), [
            _Metre(_offset(sign, flat), *fraction) for sign in signs if (fraction := _metre(sign))
        ]
    numerator, denominator = measures[0].metre or (4, 4)
    metre = _Metre(Fraction(0), numerator, denominator)
    upbeat = len(measures) > 1 and measures[0].length < metre.bar
    shift = metre.bar - measures[0].length if upbeat else Fraction(0)
    metres = [metre] if any(m.metre for m in measures) else []
    filled = shift  # quarters of the current bar that have passed
    for number, measure in enumerate(measures):
        start = measure.start + shift
        if number and measure.metre:
            numerator, denominator = measure.metre
        stated = _Metre(start, numerator, denominator)
        changed = (metre.numerator, metre.denominator) != (numerator, denominator)
        if filled and filled + measure.length > stated.bar:
            # The bar before was cut short: stating the metre again starts a new one here.
            changed, filled = True, Fraction(0)
        long = None
        if measure.length > stated.bar and not filled:
            long = _metre_of_length(start, measure.length, denominator)
        if long or (number and changed):
            metre = long or stated
            metres = [m for m in metres if m.start < start] + [metre]
            filled = Fraction(0)
        filled = (filled + measure.length) % metre.bar
    return shift, metres


def _measures(part: Any, m21: Any) -> Iterator[_Measure]:
    measures = list(part.getElementsByClass(m21.stream.Measure))
    starts = [_offset(measure, part) for measure in measures]
    if not measures:
        return
    end = max(starts[-1], _fraction(part.highestTime))
    for measure, start, after in zip(measures, starts, [*starts[1:], end], strict=True):
        sign = measure.timeSignature
        if after > start:
            yield _Measure(start, after - start, _metre(sign) if sign is not None else None)


def _metre(sign: Any) -> tuple[int, int] | None:
    """A time signature's numbers, or None when it has none that a metre can hold."""
    numerator, denominator = getattr(sign, "numerator", None), getattr(sign, "denominator", None)
    # music21 makes up metres such as 1/6 for bars of ABC that don't add up.
    if not numerator or not denominator or numerator > 255 or denominator & (denominator - 1):
        return None
    return int(numerator), int(denominator)


def _metre_of_length(start: Fraction, length: Fraction, denominator: int) -> _Metre | None:
    """The metre whose bar is so many quarters long, in the given unit or a shorter one."""
    while denominator <= 128:
        numerator = length * denominator / 4
        if numerator.denominator == 1 and numerator <= 255:
            return _Metre(start, int(numerator), denominator)
        denominator *= 2
    return None


def _tempos(streams: Iterable[Any], m21: Any) -> dict[Fraction, int]:
    """Quarter offset -> microseconds per quarter; of marks at one place the first counts."""
    tempos: dict[Fraction, int] = {}
    for stream in streams:
        for sign in stream.getElementsByClass(m21.tempo.TempoIndication):
            mark = sign.getSoundingMetronomeMark()
            bpm = mark.getQuarterBPM() if mark is not None else None
            if bpm:
                tempos.setdefault(_offset(sign, stream), max(1, round(6e7 / bpm)))
    return tempos


def _keys(flat: Any, m21: Any) -> list[tuple[Fraction, int, bool]]:
    """Offset, sharps and mode of each key; a repeat states its key again, which says nothing."""
    keys: list[tuple[Fraction, int, bool]] = []
    for sign in flat.getElementsByClass(m21.key.KeySignature):
        if sign.sharps is not None:
            key = (_sharps(sign), getattr(sign, "mode", None) == "minor")
            if not keys or keys[-1][1:] != key:
                keys.append((_offset(sign, flat), *key))
    return keys


def _sharps(key: Any) -> int:
    # Theoretical keys, G sharp major say, are respelled by twelve fifths.
    return int((key.sharps + 7) % 12 - 7) if abs(key.sharps) > 7 else int(key.sharps)


def _title(stream: Any) -> str:
    metadata = stream.metadata
    return str(metadata.bestTitle or "") if metadata is not None else ""


def _offset(element: Any, site: Any) -> Fraction:
    return _fraction(element.getOffsetBySite(site))


def _fraction(quarters: float | Fraction) -> Fraction:
    # music21 keeps binary fractions as floats and others as Fractions, of at most this denominator.
    return Fraction(quarters).limit_denominator(65535)


def _resolution(times: Iterable[Fraction]) -> int:
    needed = math.lcm(USUAL_TICKS_PER_QUARTER, *(time.denominator for time in times))
    return needed if needed <= 32767 else _FINE_TICKS_PER_QUARTER
