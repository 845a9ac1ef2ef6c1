"""The compiled cascades: equal to scipy, and to the bit to themselves however they are called."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import scipy.signal
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from rnnmusic.filters.kernels import cascade_groups
from rnnmusic.filters.kernels.cascade import Cascade, backward, forward

REALS = st.sampled_from(["float32", "float64"])
TOLERANCE = {"float32": 5e-4, "float64": 1e-11}


def random_sections(
    rng: np.random.Generator, *shape: int, radius: float = 0.95
) -> NDArray[np.float64]:
    """Stable sections of this shape, (..., 6), complex poles and zeros."""
    pole, zero = radius * rng.uniform(0, 1, shape) ** 0.5, rng.uniform(0, 1.2, shape)
    at, notch = rng.uniform(0, np.pi, shape), rng.uniform(0, np.pi, shape)
    one = np.ones(shape)
    b = np.stack([one, -2 * zero * np.cos(notch), zero**2], -1) * rng.uniform(0.3, 1.0)
    return np.concatenate([b, np.stack([one, -2 * pole * np.cos(at), pole**2], -1)], -1)


def cut(frames: int, rng: np.random.Generator) -> list[slice]:
    """The frames in random blocks, some of them empty."""
    ends = np.sort(rng.integers(0, frames + 1, rng.integers(0, 8)))
    edges = [0, *ends.tolist(), frames]
    return [slice(*pair) for pair in itertools.pairwise(edges)]


def relative(found: NDArray[np.float64], wanted: NDArray[np.float64]) -> float:
    """The largest error, relative to the RMS of what is wanted."""
    scale = np.sqrt(np.mean(wanted**2)) + 1e-30
    return float(np.max(np.abs(found - wanted)) / scale)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    real=REALS,
    channels=st.integers(1, 20),
    sections=st.sampled_from([1, 2, 3, 4, 6, 7]),
    frames=st.integers(1, 300),
    shared=st.booleans(),
)
def test_the_output_is_scipys_and_the_same_bits_in_any_blocks_and_any_company(
    seed: int, real: str, channels: int, sections: int, frames: int, shared: bool
) -> None:
    rng = np.random.default_rng(seed)
    sos = random_sections(rng, *([] if shared else [channels]), sections)
    state = rng.standard_normal((channels, sections, 2)).astype(real)
    signal = rng.standard_normal((channels, frames)).astype(real)
    rows = sos.reshape(-1, 1, sections, 6)
    whole, last, _ = forward(signal, rows, state)

    for channel in range(channels):
        own = rows[0 if shared else channel, 0]
        wanted, wanted_last = scipy.signal.sosfilt(
            own, signal[channel].astype(float), zi=state[channel].astype(float)
        )
        assert relative(whole[channel], wanted) < TOLERANCE[real]
        assert relative(last[channel], wanted_last) < 5 * TOLERANCE[real]

    cascade = Cascade(sos, channels, real)
    cascade.state = state
    streamed = signal.copy()
    for block in cut(frames, rng):
        part = np.ascontiguousarray(streamed[:, block])
        cascade.run(part)
        streamed[:, block] = part
    assert np.array_equal(streamed, whole)
    assert np.array_equal(cascade.state, last)

    alone = rng.integers(channels)
    chosen = slice(alone, alone + 1)
    by_itself, _, _ = forward(
        signal[chosen], rows if shared else rows[chosen], state[chosen], noting=True
    )
    assert np.array_equal(by_itself[0], whole[alone])


@settings(max_examples=20, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    real=REALS,
    channels=st.integers(1, 9),
    frames=st.integers(1, 200),
    hop=st.integers(1, 150),
    shared=st.booleans(),
)
def test_coefficients_that_change_are_scipys_block_after_block(
    seed: int, real: str, channels: int, frames: int, hop: int, shared: bool
) -> None:
    rng = np.random.default_rng(seed)
    count = -(-frames // hop)
    sos = random_sections(rng, 1 if shared else channels, count, 2, radius=0.8)
    state = rng.standard_normal((channels, 2, 2)).astype(real)
    signal = rng.standard_normal((channels, frames)).astype(real)
    found, last, _ = forward(signal, sos, state, hop)
    for channel in range(channels):
        parts, memory = [], state[channel].astype(float)
        for row in range(count):
            block = signal[channel, row * hop : (row + 1) * hop].astype(float)
            part, memory = scipy.signal.sosfilt(
                sos[0 if shared else channel, row], block, zi=memory
            )
            parts.append(part)
        assert relative(found[channel], np.concatenate(parts)) < 5 * TOLERANCE[real]
        assert relative(last[channel], memory) < 5 * TOLERANCE[real]
    if shared:
        cascade = Cascade(sos[0, 0], channels, real)
        cascade.state = state
        streamed = signal.copy()
        cascade.run_varying(streamed, sos[0], hop)
        assert np.array_equal(streamed, found)
        assert np.array_equal(cascade.state, last)


@settings(max_examples=20, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    channels=st.integers(1, 20),
    sections=st.sampled_from([1, 3, 6]),
    frames=st.integers(1, 600),
    shared=st.booleans(),
)
def test_gradients_of_a_channel_are_the_same_in_company(
    seed: int, channels: int, sections: int, frames: int, shared: bool
) -> None:
    rng = np.random.default_rng(seed)
    sos = random_sections(rng, 1 if shared else channels, 1, sections)
    signal, upstream = rng.standard_normal((2, channels, frames))
    state, last = rng.standard_normal((2, channels, sections, 2))

    def found(chosen: slice) -> tuple[NDArray[np.float64], ...]:
        own = sos if shared else sos[chosen]
        _, _, passed = forward(signal[chosen], own, state[chosen], noting=True)
        assert passed is not None
        return backward(passed, signal[chosen], upstream[chosen], last[chosen])

    whole = found(slice(None))
    single = [found(slice(channel, channel + 1)) for channel in range(channels)]
    signals, sums, states = zip(*single, strict=True)
    assert np.array_equal(np.concatenate(signals), whole[0])
    assert np.array_equal(np.concatenate(states), whole[2])
    expected = sum(sums) if shared else np.concatenate(sums)
    assert np.allclose(whole[1], expected, rtol=1e-9, atol=1e-9 * np.abs(expected).max())


def test_threads_change_no_bit() -> None:
    rng = np.random.default_rng(0)
    sos = random_sections(rng, 1, 1, 3)
    signal, upstream = rng.standard_normal((2, 40, 500))
    state = np.zeros((40, 3, 2))
    results = []
    for threads in (1, 3):
        output, _, passed = forward(signal, sos, state, noting=True, threads=threads)
        assert passed is not None
        results.append((output, *backward(passed, signal, upstream, state)))
    for one, three in zip(*results, strict=True):
        assert np.array_equal(one, three)


def test_new_coefficients_keep_the_state() -> None:
    rng = np.random.default_rng(1)
    first, second = random_sections(rng, 2, 4)
    signal = rng.standard_normal((3, 100))
    cascade = Cascade(first, 3, "float64")
    blocks = np.ascontiguousarray(signal[:, :60]), np.ascontiguousarray(signal[:, 60:])
    cascade.run(blocks[0])
    cascade.sos = second
    cascade.run(blocks[1])
    middle, state = scipy.signal.sosfilt(first, signal[:, :60], zi=np.zeros((4, 3, 2)))
    rest, _ = scipy.signal.sosfilt(second, signal[:, 60:], zi=state)
    assert np.allclose(np.concatenate(blocks, 1), np.concatenate([middle, rest], 1))
    assert np.array_equal(cascade.sos, second)


def test_a_block_that_is_a_part_of_a_longer_signal_is_filtered_where_it_is() -> None:
    signal = np.random.default_rng(2).standard_normal((5, 50))
    sos = random_sections(np.random.default_rng(3), 2)
    expected = scipy.signal.sosfilt(sos, signal[:, 10:40])
    changed = signal.copy()
    Cascade(sos, 5, "float64").run(changed[:, 10:40])
    assert np.allclose(changed[:, 10:40], expected)
    changed[:, 10:40] = signal[:, 10:40]
    assert np.array_equal(changed, signal)


def test_a_block_that_must_not_be_written_is_refused() -> None:
    block = np.ones((1, 8), np.float32)
    block.flags.writeable = False
    with pytest.raises(TypeError):
        Cascade(random_sections(np.random.default_rng(4), 2), 1).run(block)


@pytest.mark.parametrize(("lowest", "bound"), [(0.003, 5e-3), (0.05, 1e-3), (0.3, 2e-4)])
def test_poles_at_radius_0_9999_keep_to_the_stated_error(lowest: float, bound: float) -> None:
    # Relative to the RMS, for angles (rad) from the lowest on; 0.003 is 23 Hz at 48 kHz.
    rng = np.random.default_rng(5)
    for _ in range(10):
        sos = random_sections(rng, 3)
        angle = rng.uniform(lowest, 2 * lowest, 3)
        sos[:, 4], sos[:, 5] = -2 * 0.9999 * np.cos(angle), 0.9999**2
        sos = sos.astype(np.float32).astype(float)
        signal = rng.standard_normal((1, 20_000)).astype(np.float32)
        wanted = scipy.signal.sosfilt(sos, signal.astype(float))
        for real, limit in (("float32", bound), ("float64", 1e-10)):
            found, _, _ = forward(signal.astype(real), sos[None, None], np.zeros((1, 3, 2), real))
            assert relative(found, wanted) < limit


def test_an_elliptic_filter_of_order_12_stays_accurate_in_float32() -> None:
    sos = scipy.signal.ellip(12, 0.5, 60, 0.3, output="sos")
    signal = np.random.default_rng(6).standard_normal((4, 48_000)).astype(np.float32)
    found, _, _ = forward(signal, sos[None, None], np.zeros((4, 6, 2), np.float32))
    assert relative(found, scipy.signal.sosfilt(sos, signal.astype(float))) < 2e-5


def test_what_decays_below_the_normal_numbers_becomes_zero() -> None:
    sos = np.array([[1.0, 0, 0, 1, -0.5, 0]])
    block = np.zeros((1, 400), np.float32)
    block[0, 0] = 1
    Cascade(sos, 1).run(block)
    smallest = np.finfo(np.float32).smallest_normal
    assert np.all((block == 0) | (block >= smallest))
    # The processor goes on as before: the flags are set back.
    assert np.float32(smallest) / np.float32(2) > 0


def test_both_kinds_of_groups_are_used() -> None:
    sos = np.zeros((1, 1, 6, 6))
    kinds = [type(group).__name__ for group in cascade_groups.grouped(sos, 18, "float32")]
    assert kinds == ["LanesGroup", "SkewedGroup", "SkewedGroup"]
