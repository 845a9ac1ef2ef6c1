"""Outgoing: the player's notes as planned messages, up to what has been handed to the sender."""

from __future__ import annotations

from bisect import bisect_left, insort_right
from collections.abc import Callable, Iterable, Sequence
from itertools import groupby
from operator import attrgetter, itemgetter
from typing import NamedTuple

from rnnmusic.encodings.protocol import NoteMessage
from rnnmusic.live.directing.voices import Voice, Voices
from rnnmusic.live.messages import note_off, note_on
from rnnmusic.live.plan import Planned

#: (time_quarters, pitch) -> (delay_s, velocity offset): how a note is played by hand.
Feel = Callable[[float, int], tuple[float, int]]

#: The order of messages at one moment.
SETTING, OFF, ON = 0, 1, 2
#: Whose notes they are: sampled ahead, or replies that stay when what was sampled is cut.
SAMPLED, REPLIES = 0, 1


class _Sounding(NamedTuple):
    since_quarters: float
    voice: Voice
    delay_s: float


class _Entry(NamedTuple):
    time_quarters: float
    rank: int
    planned: Planned
    part: int | None = None  # None: no note
    note: NoteMessage | None = None  # as it was given
    sounding: _Sounding | None = None  # what the off ended


_moment = attrgetter("time_quarters")
_place = attrgetter("time_quarters", "rank")


