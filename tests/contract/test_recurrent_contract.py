"""What every flavour promises, whatever it is inside: one set of tests over the whole registry."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from torch import Tensor

from rnnmusic.recurrent import RECURRENT, Recurrent, State, build, tree_map
from rnnmusic.recurrent.protocol import Recurrent as Protocol

INPUTS, SIZE = 3, 5
TOLERANCE = {torch.float32: 1e-5, torch.float64: 1e-10}
FLAVOURS = [
    pytest.param(name, options, id=f"{name}-{label}")
    for name in RECURRENT
    for label, options in {
        "one": {},
        "two": {"layers": 2},
        "learned": {"layers": 2, "learned_initial_state": True},
    }.items()
] + [
    pytest.param("linear", {"orthogonal": True, "states": 7}, id="linear-orthogonal"),
    pytest.param("iir", {"sections": 3}, id="iir-three"),
    pytest.param("ssm", {"discretization": "zoh", "modes": 7}, id="ssm-zoh"),
    pytest.param("ssm", {"discretization": "bilinear", "modes": 2}, id="ssm-bilinear"),
]
flavours = pytest.mark.parametrize(("name", "options"), FLAVOURS)


def make(name: str, options: dict[str, Any], dtype: torch.dtype = torch.float64) -> Recurrent:
    """A net whose every parameter is random, the initial state too, so that nothing hides."""
    torch.manual_seed(1)
    net = build(name, INPUTS, SIZE, **options).to(dtype)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.normal_(std=0.5)
    return net.eval()


def leaves(state: State) -> list[Tensor]:
    found: list[Tensor] = []
    tree_map(found.append, state)
    return found


def close(a: State, b: State, dtype: torch.dtype = torch.float64) -> None:
    for x, y in zip(leaves(a), leaves(b), strict=True):
        torch.testing.assert_close(x, y, atol=TOLERANCE[dtype], rtol=0)


def random_state(net: Recurrent, batch: int) -> State:
    return tree_map(torch.randn_like, net.initial_state(batch))


def inputs(batch: int, time: int, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(batch, time, INPUTS, dtype=dtype)


@flavours
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@given(
    seed=st.integers(0, 999),
    batch=st.integers(1, 4),
    chunks=st.lists(st.integers(1, 6), min_size=1, max_size=4),
)
@settings(max_examples=10, deadline=None)
def test_whole_chunked_and_stepped_agree(
    name: str, options: dict[str, Any], dtype: torch.dtype, seed: int, batch: int, chunks: list[int]
) -> None:
    net = make(name, options, dtype)
    torch.manual_seed(seed)
    x = inputs(batch, sum(chunks), dtype)
    with torch.no_grad():
        whole, whole_state = net(x)
        state, outputs = net.initial_state(batch), []
        for chunk in x.split(chunks, dim=1):
            y, state = net(chunk, state)
            outputs.append(y)
        close(torch.cat(outputs, 1), whole, dtype)
        close(state, whole_state, dtype)
        state, outputs = net.initial_state(batch), []
        for t in range(x.shape[1]):
            y, state = net.step(x[:, t], state)
            outputs.append(y)
        close(torch.stack(outputs, 1), whole, dtype)
        close(state, whole_state, dtype)


@flavours
@given(data=st.data())
@settings(max_examples=25, deadline=None)
def test_resets_and_lengths_equal_the_plain_loop(
    name: str, options: dict[str, Any], data: st.DataObject
) -> None:
    """The fast path against the definition: the loop over `step` in the protocol."""
    net = make(name, options)
    batch, time = data.draw(st.integers(1, 4)), data.draw(st.integers(1, 12))
    torch.manual_seed(data.draw(st.integers(0, 999)))
    x, state = inputs(batch, time), random_state(net, batch)
    reset, lengths = None, None
    if data.draw(st.booleans()):
        reset = torch.rand(batch, time) < data.draw(st.sampled_from([0.0, 0.1, 0.5, 1.0]))
    if data.draw(st.booleans()):
        lengths = torch.randint(0, time + 1, (batch,))
    with torch.no_grad():
        y, end = net(x, state, None, reset, lengths)
        expected, expected_end = Protocol.forward(net, x, state, None, reset, lengths)
    close(y, expected)
    close(end, expected_end)


@flavours
def test_a_reset_row_equals_a_fresh_one(name: str, options: dict[str, Any]) -> None:
    net = make(name, options)
    x, at = inputs(3, 9), 4
    reset = torch.zeros(3, 9, dtype=torch.bool)
    reset[1, at] = True
    y, state = net(x, random_state(net, 3), reset=reset)
    fresh, fresh_state = net(x[:, at:])
    close(y[1, at:], fresh[1])
    close(tree_map(lambda part: part[1], state), tree_map(lambda part: part[1], fresh_state))


@flavours
def test_padding_leaks_nothing_and_the_state_is_that_at_the_length(
    name: str, options: dict[str, Any]
) -> None:
    net = make(name, options)
    x, lengths, start = inputs(3, 8), torch.tensor([8, 3, 0]), random_state(net, 3)
    reset = torch.zeros(3, 8, dtype=torch.bool)
    reset[1, 5] = reset[2, 1] = True  # past the end: nothing may happen
    poisoned = x.clone()
    for row, length in enumerate(lengths):
        poisoned[row, length:] = 1e6
    y, state = net(poisoned, start, reset=reset, lengths=lengths)
    for row, length in enumerate(lengths.tolist()):
        before = tree_map(lambda part, row=row: part[row : row + 1], start)
        alone, end = net(x[row : row + 1, :length], before) if length else (y[:0, :0], before)
        close(
            y[row : row + 1, :length], alone.expand(1, -1, SIZE) if length else y[row : row + 1, :0]
        )
        assert not y[row, length:].any()
        close(tree_map(lambda part, row=row: part[row : row + 1], state), end)


@flavours
def test_rows_do_not_mix_and_nothing_looks_ahead(name: str, options: dict[str, Any]) -> None:
    net = make(name, options)
    x, row, t = inputs(3, 7).requires_grad_(), 1, 4
    reset = torch.zeros(3, 7, dtype=torch.bool)
    reset[0, 2] = reset[2, 5] = True
    for arguments in ({}, {"reset": reset, "lengths": torch.tensor([7, 6, 5])}):
        y, _ = net(x, **arguments)
        (gradient,) = torch.autograd.grad(y[row, t].sum(), x)
        assert gradient[row, : t + 1].abs().amin() > 0
        gradient[row, : t + 1] = 0
        assert not gradient.any()


@flavours
def test_no_gradient_crosses_a_reset(name: str, options: dict[str, Any]) -> None:
    net = make(name, options)
    x = inputs(2, 6).requires_grad_()
    reset = torch.zeros(2, 6, dtype=torch.bool)
    reset[0, 3] = True
    (gradient,) = torch.autograd.grad(net(x, reset=reset)[0][:, 5].sum(), x)
    assert not gradient[0, :3].any()
    assert gradient[0, 3:].any()
    assert gradient[1, :3].any()


@flavours
def test_gradients_are_right(name: str, options: dict[str, Any]) -> None:
    net = make(name, options)
    x = inputs(2, 4).requires_grad_()
    state = tree_map(lambda part: part.requires_grad_(), random_state(net, 2))
    reset = torch.tensor([[False] * 4, [False, False, True, False]])
    names, weights = zip(*net.named_parameters(), strict=True)

    def run(x: Tensor, *rest: Tensor) -> tuple[Tensor, ...]:
        parts = iter(rest)
        carried = tree_map(lambda _: next(parts), state)
        given = dict(zip(names, parts, strict=True))
        arguments = (x, carried, None, reset, torch.tensor([3, 4]))
        y, end = torch.func.functional_call(net, given, arguments)
        return y, *leaves(end)

    assert torch.autograd.gradcheck(run, (x, *leaves(state), *weights), fast_mode=True)


@flavours
def test_learned_initial_states_learn(name: str, options: dict[str, Any]) -> None:
    net = make(name, options)
    reset = torch.tensor([[False, True, False]])
    net(inputs(1, 3), random_state(net, 1), reset=reset)[0].sum().backward()
    learned = [p for key, p in net.named_parameters() if key.endswith("initial")]
    assert len(learned) == (2 if options.get("learned_initial_state") else 0)
    assert all(p.grad is not None and p.grad.abs().amin() > 0 for p in learned)


@flavours
def test_the_state_is_a_value(name: str, options: dict[str, Any]) -> None:
    net = make(name, options)
    x, state = inputs(2, 5), random_state(net, 2)
    kept = tree_map(Tensor.clone, state)
    first, _ = net.step(x[:, 0], state)
    net(x, state, reset=torch.ones(2, 5, dtype=torch.bool))
    net(x, state, lengths=torch.tensor([2, 0]))
    second, _ = net.step(x[:, 0], state)
    assert torch.equal(first, second)
    assert all(map(torch.equal, leaves(state), leaves(kept)))


@flavours
def test_weights_and_state_survive_a_save_and_load(
    name: str, options: dict[str, Any], tmp_path: Path
) -> None:
    net = make(name, options)
    x = inputs(2, 6)
    with torch.no_grad():
        expected, _ = net(x)
        _, state = net(x[:, :3])
    numbered = {str(i): part.contiguous() for i, part in enumerate(leaves(state))}
    save_file({**net.state_dict(), **numbered}, tmp_path / "all.safetensors")
    loaded = load_file(tmp_path / "all.safetensors")
    parts = iter([loaded.pop(key) for key in numbered])
    other = build(name, INPUTS, SIZE, **options).double().eval()
    other.load_state_dict(loaded)
    again = tree_map(lambda _: next(parts), other.initial_state(2))
    with torch.no_grad():
        close(other(x[:, 3:], again)[0], expected[:, 3:])
