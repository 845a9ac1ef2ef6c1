"""Thousands of broken MIDI files: nothing but scores that can be used, or an RnnMusicError."""

import random
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from rnnmusic import midi
from rnnmusic.encodings import PianoRoll
from rnnmusic.errors import InputError, RnnMusicError
from rnnmusic.score import Score
from tests.fault.mutants import exports, mutant


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return exports(tmp_path_factory.mktemp("exports"))


def test_the_exports_themselves_are_whole(files):
    for data in files:
        score, repairs = midi.load(data)
        assert repairs == ()
        assert score.note_count > 0


@pytest.mark.parametrize(
    "seeds", [range(2000), pytest.param(range(2000, 24_000), marks=pytest.mark.slow)], ids=len
)
def test_mutants_are_salvaged_or_refused(files, seeds):
    encoding = PianoRoll()
    saved = refused = 0
    for seed in seeds:
        data = mutant(files, random.Random(seed))
        try:
            loaded = midi.load(data)
        except RnnMusicError:
            refused += 1
            continue
        check(loaded.score, data)
        assert len(loaded.repairs) < 20
        assert sum(map(len, loaded.repairs)) < 1500
        saved += 1
        if seed % 10 == 0:
            encode(encoding, loaded.score)
            assert midi.load(midi.dumps(loaded.score)).repairs == ()
    assert saved > 0.9 * len(seeds)
    assert refused > 0


def check(score: Score, data: bytes) -> None:
    """A score that a program can use, of no more notes than the bytes can say."""
    assert 1 <= score.ticks_per_quarter <= 32767
    assert score.note_count <= len(data) // 3
    assert score.duration_s >= 0
    for track in score.tracks:
        notes = track.notes
        assert (notes["end_tick"] >= notes["start_tick"]).all()
        assert (np.diff(notes["start_tick"]) >= 0).all()
        assert notes["start_tick"].min(initial=0) >= 0
        assert notes["pitch"].max(initial=0) <= 127
        assert notes["velocity"].max(initial=0) <= 127
        assert notes["velocity"].min(initial=1) >= 1
        assert track.controls["value"].max(initial=0) <= 127
        assert (np.diff(track.controls["tick"]) >= 0).all()
        assert (np.diff(track.bends["tick"]) >= 0).all()
        assert np.abs(track.bends["value"].astype(int)).max(initial=0) <= 8192
    for events in (score.tempos, score.metres, score.keys):
        assert (np.diff(events["tick"]) >= 0).all()


def encode(encoding: PianoRoll, score: Score) -> None:
    try:
        encoded = encoding.encode(score)
    except InputError:
        return
    assert encoded.steps.any()


def test_threads_read_what_one_does(files):
    mutants = [mutant(files, random.Random(seed)) for seed in range(400)]

    def outcome(data: bytes) -> object:
        try:
            return midi.load(data)
        except RnnMusicError as error:
            return str(error)

    alone = [outcome(data) for data in mutants]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(outcome, mutants)) == alone
