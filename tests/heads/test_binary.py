import torch
from torch import Tensor
from torch.nn import functional as F

from rnnmusic.heads import Controls
from rnnmusic.heads.binary import decision_log_prob, log_odds, thresholds


def test_decisions_have_torchs_log_likelihood_and_gradient() -> None:
    logits = torch.cat([torch.linspace(-120, 120, 241), torch.tensor([0.0])]).requires_grad_()
    for value in (torch.zeros(242), torch.ones(242)):
        ours = decision_log_prob(logits, value)
        theirs = -F.binary_cross_entropy_with_logits(logits, value, reduction="none")
        torch.testing.assert_close(ours, theirs, atol=1e-6, rtol=1e-6)
        gradients = [torch.autograd.grad(nats.sum(), logits)[0] for nats in (ours, theirs)]
        torch.testing.assert_close(*gradients, atol=1e-7, rtol=1e-5)


def sounding(logit: float, controls: Controls) -> float:
    rng = torch.Generator().manual_seed(0)
    logits = torch.full((10_000,), logit)
    return float((logits > thresholds(logits.shape, controls, logits, rng)).float().mean())


def test_top_p_settles_what_is_likely_enough_and_leaves_the_rest_to_chance() -> None:
    for probability in (0.05, 0.3, 0.5, 0.7, 0.95):
        logit = float(torch.logit(torch.tensor(probability)))
        assert abs(sounding(logit, Controls()) - probability) < 0.02
        share = sounding(logit, Controls(top_p=0.9))
        if 0.1 < probability < 0.9:
            assert abs(share - probability) < 0.02
        else:
            assert share == round(probability)
        assert sounding(logit, Controls(top_p=0.4)) == (probability > 0.5)
        assert sounding(logit, Controls(temperature=0.0, top_p=0.9)) == (probability > 0.5)


def test_the_dice_do_not_depend_on_the_controls() -> None:
    def after(controls: Controls) -> Tensor:
        rng = torch.Generator().manual_seed(0)
        thresholds((7,), controls, torch.zeros(7), rng)
        return torch.rand(1, generator=rng)

    assert after(Controls(temperature=0.0)) == after(Controls()) == after(Controls(top_p=0.5))


def test_log_odds_of_columns_that_never_or_always_sound_are_finite() -> None:
    steps = torch.tensor([[0, 1, 1]] * 5 + [[0, 1, 0]] * 5, dtype=torch.uint8)
    never, always, half = log_odds(steps).tolist()
    assert never == -always
    assert never < -3
    assert half == 0
