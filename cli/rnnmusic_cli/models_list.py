"""`rnnmusic models list`: every flavour of recurrence."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.table import Table

from rnnmusic_cli.console import err, say, say_json, say_table


def list_flavours(
    name: Annotated[
        str | None, typer.Argument(help="One flavour: its options with their defaults.")
    ] = None,
    cost: Annotated[
        bool, typer.Option(help="Measure what a live step costs here, half a second each.")
    ] = True,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the flavours that `rnnmusic train --model` knows, or one of them with its options."""
    import torch

    from rnnmusic.flavours import listing

    torch.set_num_threads(1)
    wanted = listing.names() if name is None else [name]
    with err.status("Stepping every flavour ..."):
        found = [listing.listed(each, with_cost=cost) for each in wanted]
    if json:
        rows: list[dict[str, Any]] = [row.to_dict() for row in found]
        for row in rows:
            row["options"] = listing.options(row["name"]) if row["is_live"] else {}
        say_json(rows if name is None else rows[0])
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("flavour", "family"):
        table.add_column(heading, no_wrap=True)
    for heading in ("parameters", "live", "step"):
        table.add_column(heading, justify="right", no_wrap=True)
    for heading in ("likelihood", "paper"):
        table.add_column(heading)
    for each in found:
        live = "no" if not each.is_live else "compiled" if each.is_compiled else "through torch"
        step = "-" if each.step_us is None else f"{each.step_us:.0f} us"
        table.add_row(
            each.name, each.family, f"{each.parameters:,}", live, step, each.kind, each.paper
        )
    say_table(table)
    if name is None:
        say(f"\nparameters: of one layer of {listing.SIZE} units over 88 notes; step: median, live")
        return
    if found[0].is_live:
        say("\nOptions, for [model.options] of a recipe or --option:")
        for key, value in listing.options(name).items():
            say(f"  {key} = {value}")
