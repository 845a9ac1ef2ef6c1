"""Sessions: what is written is read, a replay is compared, files are the same every time."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import mido
import numpy as np
import pytest

import rnnmusic
from rnnmusic.audio import Audio
from rnnmusic.errors import InputError
from rnnmusic.live.events import Event, Extend, Heard, Moved, Ordered, Turned
from rnnmusic.live.plan import Plan, Planned
from rnnmusic.live.session.provenance import changes, digest, versions
from rnnmusic.live.session.reading import ClockLine, Notice, Received, Sent, Session, read
from rnnmusic.live.session.replay import performed, replay, verify, without_dropped
from rnnmusic.live.session.sound import render, save_midi
from rnnmusic.live.session.writer import SessionWriter, create
from rnnmusic.live.timing.beat import BeatClock

START_S = 1000.0
EVENTS: list[Event] = [
    Extend(until_quarters=1.5),
    Heard(at_quarters=0.7, played_quarters=0.1 + 0.2, message=(0x90, 60, 100), port=1),
    Turned(at_quarters=0.75, name="key", value="C minor"),
    Turned(at_quarters=0.8, name="program", value=None),
    Turned(at_quarters=0.9, name="temperature", value=1.0),
    Ordered(at_quarters=1.0, name="rewind", arguments=(2, "bars", 0.5)),
    Moved(at_quarters=2.0, to_quarters=4.0),
    Extend(until_quarters=math.inf),
]


class Scale:
    """A director that plans a rising scale of sixteenths; turning it transposes the rest."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self._base = int(settings["base"])
        self._planned = 0  # sixteenths

    def handle(self, event: Event) -> Plan:
        if isinstance(event, Extend):
            return self._extend(event.until_quarters)
        if isinstance(event, Turned):
            self._base = int(event.value or 0)
            until, self._planned = self._planned, math.ceil(event.at_quarters * 4)
            plan = self._extend(until / 4)
            return plan._replace(retract_quarters=event.at_quarters)
        raise TypeError(event)

    def _extend(self, until_quarters: float) -> Plan:
        messages = []
        for sixteenth in range(self._planned, round(until_quarters * 4)):
            pitch = self._base + sixteenth % 12
            messages.append(Planned(sixteenth / 4, bytes((0x90, pitch, 80))))
            messages.append(Planned((sixteenth + 1) / 4, bytes((0x80, pitch, 0))))
        self._planned = round(until_quarters * 4)
        return Plan(until_quarters, tuple(messages))


def perform(folder: Path, *, late: int = 3, end: float | None = 5.0) -> None:
    """Write the session of a performance of Scale: turned at 2.5, one note dropped."""
    create(folder, {"base": 50})
    sampler, sender = SessionWriter(folder), SessionWriter(folder, who="sender", start_s=START_S)
    clock = BeatClock(tempo_bpm=120.0, start_s=START_S)
    sender.clock(clock.anchor())
    director, agenda = Scale({"base": 50}), []
    events: list[Event] = [Extend(3.0), Extend(4.0), Turned(2.5, "base", 70), Extend(6.0)]
    for event in events:
        sampler.event(event)
        plan = director.handle(event)
        if plan.retract_quarters is not None:
            agenda = [p for p in agenda if p.time_quarters < plan.retract_quarters]
        agenda += plan.messages
    agenda.sort(key=lambda p: (p.time_quarters, p.message[0]))
    for i, (quarters, message, _, port) in enumerate(agenda):
        due_s = clock.due_s(quarters)
        if quarters >= (end or 5.0):
            break
        if i == late:
            sender.dropped(due_s + 0.05, message, due_s=due_s, time_quarters=quarters, port=port)
        else:
            sender.sent(due_s + 1e-4, message, due_s=due_s, time_quarters=quarters, port=port)
    sender.heard(START_S + 1.0, bytes((0x91, 40, 90)), time_quarters=2.0)
    sender.heard(START_S + 1.5, bytes((0x81, 40, 0)), time_quarters=3.0)
    sender.notice(START_S + 1.25, "key: C minor ♭")
    if end is not None:
        sender.sent(START_S + 2.6, bytes((0x80, 75, 0)), due_s=START_S + 2.6)  # the ledger's
        sender.end(START_S + end / 2, end)
    sampler.close()
    sender.close()
    assert sampler.problem is sender.problem is None


@pytest.fixture
def session(tmp_path: Path) -> Session:
    perform(tmp_path / "session")
    return read(tmp_path / "session")


