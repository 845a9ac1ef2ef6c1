"""Effects block by block: the same numbers as torch, the same bits whatever the blocks."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rnnmusic import effects
from rnnmusic.errors import InputError


def effect_of(cell: str, *, size: int = 7, layers: int = 2, inputs: int = 1, outputs: int = 1):
    made = effects.build(effects.EffectConfig(44_100, cell, size, layers, inputs, outputs), seed=4)
    with torch.no_grad():
        made.output.weight.mul_(10)
    return made


def noise(channels: int, samples: int) -> np.ndarray:
    return np.random.default_rng(0).uniform(-1, 1, (channels, samples)).astype(np.float32)


@pytest.mark.parametrize("cell", ["gru", "lstm", "rnn"])
@pytest.mark.parametrize(("inputs", "outputs"), [(1, 1), (2, 2), (1, 2)])
def test_the_stream_is_the_network(cell, inputs, outputs):
    effect = effect_of(cell, inputs=inputs, outputs=outputs)
    x = noise(inputs, 300)
    with torch.no_grad():
        wanted = effect(torch.from_numpy(x.T)[None])[0][0].numpy().T
    stream = effects.EffectStream(effect)
    assert stream.is_compiled == (cell != "rnn")
    np.testing.assert_allclose(stream.process(x), wanted, atol=2e-6)


@settings(max_examples=20, deadline=None)
@given(
    cell=st.sampled_from(["gru", "lstm", "rnn"]),
    cuts=st.lists(st.integers(0, 200), max_size=6).map(sorted),
)
def test_blocks_change_no_bit(cell, cuts):
    stream = effects.EffectStream(effect_of(cell))
    x = noise(1, 200)[0]
    whole = stream.process(x)
    stream.reset()
    parts = [stream.process(part) for part in np.split(x, cuts)]
    assert np.array_equal(np.concatenate(parts), whole)


@pytest.mark.parametrize("cell", ["gru", "lstm", "rnn"])
def test_the_state_is_a_value(cell):
    stream = effects.EffectStream(effect_of(cell))
    x = noise(1, 100)[0]
    stream.process(x)
    kept = stream.state
    once = stream.process(x)
    stream.process(x)
    stream.state = kept
    assert np.array_equal(stream.process(x), once)


def test_wrong_channels_are_refused():
    with pytest.raises(InputError, match=r"takes \(1, samples\)"):
        effects.EffectStream(effect_of("gru")).process(noise(2, 10))


def test_saved_and_loaded(tmp_path):
    effect = effect_of("lstm", inputs=2, outputs=2)
    effects.save(effect, tmp_path / "amp", made_of="noise")
    assert effects.is_effect(tmp_path / "amp")
    again = effects.load(tmp_path / "amp")
    assert again.config == effect.config
    x = noise(2, 50)
    one, other = (effects.EffectStream(e).process(x) for e in (effect, again))
    assert np.array_equal(one, other)


def test_damaged_folders_are_refused(tmp_path):
    with pytest.raises(InputError, match="is not an effect"):
        effects.load(tmp_path)
    effects.save(effect_of("gru"), tmp_path / "amp")
    (tmp_path / "amp" / "model.safetensors").write_bytes(b"nothing")
    with pytest.raises(InputError, match="don't fit"):
        effects.load(tmp_path / "amp")
    (tmp_path / "amp" / "effect.json").write_text('{"format": 99}')
    with pytest.raises(InputError, match="format 99"):
        effects.load(tmp_path / "amp")
