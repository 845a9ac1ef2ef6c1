"""What was repaired in a file, as short clauses for people: counted, never thousands of lines."""

from __future__ import annotations

from rnnmusic.midi import state as s


def of_scan(repairs: s.Longs, *, has_early_end: bool) -> list[str]:
    """Clauses for what a forgiving scan repaired; has_early_end: that the file has is told."""
    clauses = []
    for kind, (count, track, tick, byte_count) in enumerate(repairs.tolist()):
        if kind == s.NO_END:
            # A track that breaks off has no end either.
            count -= int(repairs[s.CUT, s.COUNT]) or has_early_end
        if count > 0 and not (kind == s.CUT and has_early_end):
            clauses.append(_clause(kind, count, track, tick, byte_count))
    return clauses


def _clause(kind: int, count: int, track: int, tick: int, byte_count: int) -> str:
    where = f"at tick {tick} of {named(track)}"
    first = where if count == 1 else f"the first {where}"
    match kind:
        case s.BAD_TEMPO:
            return _left_out(count, "tempo 0", f"{count} tempos of 0", first)
        case s.BAD_METRE:
            return _left_out(count, "impossible metre", f"{count} impossible metres", first)
        case s.BAD_KEY:
            return _left_out(count, "impossible key", f"{count} impossible keys", first)
        case s.SHORT_META:
            one, many = "tempo, metre or key too short", "tempos, metres or keys too short"
            return _left_out(count, one, f"{count} {many}", first)
        case s.LOST:
            lost = plural(count, "damaged place")
            lost += f" ({bytes_of(byte_count)})" if byte_count else ""
            return _left_out(count, lost, lost, first)
        case s.CUT:
            if count == 1:
                return f"{named(track)} breaks off within an event"
            return f"{count} tracks break off within an event"
        case s.CLIPPED:
            return f"{plural(count, 'value')} above 127 set to 127"
        case s.LENT_STATUS:
            events = "an event has" if count == 1 else f"{count} times an event has"
            return f"{events} no status behind a system message, given the one before"
        case s.SYSTEM:
            return f"{plural(count, 'system message')} that no file may hold left out"
        case s.NO_END:
            return f"no end-of-track in {named(track) if count == 1 else f'{count} tracks'}"
        case s.AFTER_END:
            ends = f"the end of {named(track)}" if count == 1 else f"the ends of {count} tracks"
            return f"{bytes_of(byte_count)} after {ends} left out"
        case s.HANGING:
            return f"{plural(count, 'note')} had no end"
        case _:
            return f"{plural(count, 'wait')} written in more than 4 bytes"


def _left_out(count: int, one: str, many: str, first: str) -> str:
    return f"{one} {first} left out" if count == 1 else f"{many} left out, {first}"


def named(track: int) -> str:
    """A track, which counts from 0, as people count."""
    return f"track {track + 1}"


def plural(count: int, noun: str) -> str:
    """1 note, 2 notes."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def bytes_of(count: int) -> str:
    """A number of bytes."""
    return plural(count, "byte")
