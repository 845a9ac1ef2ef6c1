from __future__ import annotations

import numpy as np
import pytest
import scipy.signal
import torch
import torchaudio.functional
from hypothesis import given, settings
from hypothesis import strategies as st

from rnnmusic.errors import InputError
from rnnmusic.filters.functional import lfilter, lfilter_varying
from rnnmusic.filters.functional.direct import direct_form, direct_form_in_chunks
from rnnmusic.filters.kernels import direct as kernels
from tests.filters.random_filters import stable_coefficients


def relative(found: torch.Tensor, wanted: torch.Tensor) -> float:
    return float((found - wanted).abs().max() / wanted.abs().max().clamp_min(1e-30))


@settings(deadline=None, max_examples=60)
@given(
    order=st.integers(0, 8),
    filters=st.integers(0, 3),
    channels=st.lists(st.integers(1, 5), max_size=2),
    time=st.integers(1, 70),
    batching=st.booleans(),
    clamp=st.booleans(),
    a0=st.sampled_from([1.0, 0.5, -3.0]),
    double=st.booleans(),
    seed=st.integers(0, 999),
)
def test_equals_torchaudio(
    order: int,
    filters: int,
    channels: list[int],
    time: int,
    batching: bool,
    clamp: bool,
    a0: float,
    double: bool,
    seed: int,
) -> None:
    rng = np.random.default_rng(seed)
    a, b = stable_coefficients(rng, max(filters, 1), order, a0=a0)
    shape = [*channels, filters] if filters and batching else channels
    x = torch.from_numpy(rng.standard_normal((*shape, time)))
    if not filters:
        a, b = a[0], b[0]
    if not double:
        x, a, b = x.float(), a.float(), b.float()
    wanted = torchaudio.functional.lfilter(x, a, b, clamp, batching)
    found = lfilter(x, a, b, clamp, batching)
    assert found.shape == wanted.shape
    assert found.dtype == wanted.dtype
    # In float32 torchaudio's own rounding is the larger by far: in float64 it is a judge of what
    # comes after the division by a0, which both do in the dtype given.
    b, a = ((part / a[..., :1]).double() for part in (b, a))
    exact = torchaudio.functional.lfilter(x.double(), a, b, clamp, batching)
    assert relative(found, exact) < (1e-10 if double else 1e-6)


@pytest.mark.parametrize("order", [1, 2, 5])
def test_float32_differs_from_torchaudio_by_a_millionth(order: int) -> None:
    # Well inside the circle, where torchaudio's own rounding stays small.
    rng = np.random.default_rng(order)
    a, b = (part.float() for part in stable_coefficients(rng, 6, order, radius=0.6, a0=2.0))
    x = torch.from_numpy(rng.uniform(-1, 1, (6, 2000))).float()
    wanted = torchaudio.functional.lfilter(x, a, b, clamp=False)
    assert relative(lfilter(x, a, b, clamp=False), wanted) < 1e-6


