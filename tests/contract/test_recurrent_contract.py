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
from tests.contract.cases import CASES
from tests.contract.cases.case import Case

NETS = [(case, case.depth) for case in CASES]
nets = pytest.mark.parametrize(
    ("case", "layers"), NETS, ids=[f"{case.id}-{layers}" for case, layers in NETS]
)
smooth = pytest.mark.parametrize(
    ("case", "layers"),
    [net for net in NETS if net[0].smooth],
    ids=[f"{case.id}-{layers}" for case, layers in NETS if case.smooth],
)
cases = pytest.mark.parametrize("case", CASES, ids=[case.id for case in CASES])


def make(case: Case, layers: int = 1, dtype: torch.dtype = torch.float64, **more: Any) -> Recurrent:
    """A net whose every parameter is random, the initial state too, so that nothing hides."""
    torch.manual_seed(1)
    net = build(case.name, case.inputs, case.size, layers=layers, **case.options, **more).to(dtype)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.normal_(std=0.5)
    return net.eval()


def leaves(state: State) -> list[Tensor]:
    found: list[Tensor] = []
    tree_map(found.append, state)
    return found


def close(a: State, b: State, tolerance: float = 1e-10) -> None:
    for x, y in zip(leaves(a), leaves(b), strict=True):
        # Linear layers have no bound: of the largest number, of 1 where all are smaller.
        largest = float(y.detach().abs().max()) if y.numel() else 0.0
        torch.testing.assert_close(x, y, atol=tolerance * max(1.0, largest), rtol=0)


def random_state(case: Case, net: Recurrent, batch: int) -> State:
    drawn = tree_map(torch.randn_like, net.initial_state(batch))
    return drawn if case.legal is None else case.legal(drawn)


def inputs(case: Case, batch: int, time: int, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(batch, time, case.inputs, dtype=dtype)


@nets
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@given(
    seed=st.integers(0, 999),
    batch=st.integers(1, 4),
    chunks=st.lists(st.integers(1, 6), min_size=1, max_size=4),
)
@settings(max_examples=10, deadline=None)
def test_whole_chunked_and_stepped_agree(
    case: Case, layers: int, dtype: torch.dtype, seed: int, batch: int, chunks: list[int]
) -> None:
    net = make(case, layers, dtype)
    torch.manual_seed(seed)
    x = inputs(case, batch, sum(chunks), dtype)
    tolerance = case.in_float32 if dtype == torch.float32 else 1e-10
    with torch.no_grad():
        whole, whole_state = net(x)
        state, outputs = net.initial_state(batch), []
        for chunk in x.split(chunks, dim=1):
            y, state = net(chunk, state)
            outputs.append(y)
        close(torch.cat(outputs, 1), whole, tolerance)
        close(state, whole_state, tolerance)
        state, outputs = net.initial_state(batch), []
        for t in range(x.shape[1]):
            y, state = net.step(x[:, t], state)
            outputs.append(y)
        close(torch.stack(outputs, 1), whole, tolerance)
        close(state, whole_state, tolerance)


@nets
@given(data=st.data())
@settings(max_examples=25, deadline=None)
def test_resets_and_lengths_equal_the_plain_loop(
    case: Case, layers: int, data: st.DataObject
) -> None:
    """The fast path against the definition: the loop over `step` in the protocol."""
    net = make(case, layers)
    batch, time = data.draw(st.integers(1, 4)), data.draw(st.integers(1, 12))
    torch.manual_seed(data.draw(st.integers(0, 999)))
    x, state = inputs(case, batch, time), random_state(case, net, batch)
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


@nets
def test_a_reset_row_equals_a_fresh_one(case: Case, layers: int) -> None:
    net = make(case, layers)
    x, at = inputs(case, 3, 9), 4
    reset = torch.zeros(3, 9, dtype=torch.bool)
    reset[1, at] = True
    y, state = net(x, random_state(case, net, 3), reset=reset)
    fresh, fresh_state = net(x[:, at:])
    close(y[1, at:], fresh[1])
    close(tree_map(lambda part: part[1], state), tree_map(lambda part: part[1], fresh_state))


@nets
def test_padding_leaks_nothing_and_the_state_is_that_at_the_length(case: Case, layers: int) -> None:
    net = make(case, layers)
    x, lengths, start = inputs(case, 3, 8), torch.tensor([8, 3, 0]), random_state(case, net, 3)
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
            y[row : row + 1, :length],
            alone.expand(1, -1, net.output_size) if length else y[row : row + 1, :0],
        )
        assert not y[row, length:].any()
        close(tree_map(lambda part, row=row: part[row : row + 1], state), end)


