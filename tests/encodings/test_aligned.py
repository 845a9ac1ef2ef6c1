"""Aligned pairs: what is played is where it is heard."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnnmusic import midi
from rnnmusic.audio import Audio
from rnnmusic.encodings import LogMel, Stft, Waveform
from rnnmusic.encodings.aligned import aligned, load_pairs, pairs
from rnnmusic.errors import InputError, UsageError
from rnnmusic.score import CONTROL, TEMPO, Score, table
from rnnmusic.sequences import FrameDataset
from rnnmusic.synthesis import render
from tests.synthesis.measure import TICKS_PER_S, part

ENCODING = LogMel(hop_size=160)  # 10 ms


def silence(seconds: float) -> Audio:
    return Audio(np.zeros(round(seconds * 16_000)), 16_000)


def test_energy_rises_where_the_roll_is_struck_within_a_hop() -> None:
    onsets_s = [0.2, 0.71, 1.234, 1.9]
    # Tempo changes under way: a roll by ticks would drift off.
    tempos = table(TEMPO, [(0, 500_000), (round(0.5 * TICKS_PER_S), 700_000)])
    rows = [(t, t + 0.15, 60 + 4 * i, 110) for i, t in enumerate(onsets_s)]
    score = Score(tracks=(part(*rows),), tempos=tempos)
    audio = render(score, room=0.0)
    pair = aligned(audio, score, ENCODING)
    struck = np.flatnonzero(pair.struck.any(axis=1))
    assert len(struck) == 4
    fine = Stft(fft_size=320, hop_size=160)
    energy = np.square(fine.encode(audio).steps).sum(axis=1)
    assert len(energy) == len(pair.frames)
    for frame, start in zip(struck, score.seconds([r[0] * TICKS_PER_S for r in rows]), strict=True):
        # The hop in which the sound's power rises most, near the note.
        around = slice(max(1, frame - 8), frame + 9)
        rise = np.diff(np.sqrt(energy[around.start - 1 : around.stop]))
        assert abs(around.start + rise.argmax() - frame) <= 1
        assert abs(ENCODING.times_s(len(energy))[frame] - start) <= 0.005 + 1e-9


@settings(max_examples=50, deadline=None)
@given(
    notes=st.lists(
        st.tuples(st.floats(0, 1.9), st.floats(0.001, 0.5), st.integers(21, 108)),
        min_size=1,
        max_size=12,
    ),
    hop=st.integers(40, 400),
)
def test_notes_sound_from_their_nearest_frame_to_their_ends(notes, hop: int) -> None:
    score = Score(tracks=(part(*((a, a + d, p, 90) for a, d, p in notes)),))
    encoding = Waveform(frame_size=hop)
    pair = aligned(silence(2.6), score, encoding)
    assert pair.sounding.shape == pair.struck.shape == (len(pair.frames), 88)
    assert pair.sounding.dtype == pair.struck.dtype == np.uint8
    sounding = np.zeros_like(pair.sounding)
    struck = np.zeros_like(pair.struck)
    for note in score.notes():
        start, end = score.seconds([note["start_tick"], note["end_tick"]]) * 16_000 / hop
        first = int(np.floor(start + 0.5))
        sounding[first : max(first + 1, int(np.floor(end + 0.5))), note["pitch"] - 21] = 1
        struck[first, note["pitch"] - 21] = 1
    np.testing.assert_array_equal(pair.sounding, sounding)
    np.testing.assert_array_equal(pair.struck, struck)
    assert (pair.sounding >= pair.struck).all()


def test_the_pedal_holds_what_is_released_until_it_is_up_or_the_note_comes_again() -> None:
    controls = table(CONTROL, [(round(0.1 * TICKS_PER_S), 64, 127), (TICKS_PER_S, 64, 0)])
    notes = ((0.0, 0.2, 60, 90), (0.5, 0.6, 60, 90), (0.3, 0.4, 64, 90), (0.0, 0.05, 67, 90))
    score = Score(tracks=(part(*notes, controls=controls),))
    pair = aligned(silence(1.5), score, ENCODING, lowest_pitch=60, highest_pitch=67)
    assert np.flatnonzero(pair.sounding[:, 0]).tolist() == list(range(100))
    assert np.flatnonzero(pair.struck[:, 0]).tolist() == [0, 50]
    assert np.flatnonzero(pair.sounding[:, 4]).tolist() == list(range(30, 100))
    assert np.flatnonzero(pair.sounding[:, 7]).tolist() == list(range(5))
    dry = aligned(silence(1.5), score, ENCODING, lowest_pitch=60, highest_pitch=67, pedal=False)
    assert np.flatnonzero(dry.sounding[:, 4]).tolist() == list(range(30, 40))


def test_what_is_not_in_the_roll_is_counted() -> None:
    notes = ((0.0, 0.5, 60, 90), (0.1, 0.2, 20, 90), (2.0, 2.5, 60, 90))
    tracks = (part(*notes), part((0.0, 0.1, 36, 90), is_drum=True))
    pair = aligned(silence(1.0), Score(tracks=tracks), ENCODING)
    assert pair.left_out == {"pitches out of range": 1, "notes outside the recording": 1}
    assert pair.struck.sum() == 1


def test_scores_of_another_recording_are_refused() -> None:
    for score in (Score(), Score(tracks=(part((5.0, 6.0, 60, 90)),))):
        with pytest.raises(InputError, match="check that they belong together"):
            aligned(silence(1.0), score, ENCODING)
    with pytest.raises(UsageError, match="swap them"):
        aligned(silence(1.0), Score(), ENCODING, lowest_pitch=70, highest_pitch=60)


def test_a_folder_of_pairs_becomes_a_data_set(tmp_path: Path) -> None:
    for i, name in enumerate(("b", "deep/a")):
        path = tmp_path / "takes" / name
        path.parent.mkdir(exist_ok=True, parents=True)
        score = Score(tracks=(part((0.1, 0.3 + 0.1 * i, 60 + i, 100)),))
        midi.write(score, path.with_suffix(".mid"))
        render(score).save(path.with_suffix(".flac" if i else ".WAV"))
    (tmp_path / "takes" / "alone.wav").write_bytes(b"")
    found = pairs(tmp_path / "takes")
    assert [(a.name, b.name) for a, b in found] == [("b.WAV", "b.mid"), ("a.flac", "a.mid")]
    loaded = list(load_pairs(tmp_path / "takes", ENCODING))
    assert [int(pair.struck.argmax(axis=1).max()) + 21 for pair in loaded] == [60, 61]
    FrameDataset.write(tmp_path / "set", (pair.streams for pair in loaded))
    data = FrameDataset.open(tmp_path / "set").roles(
        inputs=["frames"], targets=["sounding", "struck"], shift=0
    )
    assert len(data) == 2
    np.testing.assert_array_equal(data[1].targets["struck"].numpy(), loaded[1].struck)
    np.testing.assert_array_equal(data[1].inputs["frames"].numpy(), loaded[1].frames)


def test_folders_without_clear_pairs_are_refused(tmp_path: Path) -> None:
    for place in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(InputError, match="no recording beside a score"):
            pairs(place)
    for name in ("a.wav", "a.mp3", "a.mid"):
        (tmp_path / name).touch()
    with pytest.raises(InputError, match=r"a\.mp3 and a\.wav of one name"):
        pairs(tmp_path)
