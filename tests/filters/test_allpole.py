from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from rnnmusic.errors import InputError
from rnnmusic.filters.functional import allpole, lfilter

KINDS = ("shared", "channels", "samples", "samples for all")


def by_definition(x: Tensor, a: Tensor, past: Tensor) -> tuple[Tensor, Tensor]:
    """y and the last outputs of a (..., T, N), one sample after the other."""
    order = a.shape[-1]
    outputs = list(past.flip(-1).unbind(-1))
    for t in range(x.shape[-1]):
        fed = sum(a[..., t, k] * outputs[-1 - k] for k in range(order))
        outputs.append(x[..., t] - fed)
    return torch.stack(outputs[order:], -1), torch.stack(outputs[::-1][:order], -1)


def draw(kind: str, channels: int, time: int, order: int, seed: int) -> tuple[Tensor, ...]:
    """x, a as given, a for each sample, past; the moduli of a sum to less than 1: it is stable."""
    random = torch.Generator().manual_seed(seed)
    shape = {
        "shared": (order,),
        "channels": (channels, order),
        "samples": (channels, time, order),
        "samples for all": (1, time, order),
    }[kind]
    a = torch.randn(shape, dtype=torch.float64, generator=random)
    a = 0.9 * a / (1 + a.abs().sum(-1, keepdim=True))
    each = a.unsqueeze(-2) if kind in KINDS[:2] else a
    x = torch.randn(channels, time, dtype=torch.float64, generator=random)
    past = torch.randn(channels, order, dtype=torch.float64, generator=random)
    return x, a, each.expand(channels, time, order), past


@settings(deadline=None, max_examples=60)
@given(
    kind=st.sampled_from(KINDS),
    channels=st.integers(1, 4),
    time=st.integers(1, 30),
    order=st.integers(1, 6),
    double=st.booleans(),
    seed=st.integers(0, 999),
)
def test_is_its_difference_equation(
    kind: str, channels: int, time: int, order: int, double: bool, seed: int
) -> None:
    x, a, each, past = draw(kind, channels, time, order, seed)
    wanted, last = by_definition(x, each, past)
    dtype = torch.float64 if double else torch.float32
    y, zf = allpole(x.to(dtype), a.to(dtype), past.to(dtype), return_zf=True)
    assert y.dtype == dtype
    assert zf.dtype == torch.float64
    tolerance = 1e-12 if double else 1e-5
    torch.testing.assert_close(y.double(), wanted, rtol=tolerance, atol=tolerance)
    torch.testing.assert_close(zf, last, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("time", [1, 7])
def test_gradients(kind: str, time: int) -> None:
    x, a, _, past = (part.requires_grad_() for part in draw(kind, 2, time, 3, 0))

    def function(*given: Tensor) -> tuple[Tensor, Tensor]:
        return allpole(*given, return_zf=True)

    assert torch.autograd.gradcheck(function, (x, a, past))
    assert torch.autograd.gradgradcheck(function, (x, a, past))


@pytest.mark.parametrize("kind", KINDS)
def test_goes_on_from_its_state(kind: str) -> None:
    x, _, each, _ = draw(kind, 3, 40, 4, 1)
    whole = allpole(x, each)
    first, state = allpole(x[:, :13], each[:, :13], return_zf=True)
    second = allpole(x[:, 13:], each[:, 13:], state)
    torch.testing.assert_close(torch.cat([first, second], -1), whole, rtol=1e-13, atol=1e-13)


def test_is_lfilter_without_zeros() -> None:
    x, a, _, _ = draw("channels", 3, 50, 5, 2)
    denominator = torch.nn.functional.pad(a, (1, 0), value=1.0)
    numerator = torch.zeros_like(denominator)
    numerator[:, 0] = 1
    wanted = lfilter(x, denominator, numerator, clamp=False)
    torch.testing.assert_close(allpole(x, a), wanted, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize(
    ("x", "a", "zi"),
    [
        (torch.ones(3), torch.ones(0), None),
        (torch.ones(3), torch.tensor(0.5), None),
        (torch.ones(2, 3), torch.ones(3, 2), None),
        (torch.ones(2, 3), torch.ones(2, 4, 2), None),
        (torch.ones(2, 3), torch.ones(1, 2, 3, 2), None),
        (torch.ones(2, 0), torch.ones(2), None),
        (torch.ones(3), torch.tensor([float("nan")]), None),
        (torch.ones(3), torch.ones(2).double(), None),
        (torch.ones(2, 3), torch.ones(2), torch.ones(3, 2)),
    ],
)
def test_refuses(x: Tensor, a: Tensor, zi: Tensor | None) -> None:
    with pytest.raises(InputError, match=r"\.$"):
        allpole(x, a, zi)
