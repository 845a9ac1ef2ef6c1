"""Sequence to sequence: an encoder reads all of one sequence, a decoder writes another."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rnnmusic.errors import UsageError
from rnnmusic.recurrent.multiaxis.bidirectional import Bidirectional, last_step
from rnnmusic.recurrent.protocol import Recurrent, State


class DecoderState(NamedTuple):
    """All that decoding depends on, a row per sequence; as any state it is a value.

    recurrent: of the decoder's recurrence. summary (B, E): what the encoder ended with. memory
    (B, S, E): its outputs. mask (B, S): 1 for steps of the source, 0 for its padding.
    """

    recurrent: State
    summary: Tensor
    memory: Tensor
    mask: Tensor


class Attention(nn.Module):
    """What a memory holds for a query (Luong, Pham and Manning 2015, "general" scores).

    a = softmax over s of h W m_s, y = tanh(V [h, sum over s of a_s m_s]). Shapes: h (B, T, H),
    memory (B, S, E), mask (B, S) -> y (B, T, H) and weights a (B, T, S), 0 where the mask is. Rows
    whose mask is all 0 get nothing: their weights are 0.
    """

    def __init__(self, size: int, memory_size: int) -> None:
        super().__init__()
        self.score = nn.Linear(size, memory_size, bias=False)
        self.combine = nn.Linear(size + memory_size, size)

    def forward(self, h: Tensor, memory: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """What is found, and where it was looked for."""
        scores = self.score(h) @ memory.transpose(1, 2)
        is_there = mask.unsqueeze(1) > 0
        # Not -inf: a row without a source would be 0 / 0.
        weights = scores.masked_fill(~is_there, -1e9).softmax(2) * is_there
        found = torch.cat([h, weights @ memory], dim=2)
        return torch.tanh(self.combine(found)), weights


class SequenceToSequence(nn.Module):
    """Encoder, decoder and readout over symbols (Cho et al. 2014; Sutskever, Vinyals and Le 2014).

    The encoder reads the embedded source. The decoder reads, at each step, the symbol that was
    written before and the encoder's summary: its output at the last step, of a `Bidirectional` that
    of both ends. With attention it also looks back at all of the encoder's outputs.

    Symbols of both sequences are 0 .. symbols - 1. The readout has one more, `end`, which is also
    what the decoder reads first: writing ends by its being written.

    encoder: a `Recurrent` or `Bidirectional` over embedding_size numbers. decoder: a `Recurrent`
    over `embedding_size + encoder.output_size`. word_dropout: how often, in training, the decoder
    doesn't see what was written before (Bowman et al. 2016), so that it learns where it is instead
    of looking for the place by its last symbols, which may stand elsewhere as well.
    """

    def __init__(
        self,
        encoder: Recurrent | Bidirectional,
        decoder: Recurrent,
        symbols: int,
        *,
        attention: bool = True,
        word_dropout: float = 0.0,
    ) -> None:
        super().__init__()
        if not 0.0 <= word_dropout < 1.0:
            raise UsageError(f"word_dropout is {word_dropout}; give 0 or more, below 1.")
        self.word_dropout = word_dropout
        embedding_size = encoder.input_size
        if decoder.input_size != embedding_size + encoder.output_size:
            raise UsageError(
                f"The decoder reads {decoder.input_size} numbers; it has to read the encoder's "
                f"{embedding_size} inputs and {encoder.output_size} outputs."
            )
        self.encoder = encoder
        self.decoder = decoder
        self.end = symbols
        self.embedding = nn.Embedding(symbols + 1, embedding_size)
        self.attention = Attention(decoder.output_size, encoder.output_size) if attention else None
        self.readout = nn.Linear(decoder.output_size, symbols + 1)

    def encode(self, source: Tensor, lengths: Tensor) -> DecoderState:
        """source (B, S) int64 of lengths (B,) -> the state before the first symbol is written."""
        x = self.embedding(source)
        if isinstance(self.encoder, Bidirectional):
            memory = self.encoder(x, lengths)
            summary = self.encoder.summary(memory, lengths)
        else:
            memory, _ = self.encoder(x, lengths=lengths)
            summary = last_step(memory, lengths)
        mask = torch.arange(source.shape[1], device=x.device) < lengths.to(x.device).unsqueeze(1)
        begin = self.decoder.initial_state(len(source))
        return DecoderState(begin, summary, memory, mask.to(x.dtype))

    def step(self, previous: Tensor, state: DecoderState) -> tuple[Tensor, DecoderState]:
        """previous (B,) int64, `end` at first -> logits (B, symbols + 1) of the next, state."""
        x = torch.cat([self.embedding(previous), state.summary], dim=1)
        h, recurrent = self.decoder.step(x, state.recurrent)
        logits = self._read(h.unsqueeze(1), state)[:, 0]
        return logits, state._replace(recurrent=recurrent)

    def forward(self, source: Tensor, lengths: Tensor, answer: Tensor) -> Tensor:
        """Teacher forcing: logits (B, A + 1, symbols + 1) for answer (B, A) and the end after it.

        One call of each recurrence for all steps. Nothing looks ahead, so that answers may be
        padded with any symbol; what is past their ends is nothing to learn from: see `loss`.
        """
        state = self.encode(source, lengths)
        first = torch.full_like(answer[:, :1], self.end)
        read = self.embedding(torch.cat([first, answer], dim=1))
        if self.training and self.word_dropout:
            seen = torch.rand(read.shape[:2], device=read.device) >= self.word_dropout
            read = read * seen.unsqueeze(2)
        summary = state.summary.unsqueeze(1).expand(-1, read.shape[1], -1)
        x = torch.cat([read, summary], dim=2)
        h, _ = self.decoder(x, state.recurrent)
        return self._read(h, state)

    def loss(
        self, source: Tensor, lengths: Tensor, answer: Tensor, answer_lengths: Tensor
    ) -> Tensor:
        """Mean cross-entropy in nats per symbol of the answers, their ends included."""
        logits = self(source, lengths, answer)
        steps = torch.arange(logits.shape[1], device=logits.device)
        end = answer_lengths.to(logits.device).unsqueeze(1)
        wanted = torch.where(steps < end, F.pad(answer, (0, 1)), self.end)
        taught = steps <= end
        return F.cross_entropy(logits[taught], wanted[taught])

    @torch.no_grad()
    def generate(
        self,
        source: Tensor,
        lengths: Tensor,
        *,
        max_steps: int,
        temperature: float = 0.0,
        rng: torch.Generator | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Answers (B, A) with `end` after each one's end, and their lengths (B,).

        temperature: 0 takes the likeliest symbol at every step (greedy); above 0 symbols are drawn
        from softmax(logits / temperature) with `rng`. A row that hasn't ended after max_steps is
        that long.
        """
        if temperature < 0 or max_steps < 1:
            raise UsageError(
                f"temperature {temperature} and max_steps {max_steps} can't be; give 0 or more "
                "and 1 or more."
            )
        state = self.encode(source, lengths)
        previous = torch.full_like(lengths, self.end)
        ended = torch.zeros_like(lengths, dtype=torch.bool)
        written = []
        for _ in range(max_steps):
            logits, state = self.step(previous, state)
            if temperature:
                p = (logits / temperature).softmax(1)
                drawn = torch.multinomial(p, 1, generator=rng)[:, 0]
            else:
                drawn = logits.argmax(1)
            previous = torch.where(ended, self.end, drawn)
            ended = ended | (previous == self.end)
            written.append(previous)
            if ended.all():
                break
        answers = torch.stack(written, dim=1)
        return answers, (answers != self.end).sum(1)

    def _read(self, h: Tensor, state: DecoderState) -> Tensor:
        if self.attention is not None:
            h, _ = self.attention(h, state.memory, state.mask)
        logits: Tensor = self.readout(h)
        return logits
