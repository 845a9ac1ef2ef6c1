"""How near `rnnmusic.filters.fit` comes to its targets, and how long it takes.

    python benchmarks/filters_fit.py [--quick] [--json]

One thread; process CPU time of the fit alone, the classical baselines beside it not counted. Each
row stands beside what it has to reach. The problems, at 48 kHz, all with fixed seeds:

- elliptic: order 6, 1 dB ripple, 60 dB stop band, edge at 0.2 of Nyquist, 512 linear frequencies;
- vowel: 12 poles, formants at 500, 1500, 2500, 3500, 4500 and 6000 Hz of 60 to 300 Hz width at
  16 kHz, 512 linear frequencies;
- peaks: products of 8 peaking filters at 512 frequencies from 20 Hz to 20 kHz, evenly spaced in
  their logarithm; cutoffs log-uniform from 40 Hz to 16 kHz, gains uniform within +-12 dB, q
  log-uniform from 0.5 to 8; nothing keeps the peaks apart. Once as they are, and, harder, with
  levels rounded to 0.01 dB as in a published curve, the error being that to the true curve;
- smooth curves: a Gaussian process over the same 512 frequencies, squared exponential
  covariance exp(-d**2 / 2 / l**2) with l = 0.5 octaves and 5 dB standard deviation, fitted at
  orders 16 and 32 in least squares and by minimax;
- recordings: 48,000 samples of white noise through the elliptic filter, and through products of 4
  peaks, with white noise 60 dB below the output; the error is that of the response where it is
  less than 60 dB below its peak;
- order selection: up to order 12 (levels) or 10 (recording) on held-out data.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import signal

from rnnmusic.filters import fit as fitting
from rnnmusic.filters.fit import Fit, Levels, Recording
from rnnmusic.filters.forms import Band, Form, ParametricEq, Sections, TransferFunction

RATE_HZ = 48_000.0
HERTZ = np.geomspace(20, 20_000, 512)
OMEGA = 2 * np.pi * HERTZ / RATE_HZ
LINEAR = np.linspace(0, np.pi, 512)

Reals = NDArray[np.float64]
Row = dict[str, Any]


def level_db(form: Form, omega: Reals) -> Reals:
    return 20 * np.log10(abs(form.response(omega)))


def elliptic() -> Sections:
    return Sections(signal.ellip(6, 1, 60, 0.2, output="sos"))


def vowel() -> TransferFunction:
    formants = np.array([500, 1500, 2500, 3500, 4500, 6000])
    widths = np.array([60, 90, 120, 150, 200, 300])
    upper = np.exp(np.pi / 16_000 * (2j * formants - widths))
    return TransferFunction([1.0], np.poly(np.concatenate([upper, upper.conj()])).real)


def peaks(seed: int, count: int = 8) -> ParametricEq:
    rng = np.random.default_rng(seed)
    cutoff_hz = np.exp(rng.uniform(np.log(40), np.log(16_000), count))
    gain_db = rng.uniform(-12, 12, count)
    q = np.exp(rng.uniform(np.log(0.5), np.log(8), count))
    bands = [Band("peak", *knobs) for knobs in zip(cutoff_hz, gain_db, q, strict=True)]
    return ParametricEq(tuple(bands), RATE_HZ)


def smooth_curve(seed: int) -> Reals:
    rng = np.random.default_rng(seed)
    octaves = np.log2(HERTZ)
    covariance = 25 * np.exp(-(((octaves[:, None] - octaves) / 0.5) ** 2) / 2)
    values, vectors = np.linalg.eigh(covariance)
    return vectors @ (np.sqrt(np.maximum(values, 0)) * rng.standard_normal(len(values)))


def timed(run: Callable[[], Fit]) -> tuple[Fit, float]:
    began_s = time.process_time()
    found = run()
    return found, time.process_time() - began_s


def row(case: str, value: str, reach: str, is_reached: bool, cpu_s: float) -> Row:
    return {
        "case": case,
        "value": value,
        "reach": reach,
        "is_reached": bool(is_reached),
        "cpu_s": cpu_s,
    }


def exact_rows() -> list[Row]:
    rows = []
    for name, form, order in (
        ("elliptic, order 6", elliptic(), 6),
        ("vowel, 12 poles", vowel(), 12),
    ):
        target = Levels(LINEAR, level_db(form, LINEAR), np.ones(len(LINEAR)))
        found, cpu_s = timed(lambda: fitting.fit(target, order, baselines=False))  # noqa: B023
        error = found.report.score.max_error_db or 0.0
        is_reached = error <= 1e-6 and cpu_s <= 1
        rows.append(row(name, f"max {error:.1e} dB", "1e-6 dB, 1 s", is_reached, cpu_s))
    return rows


def peak_rows(count: int) -> list[Row]:
    rows = []
    for case, digits in (("peaks", None), ("peaks, levels rounded to 0.01 dB", 2)):
        errors, times = [], []
        for seed in range(count):
            true = level_db(peaks(seed), OMEGA)
            given = true if digits is None else true.round(digits)
            target = Levels(OMEGA, given, np.ones(len(OMEGA)), RATE_HZ)
            found, cpu_s = timed(lambda: fitting.fit(target, 16, form="eq", baselines=False))  # noqa: B023
            errors.append(float(abs(level_db(found.form, OMEGA) - true).max()))
            times.append(cpu_s)
        good = sum(error < 0.01 for error in errors)
        value = (
            f"{good} of {count} below 0.01 dB, median {np.median(errors):.1e}, max "
            f"{max(errors):.1e} dB"
        )
        longest_s = max(times)
        if digits is None:
            is_reached = good >= 0.95 * count and longest_s <= 0.5
            rows.append(
                row(case, value, f"{0.95 * count:.0f} of {count}, 0.5 s", is_reached, longest_s)
            )
        else:
            rows.append(row(case, value, "(none set)", True, float(np.median(times))))
    return rows


def smooth_rows(count: int) -> list[Row]:
    rows = []
    for order, reach in ((16, 1.0), (32, 0.03)):
        for loss in ("rms", "max"):
            errors, bounds, times = [], [], []
            for seed in range(count):
                target = Levels(OMEGA, smooth_curve(seed), np.ones(len(OMEGA)), RATE_HZ)
                run = lambda: fitting.fit(target, order, loss=loss, baselines=False)  # type: ignore[arg-type]  # noqa: B023, E731
                found, cpu_s = timed(run)
                errors.append(found.report.score.max_error_db or 0.0)
                bounds.append(min(found.report.starts.values()))
                times.append(cpu_s)
            value = f"max {max(errors):.2g}, median {np.median(errors):.2g} dB"
            if max(errors) > reach:
                value += f"; best start anywhere {max(bounds):.2g}"
            case = (
                f"smooth curves, order {order}, {'least squares' if loss == 'rms' else 'minimax'}"
            )
            is_reached = max(errors) <= reach
            rows.append(row(case, value, f"{reach:g} dB", is_reached, float(np.median(times))))
    return rows


def recording(form: Sections, frames: int, seed: int) -> Recording:
    rng = np.random.default_rng(seed)
    into = rng.standard_normal(frames)
    out = signal.sosfilt(form.sos, into)
    return Recording(into, out + 1e-3 * out.std() * rng.standard_normal(frames), RATE_HZ)


def response_error_db(found: Form, form: Form) -> float:
    omega = np.linspace(1e-3, np.pi, 4096)
    size = abs(form.response(omega))
    is_heard = size > 1e-3 * size.max()
    return float(abs(level_db(found, omega) - level_db(form, omega))[is_heard].max())


def recording_rows(frames: int) -> list[Row]:
    from rnnmusic.filters.design import subspace

    rows = []
    cases = {"elliptic": elliptic()} | {
        f"4 peaks, seed {seed}": peaks(seed, 4).sections() for seed in range(3)
    }
    for name, form in cases.items():
        target = recording(form, frames, 0)
        found, cpu_s = timed(lambda: fitting.fit(target, form.order))  # noqa: B023
        error = response_error_db(found.form, form)
        alone = response_error_db(subspace(target.input, target.output, form.order), form)
        value = f"max {error:.2g} dB (subspace alone {alone:.2g})"
        case = f"recording, {name}"
        rows.append(row(case, value, "0.5 dB", error <= 0.5, cpu_s))
    return rows


def order_rows(frames: int) -> list[Row]:
    cases: dict[str, tuple[Levels | Recording, int, int]] = {
        "elliptic levels": (
            Levels(LINEAR, level_db(elliptic(), LINEAR), np.ones(len(LINEAR))),
            6,
            12,
        ),
        "3 peaks, rounded to 0.01 dB": (
            Levels(OMEGA, level_db(peaks(3, 3), OMEGA).round(2), np.ones(len(OMEGA)), RATE_HZ),
            6,
            12,
        ),
        "elliptic recording": (recording(elliptic(), frames, 1), 6, 10),
    }
    rows = []
    for name, (target, order, most) in cases.items():
        found, cpu_s = timed(lambda: fitting.fit(target, max_order=most, baselines=False))  # noqa: B023
        value, case = f"order {found.report.order}", f"order selection, {name}"
        rows.append(row(case, value, f"order {order}", found.report.order == order, cpu_s))
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer random problems, shorter sound")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    count, curves, frames = (8, 2, 12_000) if arguments.quick else (40, 10, 48_000)
    fitting.fit(Levels(LINEAR, -LINEAR, np.ones(len(LINEAR))), 2)  # imports and BLAS, once
    rows = [
        *exact_rows(),
        *peak_rows(count),
        *smooth_rows(curves),
        *recording_rows(frames),
        *order_rows(frames),
    ]
    if arguments.json:
        print(json.dumps(rows, indent=2))
        return
    width = max(len(r["case"]) for r in rows)
    for r in rows:
        mark = "ok " if r["is_reached"] else "NOT"
        print(f"{mark} {r['case']:{width}}  {r['value']}  [{r['reach']}]  {r['cpu_s']:.3f} s")


if __name__ == "__main__":
    main()
