"""A new score from a generator: so many bars, from nothing or as the continuation of a prime."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from rnnmusic.encodings.protocol import Steps
from rnnmusic.errors import UsageError
from rnnmusic.generator import Generator
from rnnmusic.heads.protocol import Controls
from rnnmusic.sampling.guard import StallGuard
from rnnmusic.sampling.kinds import score_encoding
from rnnmusic.sampling.sampler import Sampler
from rnnmusic.score import METRE, Score, Track, table
from rnnmusic.score import tempo_bpm as bpm_of

DEFAULT_TEMPO_BPM = 120.0


def generate(
    generator: Generator,
    *,
    bars: int,
    seed: int,
    controls: Controls | None = None,
    prime: Score | None = None,
    tempo_bpm: float | None = None,
    program: int | None = None,
) -> Score:
    """Sample a piece of `bars` new bars; the same arguments give the same score.

    With a prime the score is the prime as the encoding hears it (on its grid, within its range),
    its last bar completed, and then `bars` new bars. The metre is the prime's last, tempo and
    program its first unless given, else 4/4, 120 quarters a minute and program 0. Notes that
    would sound past the last bar line end there.

    UsageError when bars isn't positive or the generator makes sound; InputError when the prime
    has no note the encoding can say, or the model stops moving in time.
    """
    if bars < 1:
        raise UsageError(f"Asked for {bars} bars; at least 1 is needed to make music.")
    encoding = score_encoding(generator.encoding)
    metre = _last_metre(prime)
    quarters_per_bar = 4.0 * metre[0] / metre[1]
    sampler = Sampler(generator, seed=seed, controls=controls, quarters_per_bar=quarters_per_bar)
    decoder = encoding.live_decoder()
    steps: list[Steps] = []
    bars_heard = 0
    if prime is not None:
        heard = encoding.encode(prime)
        sampler.prime(heard.steps, heard.clock)
        steps.extend(heard.steps)
        for step in heard.steps:
            decoder.push(step)
        played = encoding.decode(heard.steps)
        bars_heard = math.ceil(played.end_tick / played.ticks_per_quarter / quarters_per_bar)
    end_quarters = (bars_heard + bars) * quarters_per_bar
    guard = StallGuard()
    # The decoder knows in one step of work how far time has come; the whole piece isn't re-read.
    while decoder.horizon_quarters < end_quarters:
        step = sampler.next()
        steps.append(step)
        decoder.push(step)
        guard.check(decoder.horizon_quarters)
    score = encoding.decode(
        np.stack(steps),
        tempo_bpm=_first_tempo_bpm(prime) if tempo_bpm is None else tempo_bpm,
        program=_first_program(prime) if program is None else program,
    )
    score = replace(score, metres=table(METRE, [(0, *metre)]))
    return ending_at(score, round(end_quarters * score.ticks_per_quarter))


def ending_at(score: Score, end_tick: int) -> Score:
    """The score up to a tick: notes that sound there end there, what would begin there is gone."""

    def cut(track: Track) -> Track:
        notes = track.notes[track.notes["start_tick"] < end_tick].copy()
        notes["end_tick"] = np.minimum(notes["end_tick"], end_tick)
        return replace(
            track,
            notes=notes,
            controls=track.controls[track.controls["tick"] <= end_tick],
            bends=track.bends[track.bends["tick"] <= end_tick],
        )

    return replace(
        score,
        tracks=tuple(cut(track) for track in score.tracks),
        tempos=score.tempos[score.tempos["tick"] < max(end_tick, 1)],
        metres=score.metres[score.metres["tick"] < max(end_tick, 1)],
        keys=score.keys[score.keys["tick"] < max(end_tick, 1)],
    )


def _last_metre(score: Score | None) -> tuple[int, int]:
    if score is None or not len(score.metres):
        return 4, 4
    last = score.metres[-1]
    return int(last["numerator"]), int(last["denominator"])


def _first_tempo_bpm(score: Score | None) -> float:
    if score is None or not len(score.tempos):
        return DEFAULT_TEMPO_BPM
    return float(bpm_of(score.tempos["microseconds_per_quarter"][0]))


def _first_program(score: Score | None) -> int:
    pitched = [] if score is None else [t for t in score.tracks if not t.is_drum and len(t.notes)]
    return pitched[0].program if pitched else 0
