"""The synthesiser that plays as it goes, by numbers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnnmusic.live.messages import control_change, note_off, note_on, program_change
from rnnmusic.synthesis.bank import Bank, Modes
from rnnmusic.synthesis.limiter import Limiter
from rnnmusic.synthesis.modes import modes_of
from rnnmusic.synthesis.pitch import frequency_hz
from rnnmusic.synthesis.polyphony import Polyphony
from rnnmusic.synthesis.voices import PROGRAMS

RATE, BLOCK = 48_000, 256
PIANO, ORGAN, STRINGS, FLUTE = 0, 19, 48, 73


@pytest.fixture(scope="module")
def shared() -> Polyphony:
    """One for all, because rendering its drums takes a while: silence it after use."""
    return Polyphony()


@pytest.fixture
def synth(shared):
    yield shared
    for channel in range(16):
        for number in (64, 123, 120):
            shared.post(control_change(channel, number, 0), shared.frame)
        for number, value in ((7, 100), (11, 127)):
            shared.post(control_change(channel, number, value), shared.frame)
        shared.post(program_change(channel, 0), shared.frame)
    play(shared, 0.5)


def play(synth: Polyphony, seconds: float, *messages: tuple[float, bytes]) -> np.ndarray:
    """Sound (2, frames) of messages at seconds from now; the limiter's delay is taken off."""
    first = synth.frame
    for time_s, message in messages:
        synth.post(message, first + round(time_s * RATE))
    blocks = round(seconds * RATE / BLOCK)
    return np.concatenate([synth.process() for _ in range(blocks + 1)], axis=1)[:, BLOCK:]


def loudest_hz(sound: np.ndarray) -> float:
    mono = sound.sum(axis=0)
    spectrum = np.abs(np.fft.rfft(mono * np.hanning(len(mono)), 8 * len(mono)))
    return float(np.argmax(spectrum) * RATE / (8 * len(mono)))


def level(sound: np.ndarray) -> float:
    return float(np.sqrt(np.mean(sound**2)))


