"""Both directions of time: one recurrence reads from the beginning, another from the end."""

from __future__ import annotations

import torch
from torch import Tensor

from rnnmusic.errors import UsageError
from rnnmusic.recurrent.gated import Gru, Lstm
from rnnmusic.recurrent.protocol import Learned, Recurrent, SequenceLayer


class Bidirectional(SequenceLayer):
    """Two recurrences in opposite directions, side by side (Schuster and Paliwal 1997).

    y_t = [ahead(x_1 .. x_t), back(x_T .. x_t)], where T is each row's own length: the padding is
    never read. Shapes: x (B, T, input_size), y (B, T, output_size), output_size the sum of both.

    ahead, back: any recurrences over the same inputs; `back` reads the steps in reverse order.
    """

    def __init__(self, ahead: Recurrent, back: Recurrent) -> None:
        super().__init__()
        if ahead.input_size != back.input_size:
            raise UsageError(
                f"Recurrences over {ahead.input_size} and {back.input_size} inputs can't read the "
                "same steps; make them equal."
            )
        self.ahead = ahead
        self.back = back
        self.input_size = ahead.input_size
        self.output_size = ahead.output_size + back.output_size

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """x (B, T, input_size) -> y (B, T, output_size); zero from lengths (B,) on."""
        ahead, _ = self.ahead(x, lengths=lengths)
        back, _ = self.back(reversed_steps(x, lengths), lengths=lengths)
        return torch.cat([ahead, reversed_steps(back, lengths)], dim=2)

    def summary(self, y: Tensor, lengths: Tensor | None = None) -> Tensor:
        """What each recurrence says when it has read everything, of y as `forward` gives it.

        y (B, T, output_size) -> (B, output_size): `ahead` at the last step and `back` at the first,
        where it ends. Zero for rows of length 0.
        """
        ahead, back = torch.split(y, [self.ahead.output_size, self.back.output_size], dim=2)
        return torch.cat([last_step(ahead, lengths), back[:, 0]], dim=1)


def reversed_steps(x: Tensor, lengths: Tensor | None = None) -> Tensor:
    """x (B, T, F) with each row's first lengths (B,) steps in reverse, the padding where it was."""
    if lengths is None:
        return x.flip(1)
    steps = torch.arange(x.shape[1], device=x.device)
    end = lengths.to(x.device).unsqueeze(1)
    index = torch.where(steps < end, end - 1 - steps, steps)
    return x.gather(1, index.unsqueeze(2).expand_as(x))


def last_step(y: Tensor, lengths: Tensor | None = None) -> Tensor:
    """y (B, T, F) at each row's last step, (B, F); at the first step for rows of length 0."""
    if lengths is None:
        return y[:, -1]
    rows = torch.arange(len(y), device=y.device)
    return y[rows, (lengths.to(y.device) - 1).clamp_min(0)]


def bi_lstm(input_size: int, size: int, *, learned_initial_state: Learned = False) -> Bidirectional:
    """An LSTM of `size` units in each direction (Graves and Schmidhuber 2005)."""
    ahead, back = (
        Lstm(input_size, size, learned_initial_state=learned_initial_state) for _ in range(2)
    )
    return Bidirectional(ahead, back)


def bi_gru(input_size: int, size: int, *, learned_initial_state: Learned = False) -> Bidirectional:
    """A GRU of `size` units in each direction."""
    ahead, back = (
        Gru(input_size, size, learned_initial_state=learned_initial_state) for _ in range(2)
    )
    return Bidirectional(ahead, back)
