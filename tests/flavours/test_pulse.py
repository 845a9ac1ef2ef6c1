"""Two neurons that oscillate, and follow a pulse that they hear."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from rnnmusic import checkpoint
from rnnmusic.errors import UsageError
from rnnmusic.flavours.pulse import GRID, pulse_player
from rnnmusic.generator import Generator
from rnnmusic.recurrent.continuous.oscillator import follows, oscillator, range_of, rounds
from rnnmusic.sampling.compiled import export
from rnnmusic.sampling.shaping import plain

OWN, OTHER = 76, 60


def onsets(generator: Generator, pulse_every: int | None, steps: int = 360) -> np.ndarray:
    """When it strikes its note, while somebody else strikes middle C now and then."""
    stepper, encoding = export(generator), generator.encoding
    rng, state, heard = np.random.default_rng(0), stepper.initial(), encoding.start_step()
    found, sounded = [], False
    own, other = 2 * (OWN - 21), 2 * (OTHER - 21)
    for step in range(steps):
        hidden, state = stepper.hear(heard, encoding.clock_at(step), state)
        drawn = stepper.draw(hidden, plain(encoding.sizes), rng.random(stepper.draws))
        sounds = bool(drawn[own : own + 2].any())
        if sounds and not sounded:
            found.append(step)
        sounded, heard = sounds, np.array(drawn)
        if pulse_every and step % pulse_every == 0:
            heard[other] = 1
    return np.array(found)


@pytest.mark.parametrize("period", [8.0, 12.0, 31.5])
def test_alone_it_goes_round_in_its_own_time(period: float) -> None:
    found = rounds(oscillator(period), np.zeros(int(40 * period)))
    assert found.mean() == pytest.approx(period, rel=0.02)
    assert np.ptp(found) < 0.5


def test_it_takes_over_the_period_of_a_pulse_within_its_range() -> None:
    layer = oscillator(12.0)
    assert all(follows(layer, period) for period in (9, 12, 16))
    assert not follows(layer, 40)
    found = range_of(layer, range(7, 11))
    assert found is not None
    assert found[1] == 10
    # Without a coupling only its own period is left.
    assert range_of(oscillator(12.0, coupling=0.0), range(9, 16)) in ((12, 12), None)


@pytest.mark.parametrize("every", [9, 12, 16])
def test_the_player_falls_in_with_whoever_plays(every: int) -> None:
    played = np.diff(onsets(pulse_player(), every))[-10:]
    assert played.mean() == pytest.approx(every, abs=0.1)


def test_alone_the_player_keeps_a_quarter() -> None:
    played = np.diff(onsets(pulse_player(), None))
    assert played[2:].mean() == pytest.approx(GRID, rel=0.03)


def test_the_shipped_player_is_what_the_function_makes() -> None:
    shipped, made = checkpoint.load("pulse-ctrnn").generator, pulse_player()
    assert shipped.config == made.config
    for name, tensor in made.state_dict().items():
        assert torch.allclose(shipped.state_dict()[name], tensor, atol=1e-4), name


def test_what_makes_no_sense_is_refused() -> None:
    with pytest.raises(UsageError, match="period is 3"):
        oscillator(3.0)
    with pytest.raises(UsageError, match="pitch is 200"):
        pulse_player(pitch=200)
