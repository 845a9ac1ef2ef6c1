"""The generated headers are compiled and compared: with scipy, and bit by bit with a model."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from scipy import signal

from rnnmusic.errors import InputError
from rnnmusic.filters.export import source
from rnnmusic.filters.export.fixed_point import FixedPoint, fixed_point, restored
from rnnmusic.filters.forms import Sections
from tests.filters.export.designs import elliptic, narrow, noise, sections

needs_gcc = pytest.mark.skipif(shutil.which("gcc") is None, reason="needs gcc (see .ci/run)")
STRICT = ("-std=c99", "-O2", "-Wall", "-Wextra", "-Wconversion", "-pedantic", "-Werror")
SANE = ("-fsanitize=undefined", "-fno-sanitize-recover")

# Reads all samples from stdin, filters them in blocks of 1, 2, 3, ... and writes them.
HARNESS = """\
#include <stdio.h>
#include <stdlib.h>
#include "f.h"
int main(void)
{
    static TYPE in[1 << 20];
    size_t n = fread(in, sizeof *in, 1 << 20, stdin), block = 1;
    f_state state;
    f_reset(&state);
    for (size_t t = 0; t < n; t += block++) {
        size_t frames = t + block > n ? n - t : block;
        f_process(&state, in + t, in + t, frames);
    }
    return fwrite(in, sizeof *in, n, stdout) == n ? 0 : 1;
}
"""


def compiled(text: str, type_name: str, folder: Path, flags: Sequence[str] = STRICT) -> Path:
    (folder / "f.h").write_text(text)
    (folder / "main.c").write_text(HARNESS.replace("TYPE", type_name))
    program = folder / "main"
    subprocess.run(["gcc", *flags, folder / "main.c", "-o", program], check=True)
    return program


def through(program: Path, x: np.ndarray) -> np.ndarray:
    ran = subprocess.run([program], input=x.tobytes(), capture_output=True, check=True)
    assert ran.stderr == b""
    return np.frombuffer(ran.stdout, dtype=x.dtype)


def q31(x: np.ndarray) -> np.ndarray:
    return np.clip(np.round(x * 2.0**31), -(2**31), 2**31 - 1).astype(np.int32)


def model(fixed: FixedPoint, x: np.ndarray) -> np.ndarray:
    """The arithmetic of the header, in Python's unbounded integers."""

    def saturated(value: int) -> int:
        return max(-(2**31), min(2**31 - 1, value))

    histories = [[0, 0] for _ in range(len(fixed.sections) + 1)]
    errors = [[0, 0] for _ in fixed.sections]
    out = []
    for sample in x.tolist():
        value = sample
        for k, section in enumerate(fixed.sections):
            bits = 31 - section.shift
            b0, b1, b2, a1, a2 = section.coefficients
            (u1, u2), (v1, v2), (e1, e2) = histories[k], histories[k + 1], errors[k]
            exact = b0 * value + b1 * u1 + b2 * u2 - a1 * v1 - a2 * v2
            exact += section.feedback[0] * e1 + section.feedback[1] * e2
            assert -(2**63) <= exact < 2**63  # sums may wrap on their way, not at their end
            rounded = (exact + 2 ** (bits - 1)) >> bits
            assert abs(rounded) <= 2**31  # the headroom is enough
            errors[k] = [exact - (rounded << bits), e1]
            histories[k] = [value, u1]
            value = saturated(rounded)
        histories[-1] = [value, histories[-1][0]]
        shift = fixed.output_shift
        moved = value << shift if shift >= 0 else (value + (1 << (-shift - 1))) >> -shift
        out.append(saturated(moved))
    return np.array(out, dtype=np.int32)


