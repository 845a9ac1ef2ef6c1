"""Tracks as streams of MIDI messages: which channel they play on, in which order they speak.

A MIDI stream can't say which of two sounding notes of one pitch a note-off ends. Everyone pairs
them first in, first out, so a track whose notes are nested (a short note inside a longer one of
the same pitch) comes back with the two ends swapped: `as_heard` says exactly how.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rnnmusic.errors import InputError
from rnnmusic.score.model import Score, Table, Track, sort_notes

MESSAGE = np.dtype([("tick", "<i8"), ("status", "u1"), ("data1", "u1"), ("data2", "u1")])

NOTE_OFF, NOTE_ON, CONTROL_CHANGE, PROGRAM_CHANGE, PITCH_BEND = 0x80, 0x90, 0xB0, 0xC0, 0xE0
DRUM_CHANNEL = 9
MELODIC_CHANNELS = tuple(c for c in range(16) if c != DRUM_CHANNEL)
RELEASE_VELOCITY = 64  # what the standard asks of keyboards that don't measure it
MAX_MICROSECONDS_PER_QUARTER = 0xFFFFFF

# At one tick: set up the channel, end what sounds, move controllers, then start notes; the end of
# a note of no length can only follow its start.
_SETUP, _END, _MOVE, _START, _END_AT_ONCE = range(5)


def as_heard(notes: Table) -> Table:
    """The NOTE table as a MIDI channel tells it: per pitch, the nth note to start ends nth.

    Starts, velocities and ends all stay; only which end belongs to which start may change, and
    nothing changes unless one note lies within another of the same pitch.
    """
    heard = sort_notes(notes).copy()
    by_start = np.argsort(heard["pitch"], kind="stable")  # within a pitch: by start, then end
    by_end = np.lexsort((heard["end_tick"], heard["pitch"]))
    heard["end_tick"][by_start] = heard["end_tick"][by_end]
    return sort_notes(heard)


def assign_channels(tracks: Sequence[Track]) -> list[int]:
    """Channel 0..15 of each track: 9 for drums, the other fifteen in turn, then again."""
    melodic = 0
    channels = []
    for track in tracks:
        if track.is_drum:
            channels.append(DRUM_CHANNEL)
        else:
            channels.append(MELODIC_CHANNELS[melodic % len(MELODIC_CHANNELS)])
            melodic += 1
    return channels


def track_messages(track: Track, channel: int) -> Table:
    """MESSAGE table of a track on a channel, in playing order, its program change first.

    Program changes use data1 only. Raises InputError for values that MIDI can't hold.
    """
    _check_track(track)
    notes = sort_notes(track.notes)
    n, c, b = len(notes), len(track.controls), len(track.bends)
    messages = np.empty(1 + 2 * n + c + b, dtype=MESSAGE)
    rank = np.empty(len(messages), dtype=np.int64)

    messages[0], rank[0] = (0, PROGRAM_CHANGE, track.program, 0), _SETUP

    starts, ends = messages[1 : 1 + n], messages[1 + n : 1 + 2 * n]
    starts["tick"], ends["tick"] = notes["start_tick"], notes["end_tick"]
    starts["status"], ends["status"] = NOTE_ON, NOTE_OFF
    starts["data1"] = ends["data1"] = notes["pitch"]
    starts["data2"], ends["data2"] = notes["velocity"], RELEASE_VELOCITY
    rank[1 : 1 + n] = _START
    rank[1 + n : 1 + 2 * n] = np.where(starts["tick"] == ends["tick"], _END_AT_ONCE, _END)

    controls = messages[1 + 2 * n : 1 + 2 * n + c]
    controls["tick"], controls["status"] = track.controls["tick"], CONTROL_CHANGE
    controls["data1"], controls["data2"] = track.controls["number"], track.controls["value"]

    bends = messages[1 + 2 * n + c :]
    raw = track.bends["value"].astype(np.int64) + 8192
    bends["tick"], bends["status"] = track.bends["tick"], PITCH_BEND
    bends["data1"], bends["data2"] = raw & 0x7F, raw >> 7
    rank[1 + 2 * n :] = _MOVE

    messages["status"] |= np.uint8(channel)
    return messages[np.argsort(messages["tick"] * 8 + rank, kind="stable")]


def check_conductor(score: Score) -> None:
    """Raise InputError when a tempo, metre or key can't be said in MIDI."""
    if np.any(score.tempos["microseconds_per_quarter"] > MAX_MICROSECONDS_PER_QUARTER):
        _refuse("a tempo slower than 3.58 quarters a minute", "use a faster one")
    for numerator, denominator in score.metres[["numerator", "denominator"]].tolist():
        if denominator & (denominator - 1):
            _refuse(f"the metre {numerator}/{denominator}", "use a power of two below the line")
    if np.any(np.abs(score.keys["sharps"].astype(int)) > 7):
        _refuse("a key of more than 7 sharps or flats", "respell it")
    if any(len(t) and t["tick"].min() < 0 for t in (score.tempos, score.metres, score.keys)):
        _refuse("an event before tick 0", "shift the music")


def _check_track(track: Track) -> None:
    notes, controls, bends = track.notes, track.controls, track.bends
    if not 0 <= track.program <= 127:
        _refuse(f"program {track.program}", "use 0..127")
    if np.any(notes["pitch"] > 127):
        _refuse("a pitch above 127", "use 0..127")
    if np.any((notes["velocity"] < 1) | (notes["velocity"] > 127)):
        _refuse("a note velocity of 0 or above 127", "use 1..127")
    if np.any(notes["end_tick"] < notes["start_tick"]):
        _refuse("a note that ends before it starts", "swap its ticks")
    if np.any((controls["number"] > 127) | (controls["value"] > 127)):
        _refuse("a controller number or value above 127", "use 0..127")
    if np.any((bends["value"] < -8192) | (bends["value"] > 8191)):
        _refuse("a pitch bend outside -8192..8191", "clip it")
    ticks = (notes["start_tick"], controls["tick"], bends["tick"])
    if any(len(t) and t.min() < 0 for t in ticks):
        _refuse("an event before tick 0", "shift the music")


def _refuse(what: str, remedy: str) -> None:
    raise InputError(f"The score has {what}, which MIDI can't say; {remedy}.")
