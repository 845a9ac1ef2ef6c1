from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnnmusic.encodings import PianoRoll
from rnnmusic.errors import DeviceError, InputError, UsageError
from rnnmusic.live.clock import SimulatedClock, Stop
from rnnmusic.live.messages import note_off, note_on, panic, program_change
from rnnmusic.live.player import play
from rnnmusic.live.ports import MemoryPort
from tests.live.playing import ScriptedModel, frame, hear

STEP_S = 0.125  # a sixteenth at 120 quarters a minute
TOLERANCE_S = 0.02  # what `play` promises


class StampingPort(MemoryPort):
    """Also keeps when each message really arrived."""

    def __init__(self, clock: SimulatedClock) -> None:
        super().__init__()
        self._clock = clock
        self.arrivals_s: list[float] = []

    def send(self, message: bytes, time_s: float) -> None:
        super().send(message, time_s)
        self.arrivals_s.append(self._clock.now())


def onsets_s(port: StampingPort) -> list[float]:
    return [
        arrival
        for arrival, (_, message) in zip(port.arrivals_s, port.messages, strict=True)
        if message[0] & 0xF0 == 0x90
    ]


def test_plays_what_the_model_draws_when_it_is_due():
    clock = SimulatedClock(start_s=1000.0)
    port = StampingPort(clock)
    model = ScriptedModel([frame(60), frame(61, held=(60,)), frame(60)])
    report = play(model, port, tempo_bpm=120, bars=1, program=5, channel=2, clock=clock)
    expected = [
        (0, program_change(2, 5)),
        (0, note_on(2, 60, 80)),
        (1, note_on(2, 61, 80)),
        (2, note_off(2, 60)),
        (2, note_off(2, 61)),
        (2, note_on(2, 60, 80)),
        (3, note_off(2, 60)),
        *((16, message) for message in panic(2)),
    ]
    sent = [(round((time_s - 1000) / STEP_S, 9), message) for time_s, message in port.messages]
    assert sorted(sent[3:5]) == sorted(expected[3:5])
    assert sent[:3] + sent[5:] == expected[:3] + expected[5:]
    assert port.arrivals_s == [time_s for time_s, _ in port.messages]
    assert (port.start_s, port.tempo_bpm) == (1000.0, 120)
    assert (report.notes, report.bars, report.late) == (3, 1, 0)
    assert report.lateness_max_ms == 0
    assert not port.is_closed


def test_bars_end_on_time_and_cut_what_still_sounds():
    clock = SimulatedClock()
    port = StampingPort(clock)
    bars: list[tuple[int, float]] = []
    model = ScriptedModel([frame(60)] + [frame(held=(60,))] * 100)
    report = play(
        model,
        port,
        tempo_bpm=60,
        bars=3,
        clock=clock,
        on_bar=lambda bar: bars.append((bar, clock.now())),
    )
    assert bars == [(1, 0.0), (2, 4.0), (3, 8.0)]
    assert port.messages[1] == (12.0, note_off(0, 60))
    assert clock.now() == 12.0
    assert report.bars == 3


def test_a_sleepy_machine_delays_messages_but_not_what_is_due():
    class SleepyClock(SimulatedClock):
        def wait_until(self, time_s: float, stop: Stop) -> None:
            super().wait_until(time_s + 0.007, stop)

    clock = SleepyClock()
    port = StampingPort(clock)
    model = ScriptedModel([frame(60)] * 16)
    model.quarters_per_bar = 3.9  # the bar line cuts the last note
    report = play(model, port, tempo_bpm=120, bars=1, clock=clock)
    ons = [time_s for time_s, message in port.messages if message[0] == 0x90]
    offs = [time_s for time_s, message in port.messages if message[0] == 0x80]
    assert ons == pytest.approx([STEP_S * n for n in range(16)], abs=1e-12)
    assert offs == pytest.approx([*(STEP_S * n for n in range(1, 16)), 3.9 / 2], abs=1e-12)
    assert report.lateness_max_ms == pytest.approx(7)
    assert report.late == 0


