"""Ableton Link: the beat clock on a session's beat, with a scripted session and with a real one."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnmusic.errors import DeviceError, UsageError
from rnnmusic.live.timing import link as link_module
from rnnmusic.live.timing.beat import BeatClock
from rnnmusic.live.timing.link import LinkFollower, join


class Session:
    """A Link session and the time, both moved by the test."""

    def __init__(self, tempo: float = 120.0, beat: float = 0.0) -> None:
        self.tempo, self.quantum, self.num_peers = tempo, 4.0, 1
        self.enabled = self.playing = self.start_stop_sync_enabled = False
        self.now_s, self._beat = 100.0, beat

    @property
    def beat(self) -> float:
        return self._beat

    def go_on(self, seconds: float) -> None:
        self.now_s += seconds
        self._beat += seconds * self.tempo / 60

    def set_beat(self, beat: float) -> None:
        self._beat = beat


def following(
    session: Session, *, start_quarters: float = 0.0, obeys_transport: bool = False
) -> tuple[BeatClock, LinkFollower]:
    clock = BeatClock(tempo_bpm=90.0, start_s=0.0, start_quarters=start_quarters)
    clock.stop(0.0)
    follower = LinkFollower(
        clock, session, obeys_transport=obeys_transport, now=lambda: session.now_s
    )
    return clock, follower


def test_a_performance_begins_within_the_sessions_bar() -> None:
    session = Session(beat=101.5)  # one and a half beats into a bar
    clock, follower = following(session, start_quarters=-4.0)
    assert follower.poll() == -2.5
    assert clock.is_running
    assert clock.due_s(0.0) == pytest.approx(session.now_s + 2.5 * 0.5)
    assert follower.peers == 1
    assert follower.is_playing


@given(
    st.floats(-1000, 1e5),
    st.floats(0, 100),
    st.lists(st.tuples(st.floats(0.01, 0.2), st.floats(40, 200))),
)
def test_its_beats_stay_those_of_the_session(
    beat: float, start: float, changes: list[tuple[float, float]]
) -> None:
    session = Session(beat=beat)
    clock, follower = following(session, start_quarters=start)
    follower.poll()
    for wait_s, tempo in changes:
        before = clock.quarters_at(session.now_s)
        session.tempo = tempo
        follower.poll()
        session.go_on(wait_s)
        assert follower.poll() is None
        there = clock.beat_at(session.now_s)
        assert there > before
        assert (there - session.beat + 2) % 4 == pytest.approx(2, abs=1e-6)
        assert clock.tempo_bpm == follower.tempo_bpm == tempo


def test_the_phase_error_is_what_the_clock_was_ahead() -> None:
    session = Session(tempo=120.0)
    _, follower = following(session)
    follower.poll()
    session.set_beat(0.1)  # faster than expected, as if the tempo had changed
    follower.poll()
    assert follower.phase_error_s == pytest.approx(-0.05)


def test_another_timeline_is_joined_further_on() -> None:
    session = Session(beat=0.0)
    clock, follower = following(session)
    follower.poll()
    session.go_on(1.0)
    session.set_beat(1001.0)  # two sessions have met
    assert follower.poll() == pytest.approx(5.0)
    assert clock.quarters_at(session.now_s) == pytest.approx(5.0)


def test_the_transport_is_obeyed_if_asked_to() -> None:
    session = Session(tempo=60.0)
    clock, follower = following(session, obeys_transport=True)
    assert follower.poll() is None
    assert not clock.is_running
    session.playing = True
    assert follower.poll() is None
    session.go_on(2.0)
    session.playing = False
    follower.poll()
    assert clock.quarters_at(999.0) == pytest.approx(2.0)
    assert not follower.is_playing
    session.go_on(3.0)
    session.playing = True
    assert follower.poll() == pytest.approx(5.0)


def test_the_tempo_of_the_session_can_be_set() -> None:
    session = Session()
    _, follower = following(session)
    follower.set_tempo(77.0)
    assert session.tempo == 77.0
    with pytest.raises(UsageError):
        follower.set_tempo(0.0)
    assert session.tempo == 77.0


def test_an_interrupted_look_is_repeated() -> None:
    session = Session(tempo=60.0)
    readings = iter([0.0, 0.5, 0.5, 0.50001])  # the first look takes half a second
    clock = BeatClock(tempo_bpm=60.0, start_s=0.0)
    LinkFollower(clock, session, now=lambda: next(readings)).poll()
    assert clock.anchor()[0] == pytest.approx(0.500005)


def test_without_aalink_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "aalink", None)
    with pytest.raises(DeviceError, match=r'aalink isn\'t installed; run pip install "rnnmusic'):
        join(120.0)


def test_a_network_that_refuses_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    class Refusing:
        def __init__(self, tempo: float) -> None:
            raise RuntimeError("no sockets")

    module = type(sys)("aalink")
    module.Link = Refusing  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "aalink", module)
    with pytest.raises(DeviceError, match=r"can't be joined: no sockets; check the network"):
        join(120.0)


PEER = """
import sys, time
from rnnmusic.live.timing.link import join
link = join(97.0)
print("ready", flush=True)
for line in sys.stdin:
    if line.startswith("tempo"):
        link.tempo = float(line.split()[1])
    before_s = time.monotonic(); beat = link.beat; after_s = time.monotonic()
    print((before_s + after_s) / 2, beat, link.num_peers, flush=True)
"""


@pytest.mark.slow
def test_two_processes_share_a_beat() -> None:
    pytest.importorskip("aalink", reason="an optional extra, GPL")
    with subprocess.Popen(
        [sys.executable, "-c", PEER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as peer:
        assert peer.stdin is not None
        assert peer.stdout is not None
        assert peer.stdout.readline() == "ready\n"
        link = join(133.0)
        deadline_s = time.monotonic() + 10
        while not link.num_peers and time.monotonic() < deadline_s:
            time.sleep(0.05)
        assert link.num_peers == 1
        clock = BeatClock(tempo_bpm=100.0, start_s=time.monotonic())
        clock.stop(time.monotonic())
        follower = LinkFollower(clock, link)
        tempi, errors_s = [], []
        for i in range(60):
            time.sleep(0.05)
            follower.poll()
            peer.stdin.write("tempo 151\n" if i == 20 else "look\n")
            peer.stdin.flush()
            look_s, beat, _ = map(float, peer.stdout.readline().split())
            phase = (clock.beat_at(look_s) - beat + 2) % 4 - 2
            tempi.append(round(clock.tempo_bpm))
            errors_s.append(abs(phase) * 60 / clock.tempo_bpm)
        peer.stdin.close()
    assert tempi[0] == 97  # it joins at the session's tempo and doesn't bring its own
    assert tempi[-1] == 151
    assert sorted(errors_s[30:])[15] < 1e-3
    assert link_module.SETTLE_S == 0.5
