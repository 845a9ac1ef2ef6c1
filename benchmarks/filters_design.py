"""What the classical methods make of three magnitudes that a filter of their order has exactly.

    python benchmarks/filters_design.py [--quick] [--json]

The targets are those of benchmarks/filters_fit.py: a 6th-order elliptic filter, a vowel of 12
poles, and random products of 8 peaking filters (the median of several, and how many came out below
0.01 dB). Methods for impulse responses and complex responses get those of minimum phase, computed
from the 512 levels; the last two rows get the filter's true complex response, for comparison. The
error is the level's, at the same frequencies and where it is less than 100 dB below its maximum;
poles outside the unit circle are reflected, and counted. CPU time is the method's own, of one
thread, with the minimum phase.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from filters_fit import LINEAR, OMEGA, elliptic, peaks, vowel  # first: it pins BLAS
from numpy.typing import NDArray

from rnnmusic.filters import design
from rnnmusic.filters.forms import Form

Reals = NDArray[np.float64]
Method = Callable[[Reals, Any, int], Form]


def _impulse(omega: Reals, response: Any) -> Reals:
    return design.minimum_phase_impulse_response(omega, abs(response), 2_048)


def _phase(omega: Reals, response: Any) -> Any:
    return design.minimum_phase_response(omega, abs(response))


METHODS: dict[str, Method] = {
    "Yule-Walker": lambda omega, h, n: design.yule_walker(omega, abs(h), n, stabilise=True),
    "minimum phase + Prony": lambda omega, h, n: design.prony(
        _impulse(omega, h), n, n, stabilise=True
    ),
    "minimum phase + Steiglitz-McBride": lambda omega, h, n: design.steiglitz_mcbride(
        _impulse(omega, h), n, n, stabilise=True
    ),
    "minimum phase + ERA": lambda omega, h, n: design.era(
        _impulse(omega, h)[:1_024], n, stabilise=True
    ),
    "minimum phase + Sanathanan-Koerner": lambda omega, h, n: design.sanathanan_koerner(
        omega, _phase(omega, h), n, n, relative=True, stabilise=True
    ),
    "minimum phase + vector fitting": lambda omega, h, n: design.vector_fitting(
        omega, _phase(omega, h), n, relative=True, stabilise=True
    ),
    "spectral factor": lambda omega, h, n: design.spectral_factor(omega, abs(h), n, n),
    "true phase + Sanathanan-Koerner": lambda omega, h, n: design.sanathanan_koerner(
        omega, h, n, n, relative=True, stabilise=True
    ),
    "true phase + vector fitting": lambda omega, h, n: design.vector_fitting(
        omega, h, n, relative=True, stabilise=True
    ),
}


def measured(method: Method, form: Form, omega: Reals, order: int) -> dict[str, Any]:
    """Largest and rms error in dB, CPU time, and whether the method itself was stable."""
    response = form.response(omega)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", design.StabilityWarning)
        began_s = time.process_time()
        found = method(omega, response, order)
        cpu_s = time.process_time() - began_s
    counts = abs(response) > 1e-5 * abs(response).max()
    ratio = abs(found.response(omega)[counts]) / abs(response[counts])
    error_db = 20 * np.log10(np.maximum(ratio, 1e-15))
    return {
        "max_db": float(abs(error_db).max()),
        "rms_db": float(np.sqrt(np.mean(error_db**2))),
        "cpu_s": cpu_s,
        "stable": not caught,
    }


def compare(products: int) -> dict[str, dict[str, Any]]:
    """Every method on every target; of the products the medians."""
    table: dict[str, dict[str, Any]] = {}
    for name, method in METHODS.items():
        rows = [measured(method, peaks(seed), OMEGA, 16) for seed in range(products)]
        table[name] = {
            "elliptic": measured(method, elliptic(), LINEAR, 6),
            "vowel": measured(method, vowel(), LINEAR, 12),
            "peaks": {
                **{key: float(np.median([row[key] for row in rows])) for key in rows[0]},
                "products": products,
                "stable": sum(row["stable"] for row in rows),
                "solved": sum(row["max_db"] < 0.01 for row in rows),
            },
        }
    return table


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Classical designs of three magnitudes.")
    parser.add_argument("--quick", action="store_true", help="5 products of peaks, not 40")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    products = 5 if options.quick else 40
    table = compare(products)
    if options.json:
        print(json.dumps(table, indent=1))
        return
    print("max / rms error in dB, CPU ms; * unstable before its poles were reflected")
    print(f"{'':<36}{'elliptic':<26}{'vowel':<26}{f'{products} products of 8 peaks: median'}")
    for name, row in table.items():
        cells = []
        for target in ("elliptic", "vowel", "peaks"):
            cell = row[target]
            text = f"{cell['max_db']:.1e} / {cell['rms_db']:.0e} {1e3 * cell['cpu_s']:5.0f}"
            cells.append(f"{text}{'' if cell['stable'] else '*'}")
        solved, stable = row["peaks"]["solved"], row["peaks"]["stable"]
        print(
            f"{name:<36}{cells[0]:<26}{cells[1]:<26}{cells[2]:<26}"
            f"{solved} below 0.01 dB, {products - stable} unstable"
        )


if __name__ == "__main__":
    main()
