"""Learnable filters: their forms, responses, outputs and gradients agree."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from rnnmusic.errors import InputError, UsageError
from rnnmusic.filters.forms import Band, ParametricEq, Sections, StateSpace, TransferFunction
from rnnmusic.filters.modules import (
    AllpassFilter,
    DelayNetworkFilter,
    DiagonalFilter,
    DirectFilter,
    Filter,
    LatticeFilter,
    OrthogonalFilter,
    ParallelFilter,
    ParametricEqFilter,
    Range,
    SectionsFilter,
    StateSpaceFilter,
    SvfFilter,
    ZpkFilter,
)
from tests.filters.modules.builders import MODULES, RATE, forms, made

OMEGA = np.linspace(0.01, 3.1, 97)


def impulse_response(module: Filter, length: int) -> Tensor:
    """(length,) or (outputs, inputs, length)."""
    if module.inputs == module.outputs == 1:
        return module(torch.eye(1, length, dtype=torch.float64)[0])
    impulses = torch.zeros(module.inputs, module.inputs, length, dtype=torch.float64)
    impulses[range(module.inputs), range(module.inputs), 0] = 1
    return module(impulses).transpose(0, 1)


@pytest.mark.parametrize("kind", forms(0))
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_module_begins_as_its_form_and_becomes_it(kind: str, seed: int) -> None:
    cls, form = forms(seed)[kind]
    module = cls.from_form(form)
    wanted = form.response(OMEGA)
    scale = abs(wanted).max()
    assert abs(module.form().response(OMEGA) - wanted).max() < 1e-9 * scale
    found = module.response(torch.from_numpy(OMEGA)).detach().numpy()
    assert abs(found - wanted).max() < 1e-9 * scale
    assert module.form().sample_rate_hz == form.sample_rate_hz


@pytest.mark.parametrize("name", MODULES)
@pytest.mark.parametrize("seed", [0, 1])
def test_the_form_has_the_response_of_the_module(name: str, seed: int) -> None:
    module = made(name, seed)
    found = module.response(torch.from_numpy(OMEGA)).detach().numpy()
    wanted = module.form().response(OMEGA)
    assert abs(found - wanted).max() < 1e-9 * abs(wanted).max()


@pytest.mark.parametrize("name", MODULES)
def test_the_output_has_the_response(name: str) -> None:
    module = made(name)
    length = 1 << 15
    with torch.no_grad():
        spectrum = torch.fft.rfft(impulse_response(module, length)).movedim(-1, 0)
        omega = torch.arange(len(spectrum)) * 2 * torch.pi / length
        response = module.response(omega)
    # What hasn't died away by the end is missing, and wraps around.
    assert (spectrum - response).abs().max() < 2e-3 * response.abs().max()
    some = slice(100, None, 500)
    assert (spectrum - response)[some].abs().median() < 1e-4 * response.abs().max()


@pytest.mark.parametrize("name", MODULES)
def test_gradients_are_exact(name: str) -> None:
    module = made(name, seed=3, spread=0.2)
    names, values = zip(*module.named_parameters(), strict=True)
    shape = (2, 12) if module.inputs == module.outputs == 1 else (2, module.inputs, 12)
    x = torch.randn(shape, dtype=torch.float64, requires_grad=True)

    def output(x: Tensor, *parameters: Tensor) -> Tensor:
        given = dict(zip(names, parameters, strict=True))
        return torch.func.functional_call(module, given, (x,))

    parameters = [value.detach().clone().requires_grad_() for value in values]
    assert torch.autograd.gradcheck(output, (x, *parameters), atol=1e-6, fast_mode=True)


@pytest.mark.parametrize("name", MODULES)
def test_gradients_of_the_response_are_exact(name: str) -> None:
    module = made(name, seed=4, spread=0.2)
    names, values = zip(*module.named_parameters(), strict=True)
    omega = torch.linspace(0.1, 3.0, 5, dtype=torch.float64)

    class Response(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.filter = module

        def forward(self) -> Tensor:
            return torch.view_as_real(self.filter.response(omega))

    holder = Response()

    def output(*parameters: Tensor) -> Tensor:
        given = {f"filter.{name}": value for name, value in zip(names, parameters, strict=True)}
        return torch.func.functional_call(holder, given, ())

    parameters = [value.detach().clone().requires_grad_() for value in values]
    assert torch.autograd.gradcheck(output, parameters, atol=1e-6, fast_mode=True)


@pytest.mark.parametrize("name", MODULES)
def test_blocks_are_the_whole_and_near_to_forward(name: str) -> None:
    module = made(name)
    rng = np.random.default_rng(0)
    x = rng.standard_normal((module.inputs, 500)).astype(np.float32)
    whole = module.stream(x)
    module.reset()
    parts = np.split(x, [1, 1, 7, 200, 203, 456], axis=1)
    blocks = np.concatenate([module.stream(part) for part in parts], axis=1)
    assert np.array_equal(whole, blocks)
    with torch.no_grad():
        wanted = module(torch.from_numpy(x).double()).numpy()
    assert abs(whole - wanted).max() < 1e-4 * abs(wanted).max()


@pytest.mark.parametrize(
    "make",
    [
        lambda channels: SectionsFilter(2, channels=channels),
        lambda channels: DirectFilter(3, channels=channels),
        lambda channels: ParallelFilter(2, taps=2, channels=channels),
        lambda channels: ZpkFilter(1, 1, channels=channels),
        lambda channels: SvfFilter(2, channels=channels),
        lambda channels: LatticeFilter(3, channels=channels),
        lambda channels: ParametricEqFilter(["peak", "high_shelf"], RATE, channels=channels),
    ],
)
def test_channels_have_parameters_of_their_own(make: type[Filter]) -> None:
    torch.manual_seed(0)
    module = make(3)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    x = torch.randn(2, 3, 50, dtype=torch.float64)
    y = module(x)
    responses = module.response(torch.from_numpy(OMEGA))
    streamed = module.stream(x[0].numpy())
    for channel in range(3):
        alone = make(1)
        alone.load_state_dict(
            {name: value[channel : channel + 1] for name, value in module.state_dict().items()}
        )
        torch.testing.assert_close(y[:, channel], alone(x[:, channel]))
        wanted = module.form(channel).response(OMEGA)
        assert abs(responses[channel].detach().numpy() - wanted).max() < 1e-9 * abs(wanted).max()
        assert abs(streamed[channel] - y[0, channel].detach().numpy()).max() < 1e-9
    with pytest.raises(InputError, match="3 channels"):
        module(x[:, :2])


def held(module: Filter, steps: int) -> dict[str, Tensor]:
    """All that can change over time, standing still."""
    values = {name: getattr(module, name)[0] for name in module.controls}  # type: ignore[union-attr]
    return {name: value.expand(steps, *value.shape) for name, value in values.items()}


@pytest.mark.parametrize("name", ["sections", "direct", "svf", "eq", "zpk"])
def test_constant_parameters_over_time_change_nothing(name: str) -> None:
    module = made(name)
    x = torch.randn(2, 60, dtype=torch.float64)
    wanted = module(x)
    for steps in (60, 6):
        still = held(module, steps)
        torch.testing.assert_close(module(x, still), wanted)
        first = next(iter(still))
        torch.testing.assert_close(module(x, {first: still[first]}), wanted)
    with pytest.raises(InputError, match="don't divide"):
        module(x, held(module, 7))
    with pytest.raises(UsageError, match="can't change"):
        module(x, {"nonsense": x})


def test_a_parameter_over_time_is_heard_when_it_changes_and_learned() -> None:
    module = ParametricEqFilter(["low_pass"], RATE)
    cutoff = torch.full((80, 1), 12_000.0, dtype=torch.float64)
    cutoff[40:] = 200.0
    cutoff.requires_grad_()
    x = torch.randn(80, dtype=torch.float64)
    y = module(x, {"cutoff_hz": cutoff})
    before = module(x, {"cutoff_hz": cutoff[:1].expand(80, 1)})
    torch.testing.assert_close(y[:40], before[:40])
    assert (y[60:] - before[60:]).abs().max() > 0.1 * x.abs().max()
    y[60:].square().sum().backward()
    assert cutoff.grad is not None
    assert (cutoff.grad[:60].abs() > 0).any()
    with pytest.raises(UsageError, match="stand still"):
        LatticeFilter(2)(x, {"taps": cutoff})


def test_the_state_matrix_is_computed_once_while_cached() -> None:
    module = made("orthogonal")
    calls = 0
    original = module.compute_state_matrix  # type: ignore[operator]

    def counting() -> Tensor:
        nonlocal calls
        calls += 1
        return original()

    module.compute_state_matrix = counting  # type: ignore[method-assign, assignment]
    x = torch.randn(2, 20, dtype=torch.float64)
    with module.cached():  # type: ignore[operator]
        first = module(x)
        torch.testing.assert_close(module(x), first)
    assert calls == 1
    module(x)
    assert calls == 2


def test_a_reflection_that_cayley_alone_has_not_is_reached_through_signs() -> None:
    mirror = np.diag([1.0, -1.0, -1.0, 1.0])[[1, 0, 2, 3]]
    ss = StateSpace(0.9 * mirror, np.ones((4, 1)), np.ones((1, 4)), [[0.0]])
    np.testing.assert_allclose(OrthogonalFilter.from_form(ss).form().A, ss.A, atol=1e-12)
    with pytest.raises(InputError, match="StateSpaceFilter"):
        OrthogonalFilter.from_form(StateSpace(np.diag([0.5, 0.9]), [[1], [1]], [[1, 1]], [[0]]))


def test_an_allpass_passes_all_and_a_network_dies_away_in_time() -> None:
    allpass = made("allpass")
    magnitude = allpass.response(torch.from_numpy(OMEGA)).abs()
    torch.testing.assert_close(magnitude, magnitude[:1].expand_as(magnitude))
    network = DelayNetworkFilter((101, 143, 165, 177), 8000.0, t60_s=0.5)
    h = network(torch.eye(1, 8000, dtype=torch.float64)[0]).detach()
    energy = h.square().flip(0).cumsum(0).flip(0)
    decay_db = 10 * torch.log10(energy[4000] / energy[0])
    assert abs(decay_db + 60) < 3


def test_training_finds_a_filter() -> None:
    torch.manual_seed(0)
    target = Sections([[0.2, 0.1, 0.05, 1, -1.2, 0.6]])
    omega = torch.linspace(0.01, 3.1, 64, dtype=torch.float64)
    wanted = torch.from_numpy(target.response(omega.numpy()))
    module = SectionsFilter(1)
    optimiser = torch.optim.LBFGS(module.parameters(), max_iter=200, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimiser.zero_grad()
        value = (module.response(omega) - wanted).abs().square().mean()
        value.backward()
        return value

    optimiser.step(loss)
    assert loss() < 1e-8


UNSTABLE = Sections([[1, 0, 0, 1, -2.1, 1.2]])


@pytest.mark.parametrize(
    "cls",
    [SectionsFilter, DirectFilter, ParallelFilter, ZpkFilter, StateSpaceFilter, DiagonalFilter],
)
def test_unstable_forms_are_refused(cls: type[Filter]) -> None:
    with pytest.raises(InputError):
        cls.from_form(UNSTABLE)
    near = Sections([[1, 0, 0, 1, -2 * 0.99 * np.cos(1), 0.99**2]])
    cls.from_form(near)
    with pytest.raises(InputError, match="max_radius"):
        cls.from_form(near, max_radius=0.9)


def test_what_makes_no_sense_is_refused() -> None:
    for wrong in (
        lambda: SectionsFilter(0),
        lambda: SectionsFilter(1, max_radius=1.0),
        lambda: SectionsFilter(1, channels=0),
        lambda: SvfFilter(0),
        lambda: DirectFilter(-1),
        lambda: ZpkFilter(1, zero_pairs=2),
        lambda: LatticeFilter(0),
        lambda: DiagonalFilter(0),
        lambda: StateSpaceFilter(2, channels=2),
        lambda: AllpassFilter([0]),
        lambda: DelayNetworkFilter([], RATE),
        lambda: DelayNetworkFilter([3], RATE, t60_range=(2.0, 1.0)),
        lambda: ParametricEqFilter(["peek"], RATE),
        lambda: ParametricEqFilter(["peak"], RATE, max_radius=0.9),
        lambda: ParametricEqFilter(
            ["peak"], RATE, ranges={"cutoff_hz": Range(20.0, 30_000.0, "Hz", log=True)}
        ),
        lambda: ParametricEqFilter(["peak"], RATE, ranges={"q": Range(0.0, 1.0, "", log=True)}),
    ):
        with pytest.raises(UsageError):
            wrong()
    with pytest.raises(InputError, match="q"):
        ParametricEqFilter.from_form(ParametricEq((Band("peak", 100.0, 0.0, 100.0),), RATE))
    with pytest.raises(InputError, match="equaliser"):
        ParametricEqFilter.from_form(TransferFunction([1.0], [1.0]))


@pytest.mark.parametrize("name", MODULES)
def test_lost_parameters_are_named(name: str) -> None:
    module = made(name)
    with torch.no_grad():
        next(module.parameters()).view(-1)[0] = float("nan")
    with pytest.raises(InputError, match="finite"):
        module.form()
    with pytest.raises(InputError, match="finite"):
        module(torch.zeros(module.inputs, 5, dtype=torch.float64))
