"""The drivers that call an `Effect`: PortAudio through sounddevice, JACK through JACK-Client."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from typing import Any

from rnnmusic.errors import DeviceError
from rnnmusic.live.effects.effect import Effect
from rnnmusic.live.ports.closing import close_in_time
from rnnmusic.live.ports.quiet import quiet

CLIENT = "rnnmusic-filter"  # what other programs see the ports of
EXTRA = "pip install 'rnnmusic[audio]'"

#: Makes the effect of so many frames a block at a sample rate.
MakeEffect = Callable[[int, float], Effect]


@contextmanager
def sound_card(
    make: MakeEffect,
    *,
    sample_rate_hz: float,
    block_frames: int,
    device: str | None = None,
) -> Iterator[Effect]:
    """Run an effect between the input and the output of a sound card, within the block.

    device: a part of its name, the system's choice by default. DeviceError where sounddevice or
    PortAudio isn't installed, or the card isn't there or can't do that rate.
    """
    sounddevice = _library("sounddevice")
    effect = make(block_frames, sample_rate_hz)

    def callback(indata: Any, outdata: Any, frames: int, _time: Any, status: Any) -> None:
        if status.input_overflow or status.output_underflow:
            effect.count_xrun()
        effect.input(frames)[:] = indata.T
        block = effect.process(frames)
        outdata[:] = 0 if block is None else block.T

    try:
        with quiet():
            stream = sounddevice.Stream(
                samplerate=sample_rate_hz,
                blocksize=block_frames,
                device=device,
                channels=(effect.inputs, effect.outputs),
                dtype="float32",
                latency="low",
                callback=callback,
            )
    except Exception as error:  # PortAudioError, ValueError for a device that isn't there
        raise DeviceError(
            f"No sound card with {effect.inputs} inputs and {effect.outputs} outputs can be opened "
            f"at {sample_rate_hz:g} Hz ({error}); connect one, or give another --device, or --jack."
        ) from error
    try:
        stream.start()
        yield effect
    finally:
        stream.stop()
        stream.close()


@contextmanager
def jack(
    make: MakeEffect, *, sample_rate_hz: float | None, connect: bool = True
) -> Iterator[Effect]:
    """Run an effect as a JACK client with ports in_1, ... and out_1, ..., within the block.

    connect: to the first physical ports, where there are some. sample_rate_hz: what the filter is
    made for, None for any. DeviceError where JACK-Client or the JACK library isn't installed, no
    server runs, or it runs at another rate.
    """
    library = _library("jack")
    # A client must not start a server: the user's own would then not start.
    os.environ.setdefault("JACK_NO_START_SERVER", "1")
    try:
        with quiet():
            client = library.Client(CLIENT, no_start_server=True)
    except Exception as error:
        raise DeviceError(
            f"No JACK server answers ({error}); start one, for example with "
            "`jackd -d alsa`, or leave --jack out to use the sound card."
        ) from error
    try:
        rate = float(client.samplerate)
        if sample_rate_hz is not None and rate != sample_rate_hz:
            raise DeviceError(
                f"JACK runs at {rate:g} Hz and the filter is made for {sample_rate_hz:g} Hz; "
                "design it for JACK's rate, or start JACK at the filter's."
            )
        effect = make(int(client.blocksize), rate)
        _prepare(client, effect)
        with quiet():
            client.activate()
        if connect:
            _connect(client, library)
        yield effect
    finally:
        _close(client)


def _prepare(client: Any, effect: Effect) -> None:
    inputs = [client.inports.register(f"in_{k + 1}") for k in range(effect.inputs)]
    outputs = [client.outports.register(f"out_{k + 1}") for k in range(effect.outputs)]

    def callback(frames: int) -> None:
        buffer = effect.input(frames)
        for row, port in zip(buffer, inputs, strict=True):
            row[:] = port.get_array()
        block = effect.process(frames)
        for k, port in enumerate(outputs):
            port.get_array()[:] = 0 if block is None else block[k]

    def gone(_status: Any, reason: str) -> None:
        effect.error = DeviceError(f"The JACK server has gone ({reason}); start it again.")

    client.set_process_callback(callback)
    client.set_xrun_callback(lambda _delay: effect.count_xrun())
    client.set_shutdown_callback(gone)


def _connect(client: Any, library: Any) -> None:
    """To the physical ports, as far as there are both; a lack of them is no failure."""
    sources = client.get_ports(is_physical=True, is_audio=True, is_output=True)
    sinks = client.get_ports(is_physical=True, is_audio=True, is_input=True)
    for pairs in (zip(sources, client.inports, strict=False),
                  zip(client.outports, sinks, strict=False)):  # fmt: skip
        for source, sink in pairs:
            with suppress(library.JackError):
                client.connect(source, sink)


def _close(client: Any) -> None:
    """Let go of a client; the server may be gone."""

    def close() -> None:
        with suppress(Exception), quiet():
            client.deactivate()
            client.close()

    close_in_time(close)


def _library(module: str) -> Any:
    names = {"sounddevice": "sounddevice with PortAudio", "jack": "JACK-Client with libjack"}
    try:
        with quiet():
            return import_module(module)
    except (ImportError, OSError) as error:  # OSError: the native library under it
        raise DeviceError(
            f"{names[module]} isn't there ({error}); install it with `{EXTRA}` and your system's "
            "package of the library."
        ) from None