@smooth
def test_rows_do_not_mix_and_nothing_looks_ahead(case: Case, layers: int) -> None:
    net = make(case, layers)
    x, row, t = inputs(case, 3, 7).requires_grad_(), 1, 4
    reset = torch.zeros(3, 7, dtype=torch.bool)
    reset[0, 2] = reset[2, 5] = True
    for arguments in ({}, {"reset": reset, "lengths": torch.tensor([7, 6, 5])}):
        y, _ = net(x, **arguments)
        (gradient,) = torch.autograd.grad(y[row, t].sum(), x)
        reached = max(0, t + 1 - case.reach) if case.reach else 0
        assert gradient[row, reached : t + 1].abs().amax(-1).amin() > 0
        gradient[row, : t + 1] = 0
        assert not gradient.any()


@smooth
def test_no_gradient_crosses_a_reset(case: Case, layers: int) -> None:
    net = make(case, layers)
    x = inputs(case, 2, 6).requires_grad_()
    reset = torch.zeros(2, 6, dtype=torch.bool)
    reset[0, 3] = True
    (gradient,) = torch.autograd.grad(net(x, reset=reset)[0][:, 5].sum(), x)
    assert not gradient[0, :3].any()
    assert gradient[0, 3:].any()
    assert gradient[1, :3].any()


@smooth
def test_gradients_are_right(case: Case, layers: int) -> None:
    net = make(case, layers)
    x = inputs(case, 2, 4).requires_grad_()
    state = tree_map(lambda part: part.requires_grad_(), random_state(case, net, 2))
    reset = torch.tensor([[False] * 4, [False, False, True, False]])
    named = dict(net.named_parameters())  # none in a reservoir
    names, weights = list(named), list(named.values())

    def run(x: Tensor, *rest: Tensor) -> tuple[Tensor, ...]:
        parts = iter(rest)
        carried = tree_map(lambda _: next(parts), state)
        given = dict(zip(names, parts, strict=True))
        arguments = (x, carried, None, reset, torch.tensor([3, 4]))
        y, end = torch.func.functional_call(net, given, arguments)
        return y, *leaves(end)

    assert torch.autograd.gradcheck(run, (x, *leaves(state), *weights), fast_mode=True)


learned = pytest.mark.parametrize(
    "case",
    [case for case in CASES if case.learned],
    ids=[case.id for case in CASES if case.learned],
)


@learned
def test_learned_initial_states_learn(case: Case) -> None:
    net = make(case, learned_initial_state=True)
    reset = torch.tensor([[False, True, False]])
    net(inputs(case, 1, 3), random_state(case, net, 1), reset=reset)[0].sum().backward()
    found = [p for key, p in net.named_parameters() if "initial" in key]
    assert found
    assert all(p.grad is not None and p.grad.abs().amin() > 0 for p in found)


@learned
def test_a_share_of_the_units_can_learn_how_to_begin(case: Case) -> None:
    net = make(case, learned_initial_state=0.4)
    begins = torch.cat([leaf.flatten(1) for leaf in leaves(net.initial_state(1))], 1)
    assert begins.any()
    assert (begins == 0).any()
    plain = make(case)
    assert not torch.cat([leaf.flatten() for leaf in leaves(plain.initial_state(1))]).any()


def test_every_flavour_is_here() -> None:
    assert {case.name for case in CASES} == set(RECURRENT)


@cases
def test_time_matters_where_it_is_said_to(case: Case) -> None:
    net = make(case)
    x, dt = inputs(case, 2, 5), 0.2 + torch.rand(2, 5, dtype=torch.float64)
    with torch.no_grad():
        plain, timed = net(x)[0], net(x, None, dt)[0]
        one = net(x, None, torch.ones_like(dt))[0]
        stepped = Protocol.forward(net, x, None, dt)[0]
    close(plain, one)
    assert torch.equal(plain, timed) != net.is_timed
    close(timed, stepped)


@nets
def test_the_state_is_a_value(case: Case, layers: int) -> None:
    net = make(case, layers)
    x, state = inputs(case, 2, 5), random_state(case, net, 2)
    kept = tree_map(Tensor.clone, state)
    first, _ = net.step(x[:, 0], state)
    net(x, state, reset=torch.ones(2, 5, dtype=torch.bool))
    net(x, state, lengths=torch.tensor([2, 0]))
    second, _ = net.step(x[:, 0], state)
    assert torch.equal(first, second)
    assert all(map(torch.equal, leaves(state), leaves(kept)))


@nets
def test_weights_and_state_survive_a_save_and_load(case: Case, layers: int, tmp_path: Path) -> None:
    net = make(case, layers)
    x = inputs(case, 2, 6)
    with torch.no_grad():
        expected, _ = net(x)
        _, state = net(x[:, :3])
    numbered = {str(i): part.contiguous() for i, part in enumerate(leaves(state))}
    save_file({**net.state_dict(), **numbered}, tmp_path / "all.safetensors")
    loaded = load_file(tmp_path / "all.safetensors")
    parts = iter([loaded.pop(key) for key in numbered])
    other = build(case.name, case.inputs, case.size, layers=layers, **case.options)
    other = other.double().eval()
    other.load_state_dict(loaded)
    again = tree_map(lambda _: next(parts), other.initial_state(2))
    with torch.no_grad():
        close(other(x[:, 3:], again)[0], expected[:, 3:])
