"""`rnnmusic live controls`: what can be turned and ordered while it plays."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Table

from rnnmusic_cli.console import say, say_json, say_table


def controls(json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """List the controls and orders of `rnnmusic live`, for keys, --set, MIDI, OSC and presets."""
    from rnnmusic.live.steering.control_map import DEFAULT_BINDINGS, ControlMap
    from rnnmusic.live.steering.orders import ORDERS
    from rnnmusic.live.steering.presets import BUILT_IN
    from rnnmusic.sampling.controls import CONTROLS

    turned_by = {
        binding.target: str(source)
        for source, binding in ControlMap(DEFAULT_BINDINGS).bindings.items()
    }
    if json:
        say_json(
            {
                "controls": {
                    name: {
                        "takes": control.takes,
                        "default": control.default,
                        "help": control.help,
                        "midi": turned_by.get(name),
                    }
                    for name, control in CONTROLS.items()
                },
                "orders": {
                    name: {"form": order.form, "help": order.help} for name, order in ORDERS.items()
                },
                "presets": {name: preset.description for name, preset in BUILT_IN.items()},
            }
        )
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("control", "usually", "MIDI", "what it does and takes"):
        table.add_column(heading)
    for name, control in CONTROLS.items():
        takes = f"{control.help} Takes {control.takes}."
        table.add_row(name, control.shown(control.default), turned_by.get(name, ""), takes)
    say_table(table)
    say("")
    table = Table(box=None, pad_edge=False)
    for heading in ("order", "what it does"):
        table.add_column(heading)
    for name, order in ORDERS.items():
        table.add_row(f"{name} {order.form}", order.help)
    say_table(table)
    say("")
    say(f"presets: {', '.join(BUILT_IN)}, or a file")
