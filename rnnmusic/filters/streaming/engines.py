"""What computes a block of each form: coefficients, a state, and a kernel in fixed order.

Sections run in the type of the signal, the others in float64. A form of one input and one output
has as many signals as channels; one of several inputs is a single signal.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from rnnmusic.filters.forms import Reals
from rnnmusic.filters.kernels import blocks
from rnnmusic.filters.kernels.cascade import Cascade

Arrays = tuple[NDArray[Any], ...]
#: How much louder than both ends a filter may be while it glides: 3 dB.
_LOUDER = 1.41


class Engine(ABC):
    """A running filter: `run` takes it from block to block."""

    #: Whether a mixture of two stable filters' coefficients is stable, so that they can glide.
    glides: ClassVar[bool]

    @property
    @abstractmethod
    def coefficients(self) -> Arrays:
        """What can glide from one filter to another; assignable, the state is kept."""

    @coefficients.setter
    @abstractmethod
    def coefficients(self, values: Arrays) -> None: ...

    @abstractmethod
    def run(self, block: NDArray[Any]) -> NDArray[Any]:
        """The next block (rows, frames) -> a new array (rows or outputs, frames)."""

    @abstractmethod
    def copy(self) -> Self:
        """The same filter in the same state."""

    @abstractmethod
    def rest(self) -> None:
        """Set the state to zero."""

    def can_glide_to(self, other: Engine) -> bool:
        """Whether coefficients can move to the other's while the state is kept."""
        return (
            self.glides
            and type(self) is type(other)
            and [c.shape for c in self.coefficients] == [c.shape for c in other.coefficients]
        )


class SectionsEngine(Engine):
    """Sections in series.

    The triangle of stable (a1, a2) is convex (Jury 1964), so what lies between two stable
    sections is one. But between sections that do different things it can be loud: a numerator of
    one over the denominator of the other. Then there is no gliding.
    """

    glides = True

    def __init__(self, sos: Reals, channels: int, dtype: str) -> None:
        self._arguments = (channels, dtype)
        self.cascade = Cascade(sos, channels, dtype)
        self._sos = sos

    @property
    def coefficients(self) -> Arrays:
        """The rows of all sections."""
        return (self._sos,)

    @coefficients.setter
    def coefficients(self, values: Arrays) -> None:
        (self._sos,) = values
        self.cascade.sos = self._sos

    def run(self, block: NDArray[Any]) -> NDArray[Any]:
        """In the type of the signal."""
        out = np.array(block, dtype=self._arguments[1], order="C")
        self.cascade.run(out)
        return out

    def copy(self) -> Self:
        """The same sections in the same state."""
        twin = type(self)(self._sos, *self._arguments)
        twin.cascade.state = self.cascade.state
        return twin

    def rest(self) -> None:
        """Zero the state."""
        self.cascade.state = np.zeros_like(self.cascade.state)

    def can_glide_to(self, other: Engine) -> bool:
        """If nothing on the way is much louder than both ends."""
        if not super().can_glide_to(other):
            return False
        (old,), (new,) = self.coefficients, other.coefficients
        peaks = [_peak((1 - share) * old + share * new) for share in (0.0, 0.25, 0.5, 0.75, 1.0)]
        return max(peaks) <= _LOUDER * max(peaks[0], peaks[-1])

    def padded(self, sections: int) -> Self:
        """The same filter with sections that do nothing after its own."""
        missing = sections - self._sos.shape[-2]
        if missing <= 0:
            return self
        idle = np.broadcast_to([1.0, 0, 0, 1, 0, 0], (*self._sos.shape[:-2], missing, 6))
        wider = type(self)(np.concatenate([self._sos, idle], axis=-2), *self._arguments)
        state = self.cascade.state
        padding = np.zeros((len(state), missing, 2), dtype=state.dtype)
        wider.cascade.state = np.concatenate([state, padding], axis=1)
        return wider


def _peak(sos: Reals) -> float:
    """The loudest response on a grid from the lowest frequencies to the highest."""
    omega = np.concatenate([[0.0], np.geomspace(1e-3, np.pi, 60)])
    powers = np.exp(-1j * np.multiply.outer([0, 1, 2], omega))
    with np.errstate(divide="ignore", invalid="ignore"):
        response = (sos[..., :3] @ powers) / (sos[..., 3:] @ powers)
    return float(abs(response.prod(axis=-2)).max())


