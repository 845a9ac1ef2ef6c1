"""Rows of the classical models: each beside what is known exactly, and on music."""

from __future__ import annotations

import math
import time
from itertools import product

import torch
from torch import Tensor

from rnnmusic.flavours.music import POOLED, corpus, trained
from rnnmusic.flavours.row import Measured, Row, Setting
from rnnmusic.generator import Generator
from rnnmusic.heads import RbmHead
from rnnmusic.recurrent.belief import kalman
from rnnmusic.recurrent.belief.emissions import BernoulliEmission, GaussianEmission
from rnnmusic.recurrent.belief.hmm import HiddenMarkovModel
from rnnmusic.recurrent.belief.kalman import LinearGaussian
from rnnmusic.recurrent.belief.nonlinear import NonlinearGaussian
from rnnmusic.recurrent.belief.particles import particle_filter

# Volume of the Nile at Aswan in 1e8 cubic metres, 1871 to 1970 (Cobb 1978).
# fmt: off
NILE = (
    1120, 1160, 963, 1210, 1160, 1160, 813, 1230, 1370, 1140, 995, 935, 1110, 994, 1020, 960,
    1180, 799, 958, 1140, 1100, 1210, 1150, 1250, 1260, 1220, 1030, 1100, 774, 840, 874, 694,
    940, 833, 701, 916, 692, 1020, 1050, 969, 831, 726, 456, 824, 702, 1120, 1100, 832, 764,
    821, 768, 845, 864, 862, 698, 845, 744, 796, 1040, 759, 781, 865, 845, 944, 984, 897,
    822, 1010, 771, 676, 649, 846, 812, 742, 801, 1040, 860, 874, 848, 890, 744, 749, 838,
    1050, 918, 986, 797, 923, 975, 815, 1020, 906, 901, 1170, 912, 746, 919, 718, 714, 740,
)
# fmt: on
#: Variances of noise and level by maximum likelihood (Durbin and Koopman 2012, section 2.2.5).
NILE_VARIANCES = (15099.0, 1469.1)


def hmm_by_enumeration(setting: Setting) -> Measured:
    """Log-likelihoods of random models for 6 steps, and the sums over all paths."""
    begun, worst = time.monotonic(), 0.0
    rng = torch.Generator().manual_seed(setting.seed)
    for _ in range(20):
        rows = torch.randn(4, 3, generator=rng).double().log_softmax(1)
        mean = torch.randn(3, 2, generator=rng).double()
        model = HiddenMarkovModel(rows[0], rows[1:], GaussianEmission(mean, torch.ones_like(mean)))
        _, x = model.sample(1, 6, rng)
        paths = torch.tensor(list(product(range(3), repeat=6)))
        emitted = model.emission.log_prob(x)[0][torch.arange(6), paths].sum(1)
        moved = model.transition[paths[:, :-1], paths[:, 1:]].sum(1)
        total = (model.initial[paths[:, 0]] + emitted + moved).logsumexp(0)
        worst = max(worst, float((model.log_likelihood(x)[0] - total).abs()))
    return Measured(worst, 0, time.monotonic() - begun, "20 models of 3 states, 729 paths each")