class Outgoing:
    """Turns note messages into channel messages, and keeps account of those handed over.

    A message is handed over once what lies before it is settled. `plan` compares what the sender
    was given with what it should have, and names the earliest difference.
    """

    def __init__(self, voices: Voices, feel: Feel) -> None:
        self._voices = voices
        self._feel = feel
        self._entries: list[_Entry] = []  # by moment, then rank
        self._sounding: dict[tuple[int, int], _Sounding] = {}  # (part, pitch), after all entries
        self._handed: list[Planned] = []  # by moment
        self._handed_until = float("-inf")
        self._changed_from = float("inf")

    def play(self, notes: Iterable[NoteMessage], loudness: float, part: int = SAMPLED) -> None:
        """Take the next notes of a part, in time order; loudness multiplies velocities."""
        for _, moment in groupby(notes, key=_moment):
            together = list(moment)
            for note in together:
                if not note.velocity:
                    self._end(note, part)
            struck = [note for note in together if note.velocity]
            sounding = [pitch for owner, pitch in self._sounding if owner == part]
            sounding += [note.pitch for note in struck]
            for note in struck:
                self._end(note._replace(velocity=0), part)  # where it sounds already
                self._begin(note, part, sounding, loudness)

    def cut(self, at_quarters: float) -> None:
        """Take back what was sampled from a time on; replies stay."""
        self._take_back(at_quarters)

    def change_loudness(self, at_quarters: float, loudness: float) -> None:
        """Play what was sampled from a time on again, with another loudness."""
        self.play(self._take_back(at_quarters), loudness)

    def say(self, planned: Planned, rank: int) -> None:
        """Add a message that is no note of a part: `cut` doesn't take it back."""
        self._add(_Entry(planned.time_quarters, rank, planned))

    def forget(self, before_quarters: float) -> None:
        """Let go of what lies before a time, where nothing can be changed any more."""
        del self._entries[: self._index(before_quarters)]
        del self._handed[: bisect_left(self._handed, before_quarters, key=_moment)]

    def plan(
        self, ready_quarters: float, end_quarters: float | None = None
    ) -> tuple[float | None, tuple[Planned, ...]]:
        """What to take back from the sender (None: nothing), and what to give it after that.

        With an end everything is settled: notes that sound there end there.
        """
        start = min(self._changed_from, self._handed_until)
        place = bisect_left(self._handed, start, key=_moment)
        given = self._handed[place:]
        stop = ready_quarters if end_quarters is None else end_quarters
        wanted = [e.planned for e in self._entries[self._index(start) : self._index(stop)]]
        if end_quarters is not None:
            wanted += self._closing(end_quarters)
        same = _common(given, wanted)
        retract, new = None, wanted[same:]
        if same < len(given):
            retract = min(p.time_quarters for p in (given[same], *new[:1]))
            new = [p for p in wanted if p.time_quarters >= retract]
        self._handed[place:] = wanted
        self._handed_until, self._changed_from = stop, float("inf")
        return retract, tuple(new)

    def _closing(self, end_quarters: float) -> list[Planned]:
        """The ends of the notes that sound at a time."""
        sounding = dict(self._sounding)
        for entry in reversed(self._entries[self._index(end_quarters) :]):
            _undo(entry, sounding)
        return [
            Planned(end_quarters, note_off(s.voice.channel, pitch), s.delay_s, s.voice.port)
            for (_, pitch), s in sorted(sounding.items(), key=itemgetter(0))
        ]

    def _begin(
        self, note: NoteMessage, part: int, sounding: Sequence[int], loudness: float
    ) -> None:
        time, pitch, velocity = note
        voice = self._voices.of(pitch, sounding)
        # A reply is late already: it isn't held back any longer.
        delay_s, offset = self._feel(time, pitch) if part == SAMPLED else (0.0, 0)
        velocity = min(127, max(1, round(velocity * loudness) + offset))
        planned = Planned(time, note_on(voice.channel, pitch, velocity), delay_s, voice.port)
        self._sounding[part, pitch] = _Sounding(time, voice, delay_s)
        self._add(_Entry(time, ON, planned, part, note))

    def _end(self, note: NoteMessage, part: int) -> None:
        time, pitch, _ = note
        ended = self._sounding.pop((part, pitch), None)
        if ended is None:
            return
        if ended.since_quarters >= time:  # a note of no length is none
            self._drop_on(ended.since_quarters, part, pitch)
            return
        message = note_off(ended.voice.channel, pitch)
        planned = Planned(time, message, ended.delay_s, ended.voice.port)
        self._add(_Entry(time, OFF, planned, part, note, ended))

    def _drop_on(self, since_quarters: float, part: int, pitch: int) -> None:
        for place in range(self._index(since_quarters), len(self._entries)):
            entry = self._entries[place]
            if entry.rank == ON and entry.part == part and entry.planned.message[1] == pitch:
                del self._entries[place]
                self._changed_from = min(self._changed_from, since_quarters)
                return

    def _add(self, entry: _Entry) -> None:
        insort_right(self._entries, entry, key=_place)
        self._changed_from = min(self._changed_from, entry.time_quarters)

    def _take_back(self, at_quarters: float) -> list[NoteMessage]:
        """Remove what was sampled from a time on, as if it had never been made."""
        place = self._index(at_quarters)
        tail = self._entries[place:]
        self._entries[place:] = [entry for entry in tail if entry.part != SAMPLED]
        taken = []
        for entry in reversed(tail):
            if entry.part == SAMPLED and entry.note is not None:
                _undo(entry, self._sounding)
                taken.append(entry.note)
        self._changed_from = min(self._changed_from, at_quarters)
        return taken[::-1]

    def _index(self, time_quarters: float) -> int:
        return bisect_left(self._entries, time_quarters, key=_moment)


def _undo(entry: _Entry, sounding: dict[tuple[int, int], _Sounding]) -> None:
    """What sounded before an entry, of what sounds after it."""
    if entry.part is None or entry.note is None:
        return
    if entry.sounding is None:
        del sounding[entry.part, entry.note.pitch]
    else:
        sounding[entry.part, entry.note.pitch] = entry.sounding


def _common(first: Sequence[Planned], second: Sequence[Planned]) -> int:
    """How many messages two lists have in common at their beginning."""
    pairs = zip(first, second, strict=False)
    return next((i for i, (a, b) in enumerate(pairs) if a != b), min(len(first), len(second)))
