from __future__ import annotations

import mido
import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rnnmusic.audio import Audio
from rnnmusic.errors import InputError
from rnnmusic.live.messages import control_change, note_off, note_on, program_change
from rnnmusic.live.ports import FilePort, WavPort
from rnnmusic.live.sending.ledger import Ledger

DATA = st.integers(0, 127)
MESSAGES = st.one_of(
    st.builds(note_on, st.integers(0, 15), DATA, st.integers(1, 127)),
    st.builds(note_off, st.integers(0, 15), DATA, DATA),
    st.builds(control_change, st.integers(0, 15), DATA, DATA),
    st.builds(program_change, st.integers(0, 15), DATA),
)


def read(path) -> list[tuple[int, bytes]]:
    tick, messages = 0, []
    (track,) = mido.MidiFile(path).tracks
    for message in track:
        tick += message.time
        if not message.is_meta:
            messages.append((tick, bytes(message.bytes())))
    return messages


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, 5000), MESSAGES)), st.integers(20, 300))
def test_a_file_holds_what_was_played_and_ends_every_note(tmp_path, timed, tempo_bpm):
    path = tmp_path / "played.mid"
    ledger = Ledger()
    played = [
        (tick, admitted)
        for tick, message in sorted(timed, key=lambda item: item[0])
        for admitted in ledger.admit(message)
    ]
    port = FilePort(path)
    port.begin(77.0, tempo_bpm)
    for tick, message in played:
        port.send(message, 77.0 + tick / 480 * 60 / tempo_bpm)
    port.close()
    port.close()
    messages = read(path)
    assert messages[: len(played)] == played
    assert sorted(messages[len(played) :]) == [
        (played[-1][0], note_off(*key)) for key in sorted(ledger.sounding)
    ]
    assert mido.bpm2tempo(tempo_bpm) == mido.MidiFile(path).tracks[0][0].tempo


def test_without_a_beginning_time_starts_with_the_first_message(tmp_path):
    port = FilePort(tmp_path / "x.mid")
    port.send(note_on(0, 60, 64), 1234.5)
    port.send(note_off(0, 60), 1235.0)
    port.close()
    assert read(tmp_path / "x.mid") == [(0, note_on(0, 60, 64)), (480, note_off(0, 60))]


def test_the_old_file_stands_until_the_new_one_is_whole(tmp_path):
    path = tmp_path / "x.mid"
    path.write_bytes(b"old")
    port = FilePort(path)
    port.send(note_on(0, 60, 64), 0.0)
    assert path.read_bytes() == b"old"
    port.close()
    assert read(path) == [(0, note_on(0, 60, 64)), (0, note_off(0, 60))]
    assert list(tmp_path.iterdir()) == [path]


def test_nothing_played_is_a_valid_file(tmp_path):
    FilePort(tmp_path / "x.mid").close()
    assert read(tmp_path / "x.mid") == []


def test_an_unwritable_place_is_refused_before_anyone_plays(tmp_path):
    with pytest.raises(InputError, match="missing"):
        FilePort(tmp_path / "missing" / "x.mid")
    (tmp_path / "folder.mid").mkdir()
    with pytest.raises(InputError, match="is a folder"):
        FilePort(tmp_path / "folder.mid")
    assert [path.name for path in tmp_path.iterdir()] == ["folder.mid"]


def test_a_wav_is_the_sound_of_what_was_played(tmp_path):
    path = tmp_path / "x.wav"
    port = WavPort(path)
    port.begin(100.0, 120.0)
    port.send(note_on(0, 69, 100), 100.25)
    assert not path.exists()
    port.send(note_off(0, 69), 101.25)
    port.close()
    port.close()
    sound = Audio.load(path)
    assert sound.samples.shape[0] == 2
    first = np.flatnonzero(np.abs(sound.samples).max(axis=0) > 1e-3)[0]
    assert first / sound.sample_rate_hz == pytest.approx(0.25, abs=0.02)
    assert list(tmp_path.iterdir()) == [path]


def test_a_wav_of_nothing_is_valid(tmp_path):
    WavPort(tmp_path / "x.wav").close()
    info = soundfile.info(tmp_path / "x.wav")
    assert (info.format, info.channels, info.frames) == ("WAV", 2, 0)


def test_clock_messages_have_no_place_in_a_file(tmp_path):
    port = FilePort(tmp_path / "x.mid")
    port.send(b"\xf8", 0.0)
    port.send(note_on(0, 60, 64), 0.0)
    port.close()
    assert read(tmp_path / "x.mid") == [(0, note_on(0, 60, 64)), (0, note_off(0, 60))]
