"""The built-in synthesiser on a sound card, for those who have no other at hand."""

from __future__ import annotations

import time
from importlib import import_module
from typing import Any

from rnnmusic.errors import DeviceError
from rnnmusic.live.messages import ALL_NOTES_OFF, ALL_SOUND_OFF, SUSTAIN, control_change
from rnnmusic.live.ports.closing import close_in_time
from rnnmusic.live.ports.frame_clock import FrameClock
from rnnmusic.live.ports.ordering import InOrder
from rnnmusic.live.ports.quiet import quiet

SAMPLE_RATE_HZ = 48_000
BLOCK_FRAMES = 256
LEAD_BLOCKS = 2  # one is being played; the other is for whoever comes late
FADE_S = 0.1  # for what sounds when it is closed


class SynthPort:
    """Plays through PortAudio, every note on its frame.

    Messages are handed over `lead_s` before they are due, and sound when they are: the card's
    latency and the synthesiser's own are taken off.

    late: messages handed over too late for their frame; xruns: blocks that the card missed.
    """

    clock = None

    def __init__(self, device: str | None = None) -> None:
        """device: a part of its name, the system's choice by default.

        DeviceError where sounddevice or PortAudio isn't installed or no such card can be opened.
        """
        sounddevice = _sounddevice()
        from rnnmusic.synthesis.polyphony import Polyphony

        self.name = "synth" if device is None else f"synth:{device}"
        self.late = 0
        self.xruns = 0
        self._synth = Polyphony(SAMPLE_RATE_HZ, BLOCK_FRAMES)
        self._frames = FrameClock(SAMPLE_RATE_HZ, BLOCK_FRAMES)
        self._in_order = InOrder()
        self._is_alive = True
        try:
            with quiet():
                self._stream: Any = sounddevice.OutputStream(
                    samplerate=SAMPLE_RATE_HZ,
                    blocksize=BLOCK_FRAMES,
                    device=device,
                    channels=2,
                    dtype="float32",
                    latency="low",
                    callback=self._fill,
                    finished_callback=self._finish,
                )
                self._latency_s = float(self._stream.latency) + BLOCK_FRAMES / SAMPLE_RATE_HZ
                self._stream.start()
        except Exception as error:  # PortAudioError, ValueError for a device that isn't there
            raise DeviceError(
                f"No sound card {device or 'at all'} can be opened at {SAMPLE_RATE_HZ} Hz "
                f"({error}); connect one, or play to NAME.wav or to a MIDI output."
            ) from error

    @property
    def lead_s(self) -> float:
        """The latency of the card and of the limiter, and two blocks."""
        return self._latency_s + LEAD_BLOCKS * BLOCK_FRAMES / SAMPLE_RATE_HZ

    @property
    def is_alive(self) -> bool:
        """Until the card fails or the port is closed."""
        return self._is_alive

    def begin(self, start_s: float, tempo_bpm: float) -> None:
        """Nothing to prepare."""

    def send(self, message: bytes, time_s: float) -> None:
        """Play a message so that it is heard at `time_s` of time.monotonic."""
        if not self._is_alive:
            raise DeviceError(f"The sound card of {self.name!r} has stopped; open it again.")
        frame = self._in_order.frame(message, self._frames.frame_at(time_s - self._latency_s))
        if frame < self._synth.frame:
            self.late += 1
        self._synth.post(message, frame)

    def close(self) -> None:
        """Let go of all keys, and of the card a tenth of a second later."""
        stream, self._stream = self._stream, None
        if stream is None:
            return
        if self._is_alive:
            for number in (SUSTAIN, ALL_NOTES_OFF, ALL_SOUND_OFF):
                for channel in range(16):
                    self._synth.post(control_change(channel, number, 0), self._synth.frame)
            time.sleep(FADE_S)
        self._is_alive = False

        def close() -> None:
            stream.stop()
            stream.close()

        close_in_time(close)

    def _fill(self, out: Any, _frames: int, _time: Any, status: Any) -> None:
        """The card asks for a block, from a thread of its own."""
        if status.output_underflow:
            self.xruns += 1
        self._frames.block(self._synth.frame, time.monotonic())
        out[:] = self._synth.process().T

    def _finish(self) -> None:
        self._is_alive = False


def _sounddevice() -> Any:
    try:
        with quiet():
            return import_module("sounddevice")
    except (ImportError, OSError) as error:  # OSError: PortAudio under it
        raise DeviceError(
            f"sounddevice with PortAudio isn't there ({error}); install it with "
            "`pip install 'rnnmusic[audio]'`, or play to NAME.wav."
        ) from None
