"""A recurrence along time and pitch: a cell reads itself a frame before and the pitch below."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rnnmusic.errors import UsageError
from rnnmusic.recurrent.gated import LstmState
from rnnmusic.recurrent.multiaxis.pitch_view import PitchView
from rnnmusic.recurrent.protocol import Learned, Recurrent, tree_map

GATES = 5  # i, f, o, m, g


class Spatial(Recurrent):
    """A two-dimensional LSTM over time x pitch (Graves, Fernandez & Schmidhuber 2007).

    i, f, o, m = sigmoid(W view_p(x_t) + U h_t[p-1] + V h_(t-1)[p] + b), g = tanh(likewise),
    c_t[p] = f (m c_(t-1)[p] + (1 - m) c_t[p-1]) + i g, h_t[p] = o tanh(c_t[p]),

    for the pitches p from the lowest up, the same weights for all; below the lowest, h and c are
    zero. One forget gate on a mixture of the two memories, for the paper's two gates can add up to
    more than 1 and then c grows along the pitches (Leifert et al. 2016). See `PitchView` for what a
    pitch is told of the notes, and for columns, pitches, window and pitch_class.

    Shapes: x (B, T, input_size), y (B, T, P * size): `size` numbers of the lowest pitch, then of
    the next. State: `LstmState` of h and c (B, P, size). Training runs the cells of an
    anti-diagonal t + p side by side, T + P - 1 times.
    """

    def __init__(
        self,
        input_size: int,
        size: int,
        *,
        columns: int | None = None,
        pitches: int | None = None,
        window: int = 0,
        pitch_class: bool = True,
        forget_bias: float = 1.0,
        learned_initial_state: Learned = False,
    ) -> None:
        super().__init__()
        if size < 1:
            raise UsageError(f"A layer of {size} units per pitch can't be; give 1 or more.")
        self.view = PitchView(
            input_size, columns=columns, pitches=pitches, window=window, pitch_class=pitch_class
        )
        self.input_size = input_size
        self.output_size = self.view.pitches * size
        self.weight = nn.Parameter(torch.empty(GATES * size, self.view.output_size))
        self.recurrent = nn.Parameter(torch.empty(GATES * size, 2 * size))  # U and V
        self.bias = nn.Parameter(torch.zeros(GATES * size))
        for gate in (*self.weight.data.chunk(GATES), *self.recurrent.data.chunk(GATES)):
            nn.init.xavier_uniform_(gate)
        nn.init.constant_(self.bias.data[size : 2 * size], forget_bias)
        self._add_initial(2, size, learned=learned_initial_state)

    def initial_state(self, batch_size: int) -> LstmState:
        """The state before the first step, batch_size rows: zeros or learned, alike for all P."""
        h, c = self.initial_row()
        return LstmState(*(row.expand(batch_size, self.view.pitches, -1) for row in (h, c)))

    def step(
        self, x: Tensor, state: LstmState, dt: Tensor | float = 1.0
    ) -> tuple[Tensor, LstmState]:
        """One step: x (B, input_size) -> y (B, P * size), pitch after pitch."""
        drive = F.linear(self.view(x), self.weight, self.bias)
        below, rows = tree_map(lambda part: torch.zeros_like(part[:, 0]), state), []
        for p in range(self.view.pitches):
            before = LstmState(state.h[:, p], state.c[:, p])
            below = self._cells(drive[:, p], below, before)
            rows.append(below)
        after = tree_map(lambda *parts: torch.stack(parts, dim=1), *rows)
        return after.h.flatten(1), after

    def forward(
        self,
        x: Tensor,
        state: LstmState | None = None,
        dt: Tensor | None = None,
        reset: Tensor | None = None,
        lengths: Tensor | None = None,
    ) -> tuple[Tensor, LstmState]:
        """A whole stretch, as in `Recurrent`, one anti-diagonal after the other."""
        batch, time, pitches = len(x), x.shape[1], self.view.pitches
        initial = self.initial_state(batch)
        # The newest cell of each pitch: on diagonal d that is of time d - 1 - p.
        front = initial if state is None else state
        drive = F.linear(self.view(x), self.weight, self.bias).flatten(1, 2)
        order = _order(time, pitches).to(x.device)
        spans = [
            slice(max(0, d - time + 1), min(pitches, d + 1)) for d in range(time + pitches - 1)
        ]
        widths = [span.stop - span.start for span in spans]
        drives = torch.split(drive[:, order], widths, dim=1)
        outputs = []
        for diagonal, span in enumerate(spans):
            t = diagonal - torch.arange(span.start, span.stop, device=x.device)
            old = before = tree_map(lambda part, span=span: part[:, span], front)
            below = tree_map(lambda part, span=span: _raised(part)[:, span], front)
            if reset is not None:
                begins = reset[:, t].unsqueeze(2)
                first = tree_map(lambda part, span=span: part[:, span], initial)
                before = tree_map(partial(torch.where, begins), first, old)
            new = self._cells(drives[diagonal], below, before)
            y = new.h
            if lengths is not None:
                alive = (t < lengths.unsqueeze(1)).unsqueeze(2)
                new = tree_map(partial(torch.where, alive), new, old)
                y = torch.where(alive, y, 0.0)
            outputs.append(y)
            front = tree_map(partial(_replaced, span), front, new)
        y = torch.cat(outputs, dim=1)[:, order.argsort()]
        return y.reshape(batch, time, -1), front

    def _cells(self, drive: Tensor, below: LstmState, before: LstmState) -> LstmState:
        """Cells (..., size) from those of the pitch below and of the frame before."""
        total = drive + F.linear(torch.cat([below.h, before.h], dim=-1), self.recurrent)
        i, f, o, m, g = total.chunk(GATES, dim=-1)
        memory = torch.lerp(below.c, before.c, torch.sigmoid(m))
        c = torch.sigmoid(f) * memory + torch.sigmoid(i) * torch.tanh(g)
        return LstmState(torch.sigmoid(o) * torch.tanh(c), c)


def _raised(part: Tensor) -> Tensor:
    """part (B, P, H) one pitch up, zeros at the lowest."""
    return F.pad(part[:, :-1], (0, 0, 1, 0))


def _replaced(span: slice, part: Tensor, fresh: Tensor) -> Tensor:
    """part (B, P, H) with fresh ones for a span of its pitches."""
    return torch.cat([part[:, : span.start], fresh, part[:, span.stop :]], dim=1)


def _order(time: int, pitches: int) -> Tensor:
    """The cells t * P + p (T * P,), anti-diagonal after anti-diagonal, the lowest pitch first."""
    pitch = torch.arange(pitches)
    diagonal = torch.arange(time).unsqueeze(1) + pitch
    return (diagonal * pitches + pitch).flatten().argsort()
