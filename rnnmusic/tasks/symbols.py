"""Tasks over symbols: copy memory, selective copy, parity, reversal."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from rnnmusic.errors import UsageError
from rnnmusic.tasks.protocol import Examples, Task


class CopyMemory(Task):
    """Symbols to remember, silence, a sign to begin, and the symbols again.

    Hochreiter and Schmidhuber 1997, in the form of Arjovsky, Shah and Bengio 2016: `remembered`
    symbols of `symbols` kinds, `length` blanks the last of which is the sign, and as many steps to
    say them. Every step is scored, blanks too: knowing when but not what costs
    remembered ln(symbols) / (length + 2 remembered) nats.
    """

    name = "copy-memory"
    measure = "cross-entropy"
    is_symbolic = True
    is_classification = True
    paper = "Arjovsky et al. 2016"

    def __init__(self, length: int = 1000, *, symbols: int = 8, remembered: int = 10) -> None:
        if min(length, symbols, remembered) < 1:
            raise UsageError(
                f"Copying {remembered} of {symbols} symbols after {length} steps can't be; give "
                "1 or more of each."
            )
        self.length, self.symbols, self.remembered = length, symbols, remembered
        self.input_size = symbols + 2  # a blank, the symbols, and the sign
        self.output_size = symbols + 1

    @property
    def memoryless(self) -> float:
        """Blanks for certain and any symbol after the sign."""
        steps = self.length + 2 * self.remembered
        return self.remembered * math.log(self.symbols) / steps

    def draw(self, count: int, rng: torch.Generator) -> Examples:
        """Ids: 0 is the blank, then the symbols, then the sign."""
        n, steps = self.remembered, self.length + 2 * self.remembered
        said = torch.randint(1, self.symbols + 1, (count, n), generator=rng)
        inputs, targets = (torch.zeros(count, steps, dtype=torch.int64) for _ in range(2))
        inputs[:, :n], targets[:, -n:] = said, said
        inputs[:, n + self.length - 1] = self.symbols + 1
        return Examples(inputs, targets, torch.ones(count, steps, dtype=torch.bool))


class SelectiveCopy(Task):
    """Copy memory with the symbols scattered among the blanks (Gu and Dao 2023, section 4.1.1)."""

    name = "selective-copy"
    measure = "accuracy"
    is_symbolic = True
    is_classification = True
    paper = "Gu and Dao 2023"

    def __init__(self, length: int = 256, *, symbols: int = 16, remembered: int = 16) -> None:
        if not 1 <= remembered <= length or symbols < 1:
            raise UsageError(
                f"Copying {remembered} of {symbols} symbols out of {length} steps can't be; give "
                "1 or more of each, and no more to remember than there are steps."
            )
        self.length, self.symbols, self.remembered = length, symbols, remembered
        self.input_size = symbols + 2
        self.output_size = symbols + 1

    @property
    def memoryless(self) -> float:
        """Guessing."""
        return 1 / self.symbols

    def draw(self, count: int, rng: torch.Generator) -> Examples:
        """Ids as in `CopyMemory`; only the steps after the sign are scored."""
        n, steps = self.remembered, self.length + self.remembered
        said = torch.randint(1, self.symbols + 1, (count, n), generator=rng)
        order = torch.rand(count, self.length, generator=rng).argsort(1)
        places = order[:, :n].sort(1).values
        inputs, targets = (torch.zeros(count, steps, dtype=torch.int64) for _ in range(2))
        inputs.scatter_(1, places, said)
        inputs[:, self.length :] = self.symbols + 1
        targets[:, self.length :] = said
        mask = (torch.arange(steps) >= self.length).expand(count, steps)
        return Examples(inputs, targets, mask)


class Parity(Task):
    """Whether the number of ones so far is odd, taught at every step or at the last alone."""

    name = "parity"
    measure = "accuracy"
    is_symbolic = True
    is_classification = True
    paper = "Hochreiter and Schmidhuber 1997; Kalchbrenner et al. 2016"

    def __init__(self, bits: int = 50, *, every_step: bool = False) -> None:
        if bits < 1:
            raise UsageError(f"Parity of {bits} bits can't be; give 1 or more.")
        self.bits, self.every_step = bits, every_step
        self.input_size = self.output_size = 2

    @property
    def memoryless(self) -> float:
        """Guessing."""
        return 0.5

    def draw(self, count: int, rng: torch.Generator) -> Examples:
        """Bits as ids, and the parity of those up to each."""
        bits = torch.randint(0, 2, (count, self.bits), generator=rng)
        mask = torch.ones(count, self.bits, dtype=torch.bool)
        if not self.every_step:
            mask[:, :-1] = False
        return Examples(bits, bits.cumsum(1) % 2, mask)


class Reversal(Task):
    """A string of any length up to `length`, and then the same backwards: sequence to sequence.

    As one sequence: the string, a sign, and steps to answer in; `split` gives source and answer.
    """

    name = "reversal"
    measure = "accuracy"
    is_symbolic = True
    is_classification = True
    paper = "Sutskever et al. 2014"

    def __init__(self, length: int = 20, *, symbols: int = 26) -> None:
        if min(length, symbols) < 1:
            raise UsageError(
                f"Strings of {length} of {symbols} symbols can't be; give 1 or more of both."
            )
        self.length, self.symbols = length, symbols
        self.input_size = symbols + 2
        self.output_size = symbols + 1

    @property
    def memoryless(self) -> float:
        """Guessing."""
        return 1 / self.symbols

    def draw(self, count: int, rng: torch.Generator) -> Examples:
        """Ids as in `CopyMemory`: a row has its string, as many signs, and blanks after that."""
        sizes = torch.randint(1, self.length + 1, (count, 1), generator=rng)
        drawn = torch.randint(1, self.symbols + 1, (count, self.length), generator=rng)
        at = torch.arange(2 * self.length).expand(count, -1)
        padded = torch.cat([drawn, drawn], 1)
        said = at < sizes
        answers = ~said & (at < 2 * sizes)
        inputs = torch.where(said, padded, torch.where(answers, self.symbols + 1, 0))
        mirrored = padded.gather(1, (2 * sizes - 1 - at).clamp(0, 2 * self.length - 1))
        targets = torch.where(answers, mirrored, 0)
        return Examples(inputs, targets, answers, lengths=2 * sizes[:, 0])

    def split(self, examples: Examples) -> tuple[Tensor, Tensor, Tensor]:
        """Source (B, length), answer (B, length), both 0 after their end, and their sizes (B,)."""
        if examples.lengths is None:
            raise UsageError("These examples have no lengths; give some that `draw` made.")
        sizes = examples.lengths // 2
        at = torch.arange(self.length).expand(len(sizes), -1)
        inside = at < sizes.unsqueeze(1)
        source = torch.where(inside, examples.inputs[:, : self.length], 0)
        answer = examples.targets.gather(
            1, (at + sizes.unsqueeze(1)).clamp_max(2 * self.length - 1)
        )
        return source, torch.where(inside, answer, 0), sizes
