"""Pictures of filters: what is drawn is what the filter does."""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import signal

from rnnmusic.errors import InputError
from rnnmusic.filters.forms import Form, Sections, StateSpace, TransferFunction
from rnnmusic.plots import save
from rnnmusic.plots.filter_curves import FLOOR_DB, curves, deviations
from rnnmusic.plots.filters import plot_comparison, plot_filter

LOW = Sections(signal.ellip(6, 0.5, 60, 0.2, output="sos"), 48_000.0)
FLAT = Sections(signal.butter(4, 0.2, output="sos"), 48_000.0)


def room() -> StateSpace:
    rng = np.random.default_rng(0)
    a = rng.standard_normal((4, 4))
    a *= 0.9 / np.abs(np.linalg.eigvals(a)).max()
    b, c = rng.standard_normal((4, 2)), rng.standard_normal((2, 4))
    return StateSpace(a, b, c, np.zeros((2, 2)), 44_100.0)


def panels(figure: Any) -> dict[str, Any]:
    return {axes.get_title(loc="left"): axes for axes in figure.axes}


def test_a_page_has_every_curve() -> None:
    shown = panels(plot_filter(LOW, title="low"))
    assert set(shown) == {
        "magnitude", "phase", "group delay", "impulse response", "step response",
        "poles and zeros",
    }  # fmt: skip
    frequency, magnitude = shown["magnitude"].lines[0].get_data()
    assert frequency[0] == pytest.approx(24)
    assert frequency[-1] == pytest.approx(24_000)
    _, wanted = signal.sosfreqz(LOW.sos, frequency, fs=48_000)
    loud = np.abs(wanted) > 1e-6
    np.testing.assert_allclose(magnitude[loud], 20 * np.log10(np.abs(wanted[loud])), atol=1e-6)
    time, impulse = shown["impulse response"].lines[-1].get_data()
    one = np.zeros(len(time))
    one[0] = 1
    np.testing.assert_allclose(impulse, signal.sosfilt(LOW.sos, one), atol=1e-12)
    assert time[1] == pytest.approx(1000 / 48_000)  # milliseconds
    _, step = shown["step response"].lines[-1].get_data()
    np.testing.assert_allclose(step, np.cumsum(impulse), atol=1e-12)
    _, delay = shown["group delay"].lines[0].get_data()
    _, phase = shown["phase"].lines[0].get_data()
    slope = -np.gradient(np.radians(phase), 2 * np.pi * frequency) * 1000
    np.testing.assert_allclose(delay[50:600], slope[50:600], rtol=0.01)


def test_poles_and_zeros_are_where_they_are() -> None:
    axes = panels(plot_filter(LOW))["poles and zeros"]
    drawn = {line.get_marker(): np.array(line.get_data()) for line in axes.lines}
    for marker, roots in (("x", LOW.poles()), ("o", LOW.zeros())):
        found = drawn[marker][0] + 1j * drawn[marker][1]
        np.testing.assert_allclose(np.sort_complex(found), np.sort_complex(roots), atol=1e-12)
    assert axes.get_xlabel() == "× 6 poles   ○ 6 zeros"
    assert axes.get_aspect() == 1


def test_multiple_roots_are_counted() -> None:
    axes = panels(plot_filter(FLAT))["poles and zeros"]
    assert [text.get_text() for text in axes.texts] == ["4"]  # zeros at -1


def test_without_a_rate_frequencies_are_radians_and_times_samples() -> None:
    shown = panels(plot_filter(TransferFunction([0.1], [1, -0.9])))
    assert shown["magnitude"].get_xlim() == (0, math.pi)
    assert shown["magnitude"].get_xscale() == "linear"
    assert shown["impulse response"].get_xlabel() == "samples"
    assert shown["poles and zeros"].get_xlabel() == "× 1 pole   ○ 1 zero"


def test_each_path_is_a_line() -> None:
    axes = panels(plot_filter(room()))["magnitude"]
    names = [text.get_text() for text in axes.get_legend().get_texts()]
    assert names == ["in 1 to out 1", "in 2 to out 1", "in 1 to out 2", "in 2 to out 2"]
    frequency, magnitude = axes.lines[1].get_data()
    wanted = room().response(2 * np.pi * frequency / 44_100)[:, 0, 1]
    np.testing.assert_allclose(magnitude, 20 * np.log10(np.abs(wanted)), atol=1e-9)


def test_silence_has_a_floor_and_does_not_stretch_the_axis() -> None:
    notch = Sections(np.concatenate(signal.iirnotch(0.5, 30))[None])
    assert curves(notch, 1025).magnitude_db.min() == FLOOR_DB
    low, high = panels(plot_filter(notch))["magnitude"].get_ylim()
    assert -110 < low < high < 10


