from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnmusic.corpus import spans
from rnnmusic.corpus.spans import polyphony_of, spans_of
from rnnmusic.encodings import NoteEvents, PianoRoll, ScoreEncoding
from rnnmusic.encodings.protocol import Steps

ENCODINGS: list[ScoreEncoding] = [
    PianoRoll(steps_per_quarter=3, lowest_pitch=60, highest_pitch=64),
    PianoRoll(steps_per_quarter=2, lowest_pitch=60, highest_pitch=66, articulation=False),
    NoteEvents(lowest_pitch=60, highest_pitch=63),
]


def any_steps(encoding: ScoreEncoding, seed: int, length: int) -> Steps:
    """Steps drawn without regard to music: every array is legal."""
    rng = np.random.default_rng(seed)
    sparse = rng.random((length, len(encoding.sizes))) ** 3
    return (sparse * np.array(encoding.sizes)).astype(encoding.dtype)


@pytest.mark.parametrize("encoding", ENCODINGS, ids=lambda e: f"{e.name}-{len(e.sizes)}")
@given(st.integers(0, 2**32 - 1), st.integers(1, 60))
def test_the_notes_are_those_of_the_decoded_score(
    encoding: ScoreEncoding, seed: int, length: int
) -> None:
    steps = any_steps(encoding, seed, length)
    found = spans_of(steps, encoding)
    score = encoding.decode(steps)
    ticks = score.ticks_per_quarter // found.units_per_quarter
    decoded = sorted((n["pitch"], n["start_tick"], n["end_tick"]) for n in score.notes())
    counted = zip(found.pitch, found.starts * ticks, found.ends * ticks, strict=True)
    assert sorted(counted) == decoded


@pytest.mark.parametrize("encoding", ENCODINGS, ids=lambda e: f"{e.name}-{len(e.sizes)}")
@given(st.integers(0, 2**32 - 1), st.integers(1, 20))
def test_polyphony_is_what_a_listener_counts(
    encoding: ScoreEncoding, seed: int, length: int
) -> None:
    found = spans_of(any_steps(encoding, seed, length), encoding)
    unit = 480 // 12 if isinstance(encoding, NoteEvents) else 1
    at = np.arange(0, found.end, unit)  # between two of these nothing changes
    heard = ((found.starts <= at[:, None]) & (at[:, None] < found.ends)).sum(axis=1)
    assert np.array_equal(polyphony_of(found), np.bincount(heard, minlength=1) * unit)


def test_notes_are_followed_from_block_to_block(monkeypatch: pytest.MonkeyPatch) -> None:
    encoding = ENCODINGS[0]
    steps = any_steps(encoding, seed=1, length=50)
    whole = spans_of(steps, encoding)
    monkeypatch.setattr(spans, "BLOCK", 7)
    pieced = spans_of(steps, encoding)
    assert len(whole.pitch) > 20
    for one, other in zip(whole, pieced, strict=True):
        assert np.array_equal(one, other)


def test_a_roll_of_silence_has_its_length() -> None:
    encoding = ENCODINGS[0]
    found = spans_of(np.zeros((9, len(encoding.sizes)), dtype=np.uint8), encoding)
    assert len(found.pitch) == 0
    assert polyphony_of(found).tolist() == [9]
