"""Broken files: what comes back, what is said of it, and how much may be asked for."""

import random
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnmusic import midi
from rnnmusic.errors import InputError, UsageError
from rnnmusic.midi.container import clock_of
from rnnmusic.midi.limits import Limits
from rnnmusic.midi.reader import SCAN, read_tracks
from rnnmusic.midi.salvage import open_shell
from rnnmusic.score import NOTE, TEMPO, Score, Track, sort_notes, table
from rnnmusic.score.messages import as_heard
from tests.midi import raw
from tests.midi.malformed import CASES, KEPT, REJECTED, REPAIRED, TWO_TRACKS, Case
from tests.score.strategies import scores

COMPILED = SCAN.with_patience(-1)


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_the_verdict_on_malformed_files(case: Case, tmp_path):
    path = tmp_path / "song.mid"
    path.write_bytes(case.data)
    if case.verdict == REJECTED:
        with pytest.raises(InputError) as caught:
            midi.load(path)
        assert case.says in str(caught.value)
        assert "\n" not in str(caught.value)
        return
    score, repairs = midi.load(path)
    assert (REPAIRED if repairs else KEPT) == case.verdict, repairs
    assert case.says in "; ".join(repairs)
    assert len(set(repairs)) == len(repairs) <= 4
    assert score.note_count == case.notes
    shell = open_shell(case.data, Limits())
    compiled = read_tracks(
        shell.container, COMPILED, forgiving=True, has_early_end=shell.has_early_end
    )
    assert compiled.score == score == midi.read(case.data)
    assert (*shell.repairs, *compiled.repairs) == repairs


def test_verdicts_of_every_kind_are_there():
    assert len(CASES) >= 60
    assert {case.verdict for case in CASES} == {KEPT, REPAIRED, REJECTED}


@given(scores())
def test_a_file_that_breaks_no_rule_has_no_repairs(score):
    data = midi.dumps(score)
    loaded = midi.load(data)
    assert loaded.repairs == ()
    assert loaded.score == midi.read(data, strict=True)


@given(st.lists(raw.plain_messages, min_size=1, max_size=3), st.sampled_from([0, 1, 2]))
def test_strict_and_forgiving_agree_on_whole_files(tracks, file_format):
    tracks = tracks[:1] if file_format == 0 else tracks
    data = raw.smf(*(events + raw.END for events in tracks), file_format=file_format)
    assert midi.read(data) == midi.read(data, strict=True)


def performance(seed: int, note_count: int) -> Score:
    rng = np.random.default_rng(seed)
    tracks = []
    for program in range(3):
        notes = np.empty(note_count, dtype=NOTE)
        notes["start_tick"] = rng.integers(0, 20 * note_count, note_count)
        notes["end_tick"] = notes["start_tick"] + rng.integers(1, 400, note_count)
        notes["pitch"] = rng.integers(30, 90, note_count)
        notes["velocity"] = rng.integers(1, 128, note_count)
        tracks.append(Track(notes=as_heard(sort_notes(notes)), program=program, name="part"))
    return Score(tracks=tuple(tracks), tempos=table(TEMPO, [(0, 400_000), (480, 600_000)]))


@pytest.mark.parametrize("file_format", [0, 1])
def test_notes_before_a_cut_come_back(file_format):
    score = performance(file_format, 60)
    data = midi.dumps(score, format=file_format)
    ends = note_positions(data)
    saved = 0
    for cut in range(data.index(b"MTrk") + 8, len(data)):
        intact = {note for end, note in ends if end <= cut}
        try:
            found = set(notes_of(midi.read(data[:cut])))
        except InputError:
            found = set()
        saved += len(found & intact)
        assert intact <= found  # every one, though nine in ten would do
    assert saved > len(data)  # it wasn't all about cuts before the first note


def notes_of(score: Score) -> list[tuple[int, ...]]:
    return [(track.program, *row) for track in score.tracks for row in track.notes.tolist()]


def note_positions(data: bytes) -> list[tuple[int, tuple[int, ...]]]:
    """Where the bytes of each note's end end, of a file of our writer's."""
    positions = []
    at = 14
    while at < len(data):
        at, stop = at + 8, at + 8 + int.from_bytes(data[at + 4 : at + 8], "big")
        tick, program, sounding = 0, {}, {}
        while at < stop:
            delta = 0
            while data[at] >= 0x80:
                delta, at = delta << 7 | data[at] & 127, at + 1
            tick += delta << 7 | data[at]
            status, at = data[at + 1], at + 2
            if status == 0xFF:
                at += 2 + data[at + 1]
                continue
            kind, channel, first = status & 0xF0, status & 15, data[at]
            if kind == 0x90:
                start = (tick, data[at + 1], program.get(channel, 0))
                sounding.setdefault((channel, first), []).append(start)
            at += 1 if kind == 0xC0 else 2
            if kind == 0x80:
                begun, velocity, with_program = sounding[channel, first].pop(0)
                positions.append((at, (with_program, begun, tick, first, velocity)))
            elif kind == 0xC0:
                program[channel] = first
    return positions


def test_damage_in_one_place_costs_few_notes():
    score = performance(5, 200)
    data = midi.dumps(score)
    whole = shapes(score)
    rng = random.Random(1)
    saved, invented = [], []
    for _ in range(150):
        at = rng.randrange(30, len(data) - 8)
        found = shapes(midi.read(data[:at] + rng.randbytes(4) + data[at + 4 :]))
        saved.append((found & whole).total())
        invented.append((found - whole).total())
    assert np.mean(saved) > 0.98 * whole.total()
    # A broken wait also changes the length of what sounds over it.
    assert np.mean(invented) < 0.03 * whole.total()


