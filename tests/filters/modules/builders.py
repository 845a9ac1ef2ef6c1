"""One of every learnable filter, and a random form of each kind."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import scipy.signal
import torch

from rnnmusic.filters.forms import (
    Allpass,
    Band,
    DelayNetwork,
    Diagonal,
    Form,
    Lattice,
    Parallel,
    ParametricEq,
    Sections,
    StateSpace,
    SvfChain,
    TransferFunction,
    ZeroPoleGain,
    convert,
    gain_for_decay,
)
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

RATE = 48_000.0

#: Small ones, as constructed.
MODULES: dict[str, Callable[[], Filter]] = {
    "direct": lambda: DirectFilter(5),
    "sections": lambda: SectionsFilter(3),
    "parallel": lambda: ParallelFilter(2, taps=3),
    "zpk": lambda: ZpkFilter(2, 1),
    "svf": lambda: SvfFilter(2),
    "eq": lambda: ParametricEqFilter(["peak", "low_shelf", "high_pass"], RATE),
    "lattice": lambda: LatticeFilter(4),
    "allpass": lambda: AllpassFilter([(3, 5), 7], max_radius=0.999),
    "statespace": lambda: StateSpaceFilter(4, 2, 3),
    "orthogonal": lambda: OrthogonalFilter(4, 2, 2),
    "unitary": lambda: OrthogonalFilter(3, complex=True),
    "lru": lambda: DiagonalFilter(3, 2, 2),
    "zoh": lambda: DiagonalFilter(3, method="zoh"),
    "bilinear": lambda: DiagonalFilter(3, method="bilinear"),
    "delays": lambda: DelayNetworkFilter((3, 5, 7), 1000.0, inputs=1, outputs=2, t60_s=0.1),
}


def made(name: str, seed: int = 0, spread: float = 0.5) -> Filter:
    """A module with parameters moved at random."""
    torch.manual_seed(seed)
    module = MODULES[name]()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(spread * torch.randn_like(parameter))
    return module


def forms(seed: int) -> dict[str, tuple[type[Filter], Form]]:
    """A random filter in each form, and the module of that form."""
    rng = np.random.default_rng(seed)
    cutoff = rng.uniform(0.05, 0.8)
    sections = Sections(scipy.signal.ellip(6, 1, 50, cutoff, output="sos"), RATE)
    bands = tuple(
        Band(kind, float(rng.uniform(50, 15_000)), float(rng.uniform(-20, 20)), float(q))
        for kind, q in zip(("peak", "low_shelf", "notch"), rng.uniform(0.3, 8, 3), strict=True)
    )
    turn = np.linalg.qr(rng.standard_normal((5, 5)))[0]
    b, c, d = (rng.standard_normal(shape) for shape in ((5, 2), (3, 5), (3, 2)))
    delay = tuple(int(n) for n in rng.integers(1, 40, 5))
    network = DelayNetwork(delay, turn, gain_for_decay(delay, 0.05, RATE), b, c, d, RATE)
    matrix = rng.standard_normal((5, 5))
    matrix *= 0.98 / abs(np.linalg.eigvals(matrix)).max()
    return {
        "tf": (DirectFilter, TransferFunction(*scipy.signal.butter(4, cutoff), RATE)),
        "zpk": (ZpkFilter, convert(sections, ZeroPoleGain)),
        "zpk with delays": (
            ZpkFilter,
            ZeroPoleGain([0.5], [0.9, 0.3 + 0.2j, 0.3 - 0.2j, -0.7], 2.0),
        ),
        "sos": (SectionsFilter, sections),
        "parallel": (ParallelFilter, convert(sections, Parallel)),
        "svf": (SvfFilter, convert(sections, SvfChain)),
        "eq": (ParametricEqFilter, ParametricEq(bands, RATE, -3.0)),
        "eq as sections": (SectionsFilter, ParametricEq(bands, RATE, -3.0)),
        "lattice": (LatticeFilter, convert(sections, Lattice)),
        "allpass": (AllpassFilter, Allpass(([0.5, -0.3], [0.7]), ((5, 7), (11,)), 0.8)),
        "ss": (StateSpaceFilter, StateSpace(matrix, b, c, d, RATE)),
        "sos as ss": (StateSpaceFilter, sections),
        "orthogonal": (OrthogonalFilter, StateSpace(0.9 * turn, b, c, d, RATE)),
        "diagonal": (DiagonalFilter, convert(StateSpace(matrix, b, c, d, RATE), Diagonal)),
        "fdn": (DelayNetworkFilter, network),
    }
