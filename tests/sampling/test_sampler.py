from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rnnmusic.heads import Controls
from rnnmusic.sampling.sampler import Sampler
from tests.sampling.conftest import CONFIGS, untrained

KINDS = sorted(CONFIGS)


def draw(sampler: Sampler, count: int) -> np.ndarray:
    width = len(sampler.encoding.sizes)
    return np.array([sampler.next() for _ in range(count)]).reshape(count, width)


def test_a_seed_decides_what_is_drawn(generator):
    first = draw(Sampler(generator, seed=5), 40)
    assert np.array_equal(first, draw(Sampler(generator, seed=5), 40))
    assert not np.array_equal(first, draw(Sampler(generator, seed=6), 40))
    assert first.shape == (40, len(generator.encoding.sizes))
    assert (first >= 0).all()
    assert (first < generator.encoding.sizes).all()


def test_the_mode_needs_no_seed(generator):
    mode = Controls(temperature=0.0)
    first = draw(Sampler(generator, seed=1, controls=mode), 20)
    assert np.array_equal(first, draw(Sampler(generator, seed=2, controls=mode), 20))


@settings(max_examples=20, deadline=None)
@given(
    kind=st.sampled_from(KINDS),
    before=st.integers(0, 6),
    between=st.integers(0, 6),
    after=st.integers(1, 6),
)
def test_a_snapshot_can_be_returned_to_any_number_of_times(kind, before, between, after):
    sampler = Sampler(untrained(kind), seed=3)
    draw(sampler, before)
    snapshot = sampler.snapshot()
    future = draw(sampler, after)
    draw(sampler, between)
    for _ in range(2):
        sampler.restore(snapshot)
        assert np.array_equal(draw(sampler, after), future)


def test_priming_is_the_same_as_having_drawn(generator):
    one = Sampler(generator, seed=8)
    heard = draw(one, 10)
    other = Sampler(generator, seed=99)
    other.prime(heard[:3])
    other.prime(heard[3:])
    other.prime(heard[:0])  # nothing heard, nothing changed
    other.restore(other.snapshot()._replace(rng_state=one.snapshot().rng_state))
    assert np.array_equal(draw(one, 10), draw(other, 10))


def clocks_of(sampler: Sampler, count: int, monkeypatch) -> list[list[int]]:
    seen: list[list[int]] = []
    generator = sampler._generator
    step = generator.step

    def recorded(previous, clock, *rest):
        seen.append(clock[0].tolist())
        return step(previous, clock, *rest)

    monkeypatch.setattr(generator, "step", recorded)
    draw(sampler, count)
    return seen


@pytest.mark.parametrize("quarters_per_bar", [4.0, 3.0, 3.5])
def test_the_clock_goes_on_after_a_prime(quarters_per_bar, monkeypatch):
    generator = untrained("roll")
    encoding = generator.encoding
    prime = np.zeros((21, len(encoding.sizes)), dtype=np.int64)
    sampler = Sampler(generator, seed=0, quarters_per_bar=quarters_per_bar)
    sampler.prime(prime)
    expected = [
        encoding.clock_at(21 + t, quarters_per_bar=quarters_per_bar).tolist() for t in range(30)
    ]
    assert clocks_of(sampler, 30, monkeypatch) == expected


def test_the_clock_follows_the_one_given_with_a_prime(monkeypatch):
    generator = untrained("roll")
    prime = np.zeros((2, len(generator.encoding.sizes)), dtype=np.int64)
    sampler = Sampler(generator, seed=0, quarters_per_bar=3.0)
    sampler.prime(prime, np.array([[1, 2], [2, 2]], dtype=np.uint8))
    assert clocks_of(sampler, 3, monkeypatch) == [[3, 2], [0, 0], [1, 0]]


def test_what_is_drawn_belongs_to_the_caller(generator):
    one, other = Sampler(generator, seed=4), Sampler(generator, seed=4)
    for _ in range(10):
        step = one.next()
        assert np.array_equal(step, other.next())
        step[:] = 0


def test_leaves_torch_as_it_was(generator):
    generator.train()
    rng, threads = torch.random.get_rng_state(), torch.get_num_threads()
    sampler = Sampler(generator, seed=0)
    draw(sampler, 3)
    assert not generator.training  # dropout is for training
    assert torch.equal(torch.random.get_rng_state(), rng)
    assert torch.get_num_threads() == threads
    assert not torch.is_inference_mode_enabled()