@settings(deadline=None, max_examples=40)
@given(
    order=st.integers(0, 9) | st.just(kernels.UNROLLED_ORDER + 3),
    rows=st.integers(0, 17),
    time=st.integers(1, 40),
    seed=st.integers(0, 999),
)
def test_states_are_those_of_scipy(order: int, rows: int, time: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    a, b = stable_coefficients(rng, 1, order, radius=0.5)
    x, zi = rng.standard_normal((rows, time)), rng.standard_normal((rows, order))
    y, zf = lfilter(
        torch.from_numpy(x), a[0], b[0], clamp=False, zi=torch.from_numpy(zi), return_zf=True
    )
    if order:
        wanted, end = scipy.signal.lfilter(b[0].numpy(), a[0].numpy(), x, zi=zi)
        np.testing.assert_allclose(y.numpy(), wanted, rtol=0, atol=1e-10)
        np.testing.assert_allclose(zf.numpy(), end, rtol=0, atol=1e-10)
    else:
        np.testing.assert_array_equal(y.numpy(), x * float(b[0]))


@settings(deadline=None, max_examples=25)
@given(
    order=st.integers(1, 7),
    rows=st.integers(1, 11),
    cuts=st.lists(st.integers(1, 30), min_size=1, max_size=8),
    double=st.booleans(),
    seed=st.integers(0, 999),
)
def test_bits_depend_neither_on_blocks_nor_on_channels(
    order: int, rows: int, cuts: list[int], double: bool, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    dtype = torch.float64 if double else torch.float32
    a, b = (part[0].to(dtype) for part in stable_coefficients(rng, 1, order, radius=0.98, a0=0.7))
    x = torch.from_numpy(rng.standard_normal((rows, sum(cuts)))).to(dtype)
    whole = lfilter(x, a, b, clamp=False)
    state, blocks = None, []
    for block in x.split(cuts, -1):
        y, state = lfilter(block, a, b, clamp=False, zi=state, return_zf=True)
        blocks.append(y)
    assert torch.equal(torch.cat(blocks, -1), whole)
    for row in range(rows):
        assert torch.equal(lfilter(x[row], a, b, clamp=False), whole[row])


@pytest.mark.parametrize("time", [1, 2, 9])
def test_gradients(time: int) -> None:
    rng = np.random.default_rng(time)
    a, b = stable_coefficients(rng, 2, 3, a0=1.5)
    inputs = [torch.from_numpy(rng.standard_normal((2, time))), a, b]
    inputs.append(torch.from_numpy(rng.standard_normal((2, 3))))
    inputs = [part.requires_grad_() for part in inputs]

    def function(*given: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        x, a, b, zi = given
        return lfilter(x, a, b, clamp=False, zi=zi, return_zf=True)

    assert torch.autograd.gradcheck(function, inputs)
    assert torch.autograd.gradgradcheck(function, inputs)


@settings(deadline=None, max_examples=25)
@given(
    order=st.integers(0, 6),
    channels=st.lists(st.integers(1, 3), min_size=1, max_size=2),
    time=st.integers(1, 80),
    double=st.booleans(),
    seed=st.integers(0, 999),
)
def test_gradients_equal_torchaudios(
    order: int, channels: list[int], time: int, double: bool, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    a, b = stable_coefficients(rng, channels[-1], order, radius=0.7, a0=2.0)
    x = torch.from_numpy(rng.standard_normal((*channels, time)))
    weight = torch.from_numpy(rng.standard_normal(x.shape))
    results = []
    for function in (torchaudio.functional.lfilter, lfilter):
        dtype = torch.float64 if double or function is not lfilter else torch.float32
        leaves = [part.detach().to(dtype, copy=True).requires_grad_() for part in (x, a, b)]
        (function(*leaves, clamp=False) * weight.to(dtype)).sum().backward()
        results.append([leaf.grad for leaf in leaves])
    for wanted, found in zip(*results, strict=True):
        assert wanted is not None
        assert found is not None
        scale = float(wanted.abs().max()) + 1
        assert float((found - wanted).abs().max()) < (1e-9 if double else 2e-4) * scale


def test_only_what_needs_gradients_gets_them() -> None:
    a, b = (part[0] for part in stable_coefficients(np.random.default_rng(0), 1, 2))
    x = torch.randn(3, 30, dtype=torch.float64)
    assert not lfilter(x, a, b).requires_grad
    for leaf in (x, a, b):
        leaf.requires_grad_()
        y = lfilter(x, a, b, clamp=False)
        assert y.requires_grad
        (grad,) = torch.autograd.grad(y.square().sum(), leaf)
        assert float(grad.abs().max()) > 0
        leaf.requires_grad_(False)


def test_clamp_stops_gradients_where_it_cuts() -> None:
    x = torch.tensor([0.5, 2.0, -3.0], requires_grad=True)
    lfilter(x, torch.tensor([1.0]), torch.tensor([1.0])).sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [1.0, 0.0, 0.0]


@pytest.mark.parametrize("radius", [0.99, 0.999, 0.9999])
def test_accuracy_close_to_the_circle(radius: float) -> None:
    # The stated accuracy: in float32 the output is the exact filter of the rounded coefficients,
    # rounded once; in float64 it errs by some eps / (1 - radius).
    angle = 0.3
    a = torch.tensor([1.0, -2 * radius * np.cos(angle), radius**2], dtype=torch.float64)
    b = torch.tensor([0.1, 0.2, -0.1], dtype=torch.float64)
    x = torch.randn(2, 50_000, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    single = a.float().double(), b.float().double()
    wide = [part.numpy().astype(np.longdouble) for part in (b, a, x)]
    exact = torch.from_numpy(scipy.signal.lfilter(*wide).astype(np.float64))
    assert relative(lfilter(x, a, b, clamp=False), exact) < 1e-15 / (1 - radius)
    found = lfilter(x.float(), a.float(), b.float(), clamp=False)
    wanted = lfilter(x.float().double(), *single, clamp=False)
    assert relative(found.double(), wanted) < 1e-7


def test_high_order_in_float32_is_finite_where_torchaudio_is_not() -> None:
    b, a = (torch.from_numpy(part) for part in scipy.signal.ellip(12, 0.1, 60, 0.5))
    x = torch.randn(1, 200_000, generator=torch.Generator().manual_seed(0))
    assert lfilter(x, a.float(), b.float(), clamp=False).isfinite().all()


@settings(deadline=None, max_examples=25)
@given(
    order=st.integers(0, 12),
    rows=st.integers(1, 3),
    time=st.integers(1, 300),
    double=st.booleans(),
    seed=st.integers(0, 999),
)
def test_chunks_equal_the_loop(order: int, rows: int, time: int, double: bool, seed: int) -> None:
    # What runs on other devices, here on the CPU.
    rng = np.random.default_rng(seed)
    a, b = stable_coefficients(rng, rows, order)
    zi = torch.from_numpy(rng.standard_normal((rows, order)))
    x = torch.from_numpy(rng.standard_normal((rows, time)))
    x = x if double else x.float()
    y, zf = direct_form(x, b, a[:, 1:], zi)
    found, end = direct_form_in_chunks(x, b, a[:, 1:], zi)
    assert found.dtype == x.dtype
    assert relative(found, y) < (1e-8 if double else 1e-4)
    if order:
        assert relative(end, zf) < (1e-8 if double else 1e-4)


def test_gradients_in_chunks() -> None:
    rng = np.random.default_rng(0)
    a, b = stable_coefficients(rng, 2, 2)
    inputs = [torch.from_numpy(rng.standard_normal((2, 37))), b, a[:, 1:].clone()]
    inputs = [part.requires_grad_() for part in (*inputs, torch.zeros_like(a[:, 1:]))]
    assert torch.autograd.gradcheck(direct_form_in_chunks, inputs)


def ones(*shape: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.ones(shape, dtype=dtype)


@pytest.mark.parametrize(
    ("waveform", "a", "b"),
    [
        (ones(4), torch.tensor([0.0, 1.0]), ones(2)),
        (ones(2, 4), torch.tensor([[1.0, 0.5], [0.0, 1.0]]), ones(2, 2)),
        (ones(4), torch.tensor([1.0, float("nan")]), ones(2)),
        (ones(4), ones(2), torch.tensor([float("inf"), 1.0])),
        (ones(2, 0), ones(2), ones(2)),
        (ones(), ones(2), ones(2)),
        (ones(4), ones(0), ones(0)),
        (ones(4), ones(3), ones(2)),
        (ones(3, 4), ones(2, 2), ones(2, 2)),
        (ones(4), ones(2, 2), ones(2, 2)),
        (ones(4), ones(1, 2, 2), ones(1, 2, 2)),
        (ones(4), ones(2, dtype=torch.float64), ones(2, dtype=torch.float64)),
        (ones(4, dtype=torch.int32), ones(2), ones(2)),
        (ones(4, dtype=torch.float16), ones(2), ones(2)),
        (ones(4, dtype=torch.complex64), ones(2), ones(2)),
        ([1.0, 2.0], ones(2), ones(2)),
        (ones(4), [1.0, 0.5], ones(2)),
    ],
)
def test_refuses(waveform: torch.Tensor, a: torch.Tensor, b: torch.Tensor) -> None:
    with pytest.raises(InputError, match=r"^[A-Z_a-z0-9].*\.$"):
        lfilter(waveform, a, b)


@pytest.mark.parametrize("zi", [ones(2, 3), ones(1, dtype=torch.complex64), [0.0]])
def test_refuses_states(zi: torch.Tensor) -> None:
    with pytest.raises(InputError, match="zi"):
        lfilter(ones(2, 4), ones(2), ones(2), zi=zi)


@settings(deadline=None, max_examples=30)
@given(
    order=st.integers(0, 5),
    hop=st.integers(1, 9),
    time=st.integers(1, 40),
    cut=st.integers(0, 5),
    seed=st.integers(0, 999),
)
def test_varying_is_the_difference_equation(
    order: int, hop: int, time: int, cut: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    frames = -(-time // hop)
    a, b = stable_coefficients(rng, frames, order, radius=0.5, a0=2.0)
    x = rng.standard_normal((2, time))
    past = rng.standard_normal((2, 2, order))
    xs = np.concatenate([past[:, 0, ::-1], x], 1)
    ys = np.concatenate([past[:, 1, ::-1], np.zeros((2, time))], 1)
    for t in range(time):
        f, now = t // hop, order + t
        for k in range(order + 1):
            ys[:, now] += float(b[f, k]) * xs[:, now - k]
        for k in range(1, order + 1):
            ys[:, now] -= float(a[f, k]) * ys[:, now - k]
        ys[:, now] /= float(a[f, 0])
    y, zf = lfilter_varying(
        torch.from_numpy(x), a, b, hop, zi=torch.from_numpy(past), return_zf=True
    )
    np.testing.assert_allclose(y.numpy(), ys[:, order:], atol=1e-10)
    np.testing.assert_allclose(zf[:, 0].numpy(), xs[:, time:][:, ::-1], atol=1e-10)
    np.testing.assert_allclose(zf[:, 1].numpy(), ys[:, time:][:, ::-1], atol=1e-10)


def test_varying_with_the_same_coefficients_is_lfilter() -> None:
    a, b = stable_coefficients(np.random.default_rng(3), 2, 4)
    x = torch.randn(3, 2, 50, dtype=torch.float64)
    y = lfilter_varying(x, a.unsqueeze(1), b.unsqueeze(1), hop=50)
    assert relative(y, lfilter(x, a, b, clamp=False)) < 1e-10


def test_varying_gradients() -> None:
    rng = np.random.default_rng(4)
    a, b = stable_coefficients(rng, 3, 2, a0=1.5)
    inputs = [torch.from_numpy(rng.standard_normal((2, 7))), a, b]
    inputs = [part.requires_grad_() for part in (*inputs, torch.ones(2, 2, 2).double())]

    def function(*given: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        x, a, b, zi = given
        return lfilter_varying(x, a, b, 3, zi=zi, return_zf=True)

    assert torch.autograd.gradcheck(function, inputs)
    assert torch.autograd.gradgradcheck(function, inputs)


@pytest.mark.parametrize(
    ("shape_a", "shape_b", "hop"),
    [
        ((4, 2), (4, 3), 1),
        ((3, 2), (3, 2), 1),
        ((4, 2), (4, 2), 2),
        ((4, 2), (4, 2), 0),
        ((2,), (2,), 4),
    ],
)
def test_varying_refuses(shape_a: tuple[int, ...], shape_b: tuple[int, ...], hop: int) -> None:
    with pytest.raises(InputError, match="hop"):
        lfilter_varying(ones(4), ones(*shape_a), ones(*shape_b), hop)


def test_unstable_coefficients_are_run_as_they_are() -> None:
    x, a, b = ones(1, 40).double(), torch.tensor([1.0, -2.0]).double(), ones(2).double()
    wanted = torchaudio.functional.lfilter(x, a, b, clamp=False)
    assert float(wanted.abs().max()) > 1e9
    torch.testing.assert_close(lfilter(x, a, b, clamp=False), wanted)
