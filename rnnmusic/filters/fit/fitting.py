"""`fit`: from any target to a stable filter and a report of how near it came."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np

from rnnmusic.errors import UsageError
from rnnmusic.filters.analysis import certificate
from rnnmusic.filters.fit.baselines import run_baselines
from rnnmusic.filters.fit.factors import Layout
from rnnmusic.filters.fit.magnitude import EXACT_DB, fit_levels
from rnnmusic.filters.fit.orders import choose_order
from rnnmusic.filters.fit.peaks import FitBand, fit_equaliser
from rnnmusic.filters.fit.report import Baseline, Report, Score, score
from rnnmusic.filters.fit.reverberation import fit_decay
from rnnmusic.filters.fit.systems import fit_system
from rnnmusic.filters.fit.targets import Decay, Levels, Recording, Response, Target
from rnnmusic.filters.forms import FORMS, Form, ParametricEq, ZeroPoleGain, convert

Loss = Literal["rms", "max", "spectral"]

#: Highest order that order selection tries unless told otherwise.
_MAX_ORDER = 16
#: Above this order a fit takes minutes, and more memory than there is.
HIGHEST_ORDER = 512
#: Lines of a delay network unless told otherwise.
_LINES = 16
#: No pole is fitted beyond this radius: at 48 kHz it rings for 14 s (60 dB).
MAX_RADIUS = 1 - 1e-5


@dataclass(frozen=True)
class Fit:
    """A filter and how near it comes to its target."""

    form: Form
    report: Report


def fit(
    target: Target,
    order: int | None = None,
    *,
    form: str | None = None,
    bands: Sequence[FitBand] | None = None,
    zeros: int | None = None,
    max_order: int = _MAX_ORDER,
    loss: Loss = "rms",
    restarts: int = 6,
    seed: int = 0,
    max_radius: float = MAX_RADIUS,
    baselines: bool = True,
) -> Fit:
    """The stable filter of an order that is nearest to a target, and a report.

    target: Levels, Response, Recording or Decay. order: poles; None finds the smallest that is as
    good as any up to max_order on held-out data. zeros: as many as poles unless said (levels only).
    form: a kind of forms.FORMS; sections, or a state space for several channels, unless said;
    "eq" fits peaks, two poles each, or the types given as `bands`, to levels at a sample rate.
    A Decay makes a delay network of `order` lines (16 unless said).
    loss: least squares of the error, "max" for its maximum (levels), or "spectral" to go on from
    there by the multi-resolution spectral loss (recordings of one channel). seed: of the restarts.
    baselines: whether classical methods run beside it on levels; recordings and responses begin
    from their results in any case.
    Errors: UsageError for options that don't go together, InputError for targets.
    """
    _check(target, order, max_order, form, bands, zeros, loss, max_radius)
    from rnnmusic.filters.design import one_blas_thread

    with one_blas_thread():
        if isinstance(target, Decay):
            return _fit_decay(target, order or _LINES, seed)
        request = _Request(form, bands, zeros, loss, restarts, seed, max_radius, baselines)
        errors: dict[int, float] = {}
        if order is None and bands is not None:
            order = 2 * len(bands)
        if order is None:
            is_eq = form == "eq"
            orders = range(2 if is_eq else 1, max_order + 1, 2 if is_eq else 1)
            quick = replace(request, restarts=min(restarts, 1), baselines=False)
            order, errors = choose_order(
                target, orders, lambda part, order: _fit_one(part, order, quick).form
            )
        found = _fit_one(target, order, request)
    return Fit(found.form, replace(found.report, orders=errors))


@dataclass(frozen=True)
class _Request:
    form: str | None
    bands: Sequence[FitBand] | None
    zeros: int | None
    loss: Loss
    restarts: int
    seed: int
    max_radius: float
    baselines: bool


def _fit_one(target: Levels | Response | Recording, order: int, request: _Request) -> Fit:
    began_s = time.process_time()
    found: Form
    compared: tuple[Baseline, ...] = ()
    notes = target.notes if isinstance(target, Levels) else ()
    if isinstance(target, Levels):
        found, starts, method = _fit_levels(target, order, request)
        if request.baselines:
            cpu_s = time.process_time() - began_s
            forms, compared = run_baselines(target, order)
            nearer = _nearer(forms, compared, score(found, target), request)
            began_s = time.process_time() - cpu_s
            if nearer:
                found, starts, method = _fit_levels(target, order, request, nearer)
        cpu_s = time.process_time() - began_s
    else:
        forms, compared = run_baselines(target, order)
        search = fit_system(
            target,
            order,
            starts=forms,
            max_radius=request.max_radius,
            restarts=request.restarts,
            seed=request.seed,
        )
        system = search.modes.system(search.solution.parameters, target.sample_rate_hz)
        is_single = (system.inputs, system.outputs) == (1, 1)
        kind = request.form or ("sos" if is_single else "ss")
        found = convert(system, FORMS[kind])
        starts, method = search.starts, "Levenberg-Marquardt on the output error"
        if isinstance(target, Response):
            method = "Levenberg-Marquardt on the complex response"
        elif request.loss == "spectral":
            found, remark = _by_spectra(found, target, request.max_radius)
            method, notes = "L-BFGS on the multi-resolution spectral loss", (remark,)
        cpu_s = time.process_time() - began_s
    report = Report(
        target=type(target).__name__.lower(),
        method=method,
        order=found.order if isinstance(found, ParametricEq) else order,
        score=score(found, target),
        pole_radius=float(abs(found.poles()).max(initial=0.0)),
        certificate=certificate(found),
        starts=starts,
        baselines=compared,
        orders={},
        cpu_s=cpu_s,
        notes=notes,
    )
    return Fit(found, report)


def _nearer(
    forms: dict[str, Form], baselines: tuple[Baseline, ...], reached: Score, request: _Request
) -> dict[str, ZeroPoleGain]:
    """Baselines that came nearer than the search, or nearly: it should begin there, too."""
    if request.form == "eq" or request.zeros is not None or (reached.rms_error_db or 0) < EXACT_DB:
        return {}
    limit = 1.5 * reached.in_one_number()
    names = [b.name for b in baselines if b.score.in_one_number() < limit]
    return {name: convert(forms[name], ZeroPoleGain) for name in names}


def _fit_levels(
    target: Levels, order: int, request: _Request, known: dict[str, ZeroPoleGain] | None = None
) -> tuple[Form, dict[str, float], str]:
    loss: Literal["rms", "max"] = "max" if request.loss == "max" else "rms"
    if request.form == "eq":
        if target.sample_rate_hz is None:
            raise UsageError("An equaliser has cutoffs in Hz; give the target a sample rate.")
        peaks: list[FitBand] = ["peak"] * (order // 2)
        eq = fit_equaliser(
            target,
            request.bands or peaks,
            loss=loss,
            restarts=request.restarts,
            seed=request.seed,
        )
        form: Form = eq.layout.equaliser(eq.solution.parameters, target.sample_rate_hz)
        return form, eq.starts, "AAA, greedy bands and Levenberg-Marquardt on the knobs"
    zeros = order if request.zeros is None else request.zeros
    layout = Layout(zeros, order, request.max_radius)
    search = fit_levels(
        target,
        layout,
        loss=loss,
        restarts=request.restarts,
        seed=request.seed,
        known=known,
    )
    form = layout.sections(search.solution.parameters, target.sample_rate_hz)
    if request.form not in (None, "sos"):
        form = convert(form, FORMS[str(request.form)])
    return form, search.starts, "AAA and Levenberg-Marquardt on the level"


def _by_spectra(form: Form, target: Recording, max_radius: float) -> tuple[Form, str]:
    """The form improved by gradient descent, in its own parameters, and a remark on the loss."""
    from rnnmusic.filters.fit.gradient import learn
    from rnnmusic.filters.modules import MODULES

    module = MODULES[form.kind].from_form(form, max_radius=max_radius)
    before, after = learn(module, target, loss="spectral")
    return module.form(), f"The spectral loss went from {before:.4g} to {after:.4g}."


def _fit_decay(target: Decay, lines: int, seed: int) -> Fit:
    began_s = time.process_time()
    form, reached = fit_decay(target, lines, seed=seed)
    cpu_s = time.process_time() - began_s
    report = Report(
        target="decay",
        method="Levenberg-Marquardt on each line's absorption",
        order=lines,
        score=reached,
        pole_radius=certificate(form, "float64").max_radius,
        certificate=certificate(form),
        starts={},
        baselines=(),
        orders={},
        cpu_s=cpu_s,
    )
    return Fit(form, report)


def _check(
    target: Target,
    order: int | None,
    max_order: int,
    form: str | None,
    bands: Sequence[FitBand] | None,
    zeros: int | None,
    loss: str,
    max_radius: float,
) -> None:
    if order is not None and (not isinstance(order, int | np.integer) or order < 1):
        raise UsageError(f"An order of {order!r} was asked for; give a whole number, 1 or more.")
    if max(order or 0, max_order) > HIGHEST_ORDER:
        raise UsageError(
            f"An order of {max(order or 0, max_order)} was asked for; give {HIGHEST_ORDER} or less."
        )
    if zeros is not None and zeros < 0:
        raise UsageError(f"{zeros} zeros were asked for; give 0 or more.")
    if form is not None and form not in FORMS:
        raise UsageError(f"There is no form {form!r}; choose one of {', '.join(FORMS)}.")
    if loss not in get_args(Loss):
        raise UsageError(f"There is no loss {loss!r}; choose one of {', '.join(get_args(Loss))}.")
    if loss == "spectral" and not (
        isinstance(target, Recording) and len(target.input) == len(target.output) == 1
    ):
        raise UsageError("The spectral loss compares sounds; give recordings of one channel.")
    if not 0 < max_radius < 1:
        raise UsageError(f"A largest radius of {max_radius} was given; give one between 0 and 1.")
    if (form == "eq" or bands) and not isinstance(target, Levels):
        raise UsageError("An equaliser is fitted to levels; give a magnitude response.")
    if bands is not None and form != "eq":
        raise UsageError("Bands were given without form='eq'; give both.")
    if form == "eq" and order is not None and order % 2 and bands is None:
        raise UsageError(f"An equaliser of order {order} was asked for; a band has two poles.")
    if zeros is not None and (form == "eq" or not isinstance(target, Levels)):
        raise UsageError("The number of zeros can be chosen for levels in sections only.")
    if loss == "max" and not isinstance(target, Levels):
        raise UsageError("The maximum of the error is minimised for levels only; take loss='rms'.")
