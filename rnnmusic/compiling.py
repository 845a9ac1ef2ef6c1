"""Loops that run as plain Python for a song, and compiled by numba for a corpus.

Their functions keep to what both understand: arrays, numbers and tuples, no exceptions.
"""

from __future__ import annotations

import hashlib
import threading
import types
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, Generic, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


class Kernel(Generic[P, R]):
    """A function, plain Python until it has done so much work altogether, then machine code.

    Compiling takes seconds, but once per installation where numba finds a folder to keep the
    result in; loading that takes half a second, once per process. The unit of work is the
    caller's: `patience` is how much of it to do before either is worth while. `example` makes
    arguments that mean no work and have the types to compile for; `helpers` are the functions
    that the function calls.
    """

    def __init__(
        self,
        function: Callable[P, R],
        *,
        patience: int,
        example: Callable[[], tuple[Any, ...]],
        helpers: tuple[Callable[..., Any], ...] = (),
    ) -> None:
        self.function = function
        self._patience = patience
        self._example = example
        self._helpers = helpers
        self._work = 0
        self._compiled: Callable[P, R] | None = None
        self._lock = threading.Lock()

    def with_patience(self, patience: int) -> Kernel[P, R]:
        """The same function with its work still to do and another patience."""
        return Kernel(
            self.function, patience=patience, example=self._example, helpers=self._helpers
        )

    def get_ready(self) -> None:
        """Compile now whatever the work: it is known that there will be plenty."""
        self.for_work(self._patience + 1)

    def for_work(self, amount: int) -> Callable[P, R]:
        """The function to do this much work with."""
        if self._compiled is not None:
            return self._compiled
        with self._lock:
            self._work += amount
            if self._compiled is None and self._work > self._patience:
                self._compiled = self._compile()
        return self._compiled or self.function

    def _compile(self) -> Callable[P, R]:
        import numba
        from numba.extending import register_jitable

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # numba's worries about its cache aren't the user's
            for helper in self._helpers:
                register_jitable(helper)
            function = self._named_by_sources()
            try:
                return self._warmed_up(numba.njit(cache=True, nogil=True)(function))
            except (OSError, RuntimeError):  # no folder to keep it in, or one that is full
                return self._warmed_up(numba.njit(nogil=True)(function))

    def _named_by_sources(self) -> Callable[P, R]:
        """The function under a name that says which sources it is compiled from.

        numba finds what it kept by a function's name and the date of its file, and doesn't see
        that a helper in another file has changed.
        """
        functions: list[Any] = [self.function, *self._helpers]
        folders = {Path(function.__code__.co_filename).parent for function in functions}
        digest = hashlib.sha256()
        for path in sorted(path for folder in folders for path in folder.glob("*.py")):
            digest.update(path.read_bytes())
        original = functions[0]
        named = types.FunctionType(original.__code__, original.__globals__, original.__name__)
        named.__qualname__ = f"{original.__qualname__}_{digest.hexdigest()[:12]}"
        named.__module__ = original.__module__
        return named

    def _warmed_up(self, compiled: Any) -> Callable[P, R]:
        compiled(*self._example())
        function: Callable[P, R] = compiled
        return function
