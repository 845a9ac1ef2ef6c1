"""What the tests of all encodings share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.encodings.music import kernels_with


@pytest.fixture(scope="module", params=[1 << 62, -1], ids=["interpreted", "compiled"])
def either_way(request: pytest.FixtureRequest) -> Iterator[None]:
    """Encode as plain Python, and again compiled."""
    with kernels_with(request.param):
        yield
