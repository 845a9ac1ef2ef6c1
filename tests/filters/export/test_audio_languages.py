"""Faust, CMSIS-DSP and Web Audio: read back, and run wherever there is something to run them."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from scipy import signal

from rnnmusic.filters.export import export, source
from rnnmusic.filters.export.fixed_point import fixed_point
from rnnmusic.filters.forms import Sections
from tests.filters.export.designs import elliptic, narrow, noise, sections

NUMBER = r"-?\d+(?:\.\d*)?(?:e[-+]?\d+)?"


# -- Faust -------------------------------------------------------------------------------------


@given(form=sections())
def test_faust_has_a_stage_for_each_section(form: Sections) -> None:
    text = source(form, "faust", "my filter")
    code = [line for line in text.splitlines() if not line.startswith("//")]
    assert code[0] == 'import("stdfaust.lib");'
    assert code[1] == "my_filter ="
    assert code[-1] == "process = my_filter;"
    stages = " ".join(code[2:-1])
    assert re.fullmatch(rf"\s*(fi\.tf2\((?:{NUMBER}(?:, )?){{5}}\)(?:   : )?)+;", stages)
    calls = re.findall(r"fi\.tf2\(([^)]*)\)", stages)
    rows = np.array([[float(value) for value in call.split(", ")] for call in calls])
    np.testing.assert_array_equal(rows, form.sos[:, [0, 1, 2, 4, 5]])


FAUST_HARNESS = """\
#include <stdio.h>
#include <stdlib.h>
typedef struct { void *a, *b, *c, *d, *e, *f, *g, *h, *i, *j, *k, *l, *m; } UIGlue;
typedef struct { void *a, *b; } MetaGlue;
#define FAUSTFLOAT double
#include "f.c"
int main(void)
{
    static double in[1 << 16];
    int n = (int)fread(in, sizeof *in, 1 << 16, stdin);
    mydsp *dsp = newmydsp();
    double *channel = in;
    initmydsp(dsp, 48000);
    computemydsp(dsp, n, &channel, &channel);
    return fwrite(in, sizeof *in, (size_t)n, stdout) == (size_t)n ? 0 : 1;
}
"""


@pytest.mark.skipif(
    shutil.which("faust") is None or shutil.which("gcc") is None,
    reason="needs the Faust compiler and gcc",
)
def test_faust_compiles_and_filters(tmp_path: Path) -> None:
    export(elliptic(), "faust", tmp_path / "low pass.dsp")
    text = subprocess.run(
        ["faust", "-lang", "c", "-double", tmp_path / "low pass.dsp"],
        check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    # The description of its knobs, of which it has none, needs Faust's own headers.
    text = re.sub(r"void (metadata|buildUserInterface)mydsp\(.*?\n}\n", "", text, flags=re.DOTALL)
    (tmp_path / "f.c").write_text(text)
    (tmp_path / "main.c").write_text(FAUST_HARNESS)
    build = ["gcc", "-O1", "-w", tmp_path / "main.c", "-o", tmp_path / "main", "-lm"]
    subprocess.run(build, check=True)
    x = noise(2000)
    ran = subprocess.run([tmp_path / "main"], input=x.tobytes(), check=True, capture_output=True)
    np.testing.assert_allclose(
        np.frombuffer(ran.stdout), signal.sosfilt(elliptic().sos, x), atol=1e-12
    )


# -- CMSIS-DSP ---------------------------------------------------------------------------------


def cmsis_arrays(text: str) -> tuple[np.ndarray, np.ndarray, int, int]:
    """Float and q31 coefficients (stages, 5), postShift and the shift of the output."""
    floats, integers = (
        re.search(rf"{name}\[.*?\] = \{{\n(.*?)\n\}};", text, re.DOTALL)
        for name in ("_f32", "_q31")
    )
    assert floats is not None
    assert integers is not None
    shifts = [
        int(re.search(rf"_{name} \(?(-?\d+)\)?\n", text)[1])  # type: ignore[index]
        for name in ("POST_SHIFT", "OUTPUT_SHIFT")
    ]
    f32 = np.array(re.findall(rf"({NUMBER})f", floats[1]), dtype=np.float32).reshape(-1, 5)
    q31 = np.array(re.findall(NUMBER, integers[1]), dtype=np.int64).reshape(-1, 5)
    return f32, q31, shifts[0], shifts[1]


@given(form=sections())
def test_cmsis_has_its_order_and_its_signs(form: Sections) -> None:
    f32, q31, post_shift, _ = cmsis_arrays(source(form, "cmsis"))
    wanted = form.sos[:, [0, 1, 2, 4, 5]] * [1, 1, 1, -1, -1]
    np.testing.assert_array_equal(f32, wanted.astype(np.float32))
    assert np.abs(q31).max() < 2**31
    np.testing.assert_allclose(q31[:, 3:] * 2.0 ** (post_shift - 31), wanted[:, 3:], atol=1e-8)
    # Only powers of two went from one section to another.
    gain = np.prod([row[:3][np.argmax(abs(row[:3]))] for row in q31 * 2.0 ** (post_shift - 31)])
    ideal = np.prod([row[:3][np.argmax(abs(row[:3]))] for row in wanted])
    assert np.log2(abs(gain / ideal)) == pytest.approx(round(np.log2(abs(gain / ideal))), abs=1e-5)


def cascade_df1_q31(q31: np.ndarray, post_shift: int, x: np.ndarray) -> np.ndarray:
    """arm_biquad_cascade_df1_q31 as its documentation describes it: 2.62 sums, truncated."""
    values = x.tolist()
    for b0, b1, b2, a1, a2 in q31.tolist():
        x1 = x2 = y1 = y2 = 0
        for t, value in enumerate(values):
            total = b0 * value + b1 * x1 + b2 * x2 + a1 * y1 + a2 * y2
            assert -(2**63) <= total < 2**63
            y = total >> (31 - post_shift)
            assert -(2**31) <= y < 2**31  # it wouldn't saturate
            x1, x2, y1, y2 = value, x1, y, y1
            values[t] = y
    return np.array(values)


@pytest.mark.parametrize(
    ("form", "level"),
    [pytest.param(elliptic(), -150, id="elliptic"), pytest.param(narrow(), -45, id="narrow")],
)
def test_cmsis_q31_filters(form: Sections, level: float) -> None:
    _, q31, post_shift, output_shift = cmsis_arrays(source(form, "cmsis"))
    x = np.round(noise(6000, 0.9) * 2**31).astype(np.int64)
    y = cascade_df1_q31(q31, post_shift, x) * 2.0 ** (output_shift - 31)
    error = y - signal.sosfilt(form.sos, x / 2.0**31)
    assert 20 * np.log10(np.std(error)) < level
    # Truncation also shifts the mean; the noise is what the header says.
    stated = fixed_point(form, one_shift=True, error_feedback=False).noise_dbfs
    assert f"{stated:.1f} dB" in source(form, "cmsis")


# -- Web Audio ---------------------------------------------------------------------------------

# A context with what the module uses; its filters are direct form in float64, as browsers' are.
NODE = """\
import {createMyFilter, sampleRate, sections} from "./filter.mjs";
class Filter {
  constructor(b, a) { this.b = b; this.a = a; this.to = []; }
  connect(node) { this.to.push(node); return node; }
  run(x) {
    const {a, b} = this, y = [];
    for (let t = 0; t < x.length; t++) {
      let sum = 0;
      for (let k = 0; k < b.length; k++) if (t >= k) sum += b[k] * x[t - k];
      for (let k = 1; k < a.length; k++) if (t >= k) sum -= a[k] * y[t - k];
      y.push(sum / a[0]);
    }
    return this.to.length ? this.to[0].run(y) : y;
  }
}
const context = {sampleRate: 48000, createIIRFilter: (b, a) => {
  if (b.length > 20 || a.length > 20 || a[0] === 0 || b.every((value) => value === 0))
    throw new Error("refused by the Web Audio API");
  return new Filter(b, a);
}};
let refused = false;
try { createMyFilter({...context, sampleRate: 44100}); } catch (error) { refused = error.message; }
const {input, output, nodes} = createMyFilter(context);
const x = JSON.parse(process.argv[2]);
console.log(JSON.stringify({
  y: input.run(x), rate: sampleRate, nodes: nodes.length, sections, refused,
  last: nodes[nodes.length - 1] === output,
}));
"""


@given(form=sections())
def test_web_audio_arrays_are_read_back(form: Sections) -> None:
    text = source(form, "webaudio")
    found = re.findall(r"\{feedforward: (\[.*?\]), feedback: (\[.*?\])\}", text)
    rows = np.array([json.loads(b) + json.loads(a) for b, a in found])
    np.testing.assert_array_equal(rows, form.sos)
    assert text.count("(") == text.count(")")
    assert text.count("{") == text.count("}")


@pytest.mark.skipif(shutil.which("node") is None, reason="needs node")
def test_web_audio_runs(tmp_path: Path) -> None:
    (tmp_path / "filter.mjs").write_text(source(elliptic(), "webaudio", "my filter"))
    (tmp_path / "main.mjs").write_text(NODE)
    x = noise(500)
    ran = subprocess.run(
        ["node", tmp_path / "main.mjs", json.dumps(x.tolist())],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    told = json.loads(ran.stdout)
    np.testing.assert_allclose(told["y"], signal.sosfilt(elliptic().sos, x), atol=1e-12)
    assert told["rate"] == 48_000
    assert told["nodes"] == 3
    assert told["last"]
    assert "48000" in told["refused"]
    assert "44100" in told["refused"]
