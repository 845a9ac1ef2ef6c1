"""The part of `rnnmusic inspect` that tells what cells do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table

from rnnmusic_cli.console import say, say_table

if TYPE_CHECKING:
    from rnnmusic.inspection import CellView


def print_cells(layers: list[CellView]) -> None:
    """Which units follow the music, how far gates are open, and how far gradients reach."""
    for layer in layers:
        if layer.tracked:
            say(f"\n{layer.name}: the unit that follows best")
            _print_tracked(layer)
        if layer.gates:
            say(f"\n{layer.name}: gates, share of units and steps")
            _print_gates(layer)
        if layer.gradient is not None:
            say(f"\n{layer.name}: {_gradient_text(layer)}")
    if any(layer.tracked for layer in layers):
        say(
            "\nshare: of the unit's variance that the feature explains; untrained: that of the best"
        )
        say("unit of such a network before learning, which hears the same and knows the metre")


def _print_tracked(layer: CellView) -> None:
    table = Table(box=None, pad_edge=False)
    table.add_column("feature", no_wrap=True)
    for heading in ("unit", "share", "untrained"):
        table.add_column(heading, justify="right", no_wrap=True)
    for found in layer.tracked:
        share = f"{found.shares[found.unit]:.2f}"
        table.add_row(found.feature, f"{found.unit}", share, f"{found.untrained:.2f}")
    say_table(table)


def _print_gates(layer: CellView) -> None:
    table = Table(box=None, pad_edge=False)
    table.add_column("gate", no_wrap=True)
    for heading in ("shut (< 0.1)", "open (> 0.9)", "between"):
        table.add_column(heading, justify="right", no_wrap=True)
    for gate in layer.gates:
        shut, opened = float(gate.shut.mean()), float(gate.open.mean())
        table.add_row(gate.name, f"{shut:.2f}", f"{opened:.2f}", f"{1 - shut - opened:.2f}")
    say_table(table)


def _gradient_text(layer: CellView) -> str:
    gradient = layer.gradient
    if gradient is None or gradient.per_step is None:
        return "no gradient reaches back"
    factor = f"gradients change by x {gradient.per_step:.3f} a step back"
    if gradient.half_life_steps is not None:
        return f"{factor}: halved in {gradient.half_life_steps:.3g} steps"
    return f"{factor}: they grow" if gradient.per_step > 1 else f"{factor}: they last"
