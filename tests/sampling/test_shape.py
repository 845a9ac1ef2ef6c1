"""Steering made into shapings: what may be drawn under any of them, and what is likelier."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st

from rnnmusic import checkpoint
from rnnmusic.encodings import LogMel, NoteEvents, PianoRoll
from rnnmusic.encodings.protocol import ScoreEncoding
from rnnmusic.errors import UsageError
from rnnmusic.heads import BernoulliHead, FactoredCategoricalHead, Head, NadeHead
from rnnmusic.sampling.compiled import HEADS, export
from rnnmusic.sampling.compiled.head import CompiledHead
from rnnmusic.sampling.dice import Dice
from rnnmusic.sampling.shape import Context, Shaper, allowed_pitches
from rnnmusic.sampling.shaping import Shaping, plain
from rnnmusic.sampling.steering import Steering

ROLL = PianoRoll(lowest_pitch=48, highest_pitch=71)
BARE_ROLL = PianoRoll(lowest_pitch=48, highest_pitch=71, articulation=False)
EVENTS = NoteEvents(lowest_pitch=48, highest_pitch=71, velocity_bins=8)
LONGEST = int(EVENTS.shift_values[-1])

pitches = st.integers(40, 80)
temperatures = st.floats(0, 10)
steerings = st.builds(
    lambda low, high, **rest: Steering(
        lowest_pitch=min(low, high), highest_pitch=max(low, high), **rest
    ),
    st.integers(0, 127),
    st.integers(0, 127),
    temperature=temperatures,
    pitch_temperature=temperatures,
    rhythm_temperature=temperatures,
    velocity_temperature=temperatures,
    top_p=st.floats(0.01, 1),
    density=st.floats(-1, 1),
    note_length=st.floats(-1, 1),
    key=st.none() | st.sampled_from(["C", "F# minor", "pentatonic A", "C Eb"]),
    chord=st.none() | st.sampled_from(["Am7", "C/E", "60 64 67", "F#dim", "C9 C9"]),
    polyphony=st.none() | st.integers(1, 6),
    repetition_penalty=st.floats(0, 5),
)
sounding = st.lists(pitches, unique=True, max_size=8)
recent = st.lists(pitches, max_size=16)


def compiled(make: type[Head], encoding: ScoreEncoding) -> CompiledHead:
    """A head that is sure of much, but not of the same for every hidden vector."""
    torch.manual_seed(1)
    head = make(HIDDEN, encoding.sizes)
    with torch.no_grad():
        for parameter in head.parameters():
            parameter.mul_(5.0)
    return HEADS[make](head)


HIDDEN = 8
DRAWN = {
    ROLL: compiled(NadeHead, ROLL),
    BARE_ROLL: compiled(BernoulliHead, BARE_ROLL),
    EVENTS: compiled(FactoredCategoricalHead, EVENTS),
}


def drawn(encoding: ScoreEncoding, shaping: Shaping, seed: int) -> np.ndarray:
    """A step of some hidden vector and throw of the dice."""
    head = DRAWN[encoding]
    hidden = np.random.default_rng(seed).normal(0, 3, HIDDEN).astype(np.float32)
    return head.draw(hidden, shaping, Dice(seed).uniforms(0, 0, head.draws))


@given(
    st.sampled_from([ROLL, BARE_ROLL]),
    steerings,
    sounding,
    recent,
    st.lists(st.integers(48, 71), unique=True, max_size=3),
    st.integers(0, 99),
)
def test_any_step_of_a_roll_is_legal(
    encoding: PianoRoll,
    steering: Steering,
    before: list[int],
    lately: list[int],
    forced: list[int],
    seed: int,
) -> None:
    context = Context(tuple(before), tuple(lately), forced=tuple(forced))
    shaping = Shaper(encoding).shape(steering, context)
    is_open = allowed_pitches(steering)
    if shaping is None:
        assert not is_open[48:72].any()
        return
    step = drawn(encoding, shaping, seed)
    struck, held = encoding.split(step)
    sounds = {48 + int(place) for place in np.flatnonzero(struck | held)}
    assert set(forced) <= sounds
    if encoding.articulation:
        assert struck[[p - 48 for p in forced]].all()
    own = sounds - set(forced)
    assert all(is_open[pitch] for pitch in own)
    if steering.polyphony is not None:
        assert len(own) <= steering.polyphony


@given(
    steerings,
    st.lists(st.tuples(pitches, st.integers(1, LONGEST)), unique_by=lambda n: n[0], max_size=8),
    recent,
    st.integers(0, LONGEST + 50),
    st.integers(0, 99),
)
def test_any_note_is_legal(
    steering: Steering,
    before: list[tuple[int, int]],
    lately: list[int],
    earliest: int,
    seed: int,
) -> None:
    context = Context(
        tuple(pitch for pitch, _ in before),
        tuple(lately),
        earliest_shift=earliest,
        remaining=tuple(steps for _, steps in before),
    )
    shaping = Shaper(EVENTS).shape(steering, context)
    is_open = allowed_pitches(steering)
    if shaping is None:
        assert not is_open[48:72].any()
        return
    step = drawn(EVENTS, shaping, seed)
    assert (step < EVENTS.sizes).all()
    shift, pitch = int(EVENTS.shift_values[step[0]]), int(step[1]) + 48
    assert is_open[pitch]
    assert shift >= min(earliest, LONGEST)
    if steering.polyphony is not None:
        still = sum(1 for _, steps in before if steps > shift)
        assert still < steering.polyphony


@pytest.mark.parametrize("encoding", [ROLL, BARE_ROLL, EVENTS], ids=["roll", "bare", "events"])
def test_without_steering_nothing_is_changed(encoding: ScoreEncoding) -> None:
    context = Context((60, 64), (60, 64, 60), remaining=(3, 9))
    shaping = Shaper(encoding).shape(Steering(), context)
    assert shaping is not None
    wanted = plain(encoding.sizes)
    assert np.array_equal(shaping.bias, wanted.bias)
    assert np.array_equal(shaping.temperature, wanted.temperature)
    assert shaping[2:] == wanted[2:]


@given(steerings, sounding, recent, steerings)
def test_a_shaper_forgets_its_last_steering(
    steering: Steering, before: list[int], lately: list[int], other: Steering
) -> None:
    context = Context(tuple(before), tuple(lately))
    for encoding in (ROLL, EVENTS):
        used = Shaper(encoding)
        for earlier in (steering, other):
            used.shape(earlier, context)
        again, fresh = used.shape(steering, context), Shaper(encoding).shape(steering, context)
        assert (again is None) == (fresh is None)
        if again is not None and fresh is not None:
            assert np.array_equal(again.bias, fresh.bias)
            assert np.array_equal(again.temperature, fresh.temperature)
            assert again[2:] == fresh[2:]


def test_temperatures_go_to_beginnings_and_to_what_goes_on() -> None:
    steering = Steering(temperature=2.0, pitch_temperature=3.0, rhythm_temperature=0.5)
    shaping = Shaper(ROLL).shape(steering, Context(sounding=(50,)))
    assert shaping is not None
    struck, held = shaping.temperature[0::2], shaping.temperature[1::2]
    assert (struck == 6.0).all()
    assert held[2] == 1.0
    assert (np.delete(held, 2) == 6.0).all()  # what isn't sounding can't go on: it would begin
    steering = Steering(rhythm_temperature=0.5, pitch_temperature=2.0, velocity_temperature=3.0)
    shaping = Shaper(EVENTS).shape(steering, Context())
    assert shaping is not None
    assert shaping.temperature.tolist() == [0.5, 2.0, 0.5, 3.0]


def test_a_shut_pitch_is_neither_struck_nor_held() -> None:
    shaping = Shaper(ROLL).shape(Steering(key="C", note_length=1.0), Context(sounding=(61, 62)))
    assert shaping is not None
    by_pitch = shaping.bias.reshape(-1, 2)
    assert (by_pitch[61 - 48] == -np.inf).all()
    assert (by_pitch[62 - 48] > -np.inf).all()


def test_a_repeated_pitch_pays_for_each_time_but_may_go_on() -> None:
    steering = Steering(repetition_penalty=0.5)
    shaping = Shaper(ROLL).shape(steering, Context((62,), (60, 62, 60, 99)))
    assert shaping is not None
    by_pitch = shaping.bias.reshape(-1, 2)
    assert by_pitch[12].tolist() == [-1.0, -1.0]
    assert by_pitch[14].tolist() == [-0.5, 0.0]
    assert np.count_nonzero(by_pitch) == 3
    shaping = Shaper(EVENTS).shape(steering, Context((), (60, 62, 60, 99)))
    assert shaping is not None
    in_pitch = shaping.bias[EVENTS.sizes[0] :][: EVENTS.sizes[1]]
    assert (in_pitch[12], in_pitch[14]) == (-1.0, -0.5)
    assert np.count_nonzero(shaping.bias) == 2


@given(st.floats(0.01, 1), st.sampled_from(["density", "note_length"]))
def test_times_are_tilted_evenly_and_both_ways_alike(amount: float, name: str) -> None:
    both = []
    for sign in (1, -1):
        shaping = Shaper(EVENTS).shape(Steering(**{name: sign * amount}), Context())
        assert shaping is not None
        shift, pitch, duration, velocity = np.split(shaping.bias, np.cumsum(EVENTS.sizes)[:-1])
        longer = sign if name == "note_length" else -sign
        assert (np.diff(duration) * longer > 0).all()
        if name == "density":
            assert (np.diff(shift[1:]) * longer > 0).all()
            assert shift[0] == shift[EVENTS.steps_per_quarter // 2]
        else:
            assert not shift.any()
        assert not pitch.any()
        assert not velocity.any()
        both.append(shaping.bias)
    assert np.allclose(both[0], -both[1])


def test_a_full_chord_waits_until_there_is_room() -> None:
    shaper = Shaper(EVENTS)
    context = Context((60, 64, 67), remaining=(5, 20, 9))
    for cap, first in ((4, 0), (3, 5), (2, 9), (1, 20)):
        shaping = shaper.shape(Steering(polyphony=cap), context)
        assert shaping is not None
        shift = shaping.bias[: EVENTS.sizes[0]]
        assert int(EVENTS.shift_values[np.flatnonzero(shift > -np.inf)[0]]) == first


def test_a_wait_beyond_the_longest_shift_takes_the_longest() -> None:
    shaping = Shaper(EVENTS).shape(Steering(), Context(earliest_shift=LONGEST + 1))
    assert shaping is not None
    assert np.flatnonzero(shaping.bias > -np.inf)[0] == EVENTS.sizes[0] - 1


def test_masks_combine_by_intersection() -> None:
    def left(**controls: object) -> list[int]:
        return np.flatnonzero(allowed_pitches(Steering(**controls))).tolist()

    assert left() == list(range(128))
    assert left(lowest_pitch=60, highest_pitch=62) == [60, 61, 62]
    assert left(lowest_pitch=60, highest_pitch=72, key="C pentatonic") == [60, 62, 64, 67, 69, 72]
    assert left(lowest_pitch=60, highest_pitch=72, key="C pentatonic", chord="F") == [60, 69, 72]
    assert left(key="C", chord="60 61 62") == [60, 62]


def test_what_others_strike_takes_no_room_under_the_cap() -> None:
    shaping = Shaper(ROLL).shape(Steering(polyphony=2), Context(forced=(60, 64, 60, 20)))
    assert shaping is not None
    assert shaping.most == 4
    assert np.flatnonzero(shaping.bias == np.inf).tolist() == [24, 32]
    assert np.flatnonzero(shaping.bias == -np.inf).tolist() == [25, 33]


def test_nothing_open_is_none() -> None:
    for steering in (
        Steering(lowest_pitch=72),
        Steering(key="C", chord="F#"),
        Steering(chord="60 62", highest_pitch=59),
    ):
        assert Shaper(ROLL).shape(steering, Context(forced=(60,))) is None
        assert Shaper(EVENTS).shape(steering, Context()) is None


def test_sound_cant_be_steered() -> None:
    with pytest.raises(UsageError, match="can't be steered"):
        Shaper(LogMel())


@given(steerings, sounding)
def test_what_is_shared_cant_be_written(steering: Steering, before: list[int]) -> None:
    shaper = Shaper(ROLL)
    first = shaper.shape(steering, Context())
    assume(first is not None)
    assert first is not None
    copied = first.bias.copy()
    shaper.shape(steering, Context(tuple(before), (60,), forced=(61,)))
    assert np.array_equal(first.bias, copied)
    with pytest.raises(ValueError, match="read-only"):
        first.bias[0] = 1.0


@pytest.mark.slow
@pytest.mark.parametrize("name", ["density", "note_length"])
def test_bach_gru_begins_more_notes_the_denser_and_the_shorter(name: str) -> None:
    counts = [
        sum(_onsets(Steering(**{name: amount}), seed) for seed in range(4))
        for amount in (-1.0, -0.5, 0.0, 0.5, 1.0)
    ]
    if name == "note_length":
        counts.reverse()
    assert all(fewer * 1.1 < more for fewer, more in pairwise(counts))


def _onsets(steering: Steering, seed: int, bars: int = 8) -> int:
    """Notes that bach-gru begins in so many bars."""
    stepper = export(checkpoint.load("bach-gru").generator)
    encoding = stepper.encoding
    assert isinstance(encoding, PianoRoll)
    shaper, dice = Shaper(encoding), Dice(seed)
    state, step = stepper.initial(), encoding.start_step()
    before: set[int] = set()
    count = 0
    for index in range(bars * 16):
        shaping = shaper.shape(steering, Context(tuple(sorted(before))))
        assert shaping is not None
        hidden, state = stepper.hear(step, encoding.clock_at(index), state)
        step = stepper.draw(hidden, shaping, dice.uniforms(0, index, stepper.draws))
        struck, held = (
            {int(place) + encoding.lowest_pitch for place in np.flatnonzero(part)}
            for part in encoding.split(step)
        )
        count += len(struck | (held - before))
        before = struck | held
    return count