class ArrayEngine(Engine):
    """A filter whose state is one array (signals, ...) of float64 or complex128."""

    glides = False

    def __init__(self, coefficients: Arrays, state: NDArray[Any], dtype: str) -> None:
        self._coefficients = coefficients
        self.state = state
        self.dtype = dtype

    @property
    def coefficients(self) -> Arrays:
        """As the kernel takes them."""
        return self._coefficients

    @coefficients.setter
    def coefficients(self, values: Arrays) -> None:
        self._coefficients = values

    def run(self, block: NDArray[Any]) -> NDArray[Any]:
        """In float64, given back in the type of the signal."""
        rows, frames = block.shape
        signals, outputs = len(self.state), self.outputs
        x = np.array(block, dtype=np.float64, order="C").reshape(signals, rows // signals, frames)
        y = np.empty((signals, outputs, frames))
        self.compute(x, y)
        return y.reshape(signals * outputs, frames).astype(self.dtype, copy=False)

    @property
    def outputs(self) -> int:
        """Rows of a signal's output: those of d, the last coefficient."""
        return len(self._coefficients[-1])

    @abstractmethod
    def compute(self, x: Reals, y: Reals) -> None:
        """Fill y (signals, outputs, T) and move the state."""

    def copy(self) -> Self:
        """The same coefficients and state."""
        return type(self)(self._coefficients, self.state.copy(), self.dtype)

    def rest(self) -> None:
        """Zero the state."""
        self.state[...] = 0


class DirectEngine(ArrayEngine):
    """b, a in transposed direct form II. Mixtures of stable polynomials needn't be stable."""

    @property
    def outputs(self) -> int:
        """One."""
        return 1

    def compute(self, x: Reals, y: Reals) -> None:
        """One sample after the other."""
        b, a = self._coefficients
        blocks.direct.for_work(1)(x, b, a, self.state, y)


class StateSpaceEngine(ArrayEngine):
    """A, B, C, D. Mixtures of stable matrices needn't be stable."""

    def compute(self, x: Reals, y: Reals) -> None:
        """One sample after the other."""
        scratch = np.empty(self.state.shape[1])
        a, b, c, d = self._coefficients
        blocks.statespace.for_work(1)(x, a, b, c, d, self.state, scratch, y)


class ModesEngine(ArrayEngine):
    """pole, b, c, d: each pole glides within the unit disc, which is convex."""

    glides = True

    def compute(self, x: Reals, y: Reals) -> None:
        """One sample after the other."""
        pole, b, c, d = self._coefficients
        blocks.modes.for_work(1)(x, pole, b, c, d, self.state, y)


class NetworkEngine(ArrayEngine):
    """feedback * gain, b, c, d between delay lines of fixed lengths.

    Gliding is safe between contractions, matrices of norm 1 at most, because they are convex.
    """

    glides = True

    def __init__(
        self,
        coefficients: Arrays,
        state: Reals,
        dtype: str,
        delay: NDArray[np.int64],
        at: NDArray[np.int64] | None = None,
    ) -> None:
        super().__init__(coefficients, state, dtype)
        self.delay = delay
        self.at = np.zeros_like(delay) if at is None else at

    def compute(self, x: Reals, y: Reals) -> None:
        """One sample after the other."""
        loop, b, c, d = self._coefficients
        blocks.network.for_work(1)(x, self.delay, loop, b, c, d, self.state, self.at, y)

    def copy(self) -> Self:
        """The same lines, read at the same places."""
        return type(self)(
            self._coefficients, self.state.copy(), self.dtype, self.delay, self.at.copy()
        )

    def can_glide_to(self, other: Engine) -> bool:
        """If the delays are the same and both matrices contractions."""
        return (
            super().can_glide_to(other)
            and isinstance(other, NetworkEngine)
            and np.array_equal(self.delay, other.delay)
            and all(np.linalg.norm(e.coefficients[0], 2) <= 1 + 1e-12 for e in (self, other))
        )
