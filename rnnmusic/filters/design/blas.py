"""One BLAS thread for small linear algebra.

Solving for a few dozen coefficients, OpenBLAS spends far longer waking its threads than solving:
on a busy machine 6.3 s instead of 0.08 s.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Within this block, or the function it decorates, numpy and scipy solve in one thread.

    The limit is one of the process: threads that solve large systems meanwhile are limited, too.
    """
    with _controller().limit(limits=1, user_api="blas"):
        yield


@cache
def _controller() -> Any:
    # Looking up the loaded libraries takes milliseconds, and scipy brings a BLAS of its own.
    import scipy.linalg  # noqa: F401
    from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]

    return ThreadpoolController()
