"""Memories read by content: recurrent, chunked and quadratic forms are one, and they recall."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rnnmusic.errors import UsageError
from rnnmusic.learning import FitConfig, fit, model_for
from rnnmusic.recurrent import build
from rnnmusic.recurrent.memory import AttentiveGru, GatedDelta, LinearAttention
from rnnmusic.recurrent.memory.fast_weights import CHUNK, FastWeights, Written
from rnnmusic.tasks import SelectiveCopy


def steps_of(time: int, seed: int) -> torch.Tensor:
    torch.manual_seed(seed)
    return torch.randn(2, time, 3, dtype=torch.float64)


@pytest.mark.parametrize("kind", [LinearAttention, GatedDelta])
@given(time=st.sampled_from([1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK]), seed=st.integers(0, 99))
@settings(max_examples=10)
def test_chunks_are_steps(kind: type[FastWeights], time: int, seed: int) -> None:
    torch.manual_seed(seed)
    layer = kind(3, 8, heads=2).double()
    x = steps_of(time, seed)
    with torch.no_grad():
        whole, end = layer(x)
        stepped, stepped_end = super(FastWeights, layer).forward(x)
    assert torch.allclose(whole, stepped, atol=1e-10)
    for one, other in zip(end, stepped_end, strict=True):
        assert torch.allclose(one, other, atol=1e-10)


def test_linear_attention_is_the_quadratic_sum() -> None:
    layer = LinearAttention(3, 8, heads=2).double()
    x = steps_of(50, 0)
    with torch.no_grad():
        w, gate = layer._written(x)
        fade = w.log_decay[0, :, 0].exp()
        expected = torch.zeros(2, 2, 50, 4, dtype=torch.float64)
        for t in range(50):
            # Every step before and t itself, weighted as attention is, without the softmax.
            ages = torch.arange(t, -1, -1, dtype=torch.float64)
            weight = (w.q[:, :, t, None] * w.k[:, :, : t + 1]).sum(-1) * fade.view(2, 1) ** ages
            weight = weight / weight.sum(-1, keepdim=True)
            expected[:, :, t] = (weight.unsqueeze(-1) * w.v[:, :, : t + 1]).sum(2)
        y = layer._out(expected.transpose(1, 2).flatten(2), gate, x)
        assert torch.allclose(layer(x)[0], y, atol=1e-10)


def test_the_delta_rule_replaces_what_was_stored_under_a_key() -> None:
    layer = GatedDelta(3, 4, heads=1).double()
    torch.manual_seed(0)
    keys = torch.linalg.qr(torch.randn(4, 4, dtype=torch.float64)).Q
    values = torch.randn(5, 4, dtype=torch.float64)
    k = torch.stack([keys[0], keys[1], keys[2], keys[0], keys[1]]).view(1, 1, 5, 4)
    full, none = torch.ones(1, 1, 5).double(), torch.zeros(1, 1, 5).double()

    state = layer.initial_state(1)
    with torch.no_grad():
        _, after = layer._chunk(Written(k, k, values.view(1, 1, 5, 4), none, full), state)
    stored = after.S[0, 0]
    for key, value in ((0, values[3]), (1, values[4]), (2, values[2])):
        assert torch.allclose(keys[key] @ stored, value, atol=1e-12)


def test_attention_is_the_softmax_over_its_window() -> None:
    torch.manual_seed(0)
    layer = AttentiveGru(3, 6, window=4).double()
    x = steps_of(12, 1)
    with torch.no_grad():
        h, _ = layer.core(x)
        y, _ = layer(x)
        for t in range(12):
            seen = h[:, max(0, t - 3) : t + 1]
            scores = (layer.score(h[:, t]).unsqueeze(1) @ seen.mT).squeeze(1) / 6**0.5
            context = (scores.softmax(-1).unsqueeze(1) @ seen).squeeze(1)
            expected = torch.tanh(layer.combine(torch.cat([h[:, t], context], 1)))
            assert torch.allclose(y[:, t], expected, atol=1e-12)


@pytest.mark.parametrize("kind", [LinearAttention, GatedDelta])
def test_memories_stay_finite_for_as_long_as_one_plays(kind: type[FastWeights]) -> None:
    torch.manual_seed(0)
    layer = kind(3, 8)
    with torch.no_grad():
        y, state = layer(4 * torch.randn(1, 20_000, 3))
    assert y.isfinite().all()
    assert state.S.abs().max() < 1e5


@pytest.mark.parametrize("name", ["attention", "linear-attention", "gated-delta"])
def test_they_recall_what_a_memoryless_twin_cannot(name: str) -> None:
    task = SelectiveCopy(12, symbols=4, remembered=2)
    torch.manual_seed(0)
    model = model_for(task, build(name, 8, 32), embedding_size=8)
    found = fit(model, task, FitConfig(updates=300, learning_rate=5e-3))
    assert found.score > task.memoryless + 0.3


def test_what_makes_no_sense_is_refused() -> None:
    with pytest.raises(UsageError, match="window is 0"):
        build("attention", 3, 4, window=0)
    with pytest.raises(UsageError, match="0 heads"):
        build("gated-delta", 3, 4, heads=0)
