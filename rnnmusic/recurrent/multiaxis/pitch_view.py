"""What each pitch is told of the step before: everything relative to itself."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rnnmusic.errors import UsageError

CLASSES = 12  # of pitches an octave apart


class PitchView(nn.Module):
    """One step's inputs as P rows, a row per pitch.

    Shapes: x (..., input_size) -> (..., P, output_size). Of the inputs, `columns` are notes, P
    pitches from the lowest up with columns / P numbers each side by side; the rest is given to
    every pitch, such as a clock. Each pitch p gets, of every kind of number:

    - the window p - w to p + w, zeros past the edges;
    - the relative chroma: sums over octaves of the pitches 0 to 11 semitones above its class;
    - the sums over all pitches below and above it;

    and, with pitch_class, which of the 12 classes it is of. Without, a shift of the notes by k
    pitches shifts the rows by k, but for what falls off the edges (Johnson 2017).

    Where `pitches` is given and `columns` isn't, the inputs are those of another layer of P rows:
    each pitch gets its own and no others.
    """

    def __init__(
        self,
        input_size: int,
        *,
        columns: int | None,
        pitches: int | None,
        window: int,
        pitch_class: bool,
    ) -> None:
        super().__init__()
        self.reads_rows = columns is None and pitches is not None
        self.input_size = input_size
        self.columns = input_size if columns is None else columns
        self.pitches = self.columns if pitches is None else pitches
        if self.pitches < 1 or self.columns % self.pitches or not 0 < self.columns <= input_size:
            raise UsageError(
                f"{input_size} inputs, {self.columns} of them notes, aren't {self.pitches} pitches "
                "with equally many numbers each; use an encoding with a column per pitch."
            )
        if window < 0:
            raise UsageError(f"window is {window} pitches; give 0 or more.")
        self.window = window
        self.pitch_class = pitch_class
        numbers = self.columns // self.pitches
        self.output_size = input_size - self.columns + numbers
        if not self.reads_rows:
            self.output_size += numbers * (2 * window + CLASSES + 2) + CLASSES * pitch_class
        pitch = torch.arange(self.pitches)
        around = (pitch.unsqueeze(1) + torch.arange(CLASSES)) % CLASSES
        self._classes: Tensor
        self.register_buffer("_classes", around, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """x (..., input_size) -> (..., P, output_size)."""
        shape = x.shape[:-1]
        rows = x[..., : self.columns].reshape(*shape, self.pitches, -1)
        if self.reads_rows:
            return rows
        notes = rows.transpose(-1, -2)  # (..., numbers, P)
        padded = F.pad(notes, (0, -self.pitches % CLASSES))
        octaves = padded.reshape(*padded.shape[:-1], -1, CLASSES)
        upto = notes.cumsum(-1)
        parts = [
            F.pad(notes, (self.window, self.window)).unfold(-1, 2 * self.window + 1, 1),
            octaves.sum(-2)[..., self._classes],
            (upto - notes).unsqueeze(-1),
            (upto[..., -1:] - upto).unsqueeze(-1),
        ]
        features = torch.cat(parts, dim=-1)  # (..., numbers, P, features)
        seen = [features.transpose(-2, -3).flatten(-2)]
        if self.pitch_class:
            own = F.one_hot(self._classes[:, 0], CLASSES).to(x.dtype)
            seen.append(own.expand(*shape, -1, -1))
        if self.columns < x.shape[-1]:
            shared = x[..., self.columns :].unsqueeze(-2)
            seen.append(shared.expand(*shape, self.pitches, -1))
        return torch.cat(seen, dim=-1)
