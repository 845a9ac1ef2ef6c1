"""Which pieces train, validate and test: a function of the music alone.

A piece's place is decided by a hash of its steps, so files may be renamed, converted or added
without moving the others. Transpositions of one piece share their place: training transposes at
random, and would otherwise have heard what it is tested on.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

from rnnmusic.encodings.protocol import Encoding, Steps
from rnnmusic.errors import UsageError

SPLITS = ("train", "valid", "test")
_WHOLE_KEYBOARD = 127  # semitones: no shift can be larger


def fingerprint(steps: Steps, encoding: Encoding) -> str:
    """SHA-256 (hex) of steps (T, F) in the encoding's own integer type."""
    plain = np.ascontiguousarray(steps, dtype=encoding.dtype.newbyteorder("<"))
    digest = hashlib.sha256(f"{plain.shape}".encode())
    digest.update(plain.tobytes())
    return digest.hexdigest()


def family(steps: Steps, encoding: Encoding) -> str:
    """Fingerprint (hex) that a piece shares with its transpositions: of the lowest of them."""
    lowest, _ = encoding.transposition_range(steps, _WHOLE_KEYBOARD)
    return fingerprint(encoding.transpose(steps, lowest) if lowest else steps, encoding)


def check_fractions(fractions: Sequence[float]) -> None:
    """UsageError unless fractions are three shares that add up to 1, the first above 0."""
    sound = len(fractions) == len(SPLITS) and all(f >= 0 for f in fractions)
    if not sound or fractions[0] == 0 or abs(sum(fractions) - 1) > 1e-6:
        raise UsageError(
            f"The splits {tuple(fractions)} don't make sense; give three shares for train, valid "
            "and test that add up to 1, as 0.8 0.1 0.1."
        )


def assign(families: Sequence[str], fractions: Sequence[float], seed: int = 0) -> list[str]:
    """The split of each piece, given its family.

    A family hashes to a point in [0, 1), and the fractions cut that line. Only where a cut
    leaves a split of a small corpus empty does it move, just past the nearest family: with three
    families or more all splits are filled, with fewer valid and test go without, in that order
    from the end.
    """
    check_fractions(fractions)
    points = {name: _point(name, seed) for name in families}
    order = sorted(points, key=lambda name: (points[name], name))
    wanted = [fraction > 0 for fraction in fractions]
    least = [int(want and sum(wanted[:i]) < len(order)) for i, want in enumerate(wanted)]
    line = [points[name] for name in order]
    valid_from = int(np.searchsorted(line, fractions[0]))
    test_from = int(np.searchsorted(line, fractions[0] + fractions[1]))
    if not wanted[2]:  # the sum of the shares may round to just below 1
        test_from = len(order)
    valid_from = min(max(valid_from, least[0]), len(order) - least[1] - least[2])
    test_from = min(max(test_from, valid_from + least[1]), len(order) - least[2])
    place = {
        name: SPLITS[int(i >= valid_from) + int(i >= test_from)] for i, name in enumerate(order)
    }
    return [place[name] for name in families]


def _point(name: str, seed: int) -> float:
    digest = hashlib.sha256(f"{seed}:{name}".encode()).digest()
    return int.from_bytes(digest[:6], "big") / 2**48
