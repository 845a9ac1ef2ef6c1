"""Recurrences whose coefficients are made from free parameters, and kept while nobody learns."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from rnnmusic.errors import UsageError
from rnnmusic.filters.forms import Form
from rnnmusic.recurrent.protocol import Recurrent

T = TypeVar("T")

#: How much smaller than `max_radius` the largest pole is: room for rounding to float32.
MARGIN = 2.0**-20


class Keeping(Recurrent):
    """A recurrence with coefficients that take work to make of its parameters.

    While nobody asks for gradients they are computed once and kept until a parameter changes.
    """

    def __init__(self) -> None:
        super().__init__()
        self._kept: tuple[Any, Any] = (None, None)

    def _keeping(self, compute: Callable[[], T]) -> T:
        """What `compute` makes of the parameters, kept where no gradient can be asked for.

        Parameters are known by where they lie and by their count of changes in place, which
        optimisers and `load_state_dict` move, and assignments to `.data` don't.
        """
        parameters = list(self.parameters())
        if torch.is_grad_enabled() or any(part.is_inference() for part in parameters):
            return compute()
        key = [(part.data_ptr(), part._version, part.dtype, part.device) for part in parameters]
        if self._kept[0] != key:
            self._kept = (key, compute())
        kept: T = self._kept[1]
        return kept


class LinearLayer(Keeping):
    """A recurrence without a nonlinearity: a filter, with poles within `max_radius`."""

    def __init__(self, input_size: int, size: int, max_radius: float) -> None:
        super().__init__()
        if input_size < 1 or size < 1:
            raise UsageError(
                f"A layer of {input_size} inputs and {size} outputs can't be; give 1 or more of "
                "both."
            )
        if not 0.0 < max_radius <= 1.0:
            raise UsageError(f"max_radius is {max_radius}; give a number above 0, 1 at most.")
        self.input_size = input_size
        self.output_size = size
        self.max_radius = max_radius

    @abstractmethod
    def poles(self) -> NDArray[np.complex128]:
        """All poles per step (of dt = 1), conjugates included, of the coefficients as they are."""

    @abstractmethod
    def filters(self) -> tuple[Form, ...]:
        """The layer as filters in float64, of the coefficients as they are."""

    @property
    def _limit(self) -> float:
        return self.max_radius * (1.0 - MARGIN)
