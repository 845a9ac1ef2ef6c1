"""What fast-weight memories share: keys, queries, values per head, and a gated way out."""

from __future__ import annotations

from abc import abstractmethod
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rnnmusic.errors import UsageError
from rnnmusic.recurrent import segments
from rnnmusic.recurrent.protocol import Learned, Recurrent, State

#: Steps of which the effects on each other are one matrix product.
CHUNK = 32


class MemoryState(NamedTuple):
    """S (B, heads, K, V): what each head has stored, values by keys; and z (B, heads, K), the sum
    of its keys, which a normalised reading divides by."""

    S: Tensor
    z: Tensor


class Written(NamedTuple):
    """What steps write and read: q, k (B, heads, T, K), v (B, heads, T, V); log_decay, of what was
    stored before, at most 0, and strength of the writing, (B, heads, T)."""

    q: Tensor
    k: Tensor
    v: Tensor
    log_decay: Tensor
    strength: Tensor


class FastWeights(Recurrent):
    """A memory S of V x K numbers per head, written by keys and read by queries.

    Shapes: x (B, T, input_size), y (B, T, size). Each of the `heads` has K = V = size / heads
    numbers, rounded up. y = W_o (r * silu(W_g x)) + W_s x of what all heads read, r.
    """

    def __init__(
        self, input_size: int, size: int, heads: int, gates: int, learned: Learned
    ) -> None:
        super().__init__()
        if min(input_size, size, heads) < 1:
            raise UsageError(
                f"A memory of {input_size} inputs, {size} outputs and {heads} heads can't be; give "
                "1 or more of each."
            )
        self.input_size, self.output_size, self.heads = input_size, size, heads
        self.width = -(-size // heads)
        inner = heads * self.width
        #: Queries, keys, values, the gate of the output; then `gates` numbers for each head.
        self.project = nn.Linear(input_size, 4 * inner + gates * heads)
        self.readout = nn.Linear(inner, size)
        self.skip = nn.Linear(input_size, size, bias=False)
        self._add_initial(heads, self.width, self.width, learned=learned)

    def initial_state(self, batch_size: int) -> State:
        """The state before the first step, batch_size rows: zeros or a learned S."""
        stored = self.initial_row().expand(batch_size, -1, -1, -1)
        return MemoryState(stored, stored.new_zeros(stored.shape[:-1]))

    def step(
        self, x: Tensor, state: MemoryState, dt: Tensor | float = 1.0
    ) -> tuple[Tensor, MemoryState]:
        """One step: x (B, input_size) -> y (B, size); `dt` is ignored."""
        written, gate = self._written(x.unsqueeze(1))
        read, after = self._one(Written(*(part.squeeze(2) for part in written)), state)
        return self._out(read.flatten(1), gate.squeeze(1), x), after

    def forward(
        self,
        x: Tensor,
        state: State | None = None,
        dt: Tensor | None = None,
        reset: Tensor | None = None,
        lengths: Tensor | None = None,
    ) -> tuple[Tensor, State]:
        """A whole stretch, as in `Recurrent`, `CHUNK` steps at once; `dt` is ignored."""
        if state is None:
            state = self.initial_state(len(x))
        if reset is None and lengths is None:
            return self._run(x, state, None)
        return segments.run(self, self._run, x, state, reset, lengths)

    @abstractmethod
    def _gates(self, numbers: Tensor) -> tuple[Tensor, Tensor]:
        """log_decay and strength, (..., heads) each, of the projected numbers (..., gates)."""

    @abstractmethod
    def _featured(self, q: Tensor, k: Tensor) -> tuple[Tensor, Tensor]:
        """Queries and keys as they are compared."""

    @abstractmethod
    def _one(self, w: Written, state: MemoryState) -> tuple[Tensor, MemoryState]:
        """One step of all heads: read (B, heads, V) and the state after."""

    @abstractmethod
    def _chunk(self, w: Written, state: MemoryState) -> tuple[Tensor, MemoryState]:
        """Several steps: read (B, heads, T, V) and the state after them."""

    def _run(self, x: Tensor, state: MemoryState, valid: Tensor | None) -> tuple[Tensor, State]:
        written, gate = self._written(x)
        if valid is not None:
            # Past the end nothing is written and nothing decays.
            alive = valid.unsqueeze(1)
            written = written._replace(
                log_decay=torch.where(alive, written.log_decay, 0.0),
                strength=torch.where(alive, written.strength, 0.0),
            )
        reads = []
        for begin in range(0, x.shape[1], CHUNK):
            part = Written(*(each[:, :, begin : begin + CHUNK] for each in written))
            read, state = self._chunk(part, state)
            reads.append(read)
        read = torch.cat(reads, 2).transpose(1, 2).flatten(2)
        return self._out(read, gate, x), state

    def _written(self, x: Tensor) -> tuple[Written, Tensor]:
        """What x (B, T, D) writes, and the gate of the output (B, T, inner)."""
        inner = self.heads * self.width
        parts = self.project(x).split([inner] * 4 + [self.project.out_features - 4 * inner], -1)
        q, k, v = (part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in parts[:3])
        log_decay, strength = (gate.transpose(1, 2) for gate in self._gates(parts[4]))
        return Written(*self._featured(q, k), v, log_decay, strength), parts[3]

    def _out(self, read: Tensor, gate: Tensor, x: Tensor) -> Tensor:
        y: Tensor = self.readout(read * F.silu(gate)) + self.skip(x)
        return y


def decays(log_decay: Tensor) -> tuple[Tensor, Tensor]:
    """What is left at each step of the start (..., T) and of each step before, (..., T, T): lower
    triangular with ones on the diagonal."""
    since = log_decay.cumsum(-1)
    between = since.unsqueeze(-1) - since.unsqueeze(-2)
    future = torch.ones_like(between, dtype=torch.bool).triu(1)
    return since.exp(), between.masked_fill(future, -torch.inf).exp()