@pytest.mark.parametrize(
    "form",
    [
        TransferFunction([2.0], [1.0]),  # a wire
        TransferFunction([0.0], [1.0]),  # nothing
        TransferFunction([1.0], [1, -1.0]),  # an integrator
        TransferFunction([1.0], [1, 0, 1.1]),  # unstable
        TransferFunction([0, 0, 0, 1.0], [1.0]),  # a delay
        TransferFunction([1e-9, 5.0], [1.0]),  # a zero far outside
        Sections(signal.butter(6, 1e-4, output="sos"), 8000.0),
    ],
)
def test_odd_filters_can_be_drawn(tmp_path: Path, form: Form) -> None:
    save(plot_filter(form, title="$_{"), tmp_path / "a.png")
    assert (tmp_path / "a.png").stat().st_size > 10_000


def test_an_unstable_filter_is_called_so() -> None:
    figure = plot_filter(TransferFunction([1.0], [1, 0, 1.1]))
    assert any("unstable" in text.get_text() for text in figure.texts)


def test_filters_over_one_another() -> None:
    figure = plot_comparison([LOW, FLAT], ["low.json", "flat.json"])
    shown = panels(figure)
    names = [text.get_text() for text in shown["magnitude"].get_legend().get_texts()]
    assert names == ["low.json", "flat.json"]
    frequency, distance = shown["difference from low.json"].lines[0].get_data()
    omega = 2 * np.pi * frequency / 48_000
    audible = slice(0, 1200)
    ratio = np.abs(FLAT.response(omega[audible]) / LOW.response(omega[audible]))
    np.testing.assert_allclose(distance[audible], 20 * np.log10(ratio), atol=1e-9)
    at, level = np.array([100.0, 1000, 10_000]), np.array([0.0, 0, -50])
    to_target = panels(plot_comparison([FLAT], ["flat"], target=(at, level)))
    points, distance = to_target["difference from target"].lines[0].get_data()
    np.testing.assert_array_equal(points, at)
    response = FLAT.response(2 * np.pi * at / 48_000)
    np.testing.assert_allclose(distance, 20 * np.log10(np.abs(response)) - level)


def test_distances_in_numbers() -> None:
    [(same, rms), (largest, _)] = deviations([LOW, FLAT])
    assert (same, rms) == (0, 0)
    assert largest > 20
    at = np.array([100.0, 1000])
    [(largest, rms)] = deviations([FLAT], (at, np.array([0.0, 3.0])))
    response = 20 * np.log10(np.abs(FLAT.response(2 * np.pi * at / 48_000)))
    assert largest == pytest.approx(3 - response[1])
    assert rms == pytest.approx(np.sqrt((response[0] ** 2 + (3 - response[1]) ** 2) / 2))


def test_what_can_not_be_compared_is_refused() -> None:
    other = Sections(FLAT.sos, 44_100.0)
    for compare in (
        lambda: deviations([LOW, other]),
        lambda: plot_comparison([LOW, other], ["a", "b"]),
    ):
        with pytest.raises(InputError, match=r"48,000 Hz.*44,100 Hz"):
            compare()
    with pytest.raises(InputError, match="several channels"):
        deviations([room(), room()])
    with pytest.raises(InputError, match="24000"):
        deviations([LOW], (np.array([100.0, 30_000]), np.zeros(2)))


def test_drawing_filters_never_touches_pyplot() -> None:
    code = (
        "import sys, rnnmusic.plots.filters as p\n"
        "assert not {'matplotlib', 'scipy', 'torch', 'numba'} & set(sys.modules)\n"
        "from rnnmusic.filters.forms import TransferFunction\n"
        "p.plot_filter(TransferFunction([1.0], [1.0, -0.5]))\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_resonance_between_two_steps_is_seen() -> None:
    """Narrower than the steps of the axis: 3 Hz wide at 1,003 Hz, and 1/60 Hz at 1 kHz."""
    for q in (300, 60_000):
        notch = Sections(np.concatenate(signal.iirnotch(1003, q, 48_000))[None], 48_000.0)
        peak = Sections(np.concatenate(signal.iirpeak(1003, q, 48_000))[None], 48_000.0)
        assert curves(notch, 100).magnitude_db.min() < -40
        assert curves(peak, 100).magnitude_db.max() == pytest.approx(0, abs=0.01)
        phase = curves(notch, 100).phase_deg
        assert np.abs(phase).max() < 91  # up by 180 degrees at the zero, and back to nothing


def test_a_slow_filter_is_seen_as_far_down_as_it_does_something() -> None:
    low = Sections(signal.butter(2, 0.5, "highpass", fs=48_000, output="sos"), 48_000.0)
    shown = curves(low)
    assert shown.frequency[0] < 0.1
    assert shown.magnitude_db.min() < -25
