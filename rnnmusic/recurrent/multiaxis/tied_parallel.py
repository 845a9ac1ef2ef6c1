"""One recurrence over time for all pitches: what is learnt of one pitch holds for every other."""

from __future__ import annotations

from typing import Literal

from torch import Tensor

from rnnmusic.errors import UsageError
from rnnmusic.recurrent.gated import Gru, Lstm
from rnnmusic.recurrent.multiaxis.pitch_view import PitchView
from rnnmusic.recurrent.protocol import Learned, Recurrent, State, tree_map

CELLS: dict[str, type[Lstm] | type[Gru]] = {"gru": Gru, "lstm": Lstm}


class TiedParallel(Recurrent):
    """y_t[p], h_t[p] = cell(view_p(x_t), h_(t-1)[p]) for each pitch p, the same cell for all.

    The tied-parallel network of Johnson (2017), and with a pitch-axis head his biaxial one. See
    `PitchView` for what a pitch is told, and for columns, pitches, window and pitch_class. Without
    pitch_class music in another key is other rows of the same numbers: transposing the training
    data teaches nothing new.

    Shapes: x (B, T, input_size), y (B, T, P * size): `size` numbers of the lowest pitch, then of
    the next. The state is the cell's with a row per pitch, (B, P, size). Each pitch is a row of the
    cell's batch, so that training runs its fused kernel.
    """

    def __init__(
        self,
        input_size: int,
        size: int,
        *,
        columns: int | None = None,
        pitches: int | None = None,
        cell: Literal["gru", "lstm"] = "gru",
        window: int = 12,
        pitch_class: bool = True,
        learned_initial_state: Learned = False,
        recurrent_dropout: float = 0.0,
    ) -> None:
        super().__init__()
        if cell not in CELLS:
            raise UsageError(f"cell is {cell!r}; choose one of {', '.join(CELLS)}.")
        self.view = PitchView(
            input_size, columns=columns, pitches=pitches, window=window, pitch_class=pitch_class
        )
        self.cell = CELLS[cell](
            self.view.output_size,
            size,
            learned_initial_state=learned_initial_state,
            recurrent_dropout=recurrent_dropout,
        )
        self.input_size = input_size
        self.output_size = self.view.pitches * size

    def initial_state(self, batch_size: int) -> State:
        """The state before the first step, batch_size rows: zeros or learned, alike for all P."""
        return self._by_pitch(self.cell.initial_state(batch_size * self.view.pitches))

    def step(self, x: Tensor, state: State, dt: Tensor | float = 1.0) -> tuple[Tensor, State]:
        """One step: x (B, input_size) -> y (B, P * size)."""
        rows = self.view(x).flatten(0, 1)
        y, after = self.cell.step(rows, _flat(state))
        return y.view(len(x), -1), self._by_pitch(after)

    def forward(
        self,
        x: Tensor,
        state: State | None = None,
        dt: Tensor | None = None,
        reset: Tensor | None = None,
        lengths: Tensor | None = None,
    ) -> tuple[Tensor, State]:
        """A whole stretch, as in `Recurrent`."""
        batch, pitches = len(x), self.view.pitches
        rows = self.view(x).transpose(1, 2).flatten(0, 1)  # (B * P, T, D)
        y, after = self.cell(
            rows,
            None if state is None else _flat(state),
            None,
            None if reset is None else reset.repeat_interleave(pitches, 0),
            None if lengths is None else lengths.repeat_interleave(pitches, 0),
        )
        y = y.unflatten(0, (batch, pitches)).transpose(1, 2).flatten(2)
        return y, self._by_pitch(after)

    def _by_pitch(self, state: State) -> State:
        return tree_map(lambda part: part.unflatten(0, (-1, self.view.pitches)), state)


def _flat(state: State) -> State:
    return tree_map(lambda part: part.flatten(0, 1), state)
