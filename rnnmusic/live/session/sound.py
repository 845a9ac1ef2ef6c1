"""A session as a MIDI file, in the score's time, and as sound, in the performance's."""

from __future__ import annotations

import io
import os
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from rnnmusic.errors import InputError
from rnnmusic.files import replacing_file
from rnnmusic.live.events import Ordered, Turned
from rnnmusic.live.messages import SYSTEM, note_off
from rnnmusic.live.plan import Planned
from rnnmusic.live.sending.ledger import Ledger
from rnnmusic.live.session.reading import Session
from rnnmusic.live.session.replay import performed
from rnnmusic.live.timing.beat import unwarp

if TYPE_CHECKING:
    from rnnmusic.audio import Audio

TICKS_PER_QUARTER = 480
#: For sound a tick is 1/9,600 s: a tempo of 60 with this many to the quarter.
_TICKS_PER_S = 9600
_SLOWEST_US = 0xFFFFFF  # per quarter, three bytes in the file


class _Moment(NamedTuple):
    tick: int
    message: bytes


def save_midi(
    session: Session, path: str | os.PathLike[str], replayed: Sequence[Planned] | None = None
) -> None:
    """Write the performance as a Standard MIDI File, format 1; the same bytes every time.

    Ticks are places in the score, 480 to the quarter, so swing, humanising and pauses are not in
    them. The first track holds the tempos, and as markers what the performer turned, ordered and
    was told; then comes a track for each of our ports and one for each input. replayed: the
    messages of a replay that `without_dropped` has been through, to write instead of those
    recorded. InputError if `path` can't be written.
    """
    messages = performed(session) if replayed is None else replayed
    ours: dict[int, list[_Moment]] = {}
    for message in messages:
        ours.setdefault(message.port, []).append(
            _Moment(_tick(message.time_quarters), message.message)
        )
    theirs: dict[int, list[_Moment]] = {}
    for heard in session.heard:
        theirs.setdefault(heard.port, []).append(_Moment(_tick(heard.time_quarters), heard.message))
    file = _file(TICKS_PER_QUARTER, _tempos(session), _markers(session), ours, theirs)
    with replacing_file(path) as temporary:
        temporary.write_bytes(file)


def render(
    session: Session,
    *,
    sample_rate_hz: int = 44_100,
    soundfont: str | os.PathLike[str] | None = None,
) -> Audio:
    """The performance as sound, both players, at the times when it was due to be heard.

    It begins with the first message, so the time that a model took to load isn't in it. See
    `rnnmusic.synthesis.render` for the two settings. InputError for a session without notes.
    """
    from rnnmusic import midi
    from rnnmusic.synthesis import render as synthesise

    sent = [entry for entry in session.sent if entry.dropped is None]
    times_s = [entry.due_s for entry in sent] + [heard.time_s for heard in session.heard]
    start_s = min(times_s, default=0.0)
    ours: dict[int, list[_Moment]] = {}
    for entry in sent:
        tick = round((entry.due_s - start_s) * _TICKS_PER_S)
        ours.setdefault(entry.port, []).append(_Moment(tick, entry.message))
    theirs: dict[int, list[_Moment]] = {}
    for heard in session.heard:
        tick = round((heard.time_s - start_s) * _TICKS_PER_S)
        theirs.setdefault(heard.port, []).append(_Moment(tick, heard.message))
    score = midi.load(_file(_TICKS_PER_S, [(0, 1_000_000)], [], ours, theirs)).score
    if not score.note_count:
        raise InputError(f"{session.folder} has no notes to make sound of.")
    return synthesise(score, sample_rate_hz=sample_rate_hz, soundfont=soundfont)


def _tick(time_quarters: float) -> int:
    return max(0, round(time_quarters * TICKS_PER_QUARTER))


def _markers(session: Session) -> list[tuple[int, str]]:
    """(tick, text) of the controls turned, the orders given and the notices shown."""
    markers = [
        (_tick(session.quarters_at(notice.time_s)), notice.text) for notice in session.notices
    ]
    for event in session.events:
        if isinstance(event, Turned):
            markers.append((_tick(event.at_quarters), f"{event.name}: {_text(event.value)}"))
        elif isinstance(event, Ordered):
            words = (event.name, *map(_text, event.arguments))
            markers.append((_tick(event.at_quarters), " ".join(words)))
    return markers


def _text(value: float | int | str | None) -> str:
    return f"{value:.4g}" if isinstance(value, float) else "-" if value is None else str(value)


def _tempos(session: Session) -> list[tuple[int, int]]:
    """(tick, microseconds per quarter) wherever the tempo changes; a stop takes no ticks."""
    tempos: list[tuple[int, int]] = []
    for line in session.clock:
        if line.quarters_per_s <= 0:
            continue
        tempo = min(_SLOWEST_US, round(1e6 / line.quarters_per_s))
        tick = _tick(unwarp(line.quarters, line.swing))
        while tempos and tempos[-1][0] >= tick:
            tempos.pop()
        if not tempos or tempos[-1][1] != tempo:
            tempos.append((tick, tempo))
    return tempos


def _file(
    ticks_per_quarter: int,
    tempos: Iterable[tuple[int, int]],
    markers: Iterable[tuple[int, str]],
    ours: dict[int, list[_Moment]],
    theirs: dict[int, list[_Moment]],
) -> bytes:
    """Bytes of a MIDI file in which every note that begins also ends."""
    import mido

    conductor: list[tuple[int, Any]] = [
        (tick, mido.MetaMessage("set_tempo", tempo=tempo)) for tick, tempo in tempos
    ]
    conductor += [(tick, mido.MetaMessage("marker", text=text)) for tick, text in markers]
    end = max(
        (moment.tick for part in (*ours.values(), *theirs.values()) for moment in part), default=0
    )
    tracks = [_track("", sorted(conductor, key=lambda entry: entry[0]))]
    for name, parts in (("rnnmusic", ours), ("other player", theirs)):
        for port in sorted(parts):
            title = f"{name} {port + 1}" if len(parts) > 1 else name
            played = [
                (moment.tick, mido.Message.from_bytes(moment.message))
                for moment in _whole(parts[port], end)
            ]
            tracks.append(_track(title, played))
    file = mido.MidiFile(type=1, ticks_per_beat=ticks_per_quarter, tracks=tracks, charset="utf-8")
    data = io.BytesIO()
    file.save(file=data)
    return data.getvalue()


def _whole(moments: list[_Moment], end: int) -> list[_Moment]:
    """Channel messages in order of time; notes end where they are struck again, and at the end."""
    ledger = Ledger()
    whole = []
    for moment in sorted(moments, key=lambda moment: moment.tick):
        if moment.message[0] < SYSTEM:
            whole += [_Moment(moment.tick, message) for message in ledger.admit(moment.message)]
    return whole + [_Moment(end, note_off(*key)) for key in sorted(ledger.sounding)]


def _track(name: str, events: Iterable[tuple[int, Any]]) -> Any:
    """A mido track of (tick, message) in order."""
    import mido

    track = mido.MidiTrack([mido.MetaMessage("track_name", name=name)])
    last = 0
    for tick, message in events:
        track.append(message.copy(time=tick - last))
        last = tick
    return track
