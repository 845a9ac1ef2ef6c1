"""Ways to learn and aids to learning, each on and off.

    python benchmarks/learning.py [--data FOLDER] [--only NAME] [--quick] [--seeds N] [--json]

Everything else is equal on both sides: task, network, seed, and updates (or epochs), but where a
row says otherwise (an update of Hessian-free optimisation costs a hundred of Adam's). Figures are
means over the seeds, on sequences that no training has seen. FOLDER holds jsb.npz, for the aids
against overfitting, which are judged by nats per frame on the test set, pooled, at the epoch with
the best validation. One thread.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from rnnmusic import checkpoint
from rnnmusic.corpus import Corpus
from rnnmusic.learning import FitConfig, SequenceModel, features_of, fit, model_for
from rnnmusic.learning.eprop import Eprop
from rnnmusic.learning.hebbian import HebbianConfig, RateNetwork, fit_hebbian
from rnnmusic.learning.hessian_free import HessianFreeConfig, fit_hessian_free
from rnnmusic.learning.kalman import KalmanConfig, fit_kalman
from rnnmusic.learning.momentum import Nesterov, momentum_at, sparse_, sparse_recurrence_
from rnnmusic.learning.online import OnlineLearner, fit_online
from rnnmusic.learning.real_time import DiagonalRtrl
from rnnmusic.learning.uoro import Uoro
from rnnmusic.recurrent import build
from rnnmusic.tasks import Adding, CopyMemory, DelayedXor, Examples, Task
from rnnmusic.training.evaluation import evaluate
from rnnmusic.training.loop import train
from rnnmusic.training.recipe import Recipe


class Row(NamedTuple):
    """One side of an ablation."""

    name: str
    side: str
    measure: str
    figures: list[float]  # one per seed
    seconds: float  # of all seeds


class Setting(NamedTuple):
    """How much to run."""

    quick: bool
    seeds: int
    data: Path | None

    def less(self, full: int) -> int:
        """So many updates in full, a tenth in quick."""
        return max(1, full // 10) if self.quick else full


def fresh(flavour: str, task: Task, size: int, seed: int, **options: Any) -> SequenceModel:
    torch.manual_seed(seed)
    return model_for(task, build(flavour, features_of(task), size, **options))


def row(setting: Setting, name: str, side: str, measure: str, run: Callable[[int], float]) -> Row:
    began = time.monotonic()
    figures = [run(seed) for seed in range(setting.seeds)]
    return Row(name, side, measure, figures, time.monotonic() - began)


def hessian_free(setting: Setting) -> Iterator[Row]:
    """A tanh network of 50 units adding over 50 steps: few good updates against many cheap ones."""
    task = Adding(50)

    def newton(seed: int, structural: float) -> float:
        config = HessianFreeConfig(
            updates=setting.less(30),
            batch_size=256,
            curvature_size=64,
            damping=0.1,
            structural=structural,
            cg_iterations=60,
            seed=seed,
        )
        return fit_hessian_free(fresh("rnn", task, 50, seed), task, config).score

    def first_order(seed: int, optimizer: Any, rate: float) -> float:
        config = FitConfig(updates=setting.less(2500), learning_rate=rate, seed=seed)
        return fit(fresh("rnn", task, 50, seed), task, config, optimizer=optimizer).score

    say = partial(row, setting, "hessian-free", measure="mse")
    many, few = setting.less(2500), setting.less(30)
    sgd, adam = torch.optim.SGD, torch.optim.Adam
    yield say(f"sgd, {many} updates", run=partial(first_order, optimizer=sgd, rate=0.05))
    yield say(f"adam, {many} updates", run=partial(first_order, optimizer=adam, rate=1e-3))
    yield say(f"hessian-free, {few} updates", run=partial(newton, structural=0.0))
    yield say(f"the same, structural {0.1}", run=partial(newton, structural=0.1))


def momentum(setting: Setting) -> Iterator[Row]:
    """The start and the momentum of Sutskever et al. 2013, one by one, on adding over 50 steps."""
    task = Adding(50)

    def run(seed: int, sparse: bool, limit: float) -> float:
        model = fresh("rnn", task, 100, seed)
        if sparse:
            layer = model.recurrent.layers[0]  # type: ignore[union-attr,index]
            sparse_recurrence_(layer.weight_hh)  # type: ignore[arg-type]
            sparse_(layer.weight_ih, scale=0.1)  # type: ignore[arg-type]
            sparse_(model.readout.weight, 100, scale=0.1)

        def optimizer(parameters: list[nn.Parameter], rate: float) -> Nesterov:
            return Nesterov(parameters, rate, lambda update: momentum_at(update, limit))

        config = FitConfig(updates=setting.less(1500), learning_rate=0.01, seed=seed)
        return fit(model, task, config, optimizer=optimizer).score

    for sparse in (False, True):
        for limit in (0.0, 0.98):
            side = f"{'sparse' if sparse else 'orthogonal'} start, momentum {limit}"
            yield row(
                setting, "start and momentum", side, "mse", partial(run, sparse=sparse, limit=limit)
            )


def gradients(learner: OnlineLearner, examples: Examples) -> tuple[Tensor, Tensor]:
    """That of BPTT and the learner's, of a summed loss."""
    model, task, found = learner.functional.model, learner.task, []
    for online in (False, True):
        model.zero_grad()
        if online:
            learner.begin(len(examples.inputs))
            for t in range(examples.inputs.shape[1]):
                learner.learn(examples.inputs[:, t], examples.targets[:, t], examples.mask[:, t])
        else:
            loss = task.loss(model(examples)[0], examples) * examples.mask.sum()
            loss.backward()  # type: ignore[no-untyped-call]
        found.append(
            torch.cat(
                [
                    torch.zeros_like(p).flatten() if p.grad is None else p.grad.flatten()
                    for p in model.parameters()
                ]
            )
        )
    return found[0], found[1]


