"""Feel: swing as people write it, and the small irregularities of hands."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from hashlib import blake2b

from rnnmusic.errors import UsageError
from rnnmusic.live.timing.beat import checked_swing

_NAMED_SWINGS = {"straight": 0.5, "even": 0.5, "triplet": 2 / 3, "shuffle": 2 / 3, "dotted": 0.75}
MOST_LOOSE_S, MOST_UNEVEN = 0.05, 40.0
#: Three uniform numbers of 16 bits: their sum's mean, and what makes its deviation 1.
_DRAWS = struct.Struct("<6H")
_MEAN, _SCALE = 3 * 0xFFFF / 2, 2 / 0x10000
#: Where that sum ends, in standard deviations.
REACH = 3.0


def parse_swing(text: str) -> float:
    """The share of a quarter that its first eighth takes, 0.5 to 0.75, from what people write.

    "0.6", "60", "60 %", "2:1" (long to short), "straight", "triplet", "dotted". UsageError for
    anything else.
    """
    word = text.strip().lower()
    if word in _NAMED_SWINGS:
        return _NAMED_SWINGS[word]
    try:
        if ":" in word:
            long, _, short = word.partition(":")
            share = float(long) / (float(long) + float(short))
        else:
            share = float(word.removesuffix("%"))
            share = share / 100 if share > 1 or word.endswith("%") else share
    except (ValueError, ZeroDivisionError):
        raise UsageError(
            f"Can't read {text!r} as a swing; give the share of a quarter that its first eighth "
            'takes ("0.6" or "60 %", from 50 to 75), a ratio ("2:1"), "straight", "triplet" or '
            '"dotted".'
        ) from None
    return checked_swing(share)


@dataclass(frozen=True)
class Hands:
    """How a note strays from the score: a function of the note alone, whatever was drawn before.

    So a replay, a rewind and a bar that is sampled anew stray alike. Both amounts are standard
    deviations of the sum of three uniform numbers, which is Gaussian but for its tails: they end
    at three deviations. A hash (BLAKE2b) of seed, time, pitch and channel gives the numbers, and
    arithmetic is exact, so they are the same everywhere.

    loose_s: of the time, 0 to 0.05 s. A note can't come before its time, so all of them come
    `mean_delay_s` later on average, three times as much, which no listener can tell. uneven: of
    the velocity, 0 to 40. UsageError outside of those.
    """

    seed: int
    loose_s: float = 0.0
    uneven: float = 0.0

    def __post_init__(self) -> None:
        for what, value, most in (
            ("looseness in seconds", self.loose_s, MOST_LOOSE_S),
            ("unevenness of velocity", self.uneven, MOST_UNEVEN),
        ):
            if not 0 <= value <= most:
                raise UsageError(f"The {what} can't be {value:g}; give 0 to {most:g}.")

    @property
    def mean_delay_s(self) -> float:
        """How late notes are on average."""
        return REACH * self.loose_s

    def __call__(self, time_quarters: float, pitch: int, channel: int = 0) -> tuple[float, int]:
        """(delay_s, what to add to the velocity) of a note; the delay is 0 to 6 loose_s."""
        if not self.loose_s and not self.uneven:
            return 0.0, 0
        note = struct.pack("<dBB", time_quarters, pitch, channel)
        key = self.seed.to_bytes(16, "little", signed=True)
        draws = _DRAWS.unpack(blake2b(note, digest_size=_DRAWS.size, key=key).digest())
        time, velocity = ((sum(three) - _MEAN) * _SCALE for three in (draws[:3], draws[3:]))
        return self.loose_s * max(0.0, REACH + time), round(self.uneven * velocity)
