from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given

from rnnmusic import midi
from rnnmusic.corpus.encoding import encode_item
from rnnmusic.corpus.records import Found, Verdict
from rnnmusic.corpus.sources import expand
from rnnmusic.encodings import NoteEvents, PianoRoll
from rnnmusic.score import Score

from ..score.strategies import scores
from .helpers import ROLL, melody, write_midi


@pytest.mark.parametrize("encoding", [PianoRoll(), ROLL, NoteEvents()], ids=["rich", "plain", "ev"])
@given(score=scores())
def test_what_is_counted_is_what_the_steps_say(
    tmp_path_factory: pytest.TempPathFactory, encoding: PianoRoll | NoteEvents, score: Score
) -> None:
    file = tmp_path_factory.mktemp("midi") / "a.mid"
    midi.write(score, file)
    [found] = encode_item(expand([file]).items[0], encoding)
    if isinstance(found, Verdict):
        assert found.verdict == "rejected"
        assert found.reason
        return
    notes = encoding.decode(encoding.encode(midi.read(file)).steps).notes()
    assert found.numbers["notes"] == len(notes)
    assert found.numbers["lowest_pitch"] == notes["pitch"].min()
    assert found.numbers["highest_pitch"] == notes["pitch"].max()
    assert found.numbers["length"] == len(found.rows) == len(found.clock)


def test_a_repaired_file_says_what_was_repaired(tmp_path: Path) -> None:
    file = write_midi(tmp_path / "a.mid", melody(1))
    file.write_bytes(file.read_bytes()[:-10])
    [found] = encode_item(expand([file]).items[0], ROLL)
    assert isinstance(found, Found)
    assert found.repairs
    assert np.isfinite(found.numbers["duration_s"])


def test_the_wrong_number_of_voices_is_a_reason() -> None:
    chorales = {item.name: item for item in expand(["music21:bach"]).items}
    [verdict] = encode_item(chorales["bach/bwv41.6"], ROLL)
    assert isinstance(verdict, Verdict)
    assert verdict.verdict == "rejected"
    assert "9 parts" in verdict.reason
