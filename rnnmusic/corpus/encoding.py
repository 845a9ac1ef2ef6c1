"""One item -> its pieces: loaded, encoded, and all that is told of them taken down."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from rnnmusic.audio import Audio, read_audio
from rnnmusic.corpus import fingerprints, notation, splits
from rnnmusic.corpus._shingles import SKETCH
from rnnmusic.corpus.facts import facts
from rnnmusic.corpus.notation import NOT_STATED
from rnnmusic.corpus.records import NO_KEY, PIECE, Found, Verdict, pack
from rnnmusic.corpus.sources import Item
from rnnmusic.encodings.protocol import AudioEncoding, Encoded, Encoding, ScoreEncoding
from rnnmusic.errors import InputError, UsageError
from rnnmusic.score import Score

#: Raised whenever the same file would become something else: then no store is taken up again.
REVISION = 1


class _Loaded(NamedTuple):
    music: Score | Audio
    licence: str
    composer: str = ""
    repairs: tuple[str, ...] = ()
    fault: str = ""  # why there is no music to be had from it


def encode_item(item: Item, encoding: Encoding) -> list[Found | Verdict]:
    """The pieces in an item, usually one, each found or rejected."""
    try:
        loaded = _load(item, encoding)
    except (InputError, MemoryError) as error:
        return [_rejected(item.source, error)]
    if not loaded:
        return [Verdict(item.source, "rejected", "It holds no score.")]
    found: list[Found | Verdict] = []
    for number, one in enumerate(loaded, start=1):
        # A file of many tunes: each is a piece.
        tail = f"#{number}" if len(loaded) > 1 else ""
        try:
            found.append(_encode(one, item.name + tail, item.source + tail, encoding))
        except (InputError, MemoryError) as error:
            found.append(_rejected(item.source + tail, error))
    return found


def warm_up(encoding: Encoding) -> None:
    """Have everything compiled that reading many MIDI files needs."""
    from rnnmusic.midi.reader import SCAN

    kernels = encoding.kernels if isinstance(encoding, ScoreEncoding) else ()
    for kernel in (SCAN, *kernels, SKETCH):
        kernel.get_ready()


def _load(item: Item, encoding: Encoding) -> list[_Loaded]:
    if isinstance(encoding, AudioEncoding):
        audio, repairs = read_audio(item.path, sample_rate_hz=encoding.sample_rate_hz, mono=True)
        return [_Loaded(audio, item.licence, repairs=repairs)]
    if not item.is_notation:
        from rnnmusic import midi

        score, repairs = midi.load(item.path)
        score = score if score.name else replace(score, name=item.name)
        return [_Loaded(score, item.licence, repairs=repairs)]
    try:
        scores = notation.load(item.path)
    except OSError as error:
        raise InputError(f"Can't read {item.file}: {error.strerror or error}.") from error
    for one in scores:
        if item.voices not in (None, len(one.score.tracks)):
            raise InputError(
                f"It has {len(one.score.tracks)} parts; this collection is one of "
                f"{item.voices} parts."
            )
    return [
        _Loaded(
            s.score,
            item.licence if s.licence == NOT_STATED else s.licence,
            s.composer,
            fault=s.fault,
        )
        for s in scores
    ]


def _encode(loaded: _Loaded, name: str, source: str, encoding: Encoding) -> Found:
    if loaded.fault:
        raise InputError(loaded.fault)
    music = loaded.music
    numbers = np.zeros((), dtype=PIECE)
    numbers["duration_s"] = music.duration_s
    sketch = np.asarray(fingerprints.NO_SKETCH)
    if isinstance(music, Score) and isinstance(encoding, ScoreEncoding):
        encoded = encoding.encode_packed(music)
        known = facts(music)
        sketch, family = fingerprints.sketch(music)
        numbers["family"], numbers["tempo_bpm"] = family, known.tempo_bpm
        numbers["key"] = known.key
        numbers["notes"] = music.note_count - sum(encoded.left_out.values())
        numbers["lowest_pitch"], numbers["highest_pitch"] = _range(music, encoding)
    elif isinstance(music, Audio) and isinstance(encoding, AudioEncoding):
        steps, clock, left_out = encoding.encode(music)
        encoded = Encoded(pack(steps, encoding), clock, left_out)
        numbers["tempo_bpm"], numbers["key"] = math.nan, NO_KEY
        numbers["lowest_pitch"] = 127
    else:
        raise UsageError(f"The {encoding.name} encoding is neither one of scores nor of audio.")
    rows = encoded.steps
    numbers["length"] = len(rows)
    numbers["sha256"] = np.frombuffer(splits.fingerprint(rows), dtype=np.uint8)
    left_out = {reason: int(count) for reason, count in encoded.left_out.items() if count}
    return Found(
        name,
        source,
        loaded.licence,
        loaded.composer,
        numbers,
        sketch,
        rows,
        encoded.clock,
        loaded.repairs,
        left_out,
    )


def _range(score: Score, encoding: ScoreEncoding) -> tuple[int, int]:
    """Lowest and highest pitch that is encoded."""
    bottom, top = getattr(encoding, "lowest_pitch", 0), getattr(encoding, "highest_pitch", 127)
    lowest, highest = 127, 0
    for track in score.tracks:
        if track.is_drum or not len(track.notes):
            continue
        pitch = track.notes["pitch"]
        if pitch.min() < bottom or pitch.max() > top:
            pitch = pitch[(pitch >= bottom) & (pitch <= top)]
        lowest = min(lowest, int(pitch.min(initial=127)))
        highest = max(highest, int(pitch.max(initial=0)))
    return lowest, highest


def _rejected(source: str, error: Exception) -> Verdict:
    too_long = "It is too long for this machine's memory."
    return Verdict(source, "rejected", too_long if isinstance(error, MemoryError) else str(error))
