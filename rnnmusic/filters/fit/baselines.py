"""What classical methods make of the same target: to begin from, and to compare with."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable

import numpy as np

from rnnmusic.errors import RnnMusicError
from rnnmusic.filters.fit.report import Baseline, Score, score
from rnnmusic.filters.fit.targets import Levels, Recording, Response
from rnnmusic.filters.forms import Complexes, Form, Reals, TransferFunction

#: Samples of a minimum-phase impulse response: enough to hear a pole at 40 Hz ring to -60 dB.
_LONGEST = 8192
#: Longer impulse responses than this add nothing to a Hankel matrix but time.
_HANKEL = 1024

Method = Callable[[], Form]


def run_baselines(
    target: Levels | Response | Recording, order: int
) -> tuple[dict[str, Form], tuple[Baseline, ...]]:
    """Forms by method, with unstable poles left as found, and how each did.

    A method that fails on this target has no form, and its baseline says why.
    """
    if isinstance(target, Levels):
        methods = _for_levels(target, order)
    elif isinstance(target, Response):
        methods = _for_response(target, order)
    else:
        methods = _for_recording(target, order)
    forms: dict[str, Form] = {}
    found: list[Baseline] = []
    for name, method in methods.items():
        began_s = time.process_time()
        try:
            with warnings.catch_warnings(), np.errstate(all="ignore"):
                warnings.simplefilter("ignore")  # that it is unstable stands in the report
                form = method()
                cpu_s = time.process_time() - began_s
                poles = form.poles()
                reached = score(form, target)
        except (RnnMusicError, np.linalg.LinAlgError, ValueError) as error:
            cpu_s = time.process_time() - began_s
            problem = str(error).splitlines()[0] if str(error) else type(error).__name__
            found.append(Baseline(name, Score(), False, cpu_s, problem))
            continue
        forms[name] = form
        is_stable = bool((abs(poles) < 1).all())
        found.append(Baseline(name, reached, is_stable, cpu_s))
    return forms, tuple(found)


def _for_levels(target: Levels, order: int) -> dict[str, Method]:
    """Those that need a phase or an impulse response get the minimum-phase one."""
    from rnnmusic.filters import design

    omega, magnitude = target.omega, 10 ** (target.level_db / 20)
    memory: dict[str, Reals | Complexes] = {}

    def impulse() -> Reals:
        if "h" not in memory:
            memory["h"] = design.minimum_phase_impulse_response(omega, magnitude, _LONGEST)
        return memory["h"].real

    def response() -> Complexes:
        if "response" not in memory:
            memory["response"] = design.minimum_phase_response(omega, magnitude)
        return np.asarray(memory["response"], dtype=np.complex128)

    def linear_prediction() -> Form:
        form = design.lpc(impulse(), order)
        level = 20 * np.log10(abs(form.response(omega)))
        gain = 10 ** (np.average(target.level_db - level, weights=target.weight) / 20)
        return TransferFunction(form.b * gain, form.a)

    return {
        "Yule-Walker": lambda: design.yule_walker(omega, magnitude, order),
        "LPC": linear_prediction,
        "Prony": lambda: design.prony(impulse(), order, order),
        "Steiglitz-McBride": lambda: design.steiglitz_mcbride(impulse(), order, order),
        "ERA": lambda: design.era(impulse()[:_HANKEL], order),
        "Sanathanan-Koerner": lambda: design.sanathanan_koerner(
            omega, response(), order, order, weight=target.weight, relative=True
        ),
        "spectral factor": lambda: design.spectral_factor(
            omega, magnitude, order, order, weight=target.weight
        ),
    }


def _for_response(target: Response, order: int) -> dict[str, Method]:
    from rnnmusic.filters import design

    omega, response, weight = target.omega, target.response, target.weight
    relative = weight is None
    return {
        "Sanathanan-Koerner": lambda: design.sanathanan_koerner(
            omega, response, order, order, weight=weight, relative=relative
        ),
        "vector fitting": lambda: design.vector_fitting(
            omega, response, order, weight=weight, relative=relative
        ),
    }


def _for_recording(target: Recording, order: int) -> dict[str, Method]:
    from rnnmusic.filters import design

    into, out = target.input, target.output
    is_impulse = target.is_impulse_response
    methods: dict[str, Method] = {}
    if is_impulse and len(out) == 1:
        methods["Prony"] = lambda: design.prony(out[0], order, order)
    if is_impulse:
        h = out.T[:, :, None]
        methods["ERA"] = lambda: design.era(h[:_HANKEL], order)
    else:
        methods["subspace"] = lambda: design.subspace(into, out, order)
    if len(into) == len(out) == 1:
        methods["Steiglitz-McBride"] = lambda: design.steiglitz_mcbride(
            out[0], order, order, excitation=into[0]
        )
    return methods
