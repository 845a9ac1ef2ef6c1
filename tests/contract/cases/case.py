"""What the contract test needs to know of a flavour."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from rnnmusic.recurrent import State


@dataclass(frozen=True)
class Case:
    """One flavour with options of its own. What isn't said holds: exceptions have a reason.

    inputs, size: where its structure asks for certain numbers. stacks: layers can stand on layers.
    reach: how many steps an output depends on, its own included; None: all. learned: has a learned
    initial state. smooth: has derivatives (spikes have none). in_float32: how close whole, chunked
    and stepped are. legal: makes a state of random numbers one that can be, such as a covariance.
    """

    name: str
    options: dict[str, Any] = field(default_factory=dict)
    inputs: int = 3
    size: int = 5
    stacks: bool = True
    reach: int | None = None
    learned: bool = True
    smooth: bool = True
    in_float32: float = 1e-5
    legal: Callable[[State], State] | None = None

    @property
    def depth(self) -> int:
        """Each flavour as it comes is tested in a stack of two where it can be stacked, its options
        in one layer."""
        return 2 if self.stacks and not self.options else 1

    @property
    def id(self) -> str:
        """For pytest."""
        return "-".join([self.name, *(f"{key}={value}" for key, value in self.options.items())])
