"""Aligned pairs for transcription: what is heard and what is played, frame by frame."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rnnmusic import midi
from rnnmusic.audio import Audio
from rnnmusic.encodings._checks import check_range
from rnnmusic.encodings.protocol import AudioEncoding, Steps
from rnnmusic.errors import InputError
from rnnmusic.score import Score, Table, Track

Roll = NDArray[np.uint8]

AUDIO_EXTENSIONS = (".wav", ".flac", ".ogg", ".mp3", ".aif", ".aiff")
MIDI_EXTENSIONS = (".mid", ".midi")


class Aligned(NamedTuple):
    """A recording's frames and, on the same hop, the notes of its score.

    frames: (T, F), the encoding's steps. sounding and struck: (T, P) uint8, P pitches from the
    lowest up, 1 while a pitch sounds and where it is struck. left_out: reason -> number of notes.
    """

    frames: Steps
    sounding: Roll
    struck: Roll
    left_out: dict[str, int]

    @property
    def streams(self) -> dict[str, Steps]:
        """The three arrays by name: a sequence as `FrameDataset.write` takes it."""
        return {"frames": self.frames, "sounding": self.sounding, "struck": self.struck}


def aligned(
    audio: Audio,
    score: Score,
    encoding: AudioEncoding,
    *,
    lowest_pitch: int = 21,
    highest_pitch: int = 108,
    pedal: bool = True,
) -> Aligned:
    """Frames of a recording with the rolls of the score that was played in it.

    Time 0 of both is the same. A note of `start_s` is struck in the frame that stands nearest to
    it, halves later, and sounds from there to before the frame nearest to its end, one frame at
    least: at most half a hop off. These are the targets of transcription by onsets and frames
    (Hawthorne et al. 2018), which with `pedal` also let a note whose key is up sound on until the
    pedal is, or the pitch is struck again. Drums aren't pitches and aren't in the rolls.

    Notes out of range and those struck outside the recording are counted as left out. InputError
    when that leaves none, and for what `encoding` refuses.
    """
    check_range("aligned", lowest_pitch, highest_pitch)
    frames = encoding.encode(audio).steps
    notes = _notes(score, pedal=pedal)
    in_range = (notes["pitch"] >= lowest_pitch) & (notes["pitch"] <= highest_pitch)
    steps_per_second = encoding.sample_rate_hz / encoding.hop_size
    start = _nearest(score.seconds(notes["start_tick"]) * steps_per_second)
    end = np.maximum(start + 1, _nearest(score.seconds(notes["end_tick"]) * steps_per_second))
    heard = (start >= 0) & (start < len(frames))
    sounding = np.zeros((len(frames), highest_pitch - lowest_pitch + 1), dtype=np.uint8)
    struck = np.zeros_like(sounding)
    kept = in_range & heard
    if not kept.any():
        raise InputError(
            f"The score {score.name!r} has no note from {lowest_pitch} to {highest_pitch} within "
            f"the {audio.duration_s:.1f} s of its recording; check that they belong together."
        )
    column = notes["pitch"].astype(np.int64) - lowest_pitch
    for first, last, pitch in zip(start[kept], end[kept], column[kept], strict=True):
        sounding[first:last, pitch] = 1
        struck[first, pitch] = 1
    left_out = {
        "pitches out of range": int((~in_range).sum()),
        "notes outside the recording": int((in_range & ~heard).sum()),
    }
    return Aligned(frames, sounding, struck, {why: n for why, n in left_out.items() if n})


def pairs(folder: str | os.PathLike[str]) -> list[tuple[Path, Path]]:
    """Recordings and scores of the same name in a folder and those below it: x.wav with x.mid.

    Sorted by path. InputError when there is none, and for a name with several of either.
    """
    root = Path(folder)
    found: dict[Path, list[list[Path]]] = defaultdict(lambda: [[], []])
    for path in sorted(p for p in root.rglob("*") if p.is_file()):
        for kind, extensions in enumerate((AUDIO_EXTENSIONS, MIDI_EXTENSIONS)):
            if path.suffix.lower() in extensions:
                found[path.with_suffix("")][kind].append(path)
    both = [(recordings, scores) for recordings, scores in found.values() if recordings and scores]
    if not both:
        raise InputError(
            f"{root} has no recording beside a score of the same name; "
            "put pairs such as take1.wav and take1.mid there."
        )
    for recordings, scores in both:
        if several := [files for files in (recordings, scores) if len(files) > 1]:
            names = " and ".join(file.name for file in several[0])
            raise InputError(f"{root} has {names} of one name; keep one of them.")
    return [(recordings[0], scores[0]) for recordings, scores in both]


def load_pairs(
    folder: str | os.PathLike[str],
    encoding: AudioEncoding,
    *,
    lowest_pitch: int = 21,
    highest_pitch: int = 108,
    pedal: bool = True,
) -> Iterator[Aligned]:
    """`aligned` for each of `pairs`, loaded as it is asked for.

    `FrameDataset.write(place, (pair.streams for pair in load_pairs(folder, encoding)))` makes a
    data set of them.
    """
    for recording, written in pairs(folder):
        yield aligned(
            Audio.load(recording, sample_rate_hz=encoding.sample_rate_hz, mono=True),
            midi.read(written),
            encoding,
            lowest_pitch=lowest_pitch,
            highest_pitch=highest_pitch,
            pedal=pedal,
        )


def _nearest(places: NDArray[np.float64]) -> NDArray[np.int64]:
    return np.floor(places + 0.5).astype(np.int64)


def _notes(score: Score, *, pedal: bool) -> Table:
    """NOTE table of the pitched notes, lasting as long as they sound."""
    tracks = [track for track in score.tracks if not track.is_drum and len(track.notes)]
    tables = [_pedalled(track) if pedal else track.notes for track in tracks]
    return np.concatenate(tables) if tables else score.notes()


def _pedalled(track: Track) -> Table:
    """The track's notes, those released under the pedal lasting until it comes up."""
    spans = track.pedal
    notes = np.sort(track.notes, order=("pitch", "start_tick", "end_tick"))
    if not len(spans):
        return notes
    span = np.searchsorted(spans["start_tick"], notes["end_tick"], side="right") - 1
    up = np.where(span >= 0, spans["end_tick"][span], 0)
    again = np.append(notes["start_tick"][1:], 0)
    same_pitch = np.append(notes["pitch"][1:] == notes["pitch"][:-1], False)
    up = np.where(same_pitch, np.minimum(up, again), up)
    notes["end_tick"] = np.maximum(notes["end_tick"], up)
    return notes
