from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torchaudio.functional
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from rnnmusic.errors import InputError
from rnnmusic.filters import functional

RATE = 44100
#: Parameters after the sample rate, by the names of `draw`.
TAKES = {
    "lowpass_biquad": ("frequency", "q"),
    "highpass_biquad": ("frequency", "q"),
    "bandpass_biquad": ("frequency", "q"),
    "bandreject_biquad": ("frequency", "q"),
    "allpass_biquad": ("frequency", "q"),
    "equalizer_biquad": ("frequency", "gain", "q"),
    "bass_biquad": ("gain", "frequency", "q"),
    "treble_biquad": ("gain", "frequency", "q"),
    "band_biquad": ("frequency", "q"),
}
FLAGS = {"bandpass_biquad": "const_skirt_gain", "band_biquad": "noise"}

frequencies = st.floats(math.log(200), math.log(20000)).map(math.exp)
q_factors = st.floats(-1.5, 1.5).map(math.exp)


def noise(*shape: int, dtype: torch.dtype, seed: int = 0) -> Tensor:
    return 0.1 * torch.randn(shape, dtype=dtype, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("name", sorted(TAKES))
@settings(deadline=None, max_examples=15)
@given(
    frequency=frequencies,
    q=q_factors,
    gain=st.floats(-20, 20),
    double=st.booleans(),
    flag=st.booleans(),
    seed=st.integers(0, 999),
)
def test_equals_torchaudio(
    name: str, frequency: float, q: float, gain: float, double: bool, flag: bool, seed: int
) -> None:
    x = noise(2, 3, 500, dtype=torch.float64 if double else torch.float32, seed=seed)
    values = {"frequency": frequency, "q": q, "gain": gain}
    arguments = [values[part] for part in TAKES[name]]
    flags = {FLAGS[name]: flag} if name in FLAGS else {}
    wanted = getattr(torchaudio.functional, name)(x, RATE, *arguments, **flags)
    found = getattr(functional, name)(x, RATE, *arguments, **flags)
    assert found.dtype == x.dtype
    # In single precision torchaudio's own recursion errs by some 1e-5 at low frequencies.
    tolerance = (1e-10 if double else 1e-4) * (0.01 + float(wanted.abs().max()))
    assert float((found - wanted).abs().max()) < tolerance


@pytest.mark.parametrize("name", sorted(TAKES))
def test_has_the_same_defaults(name: str) -> None:
    x = noise(400, dtype=torch.float64)
    needed = {"bass_biquad": (6.0,), "treble_biquad": (6.0,), "equalizer_biquad": (900.0, 6.0)}
    arguments = needed.get(name, (900.0,))
    wanted = getattr(torchaudio.functional, name)(x, RATE, *arguments)
    torch.testing.assert_close(getattr(functional, name)(x, RATE, *arguments), wanted)


@pytest.mark.parametrize(
    ("name", "rates"),
    [("deemph_biquad", (44100, 48000)), ("riaa_biquad", (44100, 48000, 88200, 96000))],
)
def test_fixed_filters_equal_torchaudio(name: str, rates: tuple[int, ...]) -> None:
    for rate in rates:
        x = noise(2, 500, dtype=torch.float64)
        wanted = getattr(torchaudio.functional, name)(x, rate)
        torch.testing.assert_close(getattr(functional, name)(x, rate), wanted)
    with pytest.raises(InputError, match="22050 Hz"):
        getattr(functional, name)(x, 22050)


def test_biquad_is_lfilter_and_clamps() -> None:
    x = noise(2, 100, dtype=torch.float64) * 30
    found = functional.biquad(x, 0.5, 0.2, 0.1, 2.0, -0.4, torch.tensor(0.3))
    wanted = torchaudio.functional.biquad(x, 0.5, 0.2, 0.1, 2.0, -0.4, 0.3)
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-6)
    assert float(found.abs().max()) == 1.0


def function_of(name: str) -> Callable[..., Tensor]:
    def function(x: Tensor, *arguments: Any) -> Tensor:
        y: Tensor = getattr(functional, name)(x, RATE, *arguments)
        return y

    return function


@pytest.mark.parametrize("name", sorted(TAKES))
def test_gradients(name: str) -> None:
    values = {"frequency": 9000.0, "q": 0.9, "gain": 4.0}
    leaves = [torch.tensor(values[part], dtype=torch.float64) for part in TAKES[name]]
    leaves = [leaf.requires_grad_() for leaf in (noise(2, 9, dtype=torch.float64), *leaves)]
    assert torch.autograd.gradcheck(function_of(name), leaves)
    assert torch.autograd.gradgradcheck(function_of(name), leaves, atol=1e-4)


def test_a_tensor_holds_a_value_for_each_channel() -> None:
    x = noise(4, 3, 200, dtype=torch.float64)
    cutoff_hz = torch.tensor([300.0, 2000.0, 9000.0], dtype=torch.float64, requires_grad=True)
    y = functional.lowpass_biquad(x, RATE, cutoff_hz, 2.0)
    for channel in range(3):
        alone = functional.lowpass_biquad(
            x[:, channel], RATE, float(cutoff_hz.detach()[channel]), 2.0
        )
        torch.testing.assert_close(y[:, channel], alone, rtol=1e-12, atol=1e-14)
    y.square().sum().backward()
    assert cutoff_hz.grad is not None
    assert cutoff_hz.grad.abs().min() > 0
    # One value in whatever shape is for all of them, as in torchaudio.
    one = functional.lowpass_biquad(x[0, 0], RATE, torch.tensor([[300.0]]), 2.0)
    torch.testing.assert_close(one, y[0, 0].detach())


@pytest.mark.parametrize("frequency", [0.0, -5.0, RATE / 2, 30000.0, float("nan")])
def test_refuses_frequencies(frequency: float) -> None:
    for name, takes in TAKES.items():
        values = {"frequency": frequency, "q": 1.0, "gain": 3.0}
        with pytest.raises(InputError, match=r"\.$"):
            function_of(name)(torch.ones(5), *(values[part] for part in takes))


def test_refuses_other_nonsense() -> None:
    x = torch.ones(2, 5)
    for q in (0.0, -1.0, float("inf")):
        with pytest.raises(InputError, match="Q is"):
            functional.lowpass_biquad(x, RATE, 900.0, q)
    with pytest.raises(InputError, match="gain is nan"):
        functional.bass_biquad(x, RATE, float("nan"))
    with pytest.raises(InputError, match="a0 is zero"):
        functional.biquad(x, 1.0, 0.0, 0.0, 0.0, 0.5, 0.0)
    with pytest.raises(InputError, match="nothing to filter"):
        functional.lowpass_biquad(x[:, :0], RATE, 900.0)
    with pytest.raises(InputError, match="int64"):
        functional.lowpass_biquad(x.long(), RATE, 900.0)
    with pytest.raises(InputError, match="broadcast"):
        functional.lowpass_biquad(x, RATE, torch.tensor([900.0, 800.0]), torch.ones(3))
    with pytest.raises(InputError, match="shape"):
        functional.lowpass_biquad(x, RATE, torch.tensor([900.0, 800.0, 700.0]))
