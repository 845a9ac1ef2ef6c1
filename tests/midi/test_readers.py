"""The reader in both of its modes against an oracle, and files no writer of ours would make."""

import io
import random

import mido
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnmusic import midi
from rnnmusic.compiling import Kernel
from rnnmusic.midi.container import unpack
from rnnmusic.midi.reader import SCAN, read_tracks
from rnnmusic.score import BEND, CONTROL, KEY, METRE, NOTE, TEMPO, Score, Track, table
from rnnmusic.score.assembly import MalformedError
from tests.midi import oracle, raw
from tests.score.strategies import scores


def notes_of(data: bytes) -> list[list[tuple[int, ...]]]:
    return [track.notes.tolist() for track in midi.read(data).tracks]


INTERPRETED, COMPILED = SCAN.with_patience(1 << 62), SCAN.with_patience(-1)


def outcome(data: bytes, kernel: Kernel) -> Score | str:
    """The score, or the complaint."""
    try:
        return read_tracks(unpack(data), kernel).score
    except MalformedError as error:
        return str(error)


def check(data: bytes) -> bool:
    """Compare both ways of running the reader with each other and with the oracle; True: read."""
    slow, fast = outcome(data, INTERPRETED), outcome(data, COMPILED)
    assert slow == fast
    try:
        expected = oracle.read(unpack(data))
    except MalformedError:
        assert isinstance(fast, str)
        return False
    assert not isinstance(fast, str)
    assert fast == expected
    return True


@given(
    st.lists(raw.plain_messages | raw.wild_messages, min_size=1, max_size=3),
    st.sampled_from([0, 1, 2]),
)
def test_any_stream_of_messages_reads_as_the_oracle_does(tracks, file_format):
    assert check(raw.smf(*(events + raw.END for events in tracks), file_format=file_format))


@given(scores(), st.integers(0, 2**32 - 1))
def test_damaged_files_are_read_alike_or_refused(score, seed):
    check(damaged(midi.dumps(score), random.Random(seed)))


@pytest.mark.parametrize("file_format", [0, 1, 2])
def test_many_damaged_files(file_format):
    notes = table(NOTE, [(i * 60, i * 60 + 90, 50 + i % 7, 64) for i in range(60)])
    pedal = table(CONTROL, [(i * 97, 64, 127 * (i % 2)) for i in range(40)])
    bends = table(BEND, [(i * 300, i * 500) for i in range(10)])
    score = Score(
        tracks=(
            Track(notes=notes, controls=pedal, name="hands"),
            Track(notes=notes, bends=bends, program=40, name="fiddle"),
        ),
        tempos=table(TEMPO, [(i * 480, 500_000 + i) for i in range(10)]),
        metres=table(METRE, [(0, 3, 4), (1440, 6, 8)]),
        keys=table(KEY, [(0, -3, True)]),
        name="piece",
    )
    rng = random.Random(file_format)
    whole = midi.dumps(score, format=file_format)
    results = [check(damaged(whole, rng)) for _ in range(700)]
    assert 50 < sum(results) < 650


def damaged(data: bytes, rng: random.Random) -> bytes:
    """The file with a few bytes changed, cut out, doubled or put in."""
    changed = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(14, len(changed) + 1) if rng.random() < 0.95 else rng.randrange(14)
        size = min(rng.choice([1, 1, 1, 2, 3, 8]), len(changed) - at)
        match rng.choice(["flip", "set", "set", "cut", "double", "insert"]):
            case "flip" if size:
                changed[at] ^= 1 << rng.randrange(8)
            case "set":
                changed[at : at + size] = rng.randbytes(size)
            case "cut":
                del changed[at : at + size]
            case "double":
                changed[at:at] = changed[at : at + size]
            case _:
                changed[at:at] = rng.choice([b"\xff\x2f\x00", b"\xf0", b"\x00", rng.randbytes(3)])
    fix = rng.random() < 0.5  # so that the reader gets beyond the last track's size
    start = data.rfind(b"MTrk")
    if fix and changed[start : start + 4] == b"MTrk":
        changed[start + 4 : start + 8] = (len(changed) - start - 8).to_bytes(4, "big")
    return bytes(changed)


def test_long_chords_and_many_hanging_notes_are_sorted_in_good_time():
    count = 50_000  # quadratic sorting or pairing would take minutes
    chord = b"".join(b"\x00" + bytes([127 - i % 128, 1 + i % 120]) for i in range(count))
    data = raw.smf(b"\x00\x90\x3c\x40" + chord + b"\x05\xff\x2f\x00")
    assert check(data)
    (track,) = midi.read(data).tracks
    assert track.notes.tolist() == sorted(
        track.notes.tolist(), key=lambda n: (n[0], n[2], n[1], n[3])
    )


def test_controllers_wait_for_the_next_note_and_stay_in_file_order():
    # The first waits for the part of the next note, the second has it already.
    waits = b"\x00\xc0\x05\x00\xb0\x07\x64\x00\xc0\x00\x00\xb0\x07\x32"
    other = b"\x00\xc0\x05" + raw.NOTE
    first, second = midi.read(raw.smf(raw.NOTE + waits + raw.NOTE + other + raw.END)).tracks
    assert first.controls["value"].tolist() == [100, 50]
    assert (second.program, len(second.controls)) == (5, 0)