def test_what_is_written_is_read(tmp_path: Path) -> None:
    folder = create(tmp_path / "a" / "b", {"seed": 3, "director": {"key": "C minor"}})
    writer = SessionWriter(folder, who="sender", start_s=START_S)
    writer.model("bach-gru", "00ff")
    for event in EVENTS:
        writer.event(event)
    writer.sent(1001.0, b"\x90\x3c\x40", due_s=1000.5, time_quarters=1 / 3, port=2)
    writer.sent(1001.5, b"\x80\x3c\x00", due_s=1001.5)
    writer.dropped(1002.0, b"\xc1\x05", due_s=1001.0, time_quarters=2.0, why="late")
    writer.heard(1003.0, b"\x90\x3c\x40", time_quarters=0.1, port=1)
    writer.clock((1000.0, 0.0, 2.0), 0.6)
    writer.notice(1004.0, "one\ntwo")
    writer.close()
    SessionWriter(folder, who="parent").close()
    session = read(folder)
    assert session == Session(
        folder=folder,
        settings={"seed": 3, "director": {"key": "C minor"}},
        made_with=versions(),
        models=(("bach-gru", "00ff"),),
        events=tuple(EVENTS),
        sent=(
            Sent(1.0, 0.5, 1 / 3, 2, b"\x90\x3c\x40", None),
            Sent(1.5, 1.5, None, 0, b"\x80\x3c\x00", None),
            Sent(2.0, 1.0, 2.0, 0, b"\xc1\x05", "late"),
        ),
        heard=(Received(3.0, 0.1, 1, b"\x90\x3c\x40"),),
        clock=(ClockLine(0.0, 0.0, 2.0, 0.6),),
        notices=(Notice(4.0, "one\ntwo"),),
        end_quarters=None,
    )
    assert [type(e.value) for e in session.events if isinstance(e, Turned)] == [
        str, type(None), float,
    ]  # fmt: skip


def test_numbers_of_numpy_and_odd_values_are_written(tmp_path: Path) -> None:
    folder = create(tmp_path / "s", {})
    writer = SessionWriter(folder)
    writer.event(Turned(np.float64(1.5), "program", np.int64(3)))  # type: ignore[arg-type]
    writer.event(Ordered(1.0, "swap", (tmp_path,)))  # type: ignore[arg-type]
    writer.close()
    assert read(folder).events == (
        Turned(1.5, "program", 3),
        Ordered(1.0, "swap", (str(tmp_path),)),
    )


def test_what_is_flushed_is_read_while_the_performance_goes_on(tmp_path: Path) -> None:
    folder = create(tmp_path / "s", {})
    writer = SessionWriter(folder)
    writer.notice(1.0, "one")
    writer.flush_if_due(10.0)
    writer.notice(2.0, "two")
    writer.flush_if_due(10.4)
    writer.event(Extend(1.0))  # is handed over at once, with what waits
    writer.notice(3.0, "three")
    writer._disk._queue.put(None)  # let the thread write what it has
    assert writer._disk._thread is not None
    writer._disk._thread.join()
    session = read(folder)
    assert session.events == (Extend(1.0),)
    assert [notice.text for notice in session.notices] == ["one", "two"]


def test_a_followed_clock_is_written_within_half_a_millisecond(tmp_path: Path) -> None:
    folder = create(tmp_path / "s", {})
    writer = SessionWriter(folder, start_s=0.0)
    rng = np.random.default_rng(0)
    clock = BeatClock(tempo_bpm=120.0, start_s=0.0)
    anchors = []
    for tick in range(5000):
        now_s = clock.due_s(tick / 24)
        tempo_bpm = 120 + 30 * math.sin(tick / 500) + rng.normal(scale=0.3)
        clock.align(tick / 24, tempo_bpm, now_s)
        anchors.append(clock.anchor())
        writer.clock(clock.anchor())
        writer.flush_if_due(now_s)
    writer.close()
    session = read(folder)
    assert len(session.clock) < 1200
    errors_s = [abs(session.quarters_at(t) - q) / speed for t, q, speed in anchors]
    assert max(errors_s) < 1.5e-3  # 0.5 ms where it is written, and a tick's worth beside it


