"""Paths and bad input: one sentence, nothing half-read, nothing half-written."""

import warnings

import mido
import pretty_midi
import pytest
import symusic

from rnnmusic import midi
from rnnmusic.errors import InputError
from rnnmusic.score import CONTROL, KEY, METRE, NOTE, TEMPO, Score, Track, table
from tests.midi import raw

SCORE = Score(tracks=(Track(notes=table(NOTE, [(0, 480, 60, 64), (480, 960, 64, 64)])),))
GOOD = midi.dumps(SCORE)


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b"", "it is empty"),
        (b"Twinkle, twinkle, little star", "starts with b'Twin'"),
        (GOOD[:4], "ends within its header"),
        (GOOD[:14], "announces 2 tracks but it holds 0"),
        (GOOD[:26], "announces 2 tracks but it holds 1"),
        (GOOD[:-1], "middle of track 2: 1 bytes are missing"),
        (raw.header(0), "no tracks"),
        (raw.header(1, file_format=7) + GOOD[14:], "format 7"),
        (raw.smf(raw.NOTE + raw.END, division=0xE628), "26 SMPTE frames"),
        (raw.smf(raw.NOTE + raw.END, division=0), "0 ticks per quarter"),
        (b"RIFF\x00\x00\x00\x00RMIDjunk\x00\x00\x00\x00", "RIFF wrapper holds no MIDI"),
        (raw.smf(raw.NOTE + b"\x00\x90\x3c"), "breaks off"),
        (raw.smf(raw.NOTE + b"\x00"), "breaks off"),
        (raw.smf(raw.NOTE + b"\x00\xff\x03\x70abc" + raw.END), "breaks off"),
        (raw.smf(b"\x00\x3c\x40" + raw.END), "data where an event should start"),
        (raw.smf(raw.NOTE + b"\x00\xf0\x01\xf7\x00\x3c\x00" + raw.END), "byte 13 is data where"),
        (raw.smf(b"\x00\x90\x3c\xc0" + raw.END), "value above 127"),
        (raw.smf(b"\x00\xf4" + raw.END), "0xf4"),
        (raw.smf(b"\xff\xff\xff\xff\x7f\x90\x3c\x40" + raw.END), "longer than the standard's"),
        (raw.smf(b"\x07\xff\x51\x03\x00\x00\x00" + raw.END), "tempo at tick 7 is 0"),
        (raw.smf(b"\x07\xff\x51\x02\x01\x00" + raw.END), "meta event 0x51 at byte 2 is too short"),
        (raw.smf(b"\x07\xff\x58\x04\x00\x02\x18\x08" + raw.END), "metre at tick 7 is 0/4"),
        (raw.smf(b"\x07\xff\x59\x02\x50\x00" + raw.END), "key at tick 7 has 80 sharps"),
    ],
)
def test_bad_files_are_refused_with_their_name_and_reason(data, complaint, tmp_path):
    path = tmp_path / "song.mid"
    path.write_bytes(data)
    with pytest.raises(InputError, match=complaint) as caught:
        midi.read(path, strict=True)
    assert str(path) in str(caught.value)
    assert "give a whole Standard MIDI File" in str(caught.value)
    assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match="The MIDI data can't be read"):
        midi.read(data, strict=True)


def test_every_truncation_breaks_the_standard():
    for length in range(len(GOOD)):
        with pytest.raises(InputError):
            midi.read(GOOD[:length], strict=True)


def test_missing_paths_and_folders(tmp_path):
    with pytest.raises(InputError, match=r"none.mid can't be read: No such file"):
        midi.read(tmp_path / "none.mid")
    with pytest.raises(InputError, match="is a folder"):
        midi.read(tmp_path)


def test_write_then_read(tmp_path):
    path = tmp_path / "a.mid"
    for file_format in (0, 1, 2):
        midi.write(SCORE, path, format=file_format)
        assert midi.read(str(path)).tracks == SCORE.tracks
    assert [p.name for p in tmp_path.iterdir()] == ["a.mid"]


def test_failed_writes_leave_everything_as_it_was(tmp_path):
    path = tmp_path / "a.mid"
    path.write_bytes(b"old")
    too_loud = Score(tracks=(Track(notes=table(NOTE, [(0, 1, 60, 200)])),))
    with pytest.raises(InputError, match="velocity"):
        midi.write(too_loud, path)
    assert path.read_bytes() == b"old"
    (tmp_path / "folder").mkdir()
    for unwritable in (tmp_path / "missing" / "a.mid", tmp_path / "folder"):
        with pytest.raises(InputError, match="Can't write"):
            midi.write(SCORE, unwritable)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.mid", "folder"]


@pytest.mark.parametrize("file_format", [0, 1])
def test_every_library_parses_what_we_write(tmp_path, file_format):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # music21 warns when it is imported the first time
        import music21
    tracks = tuple(
        Track(
            notes=table(NOTE, [(i * 480, i * 480 + 400, 40 + i + 12 * k, 64) for i in range(8)]),
            program=40 + k,
            is_drum=k == 2,
            name=f"part {k}",
            controls=table(CONTROL, [(0, 64, 127), (960, 64, 0)]),
        )
        for k in range(3)
    )
    path = tmp_path / "a.mid"
    score = Score(
        tracks=tracks,
        tempos=table(TEMPO, [(0, 400_000), (960, 700_000)]),
        metres=table(METRE, [(0, 3, 4)]),
        keys=table(KEY, [(0, -3, True)]),
        name="title",
    )
    midi.write(score, path, format=file_format)
    assert sum(m.type == "note_on" for m in mido.MidiFile(path)) == 24
    assert sum(len(i.notes) for i in pretty_midi.PrettyMIDI(str(path)).instruments) == 24
    assert symusic.Score(path).note_num() == 24
    theirs = music21.converter.parse(path, forceSource=True, storePickle=False)
    assert sum(len(getattr(n, "notes", [n])) for n in theirs.recurse().notes) == 24
