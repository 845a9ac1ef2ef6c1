"""The fast reader against the exact one, and files that no writer of ours would make."""

import io

import mido
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnmusic import midi
from rnnmusic.midi.container import unpack
from rnnmusic.midi.exact import read_exactly
from rnnmusic.midi.fast import read_fast
from rnnmusic.score import CONTROL, NOTE, Score, Track, table
from tests.midi import raw
from tests.score.strategies import scores


def notes_of(data: bytes) -> list[list[tuple[int, ...]]]:
    return [track.notes.tolist() for track in midi.read(data).tracks]


@given(scores(), st.sampled_from([0, 1]))
def test_the_readers_agree_on_our_files_and_the_fast_one_takes_them(score, file_format):
    drums_agree = len({t.program for t in score.tracks if t.is_drum}) <= 1
    container = unpack(midi.dumps(score, format=file_format if drums_agree else 1))
    fast = read_fast(container)
    assert fast is None or fast == read_exactly(container)


def test_the_fast_reader_takes_ordinary_files():
    notes = table(NOTE, [(i * 60, i * 60 + 50, 40 + i % 40, 64) for i in range(5000)])
    pedal = table(CONTROL, [(i * 97, 64, 127 * (i % 2)) for i in range(3000)])
    score = Score(tracks=(Track(notes=notes, controls=pedal),) * 3)
    assert read_fast(unpack(midi.dumps(score))) == score


@given(
    st.lists(raw.plain_messages | raw.wild_messages, min_size=1, max_size=3),
    st.sampled_from([0, 1]),
)
def test_the_readers_agree_on_any_stream_of_messages(tracks, file_format):
    data = raw.smf(*(events + raw.END for events in tracks), file_format=file_format)
    container = unpack(data)
    fast = read_fast(container)
    assert fast is None or fast == read_exactly(container)


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