def test_every_change_that_a_performer_makes_to_the_clock_is_written(tmp_path: Path) -> None:
    folder = create(tmp_path / "s", {})
    writer = SessionWriter(folder)
    clock = BeatClock(tempo_bpm=120.0, start_s=0.0)
    writer.clock(clock.anchor())
    for now_s, change in (
        (1.0, lambda: clock.set_tempo(121.0, 1.0)),
        (2.0, lambda: clock.stop(2.0)),
        (2.1, lambda: clock.resume(2.1)),
        (3.0, lambda: clock.jump(50.0, 3.0)),
    ):
        change()
        writer.clock(clock.anchor())
        writer.flush_if_due(now_s)
    writer.close()
    lines = read(folder).clock
    assert [line.time_s for line in lines] == [0.0, 1.0, 2.0, 2.1, 3.0]
    assert [round(line.quarters_per_s * 60) for line in lines] == [120, 121, 0, 121, 121]


def test_create_refuses_a_folder_in_use(tmp_path: Path) -> None:
    create(tmp_path / "s", {})
    with pytest.raises(InputError, match="holds something already; give a new folder"):
        create(tmp_path / "s", {})


def test_create_refuses_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="Can't write"):
        create(tmp_path / "file" / "s", {})


def test_folders_that_are_no_session_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is no recorded session"):
        read(tmp_path)
    for text in ("", "[]", "{}", "null", '{"format"', "\xff", '{"format": 1, "made_with": 3}'):
        (tmp_path / "settings.json").write_bytes(text.encode("latin-1"))
        with pytest.raises(InputError, match="isn't the settings of a session"):
            read(tmp_path)
    (tmp_path / "settings.json").write_text('{"format": 2}')
    with pytest.raises(InputError, match="of version 2 and this rnnmusic reads 1"):
        read(tmp_path)


@pytest.mark.parametrize("name", ["events", "sent", "heard", "clock", "notices-sender"])
@pytest.mark.parametrize(
    "line", ["nonsense", "[]", "{}", '{"n": 7, "kind": "extend", "until_quarters": 1}', "\0"]
)
def test_damaged_lines_are_named(tmp_path: Path, name: str, line: str) -> None:
    perform(tmp_path / "s")
    with (tmp_path / "s" / f"{name}.jsonl").open("a") as file:
        count = len((tmp_path / "s" / f"{name}.jsonl").read_text().splitlines())
        file.write(f"{line}\n")
    with pytest.raises(InputError, match=rf"Line {count + 1} of .*{name}.jsonl is damaged"):
        read(tmp_path / "s")


def test_messages_that_are_no_midi_are_refused(tmp_path: Path) -> None:
    perform(tmp_path / "s")
    for text in ("", "3c", "90ff40", "90404040", "zz"):
        entry = {"time_s": 0, "quarters": 0, "port": 0, "bytes": text}
        (tmp_path / "s" / "heard.jsonl").write_text(json.dumps(entry) + "\n")
        with pytest.raises(InputError, match="Line 1 of"):
            read(tmp_path / "s")


def test_what_was_sent_while_the_clock_stood_was_due_when_it_was_sent(tmp_path: Path) -> None:
    folder = create(tmp_path / "s", {})
    writer = SessionWriter(folder)
    writer.sent(3.0, b"\x90\x40\x40", due_s=math.inf)
    writer.sent(4.0, b"\x80\x40\x00", due_s=math.inf)
    writer.close()
    session = read(folder)
    assert [entry.due_s for entry in session.sent] == [3.0, 4.0]
    assert 1.0 < render(session, sample_rate_hz=8000).duration_s < 5.0


@pytest.mark.parametrize("number", ["NaN", "Infinity", '"x"', "null", "[]"])
def test_what_is_no_number_is_refused(tmp_path: Path, number: str) -> None:
    perform(tmp_path / "s")
    line = f'{{"time_s": {number}, "quarters": 1, "quarters_per_s": 1, "swing": 0.5}}\n'
    (tmp_path / "s" / "clock.jsonl").write_text(line)
    with pytest.raises(InputError, match="Line 1 of"):
        read(tmp_path / "s")


def test_a_torn_last_line_is_ignored(tmp_path: Path) -> None:
    perform(tmp_path / "s")
    whole = read(tmp_path / "s")
    file = tmp_path / "s" / "events.jsonl"
    data = file.read_bytes()
    for length in range(len(data) - 1, len(data) - 30, -1):
        file.write_bytes(data[:length])
        assert read(tmp_path / "s").events == whole.events[:-1]


def test_a_replay_gives_what_was_sent(session: Session) -> None:
    replayed = replay(session, Scale)
    assert len(replayed) == len([s for s in session.sent if s.time_quarters is not None])
    outcome = verify(session, replayed)
    assert outcome.difference is None
    assert outcome.same == len(replayed) - 1
    assert outcome.dropped == 1
    assert outcome.until_quarters == 5.0
    assert without_dropped(session, replayed) == performed(session)
    # It was turned at 2.5: what was planned there before is gone.
    assert {m.message[1] >= 70 for m in replayed if m.time_quarters > 2.5} == {True}


