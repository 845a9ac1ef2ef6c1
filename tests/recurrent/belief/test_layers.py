"""The filters as recurrences: the beliefs they hold are the exact ones, and they learn."""

from __future__ import annotations

from typing import Any, Literal

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rnnmusic import recurrent
from rnnmusic.errors import UsageError
from rnnmusic.recurrent.belief import HmmLayer, HmmState, KalmanLayer, chains, kalman
from rnnmusic.recurrent.belief.emissions import BernoulliEmission, Emission, GaussianEmission
from rnnmusic.recurrent.belief.kalman import LinearGaussian


@pytest.mark.parametrize("emission", ["bernoulli", "gaussian"])
def test_the_hmm_holds_the_belief_of_the_forward_algorithm(
    emission: Literal["bernoulli", "gaussian"],
) -> None:
    torch.manual_seed(0)
    layer = HmmLayer(4, 6, states=3, emission=emission, learned_initial_state=True).double()
    x = (torch.rand(2, 7, 4) < 0.5).double()
    with torch.no_grad():
        layer.initial.normal_()
        y, state = layer(x)
        if layer.log_precision is None:
            said: Emission = BernoulliEmission(torch.sigmoid(layer.location))
        else:
            layer.log_precision.normal_()
            y, state = layer(x)
            said = GaussianEmission(layer.location, (-layer.log_precision).exp())
        moves = layer.moves.log_softmax(1)
        alpha = chains.forward(layer.initial.log_softmax(0), moves, said.log_prob(x))
        belief = alpha.softmax(2) @ moves.exp()
        torch.testing.assert_close(y, belief @ layer.values)
        torch.testing.assert_close(state.log_belief.softmax(1), belief[:, -1])


def test_a_belief_may_be_any_numbers_but_for_a_constant() -> None:
    layer = HmmLayer(3, 5, states=4)
    x, log_belief = torch.rand(2, 3), torch.randn(2, 4)
    y, _ = layer.step(x, HmmState(log_belief))
    shifted, _ = layer.step(x, HmmState(log_belief + 7.0))
    torch.testing.assert_close(y, shifted)


def test_the_kalman_layer_holds_the_belief_of_the_filter() -> None:
    """One filter of three units against the exact one, from a start that is learned."""
    torch.manual_seed(0)
    layer = KalmanLayer(4, 3, order=3, learned_initial_state=True).double()
    x = torch.randn(2, 9, 4).double()
    with torch.no_grad():
        layer.initial.normal_()
        y, state = layer(x)
        a = layer.transition()[0]
        q = torch.diag(layer.log_process_noise[0].exp())
        begin = layer.initial_state(1)
        model = LinearGaussian(
            a,
            layer.reading,
            q,
            layer.log_view_noise.exp().view(1, 1),
            a @ begin.mean[0],
            a @ begin.covariance[0, 0] @ a.T + q,
        )
        found = kalman.filter(model, layer.view(x))
    torch.testing.assert_close(y, found.mean[..., 0] @ a.T)
    torch.testing.assert_close(state.covariance[:, 0], found.covariance[:, -1])


def test_no_belief_of_a_kalman_layer_runs_away() -> None:
    torch.manual_seed(0)
    layer = KalmanLayer(2, 8, order=4)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.normal_(std=3.0)
        y, state = layer(torch.randn(1, 2000, 2))
    assert torch.linalg.matrix_norm(layer.transition(), 2).max() <= 1
    assert y.isfinite().all()
    assert torch.linalg.eigvalsh(state.covariance.double()).min() > -1e-3


def opened_by(count: int, rng: torch.Generator) -> tuple[Tensor, Tensor]:
    """One of two signs at the first of ten steps, then noise; which sign it was, at every step."""
    sign = torch.randint(2, (count,), generator=rng)
    x = torch.zeros(count, 10, 3)
    x[torch.arange(count), 0, sign] = 1.0
    x[:, 1:, 2] = torch.randint(2, (count, 9), generator=rng).float()
    return x, sign.unsqueeze(1).expand(-1, 10)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("hmm", {"states": 8}),
        ("hmm", {"states": 8, "emission": "gaussian"}),
        ("kalman", {"order": 2}),
        ("rtrbm", {}),
    ],
)
def test_it_remembers_what_a_memoryless_twin_cannot(name: str, options: dict[str, Any]) -> None:
    """The twin is the same layer, reset before every step."""
    reached = []
    for resets in (False, True):
        torch.manual_seed(0)
        net = recurrent.build(name, 3, 8, **options)
        readout, rng = nn.Linear(8, 2), torch.Generator().manual_seed(0)
        optimizer = torch.optim.Adam([*net.parameters(), *readout.parameters()], lr=0.03)
        for update in range(101):
            x, target = opened_by(32, rng)
            y, _ = net(x, reset=torch.full(x.shape[:2], resets))
            logits = readout(y)
            loss = F.cross_entropy(logits.flatten(0, 1), target.flatten())
            if update < 100:
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
        reached.append(float((logits.argmax(2) == target)[:, 5:].float().mean()))
    assert reached[0] > 0.95
    assert reached[1] < 0.7


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(UsageError, match="order divides"):
        KalmanLayer(3, 5, order=4)
    with pytest.raises(UsageError, match="0 states"):
        HmmLayer(3, 5, states=0)
    with pytest.raises(UsageError, match="bernoulli or gaussian"):
        HmmLayer(3, 5, emission="laplace")  # type: ignore[arg-type]
