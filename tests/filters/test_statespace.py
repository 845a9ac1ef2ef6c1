from __future__ import annotations

import numpy as np
import pytest
import scipy.signal
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from rnnmusic.errors import InputError
from rnnmusic.filters.functional import statespace


def draw(
    order: int,
    inputs: int,
    outputs: int,
    seed: int,
    lead: tuple[int, ...] = (),
    is_complex: bool = False,
    radius: float = 0.9,
) -> list[Tensor]:
    """A, B, C and D; the largest pole of each A has this radius."""
    random = torch.Generator().manual_seed(seed)
    dtype = torch.complex128 if is_complex else torch.float64
    shapes = ((order, order), (order, inputs), (outputs, order), (outputs, inputs))
    a, *others = (torch.randn(*lead, *shape, dtype=dtype, generator=random) for shape in shapes)
    largest = torch.linalg.eigvals(a).abs().amax(-1)[..., None, None]
    return [a * (radius / largest.clamp_min(1e-9)), *others]


def by_definition(x: Tensor, matrices: list[Tensor], state: Tensor) -> tuple[Tensor, Tensor]:
    a, b, c, d = (matrix.to(torch.complex128) for matrix in matrices)
    x, state, outputs = x.to(a), state.to(a).unsqueeze(-1), []
    for now in x.split(1, -1):
        outputs.append(c @ state + d @ now)
        state = a @ state + b @ now
    return torch.cat(outputs, -1), state.squeeze(-1)


@settings(deadline=None, max_examples=60)
@given(
    order=st.integers(1, 7),
    inputs=st.integers(1, 3),
    outputs=st.integers(1, 3),
    channels=st.lists(st.integers(1, 3), max_size=2),
    batched=st.booleans(),
    time=st.integers(1, 150),
    is_complex=st.booleans(),
    double=st.booleans(),
    seed=st.integers(0, 999),
)
def test_is_its_recurrence(
    order: int,
    inputs: int,
    outputs: int,
    channels: list[int],
    batched: bool,
    time: int,
    is_complex: bool,
    double: bool,
    seed: int,
) -> None:
    lead = (channels[-1],) if batched and channels else ()
    matrices = draw(order, inputs, outputs, seed, lead, is_complex)
    random = torch.Generator().manual_seed(seed)
    x = torch.randn(*channels, inputs, time, dtype=torch.float64, generator=random)
    state = torch.randn(*channels, order, dtype=torch.float64, generator=random)
    wanted, end = by_definition(x, matrices, state)
    if not double:
        x, matrices = (
            x.float(),
            [m.to(m.to(torch.complex64) if is_complex else x.float()) for m in matrices],
        )
    y, zf = statespace(x, *matrices, zi=state, return_zf=True)
    assert y.shape == (*channels, outputs, time)
    assert y.is_complex() == is_complex
    assert y.dtype.to_real() == x.dtype
    assert zf.dtype.to_real() == torch.float64
    scale = 1 + float(wanted.abs().max())
    assert float((y.to(wanted) - wanted).abs().max()) < (1e-12 if double else 2e-5) * scale
    scale = 1 + float(end.abs().max()) + float(wanted.abs().max())
    assert float((zf.to(end) - end).abs().max()) < (1e-12 if double else 2e-5) * scale


@pytest.mark.parametrize("is_complex", [False, True])
@pytest.mark.parametrize("time", [1, 37])
def test_gradients(is_complex: bool, time: int) -> None:
    matrices = draw(2, 2, 1, 0, is_complex=is_complex)
    inputs = [torch.randn(2, time, dtype=torch.float64), *matrices, torch.zeros(2).to(matrices[0])]
    inputs = [part.requires_grad_() for part in inputs]

    def function(*given: Tensor) -> tuple[Tensor, Tensor]:
        return statespace(*given, return_zf=True)

    assert torch.autograd.gradcheck(function, inputs)
    assert torch.autograd.gradgradcheck(function, inputs, fast_mode=True)


def test_equals_scipy() -> None:
    matrices = draw(6, 2, 3, 1)
    x = torch.randn(2, 400, dtype=torch.float64)
    system = scipy.signal.dlti(*(matrix.numpy() for matrix in matrices))
    _, wanted, _ = scipy.signal.dlsim(system, x.T.numpy())
    np.testing.assert_allclose(statespace(x, *matrices).T.numpy(), wanted, atol=1e-10)


def test_goes_on_from_its_state() -> None:
    matrices = draw(5, 1, 2, 2)
    x = torch.randn(3, 1, 500, dtype=torch.float64)
    first, state = statespace(x[..., :201], *matrices, return_zf=True)
    second = statespace(x[..., 201:], *matrices, zi=state)
    whole = statespace(x, *matrices)
    torch.testing.assert_close(torch.cat([first, second], -1), whole, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("order", [2, 16, 64])
@pytest.mark.parametrize("radius", [0.99, 0.9999])
def test_accuracy_close_to_the_circle(order: int, radius: float) -> None:
    # The stated accuracy, against a loop in float64, relative to the largest output: 1e-12 in
    # double precision, some roundings of float32 in single, whatever the radius.
    matrices = draw(order, 1, 1, order, radius=radius)
    x = torch.randn(1, 5000, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    wanted, _ = by_definition(x, matrices, torch.zeros(order))
    scale = float(wanted.abs().max())
    assert float((statespace(x, *matrices) - wanted).abs().max()) < 1e-11 * scale
    single = [matrix.float() for matrix in matrices]
    wanted, _ = by_definition(x.float(), single, torch.zeros(order))
    y = statespace(x.float(), *single)
    assert float((y - wanted).abs().max()) < 1e-6 * scale


def ones(*shape: int) -> Tensor:
    return torch.ones(shape)


@pytest.mark.parametrize(
    ("x", "matrices", "zi"),
    [
        (ones(1, 0), (ones(2, 2), ones(2, 1), ones(1, 2), ones(1, 1)), None),
        (ones(5), (ones(2, 2), ones(2, 1), ones(1, 2), ones(1, 1)), None),
        (ones(1, 5), (ones(0, 0), ones(0, 1), ones(1, 0), ones(1, 1)), None),
        (ones(2, 5), (ones(2, 2), ones(2, 1), ones(1, 2), ones(1, 1)), None),
        (ones(1, 5), (ones(2, 2), ones(2, 1), ones(1, 3), ones(1, 1)), None),
        (ones(1, 5), (ones(2, 2), ones(2), ones(2), ones(1)), None),
        (ones(1, 5), (ones(2, 2) * torch.nan, ones(2, 1), ones(1, 2), ones(1, 1)), None),
        (ones(1, 5), (ones(2, 2).double(), ones(2, 1), ones(1, 2), ones(1, 1)), None),
        (ones(1, 5), (ones(2, 2), ones(2, 1), ones(1, 2), ones(1, 1).int()), None),
        (ones(3, 1, 5), (ones(2, 2, 2), ones(2, 1), ones(1, 2), ones(1, 1)), None),
        (ones(1, 5), (ones(2, 2), ones(2, 1), ones(1, 2), ones(1, 1)), ones(3)),
        (ones(3, 1, 5), (ones(2, 2), ones(2, 1), ones(1, 2), ones(1, 1)), ones(2, 2)),
    ],
)
def test_refuses(x: Tensor, matrices: tuple[Tensor, ...], zi: Tensor | None) -> None:
    with pytest.raises(InputError, match=r"\.$"):
        statespace(x, *matrices, zi=zi)
