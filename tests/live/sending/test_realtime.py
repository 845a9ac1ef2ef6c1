from __future__ import annotations

import gc
import struct

import pytest

from rnnmusic.live.sending.realtime import COLLECT_EVERY_S, COLLECTING_S, Housekeeper, awake_cores


@pytest.fixture
def collections(monkeypatch):
    done: list[None] = []
    monkeypatch.setattr(gc, "collect", lambda: done.append(None))
    return done


def test_garbage_is_collected_only_when_there_is_time(collections):
    housekeeper = Housekeeper()
    housekeeper.tidy(100.0, COLLECTING_S / 2)
    assert len(collections) == 0
    housekeeper.tidy(100.1, COLLECTING_S)
    assert len(collections) == 1


def test_garbage_is_not_collected_again_and_again(collections):
    housekeeper = Housekeeper()
    for now_s in (100.0, 100.1, 100.0 + COLLECT_EVERY_S - 0.1):
        housekeeper.tidy(now_s, 1.0)
    assert len(collections) == 1
    housekeeper.tidy(100.0 + COLLECT_EVERY_S, 1.0)
    assert len(collections) == 2


def test_cores_are_kept_awake_as_long_as_the_file_is_open(tmp_path):
    (file := tmp_path / "latency").touch()
    with awake_cores(str(file)):
        assert struct.unpack("i", file.read_bytes()) == (0,)


def test_where_cores_cannot_be_kept_awake_one_plays_on(tmp_path):
    played = []
    with awake_cores(str(tmp_path / "none" / "such")):
        played.append(1)
    assert played == [1]
