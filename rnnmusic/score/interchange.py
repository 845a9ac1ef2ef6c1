"""Scores to and from the objects of mido and pretty_midi."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rnnmusic.errors import InputError
from rnnmusic.score.assembly import Chunk, MalformedError, assemble, end_to_end
from rnnmusic.score.messages import (
    MAX_MICROSECONDS_PER_QUARTER,
    assign_channels,
    check_conductor,
    track_messages,
)
from rnnmusic.score.model import (
    BEND,
    CONTROL,
    DEFAULT_MICROSECONDS_PER_QUARTER,
    KEY,
    METRE,
    NOTE,
    TEMPO,
    Score,
    Table,
    Track,
    sort_notes,
    table,
)

if TYPE_CHECKING:
    import mido
    import pretty_midi

# Tonics from 7 flats to 7 sharps, as mido spells them; a minor key has its relative's signature.
_MAJOR = ("Cb", "Gb", "Db", "Ab", "Eb", "Bb", "F", "C", "G", "D", "A", "E", "B", "F#", "C#")
_MINOR = (
    *("Abm", "Ebm", "Bbm", "Fm", "Cm", "Gm", "Dm", "Am", "Em", "Bm", "F#m", "C#m"),
    *("G#m", "D#m", "A#m"),
)


def from_mido(midi: mido.MidiFile) -> Score:
    """Convert a `mido.MidiFile` as `rnnmusic.midi.read` would read the file it saves.

    Raises InputError for values without meaning, such as a tempo of 0.
    """
    chunks = []
    try:
        for messages in midi.tracks:
            chunks.append(_chunk(messages, midi.charset))
    except MalformedError as error:
        raise InputError(f"The mido file can't be used: {error}; correct its messages.") from None
    name = _opening_name(midi.tracks[0], midi.charset) if midi.tracks else ""
    groups = [chunks] if midi.type != 2 else [[chunk] for chunk in chunks]
    return end_to_end(
        assemble(
            group,
            ticks_per_quarter=midi.ticks_per_beat,
            one_chunk=midi.type == 0,
            name=name,
        )
        for group in groups
    )


def to_mido(score: Score) -> mido.MidiFile:
    """Convert to a `mido.MidiFile` of type 1 whose messages are those that `midi.write` writes.

    Raises InputError for values that MIDI can't hold.
    """
    import mido

    check_conductor(score)
    midi = mido.MidiFile(type=1, ticks_per_beat=score.ticks_per_quarter, charset="utf-8")
    signs: list[tuple[int, Any]] = []
    for tick, tempo in score.tempos.tolist():
        signs.append((tick, mido.MetaMessage("set_tempo", tempo=tempo)))
    for tick, numerator, denominator in score.metres.tolist():
        sign = mido.MetaMessage("time_signature", numerator=numerator, denominator=denominator)
        signs.append((tick, sign))
    for tick, sharps, is_minor in score.keys.tolist():
        tonic = (_MINOR if is_minor else _MAJOR)[sharps + 7]
        signs.append((tick, mido.MetaMessage("key_signature", key=tonic)))
    midi.tracks.append(_mido_track(score.name, sorted(signs, key=lambda sign: sign[0])))
    for track, channel in zip(score.tracks, assign_channels(score.tracks), strict=True):
        # A program change has one data byte: mido counts them.
        stream = [
            (tick, mido.Message.from_bytes([status, *data[: 1 if status & 0xF0 == 0xC0 else 2]]))
            for tick, status, *data in track_messages(track, channel).tolist()
        ]
        midi.tracks.append(_mido_track(track.name, stream))
    return midi


def from_pretty_midi(midi: pretty_midi.PrettyMIDI, *, name: str = "") -> Score:
    """Convert a `PrettyMIDI`, its seconds to the nearest ticks of its own tick scale.

    Tempos come back to the microsecond per quarter. Its keys know no enharmonics: C flat is B.
    Raises InputError for values without meaning, such as an infinite tempo.
    """
    tempos = []
    for tick, seconds_per_tick in midi._tick_scales:
        tempo = round(seconds_per_tick * midi.resolution * 1e6)
        if not 1 <= tempo <= MAX_MICROSECONDS_PER_QUARTER:
            raise InputError(
                f"The PrettyMIDI has a tempo of {tempo} microseconds per quarter at tick {tick}; "
                f"give it one of 1 to {MAX_MICROSECONDS_PER_QUARTER}."
            )
        tempos.append((tick, tempo))
    at = midi.time_to_tick
    metres = [
        (at(sign.time), sign.numerator, sign.denominator) for sign in midi.time_signature_changes
    ]
    keys = [(at(key.time), *_signature(key.key_number)) for key in midi.key_signature_changes]
    tracks = tuple(
        Track(
            notes=sort_notes(
                table(NOTE, [(at(n.start), at(n.end), n.pitch, n.velocity) for n in part.notes])
            ),
            program=part.program,
            is_drum=part.is_drum,
            name=part.name,
            controls=table(
                CONTROL, [(at(c.time), c.number, c.value) for c in part.control_changes]
            ),
            bends=table(BEND, [(at(b.time), b.pitch) for b in part.pitch_bends]),
        )
        for part in midi.instruments
    )
    return Score(
        ticks_per_quarter=midi.resolution,
        tracks=tracks,
        tempos=table(TEMPO, tempos),
        metres=table(METRE, metres),
        keys=table(KEY, keys),
        name=name,
    )


def to_pretty_midi(score: Score) -> pretty_midi.PrettyMIDI:
    """Convert to a `PrettyMIDI` with the same ticks per quarter and tempo map.

    Of several tempos at one tick only the last, which is the one that counts, is kept; the score's
    name is lost. Times are `Score.seconds`.
    """
    import pretty_midi

    midi = pretty_midi.PrettyMIDI(resolution=score.ticks_per_quarter, charset="utf-8")
    scales = {0: DEFAULT_MICROSECONDS_PER_QUARTER, **dict(score.tempos.tolist())}
    # pretty_midi has no public way to set a tempo map.
    midi._tick_scales = [
        (tick, tempo / (1e6 * score.ticks_per_quarter)) for tick, tempo in scales.items()
    ]
    midi._update_tick_to_time(score.end_tick + 1)
    for tick, numerator, denominator in score.metres.tolist():
        time_s = float(score.seconds(tick))
        sign = pretty_midi.TimeSignature(numerator, denominator, time_s)
        midi.time_signature_changes.append(sign)
    for tick, sharps, is_minor in score.keys.tolist():
        tonic = (sharps * 7 + (9 if is_minor else 0)) % 12
        key = pretty_midi.KeySignature(tonic + 12 * is_minor, float(score.seconds(tick)))
        midi.key_signature_changes.append(key)
    midi.instruments += [_instrument(score, track) for track in score.tracks]
    return midi


def _chunk(messages: Any, charset: str) -> tuple[Chunk, int]:
    """Feed a mido track to a Chunk; returns it with the tick of the track's end."""
    chunk = Chunk()
    tick = 0
    for message in messages:
        tick += message.time
        if message.type == "end_of_track":
            break
        if message.type == "track_name":
            chunk.name = _recoded(message.name, charset)
        elif message.type == "set_tempo":
            chunk.tempo(tick, message.tempo)
        elif message.type == "time_signature":
            chunk.metre(tick, message.numerator, message.denominator)
        elif message.type == "key_signature":
            names = _MINOR if message.key.endswith("m") else _MAJOR
            chunk.key(tick, names.index(message.key) - 7, int(names is _MINOR))
        elif not message.is_meta and (data := message.bytes())[0] < 0xF0:
            chunk.message(tick, data[0], data[1], data[2] if len(data) > 2 else 0)
    return chunk, tick


