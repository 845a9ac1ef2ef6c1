from __future__ import annotations

import math

import numpy as np
import pytest

from rnnmusic.errors import InputError
from rnnmusic.filters.analysis import decay_time_s, modes, time_constants
from rnnmusic.filters.forms import (
    DelayNetwork,
    Sections,
    TransferFunction,
    ZeroPoleGain,
    gain_for_decay,
)


def test_a_mode_falls_to_one_part_in_e_in_its_time_constant() -> None:
    form = ZeroPoleGain(np.zeros(0), np.array([math.exp(-1 / 50), math.exp(-1 / 3)]), 1.0)
    assert time_constants(form) == pytest.approx([50, 3])
    assert modes(form)[0].decay_time == pytest.approx(50 * math.log(1000))


def test_a_pair_is_one_mode_with_the_q_of_its_analog() -> None:
    omega, q = 0.3, 12.0
    s = omega * (-1 / (2 * q) + 1j * math.sqrt(1 - 1 / (4 * q * q)))
    pole = np.exp(s)
    (mode,) = modes(ZeroPoleGain(np.zeros(0), np.array([pole, pole.conjugate()]), 1.0))
    assert mode.pole == pytest.approx(pole)
    assert mode.q == pytest.approx(q)
    assert mode.omega == pytest.approx(s.imag)
    assert mode.time_constant == pytest.approx(-1 / s.real)


def test_poles_at_the_edges() -> None:
    still, integrator, growing = (
        modes(ZeroPoleGain(np.zeros(0), np.array([pole]), 1.0))[0] for pole in (0.0, 1.0, -1.5)
    )
    assert (still.time_constant, still.q) == (0.0, 0.5)
    assert integrator.time_constant == growing.time_constant == math.inf
    assert modes(TransferFunction(np.ones(1), np.ones(1))) == ()
    slow = ZeroPoleGain(np.zeros(0), np.array([1 - 2**-50]), 1.0)
    assert time_constants(slow) == pytest.approx([2**50], rel=1e-9)


def test_reverberation_time() -> None:
    rate, delay = 8000.0, (7, 12, 9)
    rotation = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0]
    one = np.ones((1, 1))
    network = DelayNetwork(
        delay,
        rotation,
        gain_for_decay(delay, 0.05, rate),
        np.ones((3, 1)),
        np.ones((1, 3)),
        one,
        rate,
    )
    assert decay_time_s(network) == pytest.approx(0.05)
    assert decay_time_s(network, 30.0) == pytest.approx(0.025)
    with pytest.raises(InputError, match="sample rate"):
        decay_time_s(Sections(np.array([[1.0, 0, 0, 1, 0, 0]])))


def test_the_poles_of_a_complex_filter_are_modes_each() -> None:
    assert len(modes(ZeroPoleGain(np.zeros(0), np.array([0.5j, -0.2j]), 1.0))) == 2
