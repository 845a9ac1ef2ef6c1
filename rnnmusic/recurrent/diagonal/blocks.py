"""The published blocks: which recurrence and which gate each of them is."""

from __future__ import annotations

from rnnmusic.recurrent.diagonal.block import ResidualBlock
from rnnmusic.recurrent.diagonal.gated_scans import MinGru, RgLru
from rnnmusic.recurrent.diagonal.modes import Discretization, Start
from rnnmusic.recurrent.diagonal.state_space import ChannelSsm, DiagonalSsm
from rnnmusic.recurrent.protocol import Learned


def lru(
    input_size: int,
    size: int,
    *,
    modes: int | None = None,
    ring: tuple[float, float] = (0.5, 0.99),
    max_radius: float = 0.9999,
    learned_initial_state: Learned = False,
) -> ResidualBlock:
    """The linear recurrent unit with a full gate (Orvieto et al. 2023, arXiv:2303.06349).

    modes: half of `size` by default, so that the state is `size` reals. ring: the radii between
    which the poles begin.
    """
    mixer = DiagonalSsm(
        size,
        size,
        modes=max(1, size // 2) if modes is None else modes,
        ring=ring,
        max_radius=max_radius,
        feedthrough="diagonal",
        learned_initial_state=learned_initial_state,
    )
    return ResidualBlock(input_size, mixer, "full")


def s4d(
    input_size: int,
    size: int,
    *,
    modes: int = 16,
    discretization: Discretization = "zoh",
    start: Start = "s4d-lin",
    time_step: tuple[float, float] = (1e-3, 1e-1),
    max_radius: float = 0.9999,
    learned_initial_state: Learned = False,
) -> ResidualBlock:
    """A system of `modes` modes for each of the units, mixed by a full gate (Gu et al. 2022).

    time_step: between these the learned steps begin, one per unit.
    """
    mixer = ChannelSsm(
        size,
        modes=modes,
        discretization=discretization,
        start=start,
        time_step=time_step,
        max_radius=max_radius,
        learned_initial_state=learned_initial_state,
    )
    return ResidualBlock(input_size, mixer, "full")


def s5(
    input_size: int,
    size: int,
    *,
    modes: int | None = None,
    discretization: Discretization = "zoh",
    start: Start = "s4d-lin",
    time_step: tuple[float, float] = (1e-3, 1e-1),
    max_radius: float = 0.9999,
    learned_initial_state: Learned = False,
) -> ResidualBlock:
    """One system of many inputs and outputs with a half gate (Smith et al. 2023, arXiv:2208.04933).

    modes: half of `size` by default, for the state's conjugate pairs. time_step: between these
    the learned steps begin, one per mode. The modes begin as S4D's, of which their blocks of
    HiPPO-N are another approximation.
    """
    mixer = DiagonalSsm(
        size,
        size,
        modes=max(1, size // 2) if modes is None else modes,
        discretization=discretization,
        start=start,
        time_step=time_step,
        max_radius=max_radius,
        feedthrough="diagonal",
        learned_initial_state=learned_initial_state,
    )
    return ResidualBlock(input_size, mixer, "half")


def min_gru(input_size: int, size: int, *, learned_initial_state: Learned = False) -> ResidualBlock:
    """minGRU in a residual block with a full gate, as its paper stacks it (Feng et al. 2024)."""
    mixer = MinGru(size, size, learned_initial_state=learned_initial_state)
    return ResidualBlock(input_size, mixer, "full")


def rg_lru(
    input_size: int,
    size: int,
    *,
    radius: tuple[float, float] = (0.9, 0.999),
    learned_initial_state: Learned = False,
) -> ResidualBlock:
    """RG-LRU in a residual block with a full gate (De et al. 2024).

    Griffin's own block also has a convolution over 4 steps, which is left out here.
    """
    mixer = RgLru(size, radius=radius, learned_initial_state=learned_initial_state)
    return ResidualBlock(input_size, mixer, "full")
