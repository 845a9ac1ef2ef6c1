from __future__ import annotations

import numpy as np
import pytest

from rnnmusic import midi
from rnnmusic.errors import InputError, UsageError
from rnnmusic.live.directing.priming import as_score, excerpt
from rnnmusic.score import METRE, NOTE, Score, Track, table


@pytest.fixture
def song(tmp_path):
    """Four bars of 3/4, a note on every quarter, and drums; the last bar ends a quarter early."""
    notes = [(480 * i, 480 * i + 240, 60 + i, 70) for i in range(11)]
    drums = [(0, 100, 36, 100), (480 * 20, 480 * 21, 36, 100)]
    score = Score(
        480,
        (Track(table(NOTE, notes)), Track(table(NOTE, drums), is_drum=True)),
        metres=table(METRE, [(0, 3, 4)]),
    )
    path = tmp_path / "song.mid"
    midi.write(score, path)
    return path


def test_the_last_bars_end_at_time_0(song):
    notes, quarters_per_bar, quarters_per_beat = excerpt(song, 2)
    assert (quarters_per_bar, quarters_per_beat) == (3.0, 1.0)
    assert [start for start, *_ in notes] == [-6.0, -5.0, -4.0, -3.0, -2.0]
    assert notes[0] == (-6.0, -5.5, 66, 70)


def test_more_bars_than_there_are_are_all(song):
    assert len(excerpt(song, 99).notes) == 11


def test_no_bars_are_refused(song):
    with pytest.raises(UsageError, match="0 bars"):
        excerpt(song, 0)


def test_a_file_without_a_pitched_note_is_refused(tmp_path):
    drums = Track(table(NOTE, [(0, 100, 36, 100)]), is_drum=True)
    path = tmp_path / "drums.mid"
    midi.write(Score(480, (drums,)), path)
    with pytest.raises(InputError, match="no pitched note"):
        excerpt(path, 4)


@pytest.mark.parametrize("quarters_per_bar", [4.0, 3.0, 3.5, 0.25, 0.0625 * 5])
def test_the_notes_become_a_score_whose_bars_end_at_time_0(quarters_per_bar):
    notes = ((-1.25, -1.0, 60, 80), (-0.5, 0.0, 64, 90))
    score = as_score(notes, quarters_per_bar)
    line = score.bar_starts(int(score.next_bar(score.end_tick)))[-1]
    bar = quarters_per_bar * score.ticks_per_quarter
    assert line % bar == 0
    (first, second) = score.tracks[0].notes
    assert (line - first["start_tick"]) / score.ticks_per_quarter == 1.25
    assert (line - second["start_tick"]) / score.ticks_per_quarter == 0.5
    assert np.array_equal(score.notes()["velocity"], [80, 90])
