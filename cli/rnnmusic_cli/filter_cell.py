"""`rnnmusic filter fit --cell`: a recurrent network that sounds like a device."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.table import Table

from rnnmusic_cli.console import duration, err, note, say, say_json, say_table
from rnnmusic_cli.filter_files import PIPE, check_output, write_filter

if TYPE_CHECKING:
    from rnnmusic.audio import Audio
    from rnnmusic.effects import Effect

LINEAR_SUFFIX = ".json"
_REHEARSAL_S = 2.0  # of sound, to measure how fast it plays


def fit_cell(
    wanted: Path,
    heard: Path,
    output: Path,
    *,
    cell: str,
    size: int,
    layers: int,
    seconds: float,
    seed: int,
    json: bool,
) -> None:
    """Learn the way from one recording to the other and write an effect or, of linear cells into
    a .json file or stdout, the filter that the network is."""
    import torch

    from rnnmusic import effects, recurrent
    from rnnmusic.effects import EffectConfig, Schedule

    recurrent.layer_options(cell)  # an unknown cell is refused before anything is read
    is_filter = output == PIPE or output.suffix == LINEAR_SUFFIX
    if is_filter:
        _check_linear(cell, output)
        check_output(output)
    else:
        _check_folder(output)
    torch.set_num_threads(1)
    source, target = _recordings(heard, wanted)
    config = EffectConfig(
        source.sample_rate_hz, cell, size, layers, len(source.samples), len(target.samples)
    )
    note(
        f"Learning a {cell} of {layers} x {size} units from {source.duration_s:.1f} s, for up to "
        f"{duration(seconds)}"
    )
    started = time.monotonic()

    def progress(updates: int, ratio: float) -> None:
        if err.is_terminal:
            spent = duration(time.monotonic() - started)
            err.print(f"{spent}  {updates:6d} updates  error {_db(ratio):.1f} dB", end="\r")

    learned = effects.fit(
        config,
        source.samples,
        target.samples,
        schedule=Schedule(seconds=seconds),
        seed=seed,
        progress=progress,
    )
    if err.is_terminal:
        err.print()  # the last line of progress stays
    figures: dict[str, Any] = {
        "cell": cell,
        "size": size,
        "layers": layers,
        "updates": learned.updates,
        "held_out_error_to_signal_db": _db(learned.held_out),
        "untouched_error_to_signal_db": _db(learned.untouched),
        "parameters": sum(p.numel() for p in learned.effect.parameters()),
    }
    if is_filter:
        form = effects.as_form(learned.effect)
        figures["poles"] = [[float(p.real), float(p.imag)] for p in form.poles()]
    else:
        effects.save(learned.effect, output, **figures)
        figures["real_time_factor"] = _real_time_factor(learned.effect, source)
    if json:
        say_json(figures)
    elif output != PIPE:
        _print(figures)
    if is_filter:
        write_filter(form, output, f"{form.kind}, order {form.order}")
    else:
        note(f"{output}: an effect for `rnnmusic filter run`")


def _check_linear(cell: str, output: Path) -> None:
    """UsageError for a cell that is no filter."""
    from rnnmusic import effects
    from rnnmusic.errors import UsageError

    if cell not in effects.LINEAR:
        raise UsageError(
            f"A network of {cell} cells isn't linear: it is no filter for {output}; give --cell "
            f"{' or '.join(effects.LINEAR)}, or -o a name without an extension, for an effect."
        )


def _check_folder(output: Path) -> None:
    """Errors for a place where no effect belongs, before minutes of learning."""
    from rnnmusic import effects
    from rnnmusic.errors import InputError, UsageError

    if output.suffix:
        raise UsageError(
            f"{output} was given for an effect, which is a folder; give a name without an "
            "extension, or with a linear cell a .json file."
        )
    is_free = not output.exists() or (output.is_dir() and not any(output.iterdir()))
    if any(parent.is_file() for parent in output.parents):
        raise InputError(f"A folder above {output} is a file; give another name.")
    if not is_free and not effects.is_effect(output):
        raise InputError(f"{output} is there and is no effect to replace; give another name.")


def _recordings(heard: Path, wanted: Path) -> tuple[Audio, Audio]:
    from rnnmusic.audio import Audio
    from rnnmusic.errors import InputError

    source, target = Audio.load(heard), Audio.load(wanted)
    if source.sample_rate_hz != target.sample_rate_hz:
        raise InputError(
            f"{heard} has {source.sample_rate_hz} samples a second and {wanted} "
            f"{target.sample_rate_hz}; resample one of them."
        )
    if source.samples.shape[1] != target.samples.shape[1]:
        raise InputError(
            f"{heard} has {source.samples.shape[1]} samples and {wanted} "
            f"{target.samples.shape[1]}; give two of one length that start together."
        )
    return source, target


def _real_time_factor(effect: Effect, source: Audio) -> float:
    """Process time that a second of sound takes, in blocks of 64 samples."""
    import numpy as np

    from rnnmusic.effects import EffectStream

    stream = EffectStream(effect)
    samples = source.samples[:, : int(_REHEARSAL_S * source.sample_rate_hz)]
    stream.process(samples[:, :64])
    started = time.process_time()
    for block in np.array_split(samples, max(1, samples.shape[1] // 64), axis=1):
        stream.process(block)
    return float((time.process_time() - started) * source.sample_rate_hz / samples.shape[1])


def _print(figures: dict[str, Any]) -> None:
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    table.add_row("parameters", f"{figures['parameters']:,}")
    table.add_row("updates", f"{figures['updates']:,}")
    table.add_row("error to signal, held out", f"{figures['held_out_error_to_signal_db']:.1f} dB")
    table.add_row("the input untouched", f"{figures['untouched_error_to_signal_db']:.1f} dB")
    if "real_time_factor" in figures:
        table.add_row("real-time factor, 64-sample blocks", f"{figures['real_time_factor']:.3f}")
    say_table(table)
    if "poles" in figures:
        radius = max((math.hypot(*pole) for pole in figures["poles"]), default=0.0)
        say(f"{len(figures['poles'])} poles, the largest radius {radius:.6f}")


def _db(ratio: float) -> float:
    return 10 * math.log10(max(ratio, 1e-30))
