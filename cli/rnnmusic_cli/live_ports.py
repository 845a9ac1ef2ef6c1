"""`rnnmusic ports` and `rnnmusic panic`: what there is to play to, and silencing it."""

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


def panic(
    output: Annotated[
        str,
        typer.Option("--out", "-o", metavar="PORT", help="A MIDI output by part of its name."),
    ],
) -> None:
    """End every note on a MIDI output, whoever left it sounding. It takes two seconds."""
    from rnnmusic.live.ports import panic as silence

    note(f"Silencing {output}.")
    sent = silence(output)
    say(f"{output}: every note ended on all 16 channels ({sent} messages).")
