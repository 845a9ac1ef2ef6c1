"""Does any parameter value, or any step of an optimiser, make a learnable filter unstable?

Draws of every module's parameters (normal, a hundred times normal, 1e30 with signs, mixtures) and
steps of Adam and SGD at absurd learning rates; each result is rounded to float32 and judged without
eigenvalues: the triangle of (a1, a2), Schur-Cohn with a bound of its errors, |k| < 1, |pole|,
the norm of a state matrix by Cholesky. Rows: module, draws, optimiser steps, unstable, and lost:
parameters that a step of absurd size left beyond 1e30 or not finite, where modules refuse to work.

    python -m benchmarks.filters_stability [--quick] [--json]
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

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
    SectionsFilter,
    StateSpaceFilter,
    SvfFilter,
    ZpkFilter,
)
from rnnmusic.filters.modules.stability import surely_within

#: One verdict for each filter of a batch.
Verdicts = NDArray[np.bool_]


@dataclass(frozen=True)
class Case:
    """A module of many filters at once, and how to judge them.

    make(n) makes n filters, or one whose parameters `widen` gives n values; judge(module) says of
    each whether it is stable; loss(module) has an optimiser move it.
    """

    name: str
    make: Callable[[int], Filter]
    judge: Callable[[Filter], Verdicts]
    loss: Callable[[Filter], Tensor]
    cost: int = 1  # how many times dearer than sections a draw is: so many times fewer are made


@dataclass
class Row:
    """What was found for one module."""

    module: str
    draws: int = 0
    steps: int = 0
    unstable: int = 0
    lost: int = 0


def rounded(values: Tensor) -> NDArray[np.float64]:
    """As float32 has them, in float64."""
    return values.detach().numpy().astype(np.float32).astype(np.float64)


def triangle(sos: Tensor) -> Verdicts:
    """All sections of each filter; exact: 1 + a2 and the comparisons are in float64."""
    a1, a2 = np.moveaxis(rounded(sos[..., 4:]), -1, 0)
    return ((abs(a2) < 1) & (abs(a1) < 1 + a2)).all(axis=-1)


def contracting(matrix: Tensor) -> Verdicts:
    """Norm below 1: 1 - A^T A has a Cholesky factor, with more to spare than it rounds off."""
    a = rounded(matrix)
    gap = np.eye(a.shape[-1]) * (1 - 1e-9) - np.swapaxes(a, -1, -2) @ a
    verdicts = np.ones(len(a), dtype=bool)
    try:
        np.linalg.cholesky(gap)
    except np.linalg.LinAlgError:
        for index, one in enumerate(gap):
            try:
                np.linalg.cholesky(one)
            except np.linalg.LinAlgError:
                verdicts[index] = False
    return verdicts


def widened(module: Filter, n: int, names: tuple[str, ...]) -> Filter:
    """A module whose named parameters have a batch axis before their own."""
    for name in names:
        wide = getattr(module, name).detach().expand(n, *getattr(module, name).shape).clone()
        if name == "radius":
            wide = wide.reshape(n, 1, 1)
        setattr(module, name, nn.Parameter(wide))
    return module


def cases() -> list[Case]:
    """One for each module."""
    omega = torch.linspace(0.01, 3.13, 12, dtype=torch.float64)
    wanted = torch.randn(12, dtype=torch.float64)

    def response_loss(module: Filter) -> Tensor:
        # Sums over filters: their gradients don't mix, each is a run of its own.
        power = torch.view_as_real(module.response(omega)).square().sum(-1)
        return (0.5 * torch.log(power + 1e-12) - wanted).square().sum()

    def direct(module: Filter) -> Verdicts:
        _, a = module.polynomials()  # type: ignore[operator]
        return np.asarray(surely_within(rounded(a), module.max_radius))

    def sections(module: Filter) -> Verdicts:
        return triangle(module.sections())  # type: ignore[operator]

    def lattice(module: Filter) -> Verdicts:
        return (abs(rounded(module.reflections())) < 1).all(axis=-1)  # type: ignore[operator]

    def allpass(module: Filter) -> Verdicts:
        chains = module.reflections()  # type: ignore[operator]
        return np.array([(abs(rounded(chain)) < 1).all() for chain in chains])

    def allpass_loss(module: Filter) -> Tensor:
        chains = torch.stack(module.reflections())  # type: ignore[operator]
        return (chains - torch.tensor([2.0, -2.0])).square().sum()

    def modes(module: Filter) -> Verdicts:
        poles = torch.view_as_real(module.poles())  # type: ignore[operator]
        return np.asarray((rounded(poles) ** 2).sum(axis=-1) < 1)

    def modes_loss(module: Filter) -> Tensor:
        poles = module.poles()  # type: ignore[operator]
        return (1 / (1.00001 - poles.abs())).sum() + poles.real.sum()

    def matrix(module: Filter) -> Verdicts:
        return contracting(module.compute_state_matrix())  # type: ignore[operator]

    def matrix_loss(module: Filter) -> Tensor:
        a: Tensor = module.compute_state_matrix()  # type: ignore[operator]
        return (a - 2 * torch.eye(a.shape[-1])).square().sum()

    def network(module: Filter) -> Tensor:
        feedback, gain, *_ = module.matrices()  # type: ignore[operator]
        return torch.from_numpy(rounded(feedback) * rounded(gain)[:, None, :])

    def network_loss(module: Filter) -> Tensor:
        feedback, gain, *_ = module.matrices()  # type: ignore[operator]
        return (feedback - 2 * torch.eye(4)).square().sum() + (gain - 2).square().sum()

    types = ["peak", "low_shelf", "high_shelf", "low_pass", "high_pass", "band_pass", "notch"]
    return [
        Case("sections", lambda n: SectionsFilter(4, channels=n), sections, response_loss),
        Case("parallel", lambda n: ParallelFilter(4, channels=n), sections, response_loss),
        Case("zpk", lambda n: ZpkFilter(2, 2, channels=n), sections, response_loss),
        Case("svf", lambda n: SvfFilter(3, channels=n), sections, response_loss),
        Case(
            "parametric eq",
            lambda n: ParametricEqFilter(types, 48_000.0, channels=n),
            sections,
            response_loss,
        ),
        Case("direct, order 2", lambda n: DirectFilter(2, channels=n), direct, response_loss),
        Case("direct, order 8", lambda n: DirectFilter(8, channels=n), direct, response_loss, 10),
        Case(
            "lattice, order 6", lambda n: LatticeFilter(6, channels=n), lattice, response_loss, 50
        ),
        Case(
            "allpass, nested",
            lambda n: AllpassFilter([(113, 37)] * n, max_radius=0.9999),
            allpass,
            allpass_loss,
            50,
        ),
        *(
            Case(
                f"diagonal, {method}",
                lambda n, method=method: DiagonalFilter(n, method=method),  # type: ignore[misc]
                modes,
                modes_loss,
            )
            for method in ("lru", "zoh", "bilinear")
        ),
        Case(
            "state space, order 6",
            lambda n: widened(StateSpaceFilter(6), n, ("free",)),
            matrix,
            matrix_loss,
        ),
        Case(
            "orthogonal, order 6",
            lambda n: widened(OrthogonalFilter(6), n, ("free", "radius")),
            matrix,
            matrix_loss,
        ),
        Case(
            "unitary, order 4",
            lambda n: widened(OrthogonalFilter(4, complex=True), n, ("free", "radius")),
            lambda module: contracting(real_of(module)),
            lambda module: (real_of(module) - 2 * torch.eye(8)).square().sum(),
        ),
        Case(
            "delay network, 4 lines",
            lambda n: widened(
                DelayNetworkFilter((149, 211, 263, 293), 48_000.0), n, ("free", "t60")
            ),
            lambda module: contracting(network(module)),
            network_loss,
        ),
    ]


def real_of(module: Filter) -> Tensor:
    """A complex state matrix as a real one of twice the size."""
    a: Tensor = module.compute_state_matrix()  # type: ignore[operator]
    return torch.cat([torch.cat([a.real, -a.imag], -1), torch.cat([a.imag, a.real], -1)], -2)


def draw(module: Filter, kind: int, generator: torch.Generator) -> None:
    """Set all parameters: normal, a hundred times that, +-1e30, or any of these and zeros."""
    with torch.no_grad():
        for parameter in module.parameters():
            values = torch.view_as_real(parameter) if parameter.is_complex() else parameter
            normal = torch.randn(values.shape, generator=generator, dtype=torch.float64)
            scales = torch.tensor([1.0, 100.0, 1e30, 0.0, 1e-30], dtype=torch.float64)
            if kind < 3:
                scale = scales[kind].expand(values.shape)
            else:
                scale = scales[torch.randint(5, values.shape, generator=generator)]
            values.copy_(torch.where(scale == 1e30, 1e30 * normal.sign(), scale * normal))


def put_back(module: Filter, trainer: torch.optim.Optimizer) -> int:
    """Begin anew with every number that an optimiser threw beyond 1e30; how many those were."""
    lost = 0
    with torch.no_grad():
        for parameter in module.parameters():
            beyond = ~(parameter.abs() <= 1e30)
            lost += int(beyond.sum())
            parameter[beyond] = 0
            for kept in trainer.state[parameter].values():
                if isinstance(kept, Tensor) and kept.shape == parameter.shape:
                    kept[beyond] = 0
                    kept[~torch.isfinite(kept.abs())] = 0
    return lost


def measure(case: Case, draws: int, runs: int, steps: int) -> Row:
    """All draws of one module, then every optimiser at every rate."""
    torch.manual_seed(0)
    generator = torch.Generator().manual_seed(1)
    row = Row(case.name)
    batch = min(draws, 10_000)
    module = case.make(batch)
    while row.draws < draws:
        draw(module, (row.draws // batch) % 4, generator)
        row.unstable += int((~case.judge(module)).sum())
        row.draws += batch
    for optimiser in (torch.optim.Adam, torch.optim.SGD):
        for rate in (0.1, 10.0, 1e6):
            module = case.make(runs)
            with torch.no_grad():  # not all runs from one place
                for parameter in module.parameters():
                    parameter.add_(torch.randn_like(parameter))
            trainer = optimiser(module.parameters(), lr=rate)  # type: ignore[call-arg, operator]
            for _ in range(steps):
                trainer.zero_grad()
                case.loss(module).backward()  # type: ignore[no-untyped-call]
                trainer.step()
                row.lost += put_back(module, trainer)
                row.unstable += int((~case.judge(module)).sum())
                row.steps += runs
    return row


def measured(quick: bool) -> list[Row]:
    """A row for each module."""
    draws, runs, steps = (400, 20, 5) if quick else (80_000, 400, 20)
    return [
        measure(case, max(draws // case.cost, 40), max(runs // case.cost, 8), steps)
        for case in cases()
    ]


def main() -> None:
    """Print a table, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    rows = measured(options.quick)
    if options.json:
        print(json.dumps([asdict(row) for row in rows]))
        return
    total = Row("all")
    print(f"{'module':24}{'draws':>10}{'steps':>10}{'unstable':>10}{'lost':>6}")
    for row in rows:
        for name in ("draws", "steps", "unstable", "lost"):
            setattr(total, name, getattr(total, name) + getattr(row, name))
    for row in [*rows, total]:
        print(f"{row.module:24}{row.draws:10}{row.steps:10}{row.unstable:10}{row.lost:6}")


if __name__ == "__main__":
    main()
