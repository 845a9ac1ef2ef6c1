"""The table of voices: every program has one, and they are balanced."""

from __future__ import annotations

import numpy as np
import pytest

from rnnmusic.audio import db_to_gain, gain_to_db
from rnnmusic.synthesis.voices import PROGRAMS, VOICES, voice_name
from tests.synthesis.measure import rms

RATE_HZ = 44_100


def test_every_program_has_a_voice_and_every_voice_a_program() -> None:
    assert {voice_name(p) for p in range(128)} == set(VOICES)
    firsts = [first for first, _ in PROGRAMS]
    assert firsts == sorted(set(firsts))
    assert firsts[0] == 0
    # A few that a listener would miss at once.
    named = {0: "piano", 19: "church organ", 32: "bass", 48: "strings", 52: "choir", 73: "flute"}
    assert {p: voice_name(p) for p in named} == named


@pytest.mark.parametrize("name", sorted(VOICES))
def test_voices_are_finite_balanced_and_repeatable(name: str) -> None:
    voice = VOICES[name]
    for pitch in (0, 24, 48, 60, 72, 96, 127):
        tone = voice.tone(pitch, 80, RATE_HZ // 2, RATE_HZ)
        assert tone.dtype == np.float32
        assert tone.shape == (RATE_HZ // 2,)
        assert np.isfinite(tone).all()
        assert voice.longest_s(pitch) > 0.02
        np.testing.assert_array_equal(tone, voice.tone(pitch, 80, RATE_HZ // 2, RATE_HZ))
    middle = voice.tone(60, 80, RATE_HZ // 2, RATE_HZ) * db_to_gain(voice.gain_db)
    assert -12 < gain_to_db(rms(middle[: RATE_HZ // 4])) < 5


@pytest.mark.parametrize("name", sorted(VOICES))
def test_a_longer_tone_begins_like_a_shorter_one(name: str) -> None:
    voice = VOICES[name]
    short, long = (voice.tone(55, 80, n, RATE_HZ) for n in (4000, 9000))
    # Rounding in the product of matrices depends on their size.
    np.testing.assert_allclose(long[:3900], short[:3900], atol=2e-4)


@pytest.mark.parametrize("name", sorted(VOICES))
def test_notes_start_without_a_click(name: str) -> None:
    tone = VOICES[name].tone(60, 100, RATE_HZ // 2, RATE_HZ)
    assert abs(float(tone[0])) < 0.15 * np.abs(tone).max()
