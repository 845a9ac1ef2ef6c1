"""The scan against its definition, its gradients against differences, on all its engines."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from rnnmusic.errors import InputError
from rnnmusic.filters.functional import scan as engines
from rnnmusic.filters.functional.scan import chunked_scan, diagonal_scan

DTYPES = [torch.float32, torch.float64, torch.complex64, torch.complex128]
TOLERANCE = {torch.float32: 2e-6, torch.complex64: 2e-6}


def by_definition(x: Tensor, a: Tensor, zi: Tensor) -> Tensor:
    """h[t] = a[t] h[t-1] + x[t], a step at a time."""
    a, h, states = a.expand(x.shape), zi, []
    for t in range(x.shape[-2]):
        h = a[..., t, :] * h + x[..., t, :]
        states.append(h)
    return torch.stack(states, -2)


def draw(
    seed: int, lead: tuple[int, ...], time: int, lanes: int, varying: bool, dtype: torch.dtype
) -> tuple[Tensor, Tensor, Tensor]:
    """x, a within the unit circle, zi."""
    torch.manual_seed(seed)
    x = torch.randn(*lead, time, lanes, dtype=dtype)
    a = torch.randn(x.shape if varying else (lanes,), dtype=dtype)
    return x, a / (1 + a.abs()), torch.randn(*lead, lanes, dtype=dtype)


@given(
    seed=st.integers(0, 999),
    lead=st.sampled_from([(), (1,), (3,), (2, 2)]),
    time=st.integers(1, 40),
    lanes=st.integers(1, 9),
    varying=st.booleans(),
    dtype=st.sampled_from(DTYPES),
)
@settings(max_examples=60, deadline=None)
def test_every_engine_computes_the_recurrence(
    seed: int, lead: tuple[int, ...], time: int, lanes: int, varying: bool, dtype: torch.dtype
) -> None:
    x, a, zi = draw(seed, lead, time, lanes, varying, dtype)
    exact = by_definition(*(part.to(torch.complex128) for part in (x, a, zi)))
    tolerance = TOLERANCE.get(dtype, 1e-13) * (1 + exact.abs().max())
    h, zf = diagonal_scan(x, a, zi, return_zf=True)
    assert h.dtype == dtype
    assert torch.equal(zf, h[..., -1, :])
    assert (h - exact).abs().max() < tolerance
    rows = (x.reshape(-1, time, lanes), a if a.dim() == 1 else a.reshape(-1, time, lanes))
    chunked = chunked_scan(*rows, zi.reshape(-1, lanes)).view(x.shape)
    assert (chunked - exact).abs().max() < tolerance


@pytest.mark.parametrize("varying", [False, True])
@pytest.mark.parametrize("dtype", [torch.float64, torch.complex128])
@pytest.mark.parametrize("engine", ["loop", "chunked"])
def test_gradients_of_first_and_second_order(
    engine: str, dtype: torch.dtype, varying: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if engine == "chunked":
        monkeypatch.setattr(engines, "engine_for", lambda x: chunked_scan)
    given = tuple(part.requires_grad_() for part in draw(1, (2,), 5, 3, varying, dtype))

    def run(x: Tensor, a: Tensor, zi: Tensor) -> tuple[Tensor, Tensor]:
        return diagonal_scan(x, a, zi, return_zf=True)

    assert torch.autograd.gradcheck(run, given)
    assert torch.autograd.gradgradcheck(run, given)


@given(time=st.integers(2, 700), seed=st.integers(0, 99))
@settings(max_examples=10, deadline=None)
def test_the_fused_adjoint_equals_the_composed_one(time: int, seed: int) -> None:
    """Long sums too: the kernel adds up gradients of a in blocks."""
    x, a, zi = draw(seed, (2,), time, 3, False, torch.complex128)
    a.requires_grad_()
    grad = torch.randn_like(x)
    (fused,) = torch.autograd.grad(diagonal_scan(x, a, zi), a, grad)
    (composed,) = torch.autograd.grad(diagonal_scan(x, a, zi), a, grad, create_graph=True)
    torch.testing.assert_close(fused, composed.detach(), rtol=1e-12, atol=1e-12)


@given(cut=st.integers(0, 20), seed=st.integers(0, 99))
@settings(max_examples=20, deadline=None)
def test_pieces_equal_the_whole_bit_by_bit(cut: int, seed: int) -> None:
    x, a, zi = draw(seed, (2,), 20, 5, False, torch.complex64)
    first, state = diagonal_scan(x[:, :cut], a, zi, return_zf=True)
    second, last = diagonal_scan(x[:, cut:], a, state, return_zf=True)
    whole, zf = diagonal_scan(x, a, zi, return_zf=True)
    assert torch.equal(torch.cat([first, second], 1), whole)
    assert torch.equal(last, zf)


def test_poles_next_to_the_circle_keep_their_digits_in_single_precision() -> None:
    torch.manual_seed(0)
    lanes, time = 32, 20_000
    a = torch.polar(torch.full((lanes,), 0.9999), torch.pi * torch.rand(lanes))
    x = torch.randn(time, lanes, dtype=torch.complex64)
    exact = diagonal_scan(x.to(torch.complex128), a.to(torch.complex128))
    error = (diagonal_scan(x, a) - exact).abs().square().mean() / exact.abs().square().mean()
    assert error.sqrt() < 1e-5


def test_conjugates_and_strides_are_read_as_what_they_stand_for() -> None:
    x, a, zi = draw(3, (2,), 6, 4, False, torch.complex128)
    lazy = diagonal_scan(x.conj().transpose(1, 2).contiguous().transpose(1, 2), a.conj(), zi.conj())
    torch.testing.assert_close(lazy, diagonal_scan(x, a, zi).conj().resolve_conj())


def test_mixed_dtypes_are_promoted_and_gradients_return_to_theirs() -> None:
    x, a = torch.randn(6, 3, requires_grad=True), torch.full((3,), 0.5j, requires_grad=True)
    h = diagonal_scan(x, a)
    assert h.dtype == torch.complex64
    grads = torch.autograd.grad(h.abs().sum(), (x, a))
    assert [grad.dtype for grad in grads] == [torch.float32, torch.complex64]


@pytest.mark.parametrize(
    ("x", "a", "zi"),
    [
        (torch.zeros(3), torch.zeros(3), None),
        (torch.zeros(4, 3), torch.zeros(2), None),
        (torch.zeros(2, 4, 3), torch.zeros(3, 4, 3), None),
        (torch.zeros(4, 3), torch.zeros(3), torch.zeros(2)),
        (torch.zeros(4, 3, dtype=torch.int64), torch.zeros(3, dtype=torch.int64), None),
    ],
)
def test_what_does_not_fit_is_refused(x: Tensor, a: Tensor, zi: Tensor | None) -> None:
    with pytest.raises(InputError):
        diagonal_scan(x, a, zi)


@pytest.mark.slow
def test_the_triton_kernel_computes_the_recurrence_in_triton_s_interpreter() -> None:
    """The kernel's arithmetic, without a GPU: whether it compiles for one isn't tested here."""
    pytest.importorskip("triton")
    program = """
import torch
from rnnmusic.filters.functional.scan import chunked_scan
from rnnmusic.filters.functional.triton_scan import scan
for dtype in (torch.float32, torch.float64, torch.complex64, torch.complex128):
    for rows, time, lanes in ((2, 7, 3), (1, 1, 70), (2, 33, 66)):
        x, zi = torch.randn(rows, time, lanes, dtype=dtype), torch.randn(rows, lanes, dtype=dtype)
        for shape in ((lanes,), x.shape):
            a = torch.randn(shape, dtype=dtype)
            a = a / (1 + a.abs())
            torch.testing.assert_close(scan(x, a, zi), chunked_scan(x, a, zi), rtol=1e-4, atol=1e-5)
"""
    environment = {**os.environ, "TRITON_INTERPRET": "1"}
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