def nile_by_maximum_likelihood(setting: Setting) -> Measured:
    """The local level model of the Nile, its start diffuse: variances by L-BFGS."""
    del setting  # nothing is drawn
    begun = time.monotonic()
    y = torch.tensor(NILE, dtype=torch.float64).view(1, -1, 1)
    logs = (y.var() / 2).log().repeat(2).requires_grad_()
    one, nothing = torch.ones(1, 1).double(), torch.zeros(1, 1).double()
    search = torch.optim.LBFGS([logs], max_iter=100, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        search.zero_grad()
        noise, level = logs.exp()
        model = LinearGaussian(
            one, one, level.view(1, 1), noise.view(1, 1), nothing[0], nothing, diffuse=one
        )
        nll = -kalman.filter(model, y).log_likelihood.sum()
        nll.backward()  # type: ignore[no-untyped-call]
        return nll

    search.step(loss)  # type: ignore[no-untyped-call]
    found = logs.detach().exp().tolist()
    miss = max(abs(a / b - 1) for a, b in zip(found, NILE_VARIANCES, strict=True))
    note = f"variances {found[0]:.0f} and {found[1]:.1f}"
    return Measured(miss, 2, time.monotonic() - begun, note)


def particles_beside_kalman(setting: Setting) -> Measured:
    """Mean distance of the log-likelihoods of 20 filters from the exact one, on a linear model."""
    begun = time.monotonic()
    rng = torch.Generator().manual_seed(setting.seed)
    turn = torch.tensor([[math.cos(0.3), -math.sin(0.3)], [math.sin(0.3), math.cos(0.3)]]).double()
    eye, one = torch.eye(2).double(), torch.ones(1, 1).double()
    zeros = torch.zeros(2).double()
    model = LinearGaussian(0.95 * turn, eye[:1], 0.1 * eye, 0.5 * one, zeros, eye)
    sampled = NonlinearGaussian.of(model)
    x, seen = sampled.begin(1, 1, rng), []
    for _ in range(50):
        noise = 0.5**0.5 * torch.randn(1, 1, 1, generator=rng, dtype=torch.float64)
        seen.append(sampled.observation(x) + noise)
        x = sampled.move(x, rng)
    y = torch.cat(seen, 1)
    exact = kalman.filter(model, y).log_likelihood
    misses = {}
    for count in (100, 1000, 10_000):
        found = particle_filter(sampled, y.expand(20, -1, -1), count, rng).log_likelihood
        misses[count] = float((found - exact).abs().mean())
    note = ", ".join(f"{count}: {miss:.3f}" for count, miss in misses.items())
    return Measured(misses[10_000], 0, time.monotonic() - begun, note)


def jsb_by_em(setting: Setting) -> Measured:
    """A chain whose states sound like independent notes, by EM: no gradient and no network."""
    begun, data = time.monotonic(), corpus(setting, "jsb")
    states, rounds = (64, 25) if setting.variant == "full" else (16, 8)

    def split(name: str) -> tuple[Tensor, Tensor]:
        pieces = [torch.from_numpy(piece.steps) for piece in data.splits[name]]
        x = torch.nn.utils.rnn.pad_sequence(pieces, batch_first=True)
        return x, torch.tensor([len(piece) for piece in pieces])

    x, lengths = split("train")
    rng = torch.Generator().manual_seed(setting.seed)
    emission = BernoulliEmission.guess(x, states, rng, lengths=lengths, prior=0.05)
    model, history = HiddenMarkovModel.guess(states, emission, rng).fit(x, lengths, rounds=rounds)
    test, ends = split("test")
    nats = -float(model.log_likelihood(test, ends).sum() / ends.sum())
    parameters = states * (states - 1) + states - 1 + emission.probability.numel()
    note = f"{states} states, {len(history)} rounds of EM"
    return Measured(nats, parameters, time.monotonic() - begun, note)


def _anneal_longer(generator: Generator) -> None:
    """For the figure that is reported: what is quick enough to validate is far too good."""
    if isinstance(generator.head, RbmHead):
        generator.head.annealing_steps = 1000


def _nottingham(head: str, *, limit: float, validate_every: int, **options: object) -> Row:
    """limit: the paper's figure."""
    run = trained(
        "nottingham",
        minutes=12.0,
        quick_minutes=0.3,
        before_test=_anneal_longer,
        model={"name": "mingru", "size": 256, "layers": 2, "dropout": 0.5},
        head={"name": head, "width": 150, "options": options},
        training={
            "learning_rate": 3e-3,
            "average_decay": 0.998,
            "schedule": "constant",
            "validate_every": validate_every,
        },
    )
    measure = POOLED if head == "nade" else POOLED.replace("exact", "estimate by annealing")
    return Row(
        "mingru",
        "belief",
        f"nottingham-{head}",
        measure,
        run,
        limit,
        "lower",
        limit,
        "Boulanger-Lewandowski et al. 2012",
        "nottingham",
        quick=False,
    )


ROWS: list[Row] = [
    Row("hmm", "belief", "enumeration", "largest error, nats", hmm_by_enumeration, 1e-10),
    Row(
        "kalman",
        "belief",
        "nile",
        "largest relative error of the variances",
        nile_by_maximum_likelihood,
        1e-3,
        source="Durbin and Koopman 2012",
    ),
    Row(
        "particle-filter",
        "belief",
        "kalman",
        "mean error of 10,000 particles, nats",
        particles_beside_kalman,
        0.1,
        source="Gordon et al. 1993",
    ),
    Row(
        "hmm",
        "belief",
        "jsb-em",
        POOLED,
        jsb_by_em,
        11.89,
        paper=11.89,
        source="Boulanger-Lewandowski et al. 2012, with Gaussian mixtures",
        needs="jsb",
    ),
    # Estimates by few steps are too good by a nat or more, the more so the longer it has learned:
    # they would choose the wrong weights. The last ones are taken instead.
    _nottingham("rbm", limit=2.39, validate_every=1_000_000, gibbs_steps=3),
    _nottingham("nade", limit=2.31, validate_every=400),
]
