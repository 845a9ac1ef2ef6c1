"""The built-in instruments played as it happens: MIDI messages in, blocks of sound out.

The voices are those of the offline renderer, by their strongest modes and without vibrato, breath
and room: a note costs a few microseconds a block.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import count

import numpy as np
from numpy.typing import NDArray

from rnnmusic.synthesis.bank import LONGEST_BLOCK, Bank
from rnnmusic.synthesis.drums import CHOKES, KIT
from rnnmusic.synthesis.limiter import Limiter
from rnnmusic.synthesis.modes import modes_of
from rnnmusic.synthesis.voices import VOICES, voice_name

VOICES_AT_ONCE = 64
FADING = 32  # slots more, for notes that make way
MAKE_WAY_S = 0.004
SILENT = 1e-5  # re full scale: nothing is heard of a note any more
LEVEL_DB = -20.0  # of a middle C at velocity 100, re full scale
LOUDNESS_EXPONENT = 1.6  # gain = (velocity / 100) ^ 1.6, as when rendered
VELOCITY_BIN = 16
DRUM_CHANNEL, DRUM_VELOCITY = 9, 100
CHOKE_S = 0.012
VOLUME_S = 0.01  # how fast a volume controller is followed
SUSTAIN, VOLUME, EXPRESSION, ALL_SOUND_OFF, ALL_NOTES_OFF = 64, 7, 11, 120, 123


@dataclass
class _Note:
    """A note in the bank: who plays it, and its gain on the left and on the right."""

    channel: int
    pitch: int
    release_s: float | None
    left: float
    right: float
    is_held: bool = True  # by the key
    is_released: bool = False


@dataclass
class _Hit:
    """A drum that rings out: (2, frames), from a frame on."""

    pitch: int
    sound: NDArray[np.float32]
    at: int = 0


@dataclass
class _Channel:
    program: int = 0
    has_pedal: bool = False
    volume: int = 100
    expression: int = 127
    gain: float = 1.0  # on its way to what volume and expression say

    @property
    def wanted_gain(self) -> float:
        return (self.volume / 100 * self.expression / 127) ** 2


@dataclass(order=True)
class _Due:
    frame: int
    order: int
    message: bytes = field(compare=False)


class Polyphony:
    """Plays channel messages, each at its frame, in blocks of a fixed length.

    Programs, velocity, sustain pedal, volume, expression and the drums of channel 10 are
    honoured. Beyond 64 notes the faintest makes way. A limiter keeps the sum within full scale,
    and puts it off by a block.
    """

    def __init__(self, sample_rate_hz: int = 48_000, block_frames: int = LONGEST_BLOCK) -> None:
        self.sample_rate_hz = sample_rate_hz
        self.block_frames = block_frames
        self.frame = 0  # where the next block begins
        self._posted: deque[_Due] = deque()  # by other threads
        self._due: list[_Due] = []
        self._order = count()
        self._bank = Bank(VOICES_AT_ONCE + FADING)
        self._notes: list[_Note] = []
        self._hits: list[_Hit] = []
        self._channels = [_Channel() for _ in range(16)]
        self._limiter = Limiter(sample_rate_hz, block_frames)
        self._drums = {pitch: _drum(pitch, sample_rate_hz) for pitch in KIT}

    @property
    def sounding(self) -> int:
        """Notes and drums that are still heard."""
        return len(self._notes) + len(self._hits)

    @property
    def is_idle(self) -> bool:
        """Whether nothing sounds and nothing is due."""
        return not (self.sounding or self._due or self._posted)

    def post(self, message: bytes, frame: int) -> None:
        """Play a message at a frame, or with the next block if that is past; from any thread."""
        self._posted.append(_Due(frame, next(self._order), message))

    def process(self) -> NDArray[np.float32]:
        """The next block, (2, block_frames), within full scale."""
        while self._posted:
            heappush(self._due, self._posted.popleft())
        block = np.zeros((2, self.block_frames), dtype=np.float32)
        at = 0
        while at < self.block_frames:
            while self._due and self._due[0].frame <= self.frame + at:
                self._play(heappop(self._due).message)
            end = min(self.block_frames, at + LONGEST_BLOCK)
            if self._due:
                end = min(end, self._due[0].frame - self.frame)
            self._render(block[:, at:end])
            at = end
        self.frame += self.block_frames
        return self._limiter.process(block)

    def _render(self, out: NDArray[np.float32]) -> None:
        """Add the next frames of everything to `out`, (2, frames)."""
        frames = out.shape[1]
        if self._notes:
            sound = self._bank.render(frames) * self._follow_volumes(frames)
            sides = np.array([(n.left, n.right) for n in self._notes], dtype=np.float32)
            out += sides.T @ sound
            heard = self._bank.sounding * sides.max(axis=1)
            for slot in np.flatnonzero(heard < SILENT)[::-1]:
                self._end(int(slot))
        for hit in self._hits:
            part = hit.sound[:, hit.at : hit.at + frames]
            out[:, : part.shape[1]] += part
            hit.at += frames
        self._hits = [hit for hit in self._hits if hit.at < hit.sound.shape[1]]

    def _follow_volumes(self, frames: int) -> NDArray[np.float32]:
        """Gains of all notes by their channels, (n, frames) or (n, 1) while none moves."""
        before = [channel.gain for channel in self._channels]
        share = -math.expm1(-frames / (VOLUME_S * self.sample_rate_hz))
        for channel in self._channels:
            distance = channel.wanted_gain - channel.gain
            channel.gain += distance * share if abs(distance) > 1e-4 else distance
        notes = [note.channel for note in self._notes]
        start = np.array(before, dtype=np.float32)[notes][:, None]
        stop = np.array([c.gain for c in self._channels], dtype=np.float32)[notes][:, None]
        if np.array_equal(start, stop):
            return start
        return np.asarray(start + (stop - start) * np.arange(frames, dtype=np.float32) / frames)

    def _play(self, message: bytes) -> None:
        kind, number = message[0] & 0xF0, message[0] & 0x0F
        channel = self._channels[number]
        if kind == 0x90 and message[2]:
            if number == DRUM_CHANNEL:
                self._hit(message[1], message[2])
            else:
                self._start(number, message[1], message[2])
        elif kind in (0x80, 0x90):
            for note in self._of(number):
                if note.pitch == message[1] and note.is_held:
                    note.is_held = False
                    if not channel.has_pedal:
                        self._release(note)
        elif kind == 0xC0:
            channel.program = message[1]
        elif kind == 0xB0:
            self._control(number, message[1], message[2])

    def _control(self, number: int, controller: int, value: int) -> None:
        channel = self._channels[number]
        if controller == SUSTAIN:
            channel.has_pedal = value >= 64
            if not channel.has_pedal:
                for note in self._of(number):
                    if not note.is_held:
                        self._release(note)
        elif controller == VOLUME:
            channel.volume = value
        elif controller == EXPRESSION:
            channel.expression = value
        elif controller == ALL_NOTES_OFF:
            for note in self._of(number):
                note.is_held = False
                if not channel.has_pedal:
                    self._release(note)
        elif controller == ALL_SOUND_OFF:
            for note in self._of(number):
                self._damp(note, MAKE_WAY_S)
            if number == DRUM_CHANNEL:
                for hit in self._hits:
                    self._choke(hit)

    def _start(self, number: int, pitch: int, velocity: int) -> None:
        for note in self._of(number):
            if note.pitch == pitch:  # its string is struck again
                self._release(note)
        playing = [slot for slot, note in enumerate(self._notes) if not note.is_released]
        if len(playing) >= VOICES_AT_ONCE:
            faintest = min(playing, key=lambda slot: self._bank.sounding[slot])
            self._damp(self._notes[faintest], MAKE_WAY_S)
        if self._bank.is_full:
            self._end(int(np.argmin(self._bank.sounding)))
        program = self._channels[number].program
        middle = velocity // VELOCITY_BIN * VELOCITY_BIN + VELOCITY_BIN // 2
        self._bank.start(modes_of(program, pitch, middle, self.sample_rate_hz))
        voice = VOICES[voice_name(program)]
        gain = 10 ** ((voice.gain_db + LEVEL_DB) / 20) * (velocity / 100) ** LOUDNESS_EXPONENT
        angle = (min(max((pitch - 60) / 150, -0.8), 0.8) + 1) * math.pi / 4  # low keys on the left
        sides = (gain * math.cos(angle), gain * math.sin(angle))
        self._notes.append(_Note(number, pitch, voice.release_at(pitch), *sides))

    def _hit(self, pitch: int, velocity: int) -> None:
        key = min(max(pitch, min(KIT)), max(KIT))
        for hit in self._hits:
            if key in CHOKES.get(hit.pitch, ()):
                self._choke(hit)
        gain = np.float32((velocity / 100) ** LOUDNESS_EXPONENT)
        gain *= np.float32(self._channels[DRUM_CHANNEL].wanted_gain)
        self._hits.append(_Hit(key, self._drums[key] * gain))

    def _choke(self, hit: _Hit) -> None:
        frames = round(7 * CHOKE_S * self.sample_rate_hz)
        rest = hit.sound[:, hit.at : hit.at + frames]
        fall = np.exp(-np.arange(rest.shape[1]) / (CHOKE_S * self.sample_rate_hz))
        hit.sound, hit.at = rest * fall.astype(np.float32), 0

    def _of(self, number: int) -> list[_Note]:
        return [note for note in self._notes if note.channel == number]

    def _release(self, note: _Note) -> None:
        if note.release_s is not None and not note.is_released:
            self._damp(note, note.release_s)

    def _damp(self, note: _Note, time_constant_s: float) -> None:
        note.is_released = True
        note.is_held = False
        slot = next(slot for slot, other in enumerate(self._notes) if other is note)
        self._bank.damp(slot, time_constant_s * self.sample_rate_hz)

    def _end(self, slot: int) -> None:
        self._bank.end(slot)
        last = self._notes.pop()
        if slot < len(self._notes):
            self._notes[slot] = last


def _drum(pitch: int, sample_rate_hz: int) -> NDArray[np.float32]:
    drum = KIT[pitch]
    frames = int(drum.longest_s(pitch) * sample_rate_hz)
    tone = drum.tone(pitch, DRUM_VELOCITY, frames, sample_rate_hz)
    tone = tone * np.linspace(1, 0, frames, dtype=np.float32)
    gain = 10 ** ((drum.gain_db + LEVEL_DB) / 20)
    angle = (drum.pan + 1) * math.pi / 4
    sides = np.array([[gain * math.cos(angle)], [gain * math.sin(angle)]], dtype=np.float32)
    return np.asarray(sides * tone)
