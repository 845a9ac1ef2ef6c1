"""Cells along a piece: what they follow, how far gates are open, how far back gradients reach."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rnnmusic.encodings import NoteEvents, PianoRoll
from rnnmusic.generator import Generator, GeneratorConfig, HeadConfig, ModelConfig, build
from rnnmusic.inspection import Feature, follow, gates, gradients_by_lag, inspect, look
from rnnmusic.inspection.musical import boundaries, features
from rnnmusic.inspection.tracking import explained
from rnnmusic.inspection.trajectory import metre_of
from rnnmusic.recurrent import RECURRENT

ROLL = PianoRoll(lowest_pitch=60, highest_pitch=71)


def network(name: str = "lstm", encoding: PianoRoll = ROLL, layers: int = 1) -> Generator:
    config = GeneratorConfig(
        encoding, ModelConfig(name, size=8, layers=layers), HeadConfig("bernoulli")
    )
    made = build(config, seed=3)
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return made.eval()


def steps_of(count: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return (rng.random((count, len(ROLL.sizes))) < 0.1).astype(np.uint8)


@given(seed=st.integers(0, 999), noise=st.floats(0.0, 3.0))
def test_the_explained_share_is_that_of_a_regression(seed: int, noise: float) -> None:
    rng = np.random.default_rng(seed)
    amount = rng.normal(size=200)
    outputs = np.stack([amount + noise * rng.normal(size=200), np.full(200, 3.0)], axis=1)
    shares = explained(outputs, Feature("a", "amount", amount))
    slope, intercept = np.polyfit(amount, outputs[:, 0], 1)
    rest = outputs[:, 0] - slope * amount - intercept
    assert shares[0] == pytest.approx(1 - rest.var() / outputs[:, 0].var(), abs=1e-9)
    assert shares[1] == 0.0


def test_a_place_is_explained_by_the_means_at_it_and_chance_is_taken_off() -> None:
    rng = np.random.default_rng(0)
    place = np.arange(1600) % 16 * 1.0
    outputs = np.stack([np.cos(place) * 2, rng.normal(size=1600), place == 3], axis=1)
    shares = explained(outputs, Feature("bar", "place", place))
    assert shares[0] == pytest.approx(1.0)
    assert shares[2] == pytest.approx(1.0)
    assert shares[1] < 0.03
    # As many places as steps explain everything and nothing.
    assert not explained(outputs, Feature("t", "place", np.arange(1600.0))).any()


def test_unknown_values_are_left_out() -> None:
    amount = np.array([np.nan, 1.0, 2.0, 3.0, np.nan, 4.0])
    outputs = np.array([[99.0], [1.0], [2.0], [3.0], [-99.0], [4.0]])
    assert explained(outputs, Feature("a", "amount", amount))[0] == pytest.approx(1.0)


def test_phrases_end_at_long_notes_and_leaps() -> None:
    onset = np.array([0, 1, 2, 3, 7, 8, 9, 10, 14, 15, 16, 17]) * 1.0
    end = np.array([1, 2, 3, 7, 8, 9, 10, 14, 15, 16, 17, 21]) * 1.0
    pitch = np.array([60, 62, 64, 62, 60, 62, 64, 62, 60, 62, 64, 60]) * 1.0
    assert boundaries(onset, end, pitch).tolist() == [3, 7]
    assert not len(boundaries(onset[:3], end[:3], pitch[:3]))


def test_the_features_of_a_roll_are_what_was_heard_a_step_before() -> None:
    steps = np.zeros((8, 24), dtype=np.uint8)
    steps[0, [0, 14]] = 1  # C4 and G4 struck
    steps[1, [1, 15]] = 1  # both held
    found = {f.name: f.values for f in features(ROLL, steps, metre_of(ROLL, 8))}
    assert found["place in the bar"].tolist() == list(range(8))
    assert found["place in the beat"].tolist() == [0, 1, 2, 3] * 2
    assert np.isnan(found["highest pitch"][0])
    assert found["highest pitch"][1:3].tolist() == [67, 67]
    assert found["lowest pitch"][1:3].tolist() == [60, 60]
    assert np.isnan(found["highest pitch"][3:]).all()
    assert found["notes at once"][1:4].tolist() == [2, 2, 0]


def test_notes_have_features_too() -> None:
    encoding = NoteEvents(lowest_pitch=60, highest_pitch=71, velocity_bins=4, longest_quarters=8)
    rng = np.random.default_rng(0)
    steps = np.stack([rng.integers(0, size, 40) for size in encoding.sizes], axis=1)
    found = {f.name: f for f in features(encoding, steps, np.empty((40, 0), np.uint8))}
    assert np.array_equal(found["pitch"].values[1:], steps[:-1, 1] + 60)
    assert {"place in the beat", "end of a phrase", "duration"} <= set(found)


def test_the_gates_of_an_lstm_are_those_of_its_equations() -> None:
    generator = network("lstm")
    steps = steps_of(40)
    (trajectory,) = follow(generator, steps)
    layer = trajectory.layer
    with torch.no_grad():
        total = trajectory.inputs @ layer.weight_ih.T + layer.bias_ih
        total = total + trajectory.states.h @ layer.weight_hh.T + layer.bias_hh
    i, f, _, o = torch.sigmoid(total).chunk(4, 1)
    expected = {"input": i, "forget": f, "output": o}
    found = {gate.name: gate for gate in gates(trajectory)}
    assert set(found) == set(expected)
    for name, value in expected.items():
        assert np.allclose(found[name].shut, (value < 0.1).double().mean(0))
        assert np.allclose(found[name].open, (value > 0.9).double().mean(0))


def test_the_gates_of_a_gru_are_those_of_its_equations() -> None:
    (trajectory,) = follow(network("gru"), steps_of(40))
    layer = trajectory.layer
    with torch.no_grad():
        total = trajectory.inputs @ layer.weight_ih.T + layer.bias_ih
        total = total + trajectory.states.h @ layer.weight_hh.T + layer.bias_hh
    r, z, _ = torch.sigmoid(total).chunk(3, 1)
    found = {gate.name: gate for gate in gates(trajectory)}
    assert np.allclose(found["reset"].open, (r > 0.9).double().mean(0))
    assert np.allclose(found["update"].open, (z > 0.9).double().mean(0))
    assert not gates(follow(network("rnn"), steps_of(5))[0])


def test_gradients_by_lag_shrink_as_the_poles_say() -> None:
    """A linear layer whose poles all have one radius: gradients fall by it at every step."""
    config = GeneratorConfig(
        ROLL,
        ModelConfig("linear", size=8, options={"orthogonal": True, "max_radius": 0.8}),
        HeadConfig("bernoulli"),
    )
    (found,) = gradients_by_lag(build(config, seed=1), steps_of(120), horizon=40)
    assert found.per_step == pytest.approx(0.8, abs=0.01)
    assert found.half_life_steps == pytest.approx(np.log(0.5) / np.log(0.8), rel=0.1)


def test_a_view_of_every_layer() -> None:
    cells = look(network("gru", layers=2), steps_of(64), horizon=10)
    assert [layer.name for layer in cells.layers] == ["1 Gru", "2 Gru"]
    for layer in cells.layers:
        assert layer.outputs.shape == (64, 8)
        assert layer.gradient is not None
        assert len(layer.gradient.norm) == 11
        best = [found.shares.max() for found in layer.tracked]
        assert best == sorted(best, reverse=True)
        assert all(0 <= found.untrained <= 1 for found in layer.tracked)


def test_a_unit_that_counts_the_beat_is_found() -> None:
    """A readout of the clock alone: place in the beat explains it, and the report says so."""
    generator = network("rnn")
    layer = generator.recurrent.layers[0]
    with torch.no_grad():
        layer.weight_hh.zero_()
        layer.weight_ih[:, : len(ROLL.sizes)] = 0.0
        layer.weight_ih[:, len(ROLL.sizes) + 4 :] = 0.0  # the quarter in the bar
    (view,) = look(generator, steps_of(64), horizon=4).layers
    found = {each.feature: each for each in view.tracked}
    assert found["place in the beat"].shares.min() == pytest.approx(1.0)
    assert found["highest pitch"].shares.max() < 0.3


@pytest.mark.parametrize("name", RECURRENT)
def test_every_flavour_can_be_looked_into(name: str) -> None:
    generator, steps = network(name), steps_of(12)
    views, cells = (
        inspect(generator, steps, moments=2, horizon=4),
        look(generator, steps, horizon=4),
    )
    assert [view.name for view in views] == [layer.name for layer in cells.layers]
    for view, layer in zip(views, cells.layers, strict=True):
        assert np.isfinite(view.eigenvalues).all()
        assert np.isfinite(layer.outputs).all()
        assert all(len(gate.shut) == len(gate.open) > 0 for gate in layer.gates)
    if name != "lsm":  # spikes have no derivative
        assert cells.layers[0].gradient is not None
        assert cells.layers[0].gradient.norm.any()


def test_layers_above_a_block_have_their_gradients_too() -> None:
    cells = look(network("mingru", layers=2), steps_of(40), horizon=8)
    kinds = [layer.name.split()[1] for layer in cells.layers]
    assert kinds == ["ResidualBlock", "MinGru"] * 2
    assert [layer.gradient is None for layer in cells.layers] == [False, True] * 2
