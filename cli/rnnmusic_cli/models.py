"""`rnnmusic models`: what can be generated from right after installation."""

from __future__ import annotations

from rich.table import Table

from rnnmusic_cli.console import out


def models() -> None:
    """List the shipped models; `rnnmusic models list` lists the flavours of recurrence."""
    from rnnmusic.checkpoint import read_config, zoo

    table = Table(box=None, pad_edge=False)
    for heading in ("model", "network", "head", "encoding", "validation NLL"):
        table.add_column(heading)
    for name, folder in zoo().items():
        config = read_config(folder)
        network = config["model"]
        nll = config["notes"].get("valid_nll")
        table.add_row(
            name,
            f"{network['layers']} x {network['name']} {network['size']}",
            config["head"]["name"],
            config["encoding"]["name"],
            "-" if nll is None else f"{nll:.3f} nats per step ({config['notes']['likelihood']})",
        )
    out.print(table)