def test_a_replay_that_differs_says_where(session: Session) -> None:
    replayed = replay(session, Scale)
    outcome = verify(session, [m for m in replayed if m.time_quarters != 1.25])
    assert outcome.difference is not None
    assert outcome.difference.startswith("At quarter 1.25 the performance has the message 80 36 00")
    extra = Planned(0.1, b"\x90\x01\x02", port=3)
    outcome = verify(session, [*replayed, extra])
    assert outcome.difference == (
        "At quarter 0.1 the replay has the message 90 01 02 on port 3, which the performance "
        "has not."
    )


def test_a_session_without_an_end_is_compared_up_to_a_quarter_before(tmp_path: Path) -> None:
    perform(tmp_path / "s", end=None)
    session = read(tmp_path / "s")
    assert session.end_quarters is None
    assert session.until_quarters == 3.75
    outcome = verify(session, replay(session, Scale))
    assert outcome.difference is None
    assert outcome.same > 20


def test_the_midi_file_of_a_replay_is_that_of_the_performance(
    session: Session, tmp_path: Path
) -> None:
    save_midi(session, tmp_path / "a.mid")
    save_midi(session, tmp_path / "b.mid", without_dropped(session, replay(session, Scale)))
    assert (tmp_path / "a.mid").read_bytes() == (tmp_path / "b.mid").read_bytes()
    file = mido.MidiFile(tmp_path / "a.mid", charset="utf-8")
    conductor, ours, theirs = file.tracks
    assert [t.name for t in file.tracks] == ["", "rnnmusic", "other player"]
    assert [m.tempo for m in conductor if m.type == "set_tempo"] == [500_000]
    markers = [(m.time, m.text) for m in conductor if m.type == "marker"]
    assert markers == [(1200, "key: C minor ♭"), (0, "base: 70")]
    assert [(m.type, m.time, m.note) for m in theirs if not m.is_meta] == [
        ("note_on", 960, 40), ("note_off", 480, 40),
    ]  # fmt: skip
    sounding: set[int] = set()
    for message in ours:
        if message.type == "note_on":
            assert message.note not in sounding
            sounding.add(message.note)
        elif message.type == "note_off":
            sounding.remove(message.note)
    assert not sounding


def test_what_has_changed_since_is_named(tmp_path: Path) -> None:
    for name in ("kept", "trained", "gone"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").write_text("{}")
        (tmp_path / name / "model.safetensors").write_bytes(b"12")
    folder = create(tmp_path / "s", {})
    writer = SessionWriter(folder)
    for name in ("kept", "trained", "gone"):
        writer.model(name, digest(tmp_path / name))
    writer.close()
    session = read(folder)
    assert changes(session, lambda name: tmp_path / name) == []
    assert session.made_with["rnnmusic"] == rnnmusic.__version__
    (tmp_path / "trained" / "model.safetensors").write_bytes(b"13")
    (tmp_path / "gone" / "model.safetensors").unlink()
    old = replace(session, made_with={**session.made_with, "torch": "1.0", "old": "2"})
    assert changes(old, lambda name: tmp_path / name) == [
        f"torch was 1.0 and is {versions()['torch']}.",
        "old was 2 and is not installed.",
        "The checkpoint trained has been trained on or replaced.",
        "The checkpoint gone isn't there any more.",
    ]


def test_a_session_is_heard_when_it_was_due(session: Session, tmp_path: Path) -> None:
    audio = render(session, sample_rate_hz=8000)
    assert 2.4 < audio.duration_s < 6.0
    envelope = np.abs(audio.samples).max(axis=0)
    assert envelope[: int(0.1 * 8000)].max() > 0.05
    assert isinstance(audio, Audio)
    create(tmp_path / "empty", {})
    with pytest.raises(InputError, match="has no notes to make sound of"):
        render(read(tmp_path / "empty"))


def test_writing_imports_nothing_heavy() -> None:
    script = (
        "import rnnmusic.live.session.writer, rnnmusic.live.timing.beat, "
        "rnnmusic.live.timing.follow, rnnmusic.live.timing.tap, rnnmusic.live.timing.feel, "
        "rnnmusic.live.timing.link, sys; "
        "print(*{name.partition('.')[0] for name in sys.modules})"
    )
    run = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    assert not {"torch", "scipy", "mido", "numba", "aalink", "numpy"} & set(run.stdout.split())