def _opening_name(messages: Any, charset: str) -> str:
    """The track name among the meta messages that open a track: the sequence's."""
    name = ""
    for message in messages:
        if not message.is_meta or message.type == "end_of_track":
            break
        if message.type == "track_name":
            name = _recoded(message.name, charset)
    return name


def _recoded(text: str, charset: str) -> str:
    """Undo mido's habit of reading UTF-8 as Latin-1."""
    try:
        return text.encode(charset).decode("utf-8")
    except UnicodeError:
        return text


def _mido_track(name: str, stream: list[tuple[int, Any]]) -> Any:
    import mido

    track = mido.MidiTrack()
    if name:
        track.append(mido.MetaMessage("track_name", name=name))
    before = 0
    for tick, message in stream:
        track.append(message.copy(time=tick - before))
        before = tick
    track.append(mido.MetaMessage("end_of_track"))
    return track


def _signature(key_number: int) -> tuple[int, bool]:
    """Sharps, from -5 to 6, and mode of pretty_midi's key number: 0..11 major, 12..23 minor."""
    is_minor = key_number >= 12
    tonic = (key_number + (3 if is_minor else 0)) % 12  # of the relative major
    return (tonic * 7 + 5) % 12 - 5, is_minor


def _instrument(score: Score, track: Track) -> Any:
    import pretty_midi

    part = pretty_midi.Instrument(track.program, is_drum=track.is_drum, name=track.name)

    def seconds(events: Table, column: str = "tick") -> list[float]:
        times: list[float] = score.seconds(events[column]).tolist()
        return times

    notes, controls, bends = track.notes, track.controls, track.bends
    starts, ends = seconds(notes, "start_tick"), seconds(notes, "end_tick")
    part.notes = [
        pretty_midi.Note(velocity, pitch, start, end)
        for (pitch, velocity), start, end in zip(
            notes[["pitch", "velocity"]].tolist(), starts, ends, strict=True
        )
    ]
    part.control_changes = [
        pretty_midi.ControlChange(number, value, time)
        for (number, value), time in zip(
            controls[["number", "value"]].tolist(), seconds(controls), strict=True
        )
    ]
    part.pitch_bends = [
        pretty_midi.PitchBend(value, time)
        for value, time in zip(bends["value"].tolist(), seconds(bends), strict=True)
    ]
    return part