@given(st.lists(raw.plain_messages | raw.wild_messages, min_size=1, max_size=3))
def test_no_event_is_lost_that_mido_sees(tracks):
    data = raw.smf(*(events + raw.END for events in tracks))
    seen = [m for track in mido.MidiFile(file=io.BytesIO(data)).tracks for m in track]
    score = midi.read(data)
    assert score.note_count == sum(m.type == "note_on" and m.velocity > 0 for m in seen)
    assert sum(len(t.controls) for t in score.tracks) == count(seen, "control_change")
    assert sum(len(t.bends) for t in score.tracks) == count(seen, "pitchwheel")
    assert len(score.tempos) == count(seen, "set_tempo")
    assert len(score.metres) == count(seen, "time_signature")
    assert len(score.keys) == count(seen, "key_signature")


def count(messages: list[mido.Message], kind: str) -> int:
    return sum(message.type == kind for message in messages)


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        # Two notes nobody stops end with their track, 5 ticks after the last event.
        (raw.NOTE + b"\x00\x90\x40\x01\x01\x40\x02\x05\xff\x2f\x00",
         [(0, 16, 60, 64), (16, 22, 64, 1), (17, 22, 64, 2)]),
        # A system exclusive message cancels running status but not time.
        (b"\x02\xf0\x03\x43\x12\xf7" + raw.NOTE + raw.END, [(2, 18, 60, 64)]),
        # An escape holds any bytes, these look like a note.
        (b"\x02\xf7\x03\x90\x3c\x40" + raw.NOTE + raw.END, [(2, 18, 60, 64)]),
        # Running status goes on after a text.
        (b"\x00\x90\x3c\x40\x03\xff\x01\x01a\x10\x3c\x00" + raw.END, [(0, 19, 60, 64)]),
        # A track may lack its end, and end before its bytes do.
        (raw.NOTE, [(0, 16, 60, 64)]),
        (raw.NOTE + raw.END + raw.NOTE, [(0, 16, 60, 64)]),
        # Notes that differ in nothing but velocity: the softer comes first.
        (b"\x00\x90\x3c\x40\x00\x3c\x20\x05\x3c\x00\x00\x3c\x00" + raw.END,
         [(0, 5, 60, 32), (0, 5, 60, 64)]),
        # A note-off for nothing is nothing.
        (b"\x00\x80\x3c\x40" + raw.NOTE + b"\x00\x80\x3c\x40" + raw.END, [(0, 16, 60, 64)]),
    ],
)  # fmt: skip
def test_streams_that_parsers_trip_over(events, expected):
    (track,) = midi.read(raw.smf(events)).tracks
    assert track.notes.tolist() == expected


def test_notes_belong_to_the_program_they_start_with():
    switch = b"\x00\xb0\x07\x64\x00\xc0\x05\x00\x90\x3c\x40\x04\xc0\x06\x04\x80\x3c\x40"
    score = midi.read(raw.smf(switch + raw.NOTE + raw.END))
    assert [(t.program, t.notes.tolist()) for t in score.tracks] == [
        (5, [(0, 8, 60, 64)]),
        (6, [(8, 24, 60, 64)]),
    ]
    assert score.tracks[0].controls.tolist() == [(0, 7, 100)]


@pytest.mark.parametrize("file_format", [0, 1])
def test_names_of_any_encoding(file_format):
    for encoding in ("utf-8", "latin-1"):
        title = "Flöte".encode(encoding)
        events = b"\x00\xff\x03" + bytes([len(title)]) + title + raw.NOTE + raw.END
        score = midi.read(raw.smf(events, file_format=file_format))
        assert score.name == "Flöte"
        assert score.tracks[0].name == ("Flöte" if file_format else "")


def test_sequences_of_format_2_are_laid_end_to_end():
    first = b"\x00\xff\x51\x03\x06\x1a\x80\x00\xff\x58\x04\x03\x02\x18\x08" + raw.NOTE + raw.END
    second = raw.NOTE + raw.END
    score = midi.read(raw.smf(first, second, first, file_format=2))
    assert [t.notes["start_tick"].tolist() for t in score.tracks] == [[0], [1440], [3360]]
    assert score.tempos.tolist() == [(0, 400_000), (1440, 500_000), (3360, 400_000)]
    assert score.metres.tolist() == [(0, 3, 4), (1440, 4, 4), (3360, 3, 4)]
    assert score.bar_starts(3360).tolist() == [0, 1440, 3360]


def test_sequences_of_tiny_bars_far_apart_are_read():
    wait = b"\xff\xff\xff\x7f\xff\x01\x00"  # as long as one delta can say
    tiny = b"\x00\xff\x58\x04\x01\x0f\x18\x08" + 50 * wait + raw.NOTE + raw.END
    score = midi.read(raw.smf(tiny, tiny, file_format=2))
    first = 50 * (2**28 - 1)
    assert [t.notes["start_tick"].tolist() for t in score.tracks] == [[first], [2 * first + 16]]


def test_wrapped_padded_and_foreign_chunks_are_read():
    plain = raw.smf(raw.NOTE + raw.END)
    expected = midi.read(plain)
    foreign = b"XFIH\x00\x00\x00\x03abc"
    riff = b"RIFF\x00\x00\x00\x00RMIDLIST\x01\x00\x00\x00a\x00data"
    for data in (
        plain[:14] + foreign + plain[14:],
        plain + b"\x00" * 50,
        plain[:7] + b"\x08" + plain[8:14] + b"\x00\x00" + plain[14:],
        riff + len(plain).to_bytes(4, "little") + plain,
    ):
        assert midi.read(data) == expected
