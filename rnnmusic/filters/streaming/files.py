"""Sound files of any length through a filter, in constant memory."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from rnnmusic.errors import InputError, UsageError
from rnnmusic.files import replacing_file
from rnnmusic.filters.streaming.stream import Source, Stream

_BLOCK = 1 << 16


@runtime_checkable
class Processor(Protocol):
    """Anything that turns blocks (inputs, T) into blocks (outputs, T) and remembers."""

    @property
    def inputs(self) -> int:
        """Channels that go in."""

    @property
    def outputs(self) -> int:
        """Channels that come out."""

    @property
    def sample_rate_hz(self) -> float | None:
        """The rate it was made for, if any."""

    def process(self, block: NDArray[np.float32], /) -> NDArray[Any]:
        """The next samples."""


def run_file(
    form: Source | Processor,
    in_path: str | os.PathLike[str],
    out_path: str | os.PathLike[str],
    *,
    tail_s: float = 0.0,
    any_rate: bool = False,
    gain_db: float = 0.0,
) -> dict[str, Any]:
    """Filter a sound file into another, whole or not at all; memory is that of one block.

    form may also be a processor of blocks, such as a `Stream` or a network's, at rest.
    The output has the input's container and sample format where its suffix allows, else the
    suffix's default; tail_s more seconds let the filter ring out; gain_db comes after the filter.
    Returns {"frames", "sample_rate_hz", "channels", "peak", "clipped"}: the greatest magnitude
    written and how many samples integer formats had to clip. InputError for files that can't be
    read, samples that aren't finite, a number of channels that the filter doesn't take and, unless
    any_rate, for a file of another sample rate than the filter was made for.
    """
    import soundfile

    if not 0 <= tail_s < float("inf"):
        raise UsageError(f"A tail of {tail_s} s was asked for; give 0 or more.")
    try:
        source = soundfile.SoundFile(os.fspath(in_path))
    except (soundfile.LibsndfileError, OSError) as error:
        raise InputError(f"{in_path} can't be read as sound: {error}; give a sound file.") from None
    if Path(out_path) == Path("-"):
        raise UsageError("Sound can't be written to a pipe; give a file such as out.wav.")
    with source:
        if not source.frames:
            raise InputError(f"{in_path} holds no sound; give a file that does.")
        rate = source.samplerate
        stream = _stream_for(form, source.channels)
        if stream.sample_rate_hz not in (None, rate) and not any_rate:
            raise InputError(
                f"The filter was made for {stream.sample_rate_hz:g} Hz and {in_path} has {rate} "
                "Hz; resample the file, or run it at any rate if its cutoffs may move."
            )
        if stream.inputs != source.channels:
            raise InputError(
                f"{in_path} has {source.channels} channels and the filter takes {stream.inputs}; "
                "give a file with as many."
            )
        container, subtype = _format_for(Path(out_path), source.format, source.subtype)
        integer = subtype.startswith(("PCM", "ALAC", "DPCM"))
        scale = np.float32(10 ** (gain_db / 20))
        frames, peak, clipped = 0, 0.0, 0
        with (
            replacing_file(out_path) as temporary,
            soundfile.SoundFile(
                temporary, "w", rate, stream.outputs, subtype=subtype, format=container
            ) as sink,
        ):
            for block in _blocks(source, round(tail_s * rate)):
                if not np.isfinite(block).all():
                    raise InputError(
                        f"{in_path} holds samples that aren't finite near {frames / rate:.3f} s; "
                        "repair it first."
                    )
                out = stream.process(block.T) * scale
                if not np.isfinite(out).all():
                    raise InputError(
                        f"The output overflows near {frames / rate:.3f} s; lower the filter's gain."
                    )
                magnitude = np.abs(out)
                peak = max(peak, float(magnitude.max(initial=0.0)))
                if integer:  # libsndfile would wrap or clip without a word
                    clipped += int((magnitude > 1).sum())
                    out = np.clip(out, -1.0, 1.0)
                sink.write(out.T)
                frames += out.shape[1]
    return {
        "frames": frames,
        "sample_rate_hz": rate,
        "channels": stream.outputs,
        "peak": peak,
        "clipped": clipped,
    }


def _stream_for(form: Source | Processor, channels: int) -> Processor:
    """A float32 stream; a filter of several inputs or several forms set their own channels."""
    if isinstance(form, Processor):
        return form
    try:
        return Stream(form, channels)
    except InputError:
        stream = Stream(form)
        if stream.inputs == 1:
            raise
        return stream


def _blocks(source: Any, tail: int) -> Iterator[NDArray[np.float32]]:
    """The file's frames (frames, channels), then silence."""
    while len(block := source.read(_BLOCK, dtype="float32", always_2d=True)):
        yield block
    while tail > 0:
        yield np.zeros((min(tail, _BLOCK), source.channels), dtype=np.float32)
        tail -= _BLOCK


def _format_for(out_path: Path, container: str, subtype: str) -> tuple[str, str]:
    """Container and sample format of the output."""
    import soundfile

    suffix = out_path.suffix[1:].upper()
    suffix = {"AIF": "AIFF", "OGA": "OGG"}.get(suffix, suffix)
    known = soundfile.available_formats()
    if suffix and suffix not in known:
        raise UsageError(
            f"{out_path} has a suffix that isn't a sound format's; give .wav or .flac."
        )
    chosen = container if not suffix or {suffix, container} <= {"WAV", "WAVEX"} else suffix
    if soundfile.check_format(chosen, subtype):
        return chosen, subtype
    return chosen, soundfile.default_subtype(chosen)
