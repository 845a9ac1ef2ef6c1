"""Whole networks as filters, and the picture of them."""

import numpy as np
import pytest

from rnnmusic.encodings import NoteEvents, PianoRoll
from rnnmusic.errors import InputError
from rnnmusic.generator import GeneratorConfig, ModelConfig, build
from rnnmusic.inspection import follow, inspect, time_constants
from rnnmusic.plots import save
from rnnmusic.plots.inspection import plot_inspection
from rnnmusic.sampling.sampler import Sampler

ROLL = PianoRoll(lowest_pitch=60, highest_pitch=71)
EVENTS = NoteEvents(lowest_pitch=60, highest_pitch=71, velocity_bins=4)


def network(encoding, **model):
    generator = build(GeneratorConfig(encoding, ModelConfig(size=6, layers=2, **model)), seed=2)
    sampler = Sampler(generator, seed=0)
    return generator, np.stack([sampler.next() for _ in range(30)])


@pytest.mark.parametrize("encoding", [ROLL, EVENTS])
def test_what_the_layers_see_is_what_the_network_computes(encoding):
    generator, steps = network(encoding, name="lstm")
    clock = np.stack([encoding.clock_at(t) for t in range(len(steps))])
    first, second = follow(generator, steps, clock)
    sampler = Sampler(generator, seed=0)
    sampler.prime(steps[:20])
    state = sampler.snapshot().state
    np.testing.assert_allclose(first.states.h[20], state[0].h[0], atol=1e-5)
    np.testing.assert_allclose(second.states.c[20], state[1].c[0], atol=1e-5)
    np.testing.assert_allclose(second.inputs[19], state[0].h[0], atol=1e-5)


def test_a_view_of_every_layer(tmp_path):
    generator, steps = network(ROLL, name="gru")
    views = inspect(generator, steps, moments=5, horizon=10)
    assert [view.name for view in views] == ["1 Gru", "2 Gru"]
    for view in views:
        assert not view.is_linear
        assert list(view.steps) == [0, 7, 14, 22, 29]
        assert view.eigenvalues.shape == (5, 6)
        assert view.gain_db.shape == (5, len(view.cycles_per_step))
        assert len(view.memory.decay) == 11
    save(plot_inspection(views, title="$weird"), tmp_path / "views.png")
    assert (tmp_path / "views.png").stat().st_size > 10_000


def test_the_generator_is_left_as_it_was():
    generator, steps = network(ROLL, name="gru")
    generator.train()
    before = {name: value.clone() for name, value in generator.state_dict().items()}
    inspect(generator, steps, moments=2, horizon=2)
    assert generator.training
    for name, value in generator.state_dict().items():
        assert value.dtype == before[name].dtype
        assert (value == before[name]).all()


def test_one_step_is_too_few():
    generator, steps = network(ROLL, name="gru")
    with pytest.raises(InputError, match="1 steps; give one of 2 or more"):
        inspect(generator, steps[:1])


def test_time_constants():
    values = np.array([np.exp(-1 / 8), 1j * np.exp(-1 / 3), 1.0, -1.2, 0.0])
    np.testing.assert_allclose(time_constants(values), [8, 3, np.inf, np.inf, 0])


@pytest.mark.parametrize("name", ["linear", "iir", "ssm"])
def test_linear_layers_show_the_filters_they_are(name, tmp_path):
    generator, steps = network(ROLL, name=name)
    _, second = views = inspect(generator, steps, horizon=8)
    assert second.is_linear
    assert len(second.moments) == 1  # the same filter at every step
    shown = second.to_dict()["filters"]
    poles = np.concatenate([form.poles() for form in second.forms])
    assert sum(len(entry["poles"]) for entry in shown) == len(poles)
    # The linearisation knows nothing of the layer's own account: they must agree.
    largest = np.sort(np.abs(poles))[-3:]
    np.testing.assert_allclose(np.sort(np.abs(second.eigenvalues[0]))[-3:], largest, atol=1e-6)
    for form, zeros, entry in zip(second.forms, second.zeros, shown, strict=True):
        assert (entry["zeros"] is None) == (form.inputs != form.outputs)
        if zeros is not None:
            assert len(entry["zeros"]) == len(zeros)
    save(plot_inspection(views), tmp_path / "views.png")
