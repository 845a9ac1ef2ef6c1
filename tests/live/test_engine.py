"""The engine with its real processes: it starts whole or not at all, and ends without a sound."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mido
import pytest

from rnnmusic.errors import DeviceError, InputError, RnnMusicError, UsageError
from rnnmusic.live.directing.settings import DirectorSettings
from rnnmusic.live.engine import Engine, EngineSettings
from rnnmusic.live.session.reading import read
from rnnmusic.sampling.steering import Steering


def settings(output: Path | str, **others: Any) -> EngineSettings:
    directing = ("checkpoint", "bars", "steering", "tempo_bpm")
    mine = {name: others.pop(name) for name in directing if name in others}
    director = DirectorSettings(**{"checkpoint": "bach-gru", "seed": 3, **mine})
    return EngineSettings(director, (str(output),), priority=None, **others)


def listen(engine: Engine, until: Callable[[dict[str, Any]], bool]) -> list[dict[str, Any]]:
    """Messages up to the one that is waited for, or to the end."""
    messages: list[dict[str, Any]] = []
    while engine.is_running:
        for message in engine.poll(0.05):
            messages.append(message)
            if until(message):
                return messages
    return messages


def beat(number: float) -> Callable[[dict[str, Any]], bool]:
    return lambda message: message["kind"] == "state" and message["quarters"] >= number


def notes_of(path: Path) -> list[tuple[float, int]]:
    """(quarters, pitch) of the notes of a file, each of which has an end."""
    down: set[tuple[int, int]] = set()
    begun, tick = [], 0
    file = mido.MidiFile(path)
    for message in file.tracks[0]:
        tick += message.time
        if message.type == "note_on" and message.velocity:
            assert (message.channel, message.note) not in down
            down.add((message.channel, message.note))
            begun.append((tick / file.ticks_per_beat, message.note))
        elif message.type in ("note_on", "note_off"):
            down.remove((message.channel, message.note))
    assert not down
    return begun


def test_it_plays_to_the_end_and_records_all_of_it(tmp_path: Path) -> None:
    take, folder = tmp_path / "take.mid", tmp_path / "session"
    engine = Engine(settings(take, bars=2, tempo_bpm=400.0, session=str(folder)))
    engine.start()
    listen(engine, lambda _: False)
    report = engine.stop()
    notes = notes_of(take)
    assert report.notes == len(notes) > 4
    assert report.reason == ""
    assert max(at for at, _ in notes) < 8
    assert [entry for entry in read(folder).sent if entry.message[0] == 0x90]


def test_what_is_turned_is_heard_from_then_on(tmp_path: Path) -> None:
    take = tmp_path / "take.mid"
    with Engine(
        settings(take, bars=12, tempo_bpm=400.0, steering=Steering(key="C major"))
    ) as engine:
        listen(engine, beat(8.0))
        engine.turn("key", "F# major")
        turned = listen(engine, lambda message: message["kind"] == "steering")
        assert turned[-1]["controls"]["key"] == "F# major"
        listen(engine, lambda _: False)
    pitches = {pitch % 12 for at, pitch in notes_of(take) if at >= 12}
    assert pitches
    assert pitches <= {6, 8, 10, 11, 1, 3, 5}


def test_when_the_sampler_is_killed_every_note_is_closed(tmp_path: Path) -> None:
    take, folder = tmp_path / "take.mid", tmp_path / "session"
    engine = Engine(settings(take, bars=100, session=str(folder)))
    engine.start()
    listen(engine, lambda message: message["kind"] == "state" and len(message["sounding"]) > 0)
    os.kill(engine.pids["sampler"], signal.SIGKILL)
    messages = listen(engine, lambda _: False)
    report = engine.stop()
    assert any("sampler" in message.get("text", "") for message in messages)
    assert "sampler" in report.reason
    assert notes_of(take)
    assert read(folder).events


def test_stopping_takes_no_time_to_speak_of_and_leaves_nothing(tmp_path: Path) -> None:
    take = tmp_path / "take.mid"
    engine = Engine(settings(take))
    engine.start()
    listen(engine, beat(0.5))
    pids = engine.pids
    engine.stop()
    engine.stop()
    assert notes_of(take)
    for pid in pids.values():
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


@pytest.mark.parametrize(
    ("changes", "error", "sentence"),
    [
        ({"output": "no such port anywhere"}, DeviceError, "MIDI"),
        ({"checkpoint": "no-such-model"}, InputError, "no-such-model"),
        ({"tempo_bpm": 0.0}, UsageError, "tempo"),
        ({"sync": "midi"}, UsageError, "input"),
    ],
)
def test_what_is_given_wrongly_is_one_sentence_and_nothing_plays(
    changes: dict[str, Any], error: type[RnnMusicError], sentence: str, tmp_path: Path
) -> None:
    take = tmp_path / "take.mid"
    engines = []

    def play() -> None:
        engines.append(Engine(settings(changes.pop("output", take), **changes)))
        engines[0].start()

    with pytest.raises(error, match=sentence):
        play()
    assert not any(engine.is_running for engine in engines)
    assert not take.exists() or not notes_of(take)


def test_a_used_folder_is_no_place_for_a_session(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(InputError, match="holds something"):
        Engine(settings(tmp_path / "take.mid", session=str(tmp_path))).start()


def test_a_program_without_a_guard_starts_only_once(tmp_path: Path) -> None:
    script = tmp_path / "play.py"
    script.write_text(
        "from rnnmusic.live.engine import Engine, EngineSettings\n"
        "from rnnmusic.live.directing.settings import DirectorSettings\n"
        "print('begun')\n"
        "director = DirectorSettings('bach-gru', bars=1, tempo_bpm=400.0)\n"
        f"outputs = ({str(tmp_path / 'a.mid')!r},)\n"
        "settings = EngineSettings(director, outputs, priority=None)\n"
        "with Engine(settings) as engine:\n"
        "    while engine.is_running:\n"
        "        engine.poll(0.05)\n"
    )
    run = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=120)
    assert run.stderr == ""
    assert run.stdout == "begun\n"
    assert notes_of(tmp_path / "a.mid")


def test_an_engine_that_was_not_started_has_nothing_to_say() -> None:
    engine = Engine(settings("memory"))
    assert not engine.is_running
    assert engine.poll(0.0) == []
    assert engine.stop().notes == 0


@pytest.mark.parametrize(
    ("checkpoint", "does", "sentence"),
    [
        ("bach-gru", "engine.start()", ""),  # which nobody stops
        ("no-such-model", "engine.start()", "InputError"),
        ("bach-gru", "engine.start(); engine.stop(); engine.stop()", ""),
    ],
)
def test_a_program_that_ends_untidily_leaves_no_warnings(
    checkpoint: str, does: str, sentence: str
) -> None:
    program = (
        "from rnnmusic.live.engine import Engine, EngineSettings\n"
        "from rnnmusic.live.directing.settings import DirectorSettings\n"
        f"settings = EngineSettings(DirectorSettings({checkpoint!r}), ('memory',), priority=None)\n"
        "engine = Engine(settings)\n"
        "try:\n"
        f"    {does}\n"
        "except Exception as error:\n"
        "    print(type(error).__name__)\n"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert run.stderr == ""
    assert run.stdout.strip() == sentence


def test_two_signals_at_the_start_leave_nothing_behind() -> None:
    """The second comes while the first is taking everything down."""
    program = (
        "import os, signal, threading\n"
        "from rnnmusic.live import engine\nfrom rnnmusic.live.exchange import shared\n"
        "from rnnmusic.live.directing.settings import DirectorSettings\n"
        "director = DirectorSettings('bach-gru')\n"
        "settings = engine.EngineSettings(director, ('memory',), priority=None)\n"
        "def see_off(member, patience_s):\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n"
        "engine.Member.see_off = see_off\n"
        "threading.Timer(1.0, lambda: os.kill(os.getpid(), signal.SIGINT)).start()\n"
        "try:\n"
        "    engine.Engine(settings).start()\n"
        "except KeyboardInterrupt:\n"
        "    print('interrupted')\n"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert run.stderr == ""
    assert run.stdout == "interrupted\n"


def test_what_a_killed_sender_leaves_sounding_is_ended_by_the_parent() -> None:
    heard: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def hear() -> None:
            for _ in range(2):  # the sender, then the parent
                with server.accept()[0] as player:
                    while data := player.recv(4096):
                        heard.append(data)

        ear = threading.Thread(target=hear)
        ear.start()
        engine = Engine(settings(f"tcp:127.0.0.1:{server.getsockname()[1]}"))
        engine.start()
        listen(engine, lambda message: message["kind"] == "state" and message["sounding"] != [])
        os.kill(engine.pids["sender"], signal.SIGKILL)
        listen(engine, lambda _: False)
        report = engine.stop()
        ear.join(30)
    assert "SIGKILL" in report.reason
    assert "silenced" in report.reason
    tail = b"".join(heard)
    assert all(bytes((0x80, pitch, 0)) in tail for pitch in range(128))
