"""What every written-down filter offers, whatever its form."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

Reals = NDArray[np.float64]
Complexes = NDArray[np.complex128]


class Form(ABC):
    """A linear time-invariant filter in float64: immutable, convertible, saved as JSON.

    Frequencies are angular, in radians per sample (`omega`), unless a name says `_hz`;
    sample_rate_hz is what turns one into the other, None for a filter that isn't about time.
    Coefficients are those of z**-1: `b` of the inputs, `a` of the outputs with a[0] = 1.
    Forms are equal when their kind, rate and all coefficients are.
    """

    #: Name in files and on the command line.
    kind: ClassVar[str]

    sample_rate_hz: float | None

    @property
    def inputs(self) -> int:
        """Channels that go in; a filter of one input and one output is used on each channel."""
        return 1

    @property
    def outputs(self) -> int:
        """Channels that come out."""
        return 1

    @property
    @abstractmethod
    def order(self) -> int:
        """Number of poles: of numbers that the filter remembers."""

    @abstractmethod
    def poles(self) -> Complexes:
        """All poles (order,), conjugates included."""

    @abstractmethod
    def zeros(self) -> Complexes:
        """The finite transmission zeros, conjugates included."""

    @abstractmethod
    def response(self, omega: Reals) -> Complexes:
        """Complex response at omega (K,): (K,), with several channels (K, outputs, inputs)."""

    @abstractmethod
    def to_dict(self) -> dict[str, Any]:
        """The coefficients as lists and numbers that JSON can hold, every digit kept."""

    @classmethod
    @abstractmethod
    def from_dict(cls, fields: dict[str, Any]) -> Self:
        """The form of such fields; InputError for what can't be one."""

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Form)
            and self.kind == other.kind
            and self.sample_rate_hz == other.sample_rate_hz
            and self.to_dict() == other.to_dict()
        )

    def __hash__(self) -> int:
        return hash((self.kind, self.order, self.sample_rate_hz))