def real_time(setting: Setting) -> Iterator[Row]:
    """Remember 2 symbols for 15 steps while the weights move at every step of the stream."""
    task = CopyMemory(15, symbols=4, remembered=2)
    name, size = "real-time (diagonal)", 32

    def difference(seed: int) -> float:
        model = fresh("ssm", task, size, seed)
        examples = task.draw(8, torch.Generator().manual_seed(seed))
        wanted, found = gradients(DiagonalRtrl(model, task), examples)
        return float((found - wanted).norm() / wanted.norm())

    yield row(setting, name, "against BPTT, float32", "relative difference", difference)

    def config(seed: int, chunk: int) -> FitConfig:
        return FitConfig(
            updates=setting.less(150), learning_rate=5e-3, chunk_length=chunk, seed=seed
        )

    def streamed(seed: int) -> float:
        learner = DiagonalRtrl(fresh("ssm", task, size, seed), task)
        return fit_online(learner, config(seed, 1)).score

    def truncated(seed: int, chunk: int) -> float:
        return fit(fresh("ssm", task, size, seed), task, config(seed, chunk)).score

    measure = f"nats a step (memoryless {task.memoryless:.3f})"
    yield row(setting, name, "BPTT, truncated to 5", measure, partial(truncated, chunk=5))
    yield row(setting, name, "RTRL, update every step", measure, streamed)
    yield row(setting, name, "BPTT, whole sequences", measure, partial(truncated, chunk=0))


def uoro(setting: Setting) -> Iterator[Row]:
    """How far its gradient is from the true one, alone and on average over more and more draws."""
    task = CopyMemory(4, symbols=3, remembered=2)

    def error(seed: int, draws: int) -> float:
        model = fresh("gru", task, 8, seed)
        examples = task.draw(1, torch.Generator().manual_seed(seed))
        many = Examples(*(None if p is None else p.expand(draws, *p.shape[1:]) for p in examples))
        wanted, found = gradients(Uoro(model, task, seed=seed), many)
        return float((found - wanted).norm() / wanted.norm())

    for draws in (1, 100, 10_000):
        yield row(
            setting, "uoro", f"mean of {draws} draws", "relative error", partial(error, draws=draws)
        )


def eprop(setting: Setting) -> Iterator[Row]:
    """An LSTM of 16 units adding over 20 steps."""
    task, updates = Adding(20), setting.less(250)
    say = partial(row, setting, "e-prop", measure=f"mse after {updates} updates")

    def config(seed: int, chunk: int = 0) -> FitConfig:
        return FitConfig(updates=updates, learning_rate=1e-2, chunk_length=chunk, seed=seed)

    def by_time(seed: int, chunk: int) -> float:
        return fit(fresh("lstm", task, 16, seed), task, config(seed, chunk)).score

    def forwards(seed: int) -> float:
        learner = Eprop(fresh("lstm", task, 16, seed), task, hidden=["c"])
        return fit_online(learner, config(seed)).score

    yield say("BPTT, truncated to 1", run=partial(by_time, chunk=1))
    yield say("e-prop", run=forwards)
    yield say("BPTT", run=partial(by_time, chunk=0))


