"""`rnnmusic ports` and `rnnmusic live`: the generator as a player."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Table

from rnnmusic_cli.console import note, out, say, say_json


def ports(json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """List the MIDI inputs and outputs of this machine."""
    from rnnmusic.live.ports import list_ports

    found = list_ports()
    if json:
        say_json(
            {
                "drivers": list(found.drivers),
                "inputs": [port._asdict() for port in found.inputs],
                "outputs": [port._asdict() for port in found.outputs],
            }
        )
        return
    if not found.inputs and not found.outputs:
        say(f"No MIDI ports ({', '.join(found.drivers)}); `--out virtual:NAME` makes one.")
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("", "port", "driver"):
        table.add_column(heading)
    for kind, entries in (("in", found.inputs), ("out", found.outputs)):
        for port in entries:
            table.add_row(kind, port.name, port.driver)
    out.print(table)


def live(
    checkpoint: Annotated[str, typer.Argument(help="A checkpoint, a run, or a shipped model.")],
    output: Annotated[
        str,
        typer.Option(
            "--out", "-o", help="A port by part of its name, virtual:NAME, memory, or FILE.mid."
        ),
    ],
    bars: Annotated[
        int | None, typer.Option(min=1, help="Stop after so many bars; else at Ctrl-C.")
    ] = None,
    tempo: Annotated[float, typer.Option(min=10, max=400, help="Quarters a minute.")] = 120.0,
    temperature: Annotated[float, typer.Option(min=0, max=10)] = 1.0,
    top_p: Annotated[float, typer.Option(min=0.01, max=1)] = 1.0,
    seed: Annotated[int, typer.Option(min=0, help="Same seed, same notes.")] = 0,
    channel: Annotated[int, typer.Option(min=1, max=16, help="MIDI channel.")] = 1,
    program: Annotated[
        int | None, typer.Option(min=0, max=127, help="General MIDI program to select first.")
    ] = None,
) -> None:
    """Play a generator in real time; every note is closed on every way out."""
    from rnnmusic import checkpoint as checkpoints
    from rnnmusic.heads.protocol import Controls
    from rnnmusic.live.player import play
    from rnnmusic.live.ports import open_output
    from rnnmusic.live.signals import exit_at_once, stop_on_signals
    from rnnmusic.sampling.kinds import score_encoding
    from rnnmusic.sampling.sampler import Sampler

    # Signals are watched from before the port opens: nothing may be left behind by an early Ctrl-C.
    with stop_on_signals() as stop:
        generator = checkpoints.load(checkpoint).generator
        score_encoding(generator.encoding)  # refuses sound before a port is opened for it
        sampler = Sampler(
            generator, seed=seed, controls=Controls(temperature=temperature, top_p=top_p)
        )
        port = open_output(output)
        note(f"Playing to {port.name} at {tempo:g} quarters a minute; Ctrl-C stops.")
        try:
            report = play(
                sampler,
                port,
                tempo_bpm=tempo,
                bars=bars,
                stop=stop,
                channel=channel - 1,
                program=program,
            )
        finally:
            port.close()
    say(
        f"{report.notes} notes in {report.bars} bars; messages left p50 "
        f"{report.lateness_p50_ms:.2f}, p99 {report.lateness_p99_ms:.2f}, at most "
        f"{report.lateness_max_ms:.2f} ms late; the model kept us waiting {report.late} times"
    )
    if stop.exit_code:
        exit_at_once(stop.exit_code)  # unloading torch would take longer than a performer waits
