"""Recurrences over pitches: what one pitch is told, and that all are treated alike."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from rnnmusic.encodings import PianoRoll
from rnnmusic.errors import UsageError
from rnnmusic.generator import GeneratorConfig, ModelConfig, build
from rnnmusic.recurrent import build as recurrence
from rnnmusic.recurrent.multiaxis.pitch_view import PitchView
from rnnmusic.recurrent.multiaxis.tied_parallel import TiedParallel

flavours = pytest.mark.parametrize("name", ["tied-parallel", "spatial"])


def view_of(
    pitches: int, planes: int, shared: int, window: int = 2, pitch_class: bool = True
) -> PitchView:
    return PitchView(
        pitches * planes + shared,
        columns=pitches * planes,
        pitches=pitches,
        window=window,
        pitch_class=pitch_class,
    )


@given(
    pitches=st.integers(1, 30),
    planes=st.integers(1, 3),
    shared=st.integers(0, 3),
    window=st.integers(0, 14),
    seed=st.integers(0, 999),
)
@settings(max_examples=40, deadline=None)
def test_each_pitch_is_told_what_the_docstring_says(
    pitches: int, planes: int, shared: int, window: int, seed: int
) -> None:
    view = view_of(pitches, planes, shared, window)
    x = torch.tensor(np.random.default_rng(seed).normal(size=pitches * planes + shared))
    notes, rest = x[: pitches * planes].view(pitches, planes), x[pitches * planes :]
    seen = view(x)
    assert seen.shape == (pitches, view.output_size)
    for p in range(pitches):
        expected: list[float] = []
        for k in range(planes):
            line = notes[:, k].tolist()
            around = range(p - window, p + window + 1)
            expected += [line[q] if 0 <= q < pitches else 0.0 for q in around]
            for above in range(12):
                expected.append(sum(line[q] for q in range(pitches) if (q - p - above) % 12 == 0))
            expected += [sum(line[:p]), sum(line[p + 1 :])]
        expected += [float(p % 12 == c) for c in range(12)]
        expected += rest.tolist()
        np.testing.assert_allclose(seen[p].numpy(), expected, atol=1e-12)


def rolls(batch: int, time: int, pitches: int, planes: int, margin: int) -> Tensor:
    """Random music that keeps away from the edges."""
    x = (torch.rand(batch, time, pitches, planes) < 0.2).double()
    x[:, :, :margin] = x[:, :, -margin:] = 0.0
    return x


@given(shift=st.integers(-7, 7), planes=st.integers(1, 2), seed=st.integers(0, 999))
@settings(max_examples=30, deadline=None)
def test_transposed_music_gives_transposed_rows(shift: int, planes: int, seed: int) -> None:
    torch.manual_seed(seed)
    pitches, margin = 40, 7
    net = recurrence(
        "tied-parallel",
        pitches * planes + 3,
        6,
        columns=pitches * planes,
        pitches=pitches,
        pitch_class=False,
        learned_initial_state=True,
    ).double()
    notes, clock = rolls(2, 12, pitches, planes, margin), torch.rand(2, 12, 3).double()

    def rows(notes: Tensor) -> Tensor:
        return net(torch.cat([notes.flatten(2), clock], 2))[0].view(2, 12, pitches, -1)

    with torch.no_grad():
        plain, moved = rows(notes), rows(notes.roll(shift, 2))
    inside = slice(max(0, shift), pitches + min(0, shift))
    before = slice(max(0, -shift), pitches + min(0, -shift))
    torch.testing.assert_close(moved[:, :, inside], plain[:, :, before], atol=1e-12, rtol=0)


@flavours
def test_one_plane_or_two_and_a_clock_make_equally_many_numbers(name: str) -> None:
    for articulation in (False, True):
        roll = PianoRoll(lowest_pitch=60, highest_pitch=71, articulation=articulation)
        made = build(GeneratorConfig(roll, ModelConfig(name, size=5, layers=2)))
        assert made.recurrent.output_size == 12 * 5


@flavours
def test_what_does_not_divide_into_pitches_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="aren't 3 pitches"):
        recurrence(name, 9, 4, columns=8, pitches=3)
    with pytest.raises(UsageError, match="window is -1"):
        recurrence(name, 9, 4, window=-1)
    with pytest.raises(UsageError, match="aren't 9 pitches"):
        recurrence(name, 8, 4, columns=9)


def test_an_unknown_cell_is_refused() -> None:
    with pytest.raises(UsageError, match="choose one of gru, lstm"):
        recurrence("tied-parallel", 9, 4, cell="rnn")


def test_a_pitch_alone_is_the_cell_itself() -> None:
    torch.manual_seed(0)
    net = TiedParallel(5, 4, columns=2, pitches=1, window=0)
    x = torch.rand(3, 7, 5)
    y, state = net(x)
    again, end = net.cell(net.view(x)[:, :, 0])
    torch.testing.assert_close(y, again)
    torch.testing.assert_close(state.h[:, 0], end.h)


def test_the_spatial_cell_hears_the_pitches_below_and_none_above() -> None:
    torch.manual_seed(0)
    net = recurrence("spatial", 6, 3, columns=6, pitches=6)
    # Only what each pitch itself plays may enter, so that the rest comes along the axis.
    with torch.no_grad():
        net.layers[0].weight[:, 1:] = 0.0
    x = torch.rand(1, 4, 6, requires_grad=True)
    y = net(x)[0].view(4, 6, 3)
    for p in range(6):
        (gradient,) = torch.autograd.grad(y[2, p].sum(), x, retain_graph=True)
        reached = gradient[0].abs() > 0
        expected = torch.zeros(4, 6, dtype=torch.bool)
        expected[:3, : p + 1] = True
        assert torch.equal(reached, expected)


@flavours
def test_it_learns_an_echo_and_plays_it_at_pitches_that_it_never_heard(name: str) -> None:
    """Each pitch says whether it sounded two steps ago: half of that is chance without memory."""
    torch.manual_seed(0)
    pitches, size = 12, 8
    net = recurrence(name, pitches, size, columns=pitches, pitches=pitches, pitch_class=False)
    readout = torch.nn.Linear(size, 1)

    def outputs(batch: int, heard: slice) -> tuple[Tensor, Tensor]:
        x = torch.zeros(batch, 8, pitches)
        x[:, :, heard] = torch.randint(0, 2, x[:, :, heard].shape).float()
        y = readout(net(x)[0].reshape(batch, -1, pitches, size)).squeeze(3)
        return y[:, 2:, heard], x[:, :-2, heard]

    optimizer = torch.optim.Adam([*net.parameters(), *readout.parameters()], lr=0.02)
    for _ in range(120):
        logits, wanted = outputs(8, slice(0, 6))
        loss = torch.nn.functional.binary_cross_entropy_with_logits(logits, wanted)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        logits, wanted = outputs(64, slice(6, 12))
    right = ((logits > 0) == (wanted > 0)).float().mean()
    assert right > 0.95
