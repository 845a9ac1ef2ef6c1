"""Products by convolution are products."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from rnnmusic.recurrent.diagonal.products import linear


@pytest.mark.parametrize(
    "shape", [(16, 16), (4, 64), (1, 2048), (3, 96), (32, 100), (5, 7), (2048,), (0, 3), (16, 17)]
)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("has_bias", [False, True])
def test_values_and_gradients_are_those_of_torch(
    shape: tuple[int, ...], dtype: torch.dtype, has_bias: bool
) -> None:
    torch.manual_seed(0)
    x = torch.randn(*shape, 12, dtype=dtype)
    weight, bias = torch.randn(8, 12, dtype=dtype), torch.randn(8, dtype=dtype)
    given = [x, weight, bias] if has_bias else [x, weight]
    results = []
    for function in (linear, F.linear):
        parts = [part.clone().requires_grad_() for part in given]
        y = function(*parts)
        results.append([y, *torch.autograd.grad(y.square().sum(), parts)])
    for ours, theirs in zip(*results, strict=True):
        assert ours.shape == theirs.shape
        close = 1e-4 if dtype == torch.float32 else 1e-10
        torch.testing.assert_close(ours, theirs, rtol=close, atol=close)


def test_many_rows_run_as_a_convolution() -> None:
    x, weight = torch.randn(32, 100, 12), torch.randn(8, 12, requires_grad=True)
    if not torch.backends.mkldnn.is_available():
        pytest.skip("torch was built without oneDNN")
    graph = [linear(x, weight).grad_fn]
    names = set()
    while graph:
        node = graph.pop()
        if node is not None:
            names.add(type(node).__name__)
            graph.extend(parent for parent, _ in node.next_functions)
    assert "ConvolutionBackward0" in names


def test_strided_inputs() -> None:
    x, weight = torch.randn(12, 64, 32).permute(2, 1, 0), torch.randn(8, 12)
    torch.testing.assert_close(linear(x, weight), F.linear(x, weight), rtol=1e-5, atol=1e-5)
