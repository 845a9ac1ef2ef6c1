"""A player made of two neurons: it keeps a pulse and follows the one it hears."""

from __future__ import annotations

from typing import cast

import torch

from rnnmusic.encodings import PianoRoll
from rnnmusic.errors import UsageError
from rnnmusic.generator import Generator, GeneratorConfig, HeadConfig, ModelConfig, build
from rnnmusic.heads import BernoulliHead
from rnnmusic.recurrent.continuous.oscillator import oscillator

GRID = 12  # steps per quarter: fine enough to drift
#: Log-odds of the note per unit of the first neuron's output, which is 0.5 where it turns.
_SHARPNESS = 60.0
_NEVER = -30.0


def pulse_player(*, period_quarters: float = 1.0, pitch: int = 76) -> Generator:
    """A generator that plays one pitch in time, about once in `period_quarters` by itself.

    Its network is an `oscillator`; the note sounds while the first neuron is up. Every other note
    that is struck is a pulse to it: in the duet mode of live playing it falls in with the performer
    within a few beats, between about 0.7 and 1.5 of its own period, and keeps on for itself when
    nobody plays. UsageError for a pitch that the piano-roll doesn't have.
    """
    encoding = PianoRoll(steps_per_quarter=GRID, metrical=False)
    if not encoding.lowest_pitch <= pitch <= encoding.highest_pitch:
        raise UsageError(
            f"The pitch is {pitch}; give one from {encoding.lowest_pitch} to "
            f"{encoding.highest_pitch}."
        )
    cell = oscillator(period_quarters * GRID, inputs=encoding.width)
    options = {"parts": cell.parts, "shortest": cell.shortest}
    model = ModelConfig("ctrnn", size=2, learned_initial_state=True, options=options)
    generator = build(GeneratorConfig(encoding, model, HeadConfig("bernoulli")))
    with torch.no_grad():
        struck = 2 * (pitch - encoding.lowest_pitch)
        # Only onsets are pulses, and not those of its own note.
        cell.input_weight[:, 1::2] = 0.0
        cell.input_weight[:, struck] = 0.0
        generator.recurrent.layers[0].load_state_dict(cell.state_dict())
        logits = cast(BernoulliHead, generator.head).logits
        logits.weight.zero_()
        logits.bias.fill_(_NEVER)
        # A held note that didn't sound is struck: one note for each round.
        logits.weight[struck + 1, 0] = _SHARPNESS
        logits.bias[struck + 1] = -0.5 * _SHARPNESS
    return generator.eval()
