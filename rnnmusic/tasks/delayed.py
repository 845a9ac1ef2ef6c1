"""Two cues, silence, and a verdict on both: what learning from rewards is tried on."""

from __future__ import annotations

import torch
from torch import Tensor

from rnnmusic.errors import UsageError
from rnnmusic.tasks.protocol import Examples, Task


class DelayedXor(Task):
    """Say 1 when two cues, one after the other, differ, and -1 when they don't (Miconi 2017).

    A cue lasts `cue` steps on one of two inputs; `gap` silent steps follow each, and the answer is
    wanted at `answer` more.
    """

    name = "delayed-xor"
    measure = "mse"
    paper = "Miconi 2017"

    def __init__(self, cue: int = 10, gap: int = 10, answer: int = 10) -> None:
        if min(cue, answer) < 1 or gap < 0:
            raise UsageError(
                f"Cues of {cue} steps, gaps of {gap} and answers of {answer} can't be; give 1 or "
                "more, 0 or more of the gap."
            )
        self.cue, self.gap, self.answer = cue, gap, answer
        self.input_size, self.output_size = 2, 1

    @property
    def memoryless(self) -> float:
        """Always saying 0."""
        return 1.0

    def draw(self, count: int, rng: torch.Generator) -> Examples:
        """inputs (B, T, 2), targets (B, T, 1) of which the last `answer` steps count."""
        cues = torch.randint(0, 2, (count, 2), generator=rng)
        part = self.cue + self.gap
        inputs = torch.zeros(count, 2 * part + self.answer, 2)
        for begin, chosen in zip((0, part), cues.unbind(1), strict=True):
            one_hot = torch.nn.functional.one_hot(chosen, 2).to(inputs)
            inputs[:, begin : begin + self.cue] = one_hot.unsqueeze(1)
        verdict = torch.where(cues[:, 0] != cues[:, 1], 1.0, -1.0)
        time = inputs.shape[1]
        mask = (torch.arange(time) >= 2 * part).expand(count, time)
        return Examples(inputs, verdict.view(-1, 1, 1).expand(-1, time, 1), mask)

    def kinds(self, examples: Examples) -> Tensor:
        """Which of the four pairs of cues each row has, (B,)."""
        first, second = examples.inputs[:, 0, 1], examples.inputs[:, self.cue + self.gap, 1]
        return (2 * first + second).long()