@pytest.mark.parametrize("program", [PIANO, ORGAN, FLUTE])
@pytest.mark.parametrize("pitch", [57, 69, 76])
def test_a_note_has_its_pitch(synth, program, pitch):
    sound = play(synth, 1.0, (0, program_change(0, program)), (0, note_on(0, pitch, 90)))
    got = loudest_hz(sound[:, RATE // 4 :])
    ratio = got / frequency_hz(pitch)
    assert abs(ratio / round(ratio) - 1) < 0.004, got  # a partial may be stronger than the first


def test_a_note_begins_on_its_frame_and_from_silence(synth):
    at = 1000
    sound = play(
        synth, 0.1, (at / RATE, program_change(0, ORGAN)), (at / RATE, note_on(0, 60, 127))
    )
    heard = np.flatnonzero(sound.any(axis=0))
    assert at <= heard[0] <= at + 1
    assert np.abs(sound[:, at : at + 4]).max() < 0.01


def test_the_split_into_blocks_is_not_heard():
    whole, cut = Bank(4), Bank(4)
    modes = modes_of(PIANO, 60, 72, RATE)
    whole.start(modes)
    cut.start(modes)
    rng = np.random.default_rng(0)
    cuts = []
    while sum(cuts) < 48_000:
        cuts.append(int(rng.integers(1, 257)))
    frames = sum(cuts)
    exact = np.real(np.exp(np.arange(frames)[:, None] * modes.log_pole) @ modes.state)
    split = np.concatenate([cut.render(n)[0] for n in cuts])
    np.testing.assert_allclose(split, exact, atol=2e-6 * np.abs(modes.state).sum())


def test_notes_keep_their_sound_when_another_ends():
    bank, alone = Bank(4), Bank(4)
    first, second = modes_of(PIANO, 60, 72, RATE), modes_of(ORGAN, 67, 72, RATE)
    bank.start(first)
    bank.start(second)
    alone.start(second)
    np.testing.assert_allclose(bank.render(100)[1], alone.render(100)[0], atol=1e-6)
    bank.end(0)
    np.testing.assert_allclose(bank.render(100)[0], alone.render(100)[0], atol=1e-6)
    assert len(bank) == 1


@pytest.mark.parametrize("program", [first for first, _ in PROGRAMS])
def test_every_program_sounds_is_damped_and_never_clicks(synth, program):
    sound = play(
        synth, 1.5,
        (0, program_change(3, program)), (0.01, note_on(3, 64, 100)), (0.5, note_off(3, 64)),
    )  # fmt: skip
    assert np.isfinite(sound).all()
    assert 0.003 < np.abs(sound[:, : RATE // 2]).max() < 0.89
    # No step is bigger than the brightest of its partials would make it.
    released = np.abs(np.diff(sound[:, RATE // 2 - 50 : RATE // 2 + 50])).max()
    assert released <= 1.3 * np.abs(np.diff(sound[:, RATE // 4 : RATE // 2 - 50])).max() + 1e-6
    assert np.abs(np.diff(sound)).max() < 0.15


@pytest.mark.parametrize("program", [PIANO, ORGAN, STRINGS])
def test_louder_keys_sound_louder_and_a_released_one_is_silent_soon(synth, program):
    levels = []
    for velocity in (30, 70, 120):
        sound = play(
            synth, 2.5,
            (0, program_change(0, program)), (0, note_on(0, 60, velocity)), (0.5, note_off(0, 60)),
        )  # fmt: skip
        levels.append(level(sound[:, : RATE // 2]))
        assert not sound[:, -BLOCK:].any()
        assert synth.is_idle
    assert levels[1] / levels[0] == pytest.approx((70 / 30) ** 1.6, rel=0.35)
    assert levels[2] / levels[1] == pytest.approx((120 / 70) ** 1.6, rel=0.35)


def test_the_pedal_holds_notes_until_it_is_lifted(synth):
    play(synth, 0.1, (0, program_change(0, ORGAN)), (0, control_change(0, 64, 127)))
    held = play(synth, 1.0, (0, note_on(0, 60, 90)), (0.2, note_off(0, 60)))
    assert level(held[:, -RATE // 4 :]) > 0.5 * level(held[:, RATE // 10 : RATE // 5])
    lifted = play(synth, 2.0, (0, control_change(0, 64, 0)))
    assert not lifted[:, -BLOCK:].any()


@pytest.mark.parametrize("number", [123, 120])
def test_all_notes_off_silences_a_channel_and_no_other(synth, number):
    chord = [(0.0, note_on(channel, pitch, 90)) for channel in (0, 1) for pitch in (50, 60, 70)]
    play(synth, 0.2, (0, program_change(0, ORGAN)), (0, program_change(1, ORGAN)), *chord)
    assert synth.sounding == 6
    play(synth, 2.0, (0, control_change(0, number, 0)))
    assert synth.sounding == 3


def test_more_notes_than_voices_let_the_faintest_go(synth):
    play(synth, 0.05, (0, program_change(0, ORGAN)), (0, program_change(1, ORGAN)))
    faint = [(0.0, note_on(0, 20 + k, 10)) for k in range(64)]
    loud = [(0.1 + k / 100, note_on(1, 40 + k, 100)) for k in range(30)]
    sound = play(synth, 1.0, *faint, *loud)
    assert synth.sounding <= 64
    assert np.isfinite(sound).all()
    held = {note.pitch for note in synth._notes if note.channel == 1}
    assert held == set(range(40, 70))


def test_any_number_of_loud_notes_stays_within_full_scale_and_smooth(synth):
    chord = [(0.0, note_on(channel, 30 + k, 127)) for channel in (0, 1) for k in range(60)]
    sound = play(synth, 0.5, (0, program_change(0, ORGAN)), *chord)
    assert 0.5 < np.abs(sound).max() <= 0.8901


def test_drums_sound_and_a_closed_hat_stops_the_open_one(synth):
    both = play(synth, 0.5, (0, note_on(9, 46, 100)), (0.1, note_on(9, 42, 1)))
    assert level(both[:, : RATE // 10]) > 0.003
    assert level(both[:, RATE // 5 :]) < 0.02 * level(both[:, : RATE // 10])
    for key in (0, 36, 127):  # keys beyond the kit get its nearest drum
        assert play(synth, 0.1, (0, note_on(9, key, 100))).any()


def test_a_volume_controller_is_followed_without_a_click(synth):
    play(synth, 0.5, (0, program_change(0, FLUTE)), (0, note_on(0, 60, 100)))
    before = play(synth, 0.2)
    sound = play(synth, 0.2, (0.05, control_change(0, 7, 25)))
    after = play(synth, 0.2)
    assert level(after) / level(before) == pytest.approx((25 / 100) ** 2, rel=0.2)
    assert np.abs(np.diff(sound)).max() < 1.2 * np.abs(np.diff(before)).max()


EVENTS = st.lists(
    st.tuples(
        st.integers(0, 4000),
        st.one_of(
            st.builds(note_on, st.integers(0, 15), st.integers(0, 127), st.integers(1, 127)),
            st.builds(note_off, st.integers(0, 15), st.integers(0, 127)),
            st.builds(program_change, st.integers(0, 15), st.integers(0, 127)),
            st.builds(
                control_change,
                st.integers(0, 15),
                st.sampled_from([7, 11, 64, 120, 123, 1]),
                st.integers(0, 127),
            ),
        ),
    ),
    max_size=60,
)


@settings(max_examples=40, deadline=None)
@given(EVENTS)
def test_whatever_is_played_it_is_bounded_and_can_be_silenced(shared, events):
    sound = play(shared, 0.15, *((frame / RATE, message) for frame, message in events))
    assert np.isfinite(sound).all()
    assert np.abs(sound).max() <= 0.8901
    quiet = [control_change(c, n, 0) for c in range(16) for n in (64, 123, 120)]
    silenced = play(shared, 0.4, *((0.0, message) for message in quiet))
    assert not silenced[:, -BLOCK:].any()
    assert shared.is_idle


BLOCKS = st.lists(st.floats(0, 30), min_size=2, max_size=40)


@given(BLOCKS)
def test_the_limiter_is_within_its_ceiling_and_its_gain_never_jumps(peaks):
    limiter = Limiter(RATE, BLOCK)
    rng = np.random.default_rng(0)
    blocks = [(p * rng.uniform(-1, 1, (2, BLOCK))).astype(np.float32) for p in peaks]
    out = [limiter.process(block) for block in [*blocks, np.zeros((2, BLOCK), np.float32)]][1:]
    assert max(np.abs(block).max() for block in out) <= 0.8901
    sound, limited = np.concatenate(blocks, axis=1), np.concatenate(out, axis=1)
    audible = np.abs(sound[0]) > 1e-3
    gain = limited[0, audible] / sound[0, audible]
    places = np.flatnonzero(audible)
    # A straight line a block: no more than one in a block's length, in any direction.
    assert np.all(np.abs(np.diff(gain)) <= np.diff(places) / BLOCK + 1e-4)


def test_quiet_sound_passes_the_limiter_unchanged():
    limiter = Limiter(RATE, BLOCK)
    block = np.full((2, BLOCK), 0.5, dtype=np.float32)
    limiter.process(block)
    np.testing.assert_array_equal(limiter.process(block), block)


def test_a_bank_takes_modes_of_any_number_up_to_its_own():
    bank = Bank(1)
    bank.start(Modes(np.array([-0.01 + 0.1j]), np.array([1.0 + 0j])))
    np.testing.assert_allclose(
        bank.render(3)[0], np.real(np.exp(np.arange(3) * (-0.01 + 0.1j))), atol=1e-6
    )
    assert bank.is_full
