"""Rendering a score: times, pitches, levels, places and what the pedals and wheels do."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnnmusic.audio import gain_to_db
from rnnmusic.errors import InputError, UsageError
from rnnmusic.score import BEND, CONTROL, TEMPO, Score, Track, table
from rnnmusic.synthesis import render
from tests.synthesis.measure import (
    TICKS_PER_S,
    fundamental,
    mono,
    onsets_s,
    part,
    peak_near,
    played,
    rms,
    span,
)

RATE_HZ = 44_100


def hertz(pitch: float) -> float:
    return float(440 * 2 ** ((pitch - 69) / 12))


def controls(*events: tuple[float, int, int]) -> np.ndarray:
    return table(CONTROL, [(round(t * TICKS_PER_S), n, v) for t, n, v in events])


CHORALE = Score(
    tracks=tuple(
        part(*[(i * 0.5, i * 0.5 + 0.48, p, 90) for i, p in enumerate(voice)], name=name)
        for name, voice in {
            "Soprano": (72, 74, 76, 77, 76, 74, 74, 72),
            "Alto": (67, 67, 67, 69, 67, 65, 67, 64),
            "Tenor": (64, 62, 60, 60, 60, 62, 59, 60),
            "Bass": (48, 47, 48, 53, 55, 50, 55, 48),
        }.items()
    )
)


def test_a_chorale_is_music() -> None:
    audio = render(CHORALE)
    assert audio.sample_rate_hz == RATE_HZ
    assert audio.samples.shape[0] == 2
    assert np.isfinite(audio.samples).all()
    assert gain_to_db(audio.peak) == pytest.approx(-1, abs=0.01)
    assert -24 < gain_to_db(audio.rms) < -14
    assert CHORALE.duration_s <= audio.duration_s < CHORALE.duration_s + 3
    np.testing.assert_allclose(onsets_s(audio), np.arange(8) * 0.5, atol=0.015)
    # The chord of each beat is there, the notes between are not.
    for beat in range(8):
        sound = span(audio, beat * 0.5 + 0.05, beat * 0.5 + 0.45)
        chord = {int(t.notes["pitch"][beat]) for t in CHORALE.tracks}
        for pitch in chord:
            hz, magnitude = peak_near(sound, RATE_HZ, hertz(pitch))
            assert hz == pytest.approx(hertz(pitch), rel=0.01)
            assert magnitude > 20


def test_the_same_score_gives_the_same_samples() -> None:
    np.testing.assert_array_equal(render(CHORALE).samples, render(CHORALE).samples)


@settings(max_examples=12, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 2000),
            st.integers(-5, 1500),
            st.integers(0, 127),
            st.integers(0, 127),
            st.integers(0, 127),
        ),
        max_size=5,
    ),
    st.booleans(),
    st.integers(-8192, 8191),
    st.integers(0, 127),
    st.sampled_from([8_000, 22_050, 48_000]),
)
def test_any_score_renders_to_finite_sound_below_full_scale(
    notes: list[tuple[int, int, int, int, int]], drums: bool, bend: int, cc: int, rate_hz: int
) -> None:
    tracks = tuple(
        replace(
            part((s / 960, (s + n) / 960, p, v), program=program, is_drum=drums and i % 2 == 0),
            controls=table(CONTROL, [(0, 7, cc), (300, 10, cc), (400, 64, cc), (500, 11, cc)]),
            bends=table(BEND, [(200, bend)]),
        )
        for i, (s, n, p, v, program) in enumerate(notes)
    )
    audio = render(Score(tracks=tracks), sample_rate_hz=rate_hz)
    assert np.isfinite(audio.samples).all()
    assert audio.samples.shape[0] == 2
    assert audio.peak <= 1
    # Silent, or brought to the level asked for.
    assert audio.peak == 0 or audio.peak == pytest.approx(10 ** (-1 / 20), abs=1e-4)
    if not cc:
        assert audio.peak == 0


@pytest.mark.parametrize("program", [0, 4, 6, 11, 19, 24, 33, 40, 48, 52, 56, 71, 73, 81, 89])
def test_notes_have_their_pitch_over_the_whole_keyboard(program: int) -> None:
    # The piano on every key, the others on every fourth.
    pitches = range(21, 109, 4 if program else 1)
    notes = [(i * 1.0, i * 1.0 + 0.7, p, 90) for i, p in enumerate(pitches)]
    audio = played(*notes, program=program)
    for i, pitch in enumerate(pitches):
        measured = fundamental(span(audio, i + 0.08, i + 0.65), RATE_HZ)
        assert measured == pytest.approx(hertz(pitch), rel=0.01), pitch


@pytest.mark.parametrize("program", range(0, 128, 8))
def test_louder_is_louder_and_brighter(program: int) -> None:
    audio = played((0, 0.8, 57, 30), (3, 3.8, 57, 75), (6, 6.8, 57, 120), program=program)
    sounds = [span(audio, t, t + 0.8) for t in (0, 3, 6)]
    levels = [gain_to_db(rms(s)) for s in sounds]
    assert levels[0] + 8 < levels[1] < levels[2] - 4
    # Brightness: energy of the slope against energy.
    brightness = [rms(np.diff(s)) / rms(s) for s in sounds]
    assert brightness[0] < brightness[1] < brightness[2]


def test_a_chord_contains_its_notes() -> None:
    chord = played((0, 1, 60, 80), (0, 1, 67, 80))
    alone = played((0, 1, 60, 80)), played((0, 1, 67, 80))
    frames = min(a.samples.shape[1] for a in (*alone, chord))
    total = alone[0].samples[:, :frames] + alone[1].samples[:, :frames]
    np.testing.assert_allclose(chord.samples[:, :frames], total, atol=1e-3 * chord.peak)


def test_parts_sit_from_left_to_right() -> None:
    left_note, right_note = part((0, 1, 60, 90)), part((2, 3, 60, 90))
    audio = render(Score(tracks=(left_note, right_note)), room=0)
    left, right = audio.samples
    first, second = slice(0, RATE_HZ), slice(2 * RATE_HZ, 3 * RATE_HZ)
    assert rms(left[first]) > 1.5 * rms(right[first]) > 0
    assert rms(right[second]) > 1.5 * rms(left[second]) > 0


def test_pan_volume_and_expression_are_obeyed() -> None:
    track = part((0, 1, 60, 90), (2, 3, 60, 90), (4, 5, 60, 90))
    track = replace(
        track, controls=controls((0, 10, 0), (1.9, 10, 127), (3.9, 7, 50), (3.9, 11, 64))
    )
    left, right = render(Score(tracks=(track,)), room=0, peak_dbfs=None).samples
    first, second, third = (slice(t * RATE_HZ, (t + 1) * RATE_HZ) for t in (0, 2, 4))
    assert rms(right[first]) < 1e-3 * rms(left[first])
    assert rms(left[second]) < 1e-3 * rms(right[second])
    quieter = gain_to_db(rms(right[third]) / rms(right[second]))
    assert quieter == pytest.approx(40 * np.log10(0.5 * 64 / 127), abs=0.2)


def test_volume_moves_within_a_note_without_a_click() -> None:
    held = part((0, 2, 60, 90), program=48)
    swell = replace(held, controls=controls((1, 11, 127), (0, 11, 32)))
    plain, shaped = (render(Score(tracks=(t,)), room=0, peak_dbfs=None) for t in (held, swell))
    softer = rms(span(shaped, 0.5, 0.95)) / rms(span(plain, 0.5, 0.95))
    assert softer == pytest.approx((32 / 127) ** 2, rel=0.02)
    np.testing.assert_allclose(span(shaped, 1.1, 1.9), span(plain, 1.1, 1.9), atol=1e-4)
    step = np.abs(np.diff(span(shaped, 0.99, 1.02))).max()
    assert step <= 1.2 * np.abs(np.diff(span(plain, 0.5, 1.5))).max()


def test_the_pedal_holds_notes_until_it_is_lifted() -> None:
    notes = part((0, 0.5, 60, 90))
    pedalled = replace(notes, controls=controls((0.2, 64, 127), (2.0, 64, 0)))
    dry, held = (render(Score(tracks=(t,)), room=0, peak_dbfs=None) for t in (notes, pedalled))
    np.testing.assert_allclose(span(dry, 0, 0.5), span(held, 0, 0.5), atol=1e-6)
    assert dry.duration_s < 1.6
    assert rms(span(held, 1.8, 2.0)) > 0.05 * rms(span(held, 0, 0.2))
    assert rms(span(held, 2.0 + 0.7, 2.0 + 0.9)) < 0.01 * rms(span(held, 1.8, 2.0))


def test_a_pedalled_string_stops_when_it_is_struck_again() -> None:
    notes = part((0, 0.5, 60, 90), (1, 1.5, 60, 90), (0, 0.5, 64, 90))
    pedalled = replace(notes, controls=controls((0, 64, 127), (3, 64, 0)))
    from rnnmusic.synthesis.parts import pedalled_ends

    ends = pedalled_ends(pedalled) / TICKS_PER_S
    starts = pedalled.notes["start_tick"] / TICKS_PER_S
    by_note = dict(zip(zip(starts, pedalled.notes["pitch"], strict=True), ends, strict=True))
    assert by_note == {(0, 60): 1, (0, 64): 3, (1, 60): 3}


@pytest.mark.parametrize(("program", "tolerance"), [(0, 0.002), (48, 0.004)])
def test_the_pitch_wheel_bends_by_two_semitones(program: int, tolerance: float) -> None:
    track = part((0, 2, 60, 90), program=program)
    track = replace(track, bends=table(BEND, [(TICKS_PER_S, 8191)]))
    audio = render(Score(tracks=(track,)), room=0)
    assert fundamental(span(audio, 0.3, 0.95), RATE_HZ) == pytest.approx(hertz(60), rel=tolerance)
    assert fundamental(span(audio, 1.1, 1.9), RATE_HZ) == pytest.approx(hertz(62), rel=tolerance)


def test_tempo_changes_move_the_notes() -> None:
    score = Score(
        tracks=(part(*[(i * 0.5, i * 0.5 + 0.3, 60 + i, 90) for i in range(6)]),),
        tempos=table(TEMPO, [(0, 1_000_000), (480 * 2, 400_000), (480 * 4, 600_000)]),
    )
    expected = score.seconds(score.tracks[0].notes["start_tick"])
    np.testing.assert_allclose(expected, [0, 1, 2, 2.4, 2.8, 3.4])
    np.testing.assert_allclose(onsets_s(render(score)), expected, atol=0.012)


@pytest.mark.parametrize("program", [0, 16, 19, 24, 48, 52, 73, 88])
def test_released_notes_die_away_to_silence(program: int) -> None:
    audio = played((0, 1, 62, 100), program=program)
    levels = [rms(span(audio, t, t + 0.1)) for t in (0.9, 1.2, 1.5, 2.5)]
    assert levels[0] > 0.005
    assert levels[1] >= levels[2] >= levels[3]
    assert levels[3] < 0.02 * levels[0]
    assert np.abs(mono(audio)[-20:]).max() < 1e-3 * audio.peak
    assert audio.duration_s < 5


def test_the_room_adds_a_tail_and_width() -> None:
    notes = ((0, 0.3, 60, 100),)
    dry, wet = played(*notes), played(*notes, room=0.12)
    assert wet.duration_s > dry.duration_s + 0.3
    assert np.abs(np.corrcoef(dry.samples)[0, 1]) > 0.999
    tail = wet.samples[:, int(1.2 * RATE_HZ) :]
    assert abs(np.corrcoef(tail)[0, 1]) < 0.5


def test_silence_gives_silence() -> None:
    assert render(Score()).samples.shape == (2, 0)
    rest = Score(tracks=(Track(controls=table(CONTROL, [(960, 7, 100)])),))
    audio = render(rest)
    assert audio.samples.shape == (2, RATE_HZ)
    assert audio.peak == 0
    mute = render(Score(tracks=(part((0, 1, 60, 0)),)))
    assert mute.peak == 0
    assert np.isfinite(mute.samples).all()


def test_the_peak_can_be_chosen() -> None:
    assert gain_to_db(render(CHORALE, peak_dbfs=-6).peak) == pytest.approx(-6, abs=0.01)
    raw = render(Score(tracks=(part((0, 1, 60, 100)),)), room=0, peak_dbfs=None)
    assert 0.05 < rms(span(raw, 0, 0.1)) * np.sqrt(2) < 0.2


def test_absurd_lengths_are_refused_before_any_memory_is_taken() -> None:
    with pytest.raises(InputError, match=r"2\.5 hours"):
        render(Score(tracks=(part((0, 9000, 60, 90)),)))
    with pytest.raises(InputError, match="hours"):
        render(Score(tracks=(part((0, 1e9, 60, 90)),)))


@pytest.mark.parametrize("rate_hz", [0, -1, 7999, 200_000])
def test_absurd_sample_rates_are_refused(rate_hz: int) -> None:
    with pytest.raises(UsageError, match=str(rate_hz)):
        render(CHORALE, sample_rate_hz=rate_hz)
