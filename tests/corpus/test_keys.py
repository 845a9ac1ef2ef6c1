from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnmusic.corpus import notation
from rnnmusic.corpus.keys import KEY_NAMES, MAJOR, MINOR, UNKNOWN, estimate_key, key_of
from rnnmusic.corpus.sources import expand
from rnnmusic.score import KEY, NOTE, Score, Track, table

# Tonic, subdominant, dominant and tonic again, in semitones over the tonic.
CADENCES = {
    "major": ((0, 4, 7), (5, 9, 12), (7, 11, 14), (0, 4, 7, 12)),
    "minor": ((0, 3, 7), (5, 8, 12), (7, 11, 14), (0, 3, 7, 12)),
}


def cadence(key: int, signatures: tuple[tuple[int, int, bool], ...] = ()) -> Score:
    """A cadence in a key, with key signatures (tick, sharps, is_minor)."""
    rows = [
        (480 * beat, 480 * beat + 480, 48 + key % 12 + up, 64)
        for beat, chord in enumerate(CADENCES[KEY_NAMES[key].split()[1]])
        for up in chord
    ]
    return Score(tracks=(Track(notes=table(NOTE, rows)),), keys=table(KEY, signatures))


C_MAJOR, D_MAJOR, G_MAJOR = 0, 2, 7
D_MINOR, E_MINOR, A_MINOR = 14, 16, 21


@pytest.mark.parametrize("key", range(24), ids=KEY_NAMES)
def test_every_key_is_heard_in_its_cadence(key: int) -> None:
    assert key_of(cadence(key)) == key


def test_names_say_tonic_and_mode() -> None:
    assert (KEY_NAMES[G_MAJOR], KEY_NAMES[A_MINOR]) == ("G major", "A minor")
    assert len(set(KEY_NAMES)) == 24


@given(st.lists(st.floats(0, 1), min_size=12, max_size=12), st.integers(0, 11))
def test_transposing_the_notes_transposes_the_key(weights: list[float], up: int) -> None:
    from scipy.stats import pearsonr

    if np.ptp(weights) < 1e-3:
        return
    key = estimate_key(np.array(weights))
    moved = estimate_key(np.roll(weights, up))
    # Where two keys fit alike, rounding decides: what must agree is how well the answer fits.
    profiles = [np.roll(mode, tonic) for mode in (MAJOR, MINOR) for tonic in range(12)]
    fits = [pearsonr(weights, profile).statistic for profile in profiles]
    assert fits[key] == pytest.approx(max(fits))
    back = moved // 12 * 12 + (moved - up) % 12
    assert fits[back] == pytest.approx(max(fits))


def test_no_pitches_have_no_key() -> None:
    drums = Track(notes=table(NOTE, [(0, 480, 36, 90), (480, 960, 38, 90)]), is_drum=True)
    every = Track(notes=table(NOTE, [(0, 480, pitch, 90) for pitch in range(60, 72)]))
    for tracks in ((), (Track(),), (drums,), (every,)):
        assert key_of(Score(tracks=tracks)) == UNKNOWN


def test_drums_dont_count() -> None:
    drums = Track(notes=table(NOTE, [(0, 48_000, 42, 90)]), is_drum=True)
    played = cadence(D_MAJOR)
    assert key_of(Score(tracks=(drums, *played.tracks))) == D_MAJOR


def test_notes_without_length_are_counted() -> None:
    notes = cadence(E_MINOR).tracks[0].notes.copy()
    notes["end_tick"] = notes["start_tick"]
    assert key_of(Score(tracks=(Track(notes=notes),))) == E_MINOR


def test_the_c_major_of_programs_that_know_nothing_is_not_believed() -> None:
    assert key_of(cadence(D_MAJOR, ((0, 0, False),))) == D_MAJOR


def test_a_signature_decides_what_the_notes_leave_open() -> None:
    fifth = Track(notes=table(NOTE, [(0, 960, 43, 64), (0, 480, 50, 64), (0, 480, 55, 64)]))
    stated = {sharps: key_of(Score(tracks=(fifth,), keys=table(KEY, [(0, sharps, False)])))
              for sharps in (1, -3)}  # fmt: skip
    assert stated[1] == G_MAJOR
    assert stated[-3] != G_MAJOR


def test_a_signature_that_says_major_may_mean_its_minor() -> None:
    assert key_of(cadence(E_MINOR, ((0, 1, False),))) == E_MINOR
    assert key_of(cadence(G_MAJOR, ((0, 1, False),))) == G_MAJOR


def test_one_that_says_minor_is_believed() -> None:
    assert key_of(cadence(C_MAJOR, ((0, 0, True),))) in (A_MINOR, D_MINOR)  # or Dorian


def test_the_signature_that_holds_longest_counts() -> None:
    briefly_minor = ((0, -4, True), (100, 1, False))
    assert key_of(cadence(G_MAJOR, briefly_minor)) == G_MAJOR


@pytest.mark.slow
def test_chorales_are_given_their_keys() -> None:
    """A chorale's last bass note is its tonic, whatever program estimates keys."""
    right = known = 0
    for item in expand(["music21:bach"]).items:
        score = notation.load(item.path)[0].score
        if len(score.tracks) != item.voices or not len(score.keys):
            continue
        notes = score.notes()
        bass = int(notes["pitch"][notes["start_tick"] == notes["start_tick"].max()].min()) % 12
        major = 7 * int(score.keys["sharps"][0]) % 12
        tonics = {  # modern notation, then Dorian and Mixolydian
            major: major, (major + 9) % 12: 12 + (major + 9) % 12,
            (major + 2) % 12: 12 + bass, (major + 7) % 12: bass,
        }  # fmt: skip
        if bass in tonics:
            known += 1
            right += key_of(score) == tonics[bass]
    assert known > 280
    assert right / known > 0.9
