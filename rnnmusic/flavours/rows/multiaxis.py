"""Rows of the multiaxis family."""

from __future__ import annotations

import time
from typing import Any

import torch

from rnnmusic import recurrent
from rnnmusic.flavours.row import Measured, Row, Setting
from rnnmusic.flavours.rows import multiaxis_pitches
from rnnmusic.learning import FitConfig, evaluate, features_of, fit, model_for
from rnnmusic.learning.pairs import fit_pairs
from rnnmusic.recurrent import Gru
from rnnmusic.recurrent.multiaxis import Bidirectional
from rnnmusic.recurrent.seq2seq import SequenceToSequence
from rnnmusic.tasks import Parity, Reversal
from rnnmusic.tasks.countdown import Countdown

#: Strings that parity is learned on, one after the other: each is a small step from the last.
STRINGS = (4, 8, 16, 32, 64)


def _parity(flavour: str, size: int, *, layers: int = 1, **options: Any) -> Row:
    """The parity of 50 bits, taught at every step on strings that grow, asked for at the last.

    Easier than the paper's own, which gives a grid along depth alone all bits at once (up to 250):
    one by one, each step is a parity of two bits, and an LSTM learns it as well.
    """

    def run(setting: Setting) -> Measured:
        torch.manual_seed(setting.seed)
        features = features_of(Parity())
        network = recurrent.build(flavour, features, size, layers=layers, **options)
        model = model_for(Parity(), network)
        begun, updates = time.monotonic(), 0
        for bits in STRINGS:
            config = FitConfig(
                updates=500,
                seconds=30 if setting.variant == "full" else 3,
                batch_size=16,
                learning_rate=1e-2,
                final_rate=0.1,
                check_every=20,
                target=0.999,
                tests=128,
            )
            updates += fit(model, Parity(bits, every_step=True), setting.of(config)).updates
        seconds = time.monotonic() - begun
        found, longer = (evaluate(model, Parity(bits), count=1000) for bits in (50, 250))
        note = (
            f"bits one by one, every step taught (the paper: all at once); of 250 bits "
            f"{longer:.3f}; {updates} updates"
        )
        return Measured(found, model.parameter_count, seconds, note)

    source = "Kalchbrenner et al. 2016"
    measure = "accuracy of the last step"
    family = recurrent.RECURRENT[flavour].family
    return Row(flavour, family, "parity-50", measure, run, 0.99, "higher", None, source)


def _countdown(flavour: str, size: int, limit: float | None) -> Row:
    """What only the future tells: within 1 % for a network that reads both ways."""

    known = recurrent.RECURRENT.get(flavour) or recurrent.WHOLE[flavour]

    def run(setting: Setting) -> Measured:
        task = Countdown()
        torch.manual_seed(setting.seed)
        model = model_for(task, known.make(features_of(task), size))
        config = FitConfig(
            updates=1500,
            seconds=60 if setting.variant == "full" else 15,
            learning_rate=1e-2,
            final_rate=0.1,
            target=0.999,
            check_every=50,
        )
        found = fit(model, task, setting.of(config))
        note = f"{found.updates} updates; guessing well {task.memoryless:.2f}"
        return Measured(found.score, found.parameters, found.seconds, note)

    source = "Schuster and Paliwal 1997"
    return Row(flavour, known.family, "countdown", "accuracy", run, limit, "higher", None, source)


def _reversal(name: str, limit: float | None, updates: int, *, attention: bool) -> Row:
    """Strings of up to 20 of 26 symbols, written backwards: right is what has no error at all."""

    def run(setting: Setting) -> Measured:
        is_full = setting.variant == "full"
        task = Reversal(20) if is_full else Reversal(6, symbols=6)
        torch.manual_seed(setting.seed)
        embedding, size, symbols = 32, 128, task.symbols + 1  # 0 is the padding
        encoder = Bidirectional(Gru(embedding, size), Gru(embedding, size))
        decoder = Gru(embedding + encoder.output_size, size)
        # What was written last stands elsewhere in the string, too: without hiding it now and then
        # some strings in a thousand go on from the wrong place, however long it learns.
        model = SequenceToSequence(
            encoder, decoder, symbols, attention=attention, word_dropout=0.5 if attention else 0.0
        )
        config = FitConfig(
            updates=updates if is_full else 400,
            seconds=900 if is_full else 15,
            batch_size=64 if is_full else 32,
            learning_rate=3e-3 if is_full else 5e-3,
            final_rate=0.02,
            target=1.0,
            check_every=100,
            tests=1000,
        )
        found = fit_pairs(model, task, setting.of(config))
        note = f"{found.updates} updates; 1000 strings, decoded greedily"
        if not is_full:
            note = f"up to 6 of 6 symbols; {note}"
        return Measured(found.score, found.parameters, found.seconds, note)

    measure = "whole strings without an error"
    source = "Cho et al. 2014; Luong et al. 2015"
    return Row(name, "multiaxis", "reversal", measure, run, limit, "higher", 1.0, source)


ROWS: list[Row] = [
    *multiaxis_pitches.ROWS,
    _countdown("bi-lstm", 32, 0.99),
    _countdown("lstm", 46, None),
    _parity("grid-lstm", 24, depth=2, tied=True),
    _parity("lstm", 27, layers=2),
    _reversal("seq2seq-attention", 1.0, 5000, attention=True),
    _reversal("seq2seq", None, 3000, attention=False),
]