def kalman(setting: Setting) -> Iterator[Row]:
    """Updates of 8 sequences that an LSTM of 8 units takes to add over 20 steps to 0.005."""
    task, target = Adding(20), 0.02 if setting.quick else 0.005
    say = partial(row, setting, "kalman", measure=f"updates to mse {target}")
    limit = setting.less(2000)

    def adam(seed: int, rate: float) -> float:
        config = FitConfig(
            updates=limit,
            batch_size=8,
            learning_rate=rate,
            check_every=25,
            target=target,
            seed=seed,
        )
        return fit(fresh("lstm", task, 8, seed), task, config).updates

    def filtered(seed: int, groups: Any) -> float:
        config = KalmanConfig(updates=limit, groups=groups, target=target, seed=seed)
        return fit_kalman(fresh("lstm", task, 8, seed), task, config).updates

    for rate in (3e-3, 1e-2):
        yield say(f"adam, {rate}", run=partial(adam, rate=rate))
    yield say("extended Kalman filter", run=partial(filtered, groups="all"))
    yield say("decoupled by tensor", run=partial(filtered, groups="tensor"))


def hebbian(setting: Setting) -> Iterator[Row]:
    """Delayed exclusive or, from rewards alone."""
    task = DelayedXor()

    def run(seed: int, rate: float) -> float:
        updates = setting.less(800) if rate else 1
        config = HebbianConfig(updates=updates, learning_rate=rate, seed=seed)
        network = RateNetwork(2, 100, seed=seed)
        fit_hebbian(network, task, config, kinds=task.kinds)
        examples = task.draw(256, torch.Generator().manual_seed(10**6 + seed))
        said = (network.answers(examples.inputs) * examples.mask.unsqueeze(2)).sum((1, 2))
        return float((said.sign() == examples.targets[:, -1, 0]).double().mean())

    for side, rate in (("no learning", 0.0), ("learning", HebbianConfig().learning_rate)):
        yield row(setting, "reward-modulated Hebbian", side, "share right", partial(run, rate=rate))


AIDS: dict[str, dict[str, dict[str, Any]]] = {
    "no aid": {},
    "scheduled sampling 0.25": {"training": {"sampled_inputs": 0.25, "sampled_inputs_steps": 300}},
    "dropout 0.5": {"model": {"dropout": 0.5}},
    "variational dropout 0.3": {"model": {"dropout": 0.3, "variational": True}},
    "zoneout h 0.05, c 0.5": {"model": {"options": {"zoneout": [0.05, 0.5]}}},
    "weight drop 0.5": {"model": {"options": {"weight_drop": 0.5}}},
}


def aids(setting: Setting) -> Iterator[Row]:
    """An LSTM of 128 units with independent outputs on the JSB chorales, the same epochs each."""
    if setting.data is None:
        print("aids: left out; give the folder that holds jsb.npz with --data")
        return
    corpus = Corpus.open(setting.data / "jsb.npz")
    epochs = setting.less(60)

    def run(seed: int, tables: dict[str, dict[str, Any]]) -> float:
        base = {"name": "lstm", "size": 128}
        training = {"learning_rate": 5e-3, "schedule": "cosine", "max_epochs": epochs, "seed": seed}
        recipe = Recipe().with_overrides(
            model={**base, **tables.get("model", {})},
            training={**training, "patience": epochs, **tables.get("training", {})},
            head={"name": "bernoulli"},
        )
        with tempfile.TemporaryDirectory() as folder:
            result = train(corpus, recipe, Path(folder) / "run")
            generator = checkpoint.load(result.best).generator
        return evaluate(generator, corpus.splits["test"]).pooled

    for side, tables in AIDS.items():
        yield row(setting, "aids on JSB", side, "nats per frame", partial(run, tables=tables))


BENCHMARKS: dict[str, Callable[[Setting], Iterator[Row]]] = {
    "hessian-free": hessian_free,
    "momentum": momentum,
    "real-time": real_time,
    "uoro": uoro,
    "eprop": eprop,
    "kalman": kalman,
    "hebbian": hebbian,
    "aids": aids,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--data", type=Path, help="folder that holds jsb.npz")
    parser.add_argument("--only", choices=list(BENCHMARKS), help="one of them")
    parser.add_argument("--quick", action="store_true", help="a tenth of the updates")
    parser.add_argument("--seeds", type=int, default=1, help="how many")
    parser.add_argument("--json", type=Path, help="where to write the rows")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    setting = Setting(arguments.quick, arguments.seeds, arguments.data)
    rows = []
    for name in [arguments.only] if arguments.only else BENCHMARKS:
        for found in BENCHMARKS[name](setting):
            rows.append(found)
            mean = statistics.fmean(found.figures)
            spread = f" +- {statistics.stdev(found.figures):.2g}" if setting.seeds > 1 else ""
            print(
                f"{found.name:26} {found.side:36} {mean:10.4g}{spread} {found.measure}"
                f"  ({found.seconds:.0f} s)",
                flush=True,
            )
    if arguments.json:
        text = json.dumps([r._asdict() for r in rows], indent=2)
        arguments.json.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
