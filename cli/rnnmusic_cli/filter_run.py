"""`rnnmusic filter run`: a filter over a sound file of any length, or live."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rnnmusic_cli.console import note, say
from rnnmusic_cli.filter_files import PIPE, read_filter

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from rnnmusic.filters.forms import Form
    from rnnmusic.filters.streaming.files import Processor
    from rnnmusic.live.effects.effect import Effect

LOOK_EVERY_S = 0.1  # at the filter's file


def run(
    filter_file: Annotated[
        Path, typer.Argument(help="A filter, - for stdin; or an effect.", metavar="F.json")
    ],
    source: Annotated[
        Path | None, typer.Argument(help="A sound file to filter.", metavar="[IN.wav]")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="OUT.wav, .flac or .ogg.")
    ] = None,
    tail: Annotated[
        float, typer.Option(min=0, max=3600, help="Seconds to let it ring on after the end.")
    ] = 0.0,
    gain_db: Annotated[
        float, typer.Option(min=-120, max=120, help="Of the output, should it clip.")
    ] = 0.0,
    any_rate: Annotated[
        bool, typer.Option("--any-rate", help="Also a file of another rate: cutoffs move.")
    ] = False,
    live: Annotated[bool, typer.Option("--live", help="Filter the sound card's input.")] = False,
    jack: Annotated[bool, typer.Option("--jack", help="Live, as a JACK client.")] = False,
    channels: Annotated[int, typer.Option(min=1, max=64, help="Live: channels.")] = 2,
    device: Annotated[str | None, typer.Option(help="Live: part of a card's name.")] = None,
    block: Annotated[
        int, typer.Option(min=16, max=8192, help="Live: frames a block, on a sound card.")
    ] = 256,
) -> None:
    """Filter a sound file in constant memory, or with --live or --jack what is played now.

    Live, a filter file that is written anew is taken over within 20 ms, without a click.
    """
    from rnnmusic.errors import UsageError

    if not (live or jack):
        if source is None or output is None:
            raise UsageError("Nothing to filter: give IN.wav and -o OUT.wav, or --live or --jack.")
        _run_file(_processor(filter_file), source, output, tail, gain_db, any_rate)
        return
    if source is not None or output is not None:
        raise UsageError("A sound file was given together with --live; leave one of them out.")
    if filter_file == PIPE:
        raise UsageError("A live filter can't come from a pipe; give a file, which is watched.")
    _run_live(filter_file, channels, block, device, jack)


def _processor(path: Path) -> Form | Processor:
    """What filters: a filter's file, or the folder of an effect."""
    from rnnmusic import effects

    if path != PIPE and effects.is_effect(path):
        return effects.EffectStream(effects.load(path))
    return read_filter(path)


def _run_file(
    form: Form | Processor,
    source: Path,
    output: Path,
    tail_s: float,
    gain_db: float,
    any_rate: bool,
) -> None:
    from rnnmusic.audio import gain_to_db
    from rnnmusic.filters.streaming import run_file

    done = run_file(form, source, output, tail_s=tail_s, gain_db=gain_db, any_rate=any_rate)
    rate, channels = done["sample_rate_hz"], done["channels"]
    say(
        f"{output}: {done['frames'] / rate:.1f} s, {channels} channel{'s' * (channels > 1)}, "
        f"{rate} Hz, peak {float(gain_to_db(done['peak'])):.1f} dBFS"
    )
    if done["clipped"]:
        note(f"{done['clipped']} samples were clipped; a lower --gain-db keeps them.")


def _run_live(path: Path, channels: int, block: int, device: str | None, jack: bool) -> None:
    from rnnmusic.filters.streaming import Stream
    from rnnmusic.live.effects.effect import Effect
    from rnnmusic.live.signals import exit_at_once, stop_on_signals

    watch = _Watch(path)
    form = watch.read()
    is_single = (form.inputs, form.outputs) == (1, 1)

    def make(block_frames: int, sample_rate_hz: float) -> Effect:
        at_rate = replace(form, sample_rate_hz=sample_rate_hz)  # type: ignore[type-var]
        stream = Stream(at_rate, channels if is_single else None)
        return Effect(stream, block_frames, sample_rate_hz)

    # Signals are watched from before the device opens: an early Ctrl-C is no crash.
    with stop_on_signals() as stop:
        with _driver(make, form.sample_rate_hz, block, device, jack) as effect:
            note(
                f"Filtering {effect.inputs} inputs to {effect.outputs} outputs with {path}; "
                "Ctrl-C stops."
            )
            while not stop.is_set():
                effect.wait(stop, LOOK_EVERY_S)
                changed = watch.changed()
                if changed is not None:
                    effect.change(changed)
        report = effect.report()
    say(
        f"{report.frames} frames in {report.blocks} blocks, {report.xruns} xruns, "
        f"{report.faults} silenced blocks, load at most {100 * report.load:.0f} %"
    )
    if stop.exit_code:
        exit_at_once(stop.exit_code)


def _driver(
    make: Callable[[int, float], Effect],
    sample_rate_hz: float | None,
    block_frames: int,
    device: str | None,
    jack: bool,
) -> AbstractContextManager[Effect]:
    from rnnmusic.errors import UsageError
    from rnnmusic.live.effects import drivers as effect_drivers

    if jack:
        return effect_drivers.jack(make, sample_rate_hz=sample_rate_hz)
    if sample_rate_hz is None:
        raise UsageError("The filter has no sample rate; give one made for the sound card's.")
    return effect_drivers.sound_card(
        make, sample_rate_hz=sample_rate_hz, block_frames=block_frames, device=device
    )


class _Watch:
    """Looks whether a filter file was written anew."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen = self._stamp()
        self._rate: float | None = None

    def read(self) -> Form:
        """The filter as it is at first."""
        form = read_filter(self._path)
        self._rate = form.sample_rate_hz
        return form

    def changed(self) -> Form | None:
        """The filter that the file has become, once; None while it is what it was or is wrong."""
        from rnnmusic.errors import RnnMusicError

        stamp = self._stamp()
        if stamp == self._seen:
            return None
        self._seen = stamp
        try:
            form = read_filter(self._path)
        except RnnMusicError as error:
            note(f"not taken over: {error}")
            return None
        if form.sample_rate_hz != self._rate:
            note(f"not taken over: {self._path} is now for another sample rate")
            return None
        note(f"took over {self._path}")
        return form

    def _stamp(self) -> tuple[int, int]:
        try:
            found = self._path.stat()
        except OSError:
            return 0, 0
        return found.st_mtime_ns, found.st_ino