def shapes(score: Score) -> Counter[tuple[int, ...]]:
    """Notes without their place: a broken wait moves all that follows."""
    return Counter((end - start, p, v) for _, start, end, p, v in notes_of(score))


def test_a_lost_note_off_does_not_shift_the_ends_behind_it():
    lost = b"\x00\x90\x3c\x40\x10\x80\xbc\x40"  # the off of the first note has a bad pitch
    (track,) = midi.read(raw.smf(lost + raw.NOTE * 3 + raw.END)).tracks
    assert track.notes.tolist() == [(16 * i, 16 * i + 16, 60, 64) for i in range(4)]


@pytest.mark.parametrize(
    ("division", "ticks_per_s"),
    [(0xE728, 1000), (0xE850, 24 * 80), (0xE264, 3000), (0xE350, 30_000 / 1001 * 80)],
)
def test_smpte_time_is_exact(division, ticks_per_s):
    tempos = b"\x00\xff\x51\x03\x01\x00\x00"  # which mean nothing here
    wait = raw.varlen(123_457)
    data = raw.smf(tempos + wait + raw.NOTE[1:] + raw.END, division=division)
    score, repairs = midi.load(data)
    assert repairs == ()
    assert score.seconds(123_457) == pytest.approx(123_457 / ticks_per_s, rel=1e-15)


def test_every_smpte_division_can_be_said_in_ticks_per_quarter():
    for frames, rate in ((24, 24), (25, 25), (29, 30_000 / 1001), (30, 30)):
        for ticks_per_frame in range(1, 256):
            ticks, tempo = clock_of((256 - frames) << 8 | ticks_per_frame)
            assert tempo is not None
            assert tempo / ticks * 1e-6 == pytest.approx(1 / (rate * ticks_per_frame), rel=1e-15)
            assert 1 <= ticks <= 32767
            assert 1 <= tempo < 2**24


@pytest.mark.parametrize(
    ("limits", "says"),
    [
        (Limits(max_bytes=50), "bytes; the limit is 50"),
        (Limits(max_tracks=1), "holds 2 tracks; the limit is 1"),
        (Limits(max_notes=5), "more than 5 notes"),
        (Limits(max_ticks=40), "beyond tick 40"),
        (Limits(max_seconds=0.01), "seconds; the limit is 0.01"),
    ],
)
def test_limits_refuse_what_is_beyond(limits, says, tmp_path):
    path = tmp_path / "song.mid"
    path.write_bytes(TWO_TRACKS)
    for source in (TWO_TRACKS, path):
        for strict in (False, True):
            with pytest.raises(InputError, match=says):
                midi.read(source, limits=limits, strict=strict)
    enough = Limits(max_bytes=len(TWO_TRACKS), max_tracks=2, max_notes=6, max_ticks=48)
    assert midi.read(TWO_TRACKS, limits=enough).note_count == 6


def test_limits_hold_for_sequences_laid_end_to_end():
    data = raw.smf(raw.NOTE + raw.END, raw.NOTE + raw.END, file_format=2)
    with pytest.raises(InputError, match="beyond tick 1000"):
        midi.read(data, limits=Limits(max_ticks=1000))


def test_limits_that_make_no_sense():
    with pytest.raises(UsageError, match="max_notes=0"):
        Limits(max_notes=0)
    with pytest.raises(UsageError, match="int64"):
        Limits(max_ticks=2**63)


def test_times_beyond_any_music_do_not_wrap():
    data = raw.smf((b"\xff\xff\xff\x7f" + raw.NOTE[1:]) * 100 + raw.END)
    (track,) = midi.read(data).tracks
    assert track.notes["start_tick"].tolist() == [(i + 1) * 0x0FFFFFFF + 16 * i for i in range(100)]
    far = raw.smf((raw.varlen(2**35 - 1) + raw.NOTE[1:]) * 100 + raw.END)
    (track,) = midi.read(far).tracks
    assert track.notes[-1].tolist() == (
        100 * (2**35 - 1) + 99 * 16,
        100 * (2**35 - 1) + 100 * 16,
        60,
        64,
    )


def test_a_large_file_is_read_alike_from_its_path_and_from_its_bytes(tmp_path):
    # Large enough to be mapped, and to be let go of in pieces.
    events = raw.NOTE * (20 << 17)
    data = raw.smf(b"\x00\xff\x03\x05piano" + events + raw.END, raw.NOTE + raw.END)
    path = tmp_path / "large.mid"
    path.write_bytes(data)
    from_path, from_bytes = midi.read(path), midi.read(data)
    assert from_path == from_bytes
    assert from_path.note_count == (20 << 17) + 1
    assert [track.name for track in from_path.tracks] == ["piano", ""]
    assert from_path.name == "piano"


def test_a_scan_can_stop_at_every_event():
    data = midi.dumps(replace(performance(9, 20), name="title"))
    whole = midi.read(data)
    container = open_shell(data, Limits()).container
    from rnnmusic.midi import state as s
    from rnnmusic.midi.scan import scan
    from rnnmusic.midi.tables import Tables

    chunks = np.zeros(len(container.chunks), dtype=s.CHUNK)
    chunks["begin"], chunks["end"] = np.array(container.chunks).T
    tables = Tables.for_bytes(len(data), 1000)
    state = s.State.fresh(forgiving=True, latest_tick=2**54, patience=1)
    stops = 0
    for pause in range(1, len(data) + 1):
        trouble = scan(data, chunks, tables, state, pause)
        stops += trouble.what == s.PAUSED
        assert trouble.what in (s.PAUSED, s.FINE)
        if trouble.what == s.FINE:
            break
    assert stops > 100
    assert chunks["notes"][-1] == whole.note_count