def test_deadlines_do_not_drift():
    events = 100_000  # two for each frame: the end of a note, the start of the next
    clock = SimulatedClock(start_s=1e6)  # a machine that has been up for eleven days
    port = StampingPort(clock)
    tempo_bpm = 137.0
    one = frame(60)
    model = ScriptedModel(one for _ in range(events // 2))
    play(model, port, tempo_bpm=tempo_bpm, bars=events // 2 // 16, clock=clock)
    error_s = max(
        abs(arrival_s - (1e6 + index * 15.0 / tempo_bpm))
        for index, arrival_s in enumerate(onsets_s(port))
    )
    assert len(onsets_s(port)) == events // 2
    assert error_s < 1e-6


def test_a_model_slower_than_the_music_plays_slower_without_bursts():
    clock = SimulatedClock()
    port = StampingPort(clock)
    model = ScriptedModel([frame(60)] * 64, clock, [3 * STEP_S] * 1000)
    report = play(model, port, tempo_bpm=120, bars=2, clock=clock)
    onsets = onsets_s(port)
    gaps_s = [b - a for a, b in pairwise(onsets)]
    assert min(gaps_s) >= STEP_S - TOLERANCE_S - 1e-9
    assert len(onsets) == 32
    assert report.late > 0
    assert report.lateness_max_ms > 1e3 * TOLERANCE_S


def test_one_hiccup_makes_one_pause_and_the_grid_goes_on():
    clock = SimulatedClock()
    port = StampingPort(clock)
    durations_s = [0.0] * 10 + [3.0] + [0.0] * 100
    model = ScriptedModel([frame(60)] * 64, clock, durations_s)
    report = play(model, port, tempo_bpm=120, bars=2, clock=clock)
    onsets = onsets_s(port)
    gaps_s = [b - a for a, b in pairwise(onsets)]
    assert sum(gap > 1.5 * STEP_S for gap in gaps_s) == 1
    assert all(gap == pytest.approx(STEP_S) for gap in gaps_s if gap < 1.5 * STEP_S)
    assert report.late == 1


@settings(max_examples=50, deadline=None)
@given(
    durations_s=st.lists(st.floats(0, 0.4), max_size=64),
    pitches=st.lists(st.sets(st.integers(60, 63)), min_size=1, max_size=64),
)
def test_whatever_the_model_takes_music_stays_whole_and_never_bursts(durations_s, pitches):
    clock = SimulatedClock()
    port = StampingPort(clock)
    model = ScriptedModel([frame(*chord) for chord in pitches], clock, durations_s)
    report = play(model, port, tempo_bpm=120, bars=2, clock=clock)
    synthesiser = hear(message for _, message in port.messages)
    assert not synthesiser.down
    assert synthesiser.strikes == report.notes == sum(len(chord) for chord in pitches[:32])
    assert port.arrivals_s == sorted(port.arrivals_s)
    # The notes of a chord are due at one time; their arrivals may differ in the last bit.
    arrivals_s = {
        due_s: arrival_s
        for arrival_s, (due_s, message) in zip(port.arrivals_s, port.messages, strict=True)
        if message[0] == 0x90
    }
    for earlier, later in pairwise(arrivals_s.values()):
        assert later - earlier >= STEP_S - TOLERANCE_S - 1e-9


def test_draws_a_beat_ahead_and_no_further():
    clock = SimulatedClock()
    model = ScriptedModel([])
    drawn_at_bar: list[int] = []
    play(
        model,
        MemoryPort(),
        tempo_bpm=120,
        bars=4,
        clock=clock,
        on_bar=lambda bar: drawn_at_bar.append(model.drawn),
    )
    for bar, drawn in enumerate(drawn_at_bar):
        assert 16 * bar + 4 <= drawn <= 16 * bar + 5


@pytest.mark.parametrize("way_out", ["stop", "model", "bar", "interrupt"])
def test_every_way_out_ends_all_notes(way_out):
    clock = SimulatedClock()
    port = MemoryPort()
    stop = Stop()

    def frames():
        yield frame(60, 61, 62)
        for _ in range(20):
            yield frame(held=(60, 61, 62))
        if way_out == "model":
            raise ZeroDivisionError
        while True:
            yield frame(held=(60, 61, 62))

    def on_bar(bar: int) -> None:
        if bar == 3:
            if way_out == "bar":
                raise ZeroDivisionError
            if way_out == "interrupt":
                raise KeyboardInterrupt
            stop.set()

    def perform() -> None:
        play(ScriptedModel(frames()), port, tempo_bpm=90, stop=stop, clock=clock, on_bar=on_bar)

    if way_out == "stop":
        perform()
    else:
        with pytest.raises((ZeroDivisionError, KeyboardInterrupt)):
            perform()
    messages = [message for _, message in port.messages]
    assert hear(messages).strikes == 3
    assert messages[3:] == [note_off(0, p) for p in (60, 61, 62)] + panic(0)


def test_a_stop_set_beforehand_plays_nothing():
    stop = Stop()
    stop.set()
    port = MemoryPort()
    report = play(ScriptedModel([frame(60)]), port, tempo_bpm=120, stop=stop)
    assert port.messages == []
    assert (report.notes, report.bars) == (0, 0)


def test_a_port_that_goes_away_is_reported():
    class Unplugged(MemoryPort):
        def send(self, message: bytes, time_s: float) -> None:
            raise DeviceError("gone")

    with pytest.raises(DeviceError, match="gone"):
        play(ScriptedModel([frame(60)]), Unplugged(), tempo_bpm=120, clock=SimulatedClock())


def test_a_model_that_stops_moving_in_time_is_refused():
    class Decoder:
        horizon_quarters = 0.0

        def push(self, step):
            return []

    class Standing(PianoRoll):
        def live_decoder(self):
            return Decoder()

    class Stuck(ScriptedModel):
        encoding = Standing()

    with pytest.raises(InputError, match="stopped moving in time"):
        play(Stuck([]), MemoryPort(), tempo_bpm=120, clock=SimulatedClock())


@pytest.mark.parametrize(
    "wrong",
    [{"tempo_bpm": 0}, {"tempo_bpm": float("nan")}, {"bars": 0}, {"channel": 16}, {"program": 128}],
)
def test_refuses_what_makes_no_sense(wrong):
    with pytest.raises(UsageError):
        play(ScriptedModel([]), MemoryPort(), **{"tempo_bpm": 120, **wrong})
