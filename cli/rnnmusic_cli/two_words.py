"""Commands of two words beside one that takes an argument: `live bench` and `live CHECKPOINT`."""

from __future__ import annotations

from typing import Any

from typer.core import TyperGroup


class TwoWordGroup(TyperGroup):
    """A group in which "live bench" may be a command's name, while "live" is another's.

    Something that is really called `bench` is given as ./bench.
    """

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command that the first two words name, or else the first alone."""
        name = " ".join(args[:2])
        if len(args) > 1 and name in self.commands:
            return name, self.commands[name], args[2:]
        return super().resolve_command(ctx, args)
