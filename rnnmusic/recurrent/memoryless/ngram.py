"""N-grams of whole frames by counting: no gradient, no hidden units, an exact likelihood."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from rnnmusic.errors import InputError, UsageError

Frames = NDArray[Any]
Floats = NDArray[np.float64]
#: Frames as bytes, the oldest first; shorter than the order at the beginning of a piece.
Context = tuple[bytes, ...]

#: Weights of the smoothing that `fit` tries out, in Witten and Bell's own unit.
WEIGHTS = np.geomspace(1e-3, 1e3, 121)


class FrameNgram:
    """p(frame | the order - 1 frames before it), smoothed from order to order.

    p_n(f | c) = (count(c f) + s p_(n-1)(f | c')) / (count(c) + s), where c' is c without its oldest
    frame and s = w_n times the number of kinds of frame seen after c. That is interpolation after
    Witten and Bell (1991) where w = 1; here `fit` chooses the w of each order on validation pieces,
    the lowest order first. p_0 is the `floor`:

    - "notes": independent notes, each as frequent as in training;
    - "uniform": all frames alike, so that order 1 is add-p smoothing.

    Before a piece there is silence of another kind than rests, known as such: the first frames
    count too, and nothing is seen across the borders of pieces. Order 0 is the floor alone.
    """

    def __init__(self, order: int = 2, *, floor: Literal["notes", "uniform"] = "notes") -> None:
        if order < 0:
            raise UsageError(f"order is {order}; give 0 or more.")
        if floor not in ("notes", "uniform"):
            raise UsageError(f"floor is {floor!r}; choose notes or uniform.")
        self.order = order
        self.floor = floor
        self.weights = np.ones(order)
        self._columns = 0
        self._frequencies = np.zeros(0)
        self._after: list[dict[Context, Counter[bytes]]] = []

    def fit(self, pieces: Sequence[Frames], validation: Sequence[Frames] = ()) -> FrameNgram:
        """Count in pieces, 0/1 rolls (T, F), and choose the weights on validation, if given."""
        if not pieces or any(piece.ndim != 2 or not piece.size for piece in pieces):
            raise InputError("N-grams are counted in rolls (T, F); give one or more, none empty.")
        rolls = np.concatenate(pieces)
        self._columns = rolls.shape[1]
        # Half a frame with each note and half without: nothing is impossible.
        self._frequencies = (rolls.sum(0, dtype=np.float64) + 0.5) / (len(rolls) + 1.0)
        self._after = [{} for _ in range(self.order)]
        for piece in pieces:
            keys = self._keys(piece)
            for t, key in enumerate(keys):
                for length, table in enumerate(self._after):
                    table.setdefault(self._context(keys, t, length), Counter())[key] += 1
        self.weights = np.ones(self.order)
        if len(validation):
            self._choose_weights(validation)
        return self

    def nll(self, piece: Frames) -> Floats:
        """The negative log-likelihood of each frame of piece (T, F) in nats, the first included."""
        counts, log_p = self._counts(piece), self._log_floor(piece)
        for row, weight in zip(counts, self.weights, strict=True):
            log_p = _interpolated(row, weight, log_p)
        return -log_p

    def pooled(self, pieces: Iterable[Frames]) -> float:
        """The mean of `nll` over all frames of all pieces."""
        return float(np.concatenate([self.nll(piece) for piece in pieces]).mean())

    def sample(self, steps: int, rng: np.random.Generator) -> Frames:
        """A piece from its first frame on: (steps, F) uint8."""
        if not self._columns:
            raise UsageError("These n-grams have counted nothing yet; fit them first.")
        keys: list[bytes] = []
        for t in range(steps):
            keys.append(self._draw(keys, t, rng))
        rows = np.frombuffer(b"".join(keys), dtype=np.uint8).reshape(steps, -1)
        return np.unpackbits(rows, axis=1, count=self._columns)

    @property
    def parameter_count(self) -> int:
        """Counts that are kept, frequencies of the floor and weights."""
        kept = sum(len(seen) for table in self._after for seen in table.values())
        return kept + (self._columns if self.floor == "notes" else 0) + self.order

    def _keys(self, piece: Frames) -> list[bytes]:
        if piece.ndim != 2 or piece.shape[1] != self._columns:
            raise InputError(
                f"A roll of shape {piece.shape} doesn't fit n-grams of frames of {self._columns} "
                "columns; give (T, F) with the columns of training, after fitting."
            )
        return [row.tobytes() for row in np.packbits(piece != 0, axis=1)]

    def _context(self, keys: Sequence[bytes], t: int, length: int) -> Context:
        """The `length` frames before t; what lies before the piece is the empty frame b""."""
        known = tuple(keys[max(0, t - length) : t])
        return (b"",) * (length - len(known)) + known

    def _counts(self, piece: Frames) -> list[Floats]:
        """Per order, (3, T): count of the frame after its context, of the context, of kinds."""
        keys = self._keys(piece)
        rows = []
        for length, table in enumerate(self._after):
            row = np.zeros((3, len(keys)))
            for t, key in enumerate(keys):
                seen = table.get(self._context(keys, t, length))
                if seen is not None:
                    row[:, t] = seen[key], seen.total(), len(seen)
            rows.append(row)
        return rows

    def _log_floor(self, piece: Frames) -> Floats:
        if self.floor == "uniform":
            return np.full(len(piece), -self._columns * np.log(2.0))
        on, off = np.log(self._frequencies), np.log1p(-self._frequencies)
        return np.asarray(np.where(piece != 0, on, off).sum(1))

    def _choose_weights(self, validation: Sequence[Frames]) -> None:
        per_piece = [self._counts(piece) for piece in validation]
        counts = [np.concatenate(rows, 1) for rows in zip(*per_piece, strict=True)]
        log_p = np.concatenate([self._log_floor(piece) for piece in validation])
        for n, row in enumerate(counts):
            tried = [_interpolated(row, weight, log_p) for weight in WEIGHTS]
            best = int(np.argmax([found.mean() for found in tried]))
            self.weights[n], log_p = WEIGHTS[best], tried[best]

    def _draw(self, keys: list[bytes], t: int, rng: np.random.Generator) -> bytes:
        """The mixture as it is written: from an order's counts, or else from the order below."""
        for length in reversed(range(self.order)):
            seen = self._after[length].get(self._context(keys, t, length))
            if seen is None:
                continue
            total = seen.total()
            if rng.random() * (total + self.weights[length] * len(seen)) < total:
                frames, counts = zip(*seen.items(), strict=True)
                return bytes(frames[rng.choice(len(frames), p=np.array(counts) / total)])
        on = self._frequencies if self.floor == "notes" else 0.5
        return np.packbits(rng.random(self._columns) < on).tobytes()


def _interpolated(row: Floats, weight: float, log_below: Floats) -> Floats:
    """log p of an order from its counts (3, T) and the order below; unseen contexts pass it on."""
    count, total, kinds = row
    smoothing = weight * kinds
    known = total > 0
    # Logarithms throughout: a frame of many notes has a floor below what a float can be.
    with np.errstate(divide="ignore"):
        mixed = np.logaddexp(np.log(count), np.log(smoothing) + log_below)
        return np.where(known, mixed - np.log(np.where(known, total + smoothing, 1.0)), log_below)