@needs_gcc
@pytest.mark.parametrize(
    ("form", "tolerance"),
    # Poles at 0.9996 move when they are rounded to float32; those of the elliptic filter hardly do.
    [pytest.param(elliptic(), 5e-6, id="elliptic"), pytest.param(narrow(), 2e-2, id="narrow")],
)
def test_float32_in_c_is_close_to_float64(tmp_path: Path, form: Sections, tolerance: float) -> None:
    program = compiled(source(form, "c", "f"), "float", tmp_path)
    x = noise(20_000).astype(np.float32)
    wanted = signal.sosfilt(form.sos, x.astype(np.float64))
    assert np.abs(through(program, x) - wanted).max() < tolerance * np.abs(wanted).max()
    narrowed = form.sos.astype(np.float32)
    same = signal.sosfilt(narrowed, x)  # scipy in float32, in the same order
    np.testing.assert_allclose(through(program, x), same, atol=2e-5 * np.abs(same).max())


@needs_gcc
@pytest.mark.parametrize("form", [elliptic(), narrow()], ids=["elliptic", "narrow"])
def test_q31_in_c_is_the_model_bit_by_bit(tmp_path: Path, form: Sections) -> None:
    program = compiled(source(form, "c-q31", "f"), "int32_t", tmp_path)
    x = q31(np.concatenate([noise(3000, 1.0), np.ones(500), -np.ones(500)]))
    np.testing.assert_array_equal(through(program, x), model(fixed_point(form), x))


@needs_gcc
@settings(max_examples=5, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(form=sections())
def test_no_input_makes_c_undefined(tmp_path: Path, form: Sections) -> None:
    x = q31(np.sign(noise(400)))  # full scale, up and down
    program = compiled(source(form, "c-q31", "f"), "int32_t", tmp_path, (*STRICT, *SANE))
    np.testing.assert_array_equal(through(program, x), model(fixed_point(form), x))


@settings(max_examples=20)
@given(form=sections())
def test_the_worst_input_does_not_overflow(form: Sections) -> None:
    """The sign of the reversed impulse response is what drives an output highest."""
    fixed = fixed_point(form)
    impulse = np.zeros(400)
    impulse[0] = 1
    for k in range(len(form.sos)):
        response = signal.sosfilt(form.sos[: k + 1], impulse)
        model(fixed, q31(np.sign(response[::-1])))  # asserts


@pytest.mark.parametrize("form", [elliptic(), narrow()], ids=["elliptic", "narrow"])
def test_the_stated_error_is_the_measured_one(form: Sections) -> None:
    fixed = fixed_point(form)
    x = q31(noise(20_000, 0.25, seed=3))
    exact = signal.sosfilt(restored(fixed.sections).sos, x / 2.0**31)
    measured = 20 * np.log10(np.std(model(fixed, x) / 2.0**31 - exact))
    # What the output itself is rounded to isn't there when it is only shifted.
    assert measured == pytest.approx(fixed.noise_dbfs, abs=1.5)
    omega = np.linspace(0, np.pi, 3001)
    ideal, actual = abs(form.response(omega)), abs(restored(fixed.sections).response(omega))
    loud = ideal > 1e-5 * ideal.max()
    error = 20 * np.abs(np.log10(actual[loud] / ideal[loud])).max()
    assert error <= fixed.max_error_db * 1.02 + 1e-12
    assert fixed.max_error_db < 0.01
    assert f"{fixed.noise_dbfs:.1f} dB" in source(form, "c-q31")


def test_error_feedback_is_worth_its_additions() -> None:
    plain = fixed_point(narrow(), error_feedback=False)
    assert fixed_point(narrow()).noise_dbfs < plain.noise_dbfs - 60


def test_a_filter_that_fixed_point_can_not_hold_is_refused() -> None:
    steep = Sections(np.array([[1.0, 0, 0, 1, -2 * (1 - 1e-11), (1 - 1e-11) ** 2]]))
    with pytest.raises(InputError, match="32-bit"):
        fixed_point(steep)
    silent = fixed_point(Sections(np.array([[0.0, 0, 0, 1, 0, 0]])))
    assert model(silent, q31(noise(10))).tolist() == [0] * 10
