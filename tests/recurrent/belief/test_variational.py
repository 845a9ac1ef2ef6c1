"""Which edges each flavour has, and that playing and inferring are the same path."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from rnnmusic.errors import UsageError
from rnnmusic.recurrent import RECURRENT
from rnnmusic.recurrent.belief.normal import Normal
from rnnmusic.recurrent.belief.prior import Prior
from rnnmusic.recurrent.belief.variational import Variational

COLUMNS, CLOCK = 3, 2
names = pytest.mark.parametrize("name", ["storn", "vrnn", "srnn", "dmm"])


def cell(name: str, **options: object) -> Variational:
    torch.manual_seed(1)
    made = RECURRENT[name].make(COLUMNS + CLOCK, 6, latent_size=4, columns=COLUMNS, **options)
    assert isinstance(made, Variational)
    return made.double()


def numbers(*shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, requires_grad=True)


def reaches(output: Tensor, source: Tensor) -> bool:
    if not output.requires_grad:
        return False
    (found,) = torch.autograd.grad(output.sum(), source, retain_graph=True, allow_unused=True)
    return found is not None and bool(found.any())


@pytest.mark.parametrize(
    ("name", "z_to_z", "h_to_z", "z_to_h", "h_to_h", "step_to_h", "h_to_y", "future"),
    [
        ("storn", False, False, True, True, True, True, False),
        ("vrnn", False, True, True, True, True, True, False),
        ("srnn", True, True, False, True, True, True, True),
        ("dmm", True, True, False, False, False, False, True),
    ],
)
def test_the_edges_are_those_of_the_papers(
    name: str, z_to_z: bool, h_to_z: bool, z_to_h: bool, h_to_h: bool, step_to_h: bool,
    h_to_y: bool, future: bool,
) -> None:  # fmt: skip
    net = cell(name)
    x, z = numbers(2, COLUMNS + CLOCK), numbers(2, 4)
    h = net.initial_state(2).h.clone().requires_grad_()
    prior = torch.cat(net._expect(h, z))
    assert (reaches(prior, z), reaches(prior, h)) == (z_to_z, h_to_z)
    if not z_to_z and not h_to_z:
        torch.testing.assert_close(
            prior, torch.tensor([[0.0], [0], [1], [1]]).double().expand(4, 4)
        )
    after = net._reads(x, h, z)
    assert (reaches(after, z), reaches(after, h)) == (z_to_h, h_to_h)
    assert reaches(after[:, :1] if name == "dmm" else after, x)
    (heard,) = torch.autograd.grad(after.sum(), x)
    assert bool(heard[:, :COLUMNS].any()) == step_to_h
    y = net._emit(h, z)
    assert (reaches(y, z), reaches(y, h)) == (True, h_to_y)
    steps = numbers(1, 5, COLUMNS)
    kl = net.infer(torch.zeros(1, 5, COLUMNS + CLOCK).double(), steps).kl
    (seen,) = torch.autograd.grad(kl[0, 2], steps)
    assert bool(seen[0, 3:].any()) == future
    assert seen[0, 2].any()


@names
def test_what_is_heard_afterwards_gives_the_state_that_inference_has(name: str) -> None:
    """`step` learns of z_(t-1) one step later than `infer`, and then knows the same."""
    net = cell(name, smoothing=False, learned_initial_state=True)
    x = torch.randn(3, 7, COLUMNS + CLOCK).double()
    noise = torch.randn(3, 6, net.noise_size).double()
    inferred = net.infer(x[:, :6], x[:, 1:], noise=noise).state
    state = net.initial_state(3)
    back, ahead = noise.chunk(2, dim=2)
    for t in range(6):
        drawn = back[:, 0] if t == 0 else ahead[:, t - 1]
        other = torch.randn_like(drawn)  # what is expected of z_t is forgotten once it is heard
        _, state = net.step(x[:, t], state, noise=torch.cat([drawn, other], dim=1))
    torch.testing.assert_close(tuple(state), tuple(inferred))


@names
def test_each_particle_follows_whom_it_is_told_to(name: str) -> None:
    net = cell(name)
    x, heard = torch.randn(2, 4, COLUMNS + CLOCK).double(), torch.randn(2, 4, COLUMNS).double()
    noise = torch.randn(6, 4, net.noise_size).double()
    chosen = torch.tensor([2, 2, 0, 3, 5, 5])

    def choose(t: int, y: Tensor, log_ratio: Tensor) -> Tensor | None:
        return chosen if t == 1 else None

    followed = net.infer(x, heard, noise=noise, particles=3, choose=choose)
    swapped = torch.cat([noise[chosen, :2], noise[:, 2:]], dim=1)
    expected = net.infer(x, heard, noise=swapped, particles=3)
    torch.testing.assert_close(followed.hidden[:, 2:], expected.hidden[:, 2:])
    torch.testing.assert_close(tuple(followed.state), tuple(expected.state))


def test_normal_distributions_are_torchs() -> None:
    torch.manual_seed(0)
    one, two = (Normal(numbers(5, 3), numbers(5, 3).exp()) for _ in range(2))
    theirs = [torch.distributions.Normal(*part) for part in (one, two)]
    z = torch.randn(5, 3).double()
    torch.testing.assert_close(one.log_prob(z), theirs[0].log_prob(z).sum(-1))
    torch.testing.assert_close(one.kl(two), torch.distributions.kl_divergence(*theirs).sum(-1))


def test_a_prior_made_linear_is_linear() -> None:
    prior, z, h = Prior(2, 3, 6, 3).double(), torch.randn(5, 3).double(), torch.randn(5, 2).double()
    transition, scale = torch.randn(3, 3).double(), torch.tensor([0.1, 1.0, 3.0]).double()
    prior.make_linear(transition, scale)
    found = prior(h, z)
    torch.testing.assert_close(found.mean, z @ transition.T)
    torch.testing.assert_close(found.scale, scale.expand(5, 3))
    with pytest.raises(UsageError, match="latent_to_latent"):
        Prior(2, 0, 6, 3).make_linear(transition, scale)


@pytest.mark.parametrize("options", [{"latent_size": 0}, {"memory": False}])
def test_cells_that_cannot_be(options: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        RECURRENT["vrnn"].make(3, 4, **options)
