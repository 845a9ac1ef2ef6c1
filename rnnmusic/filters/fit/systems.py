"""Systems from complex responses and from recordings: least squares of the output's error."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from rnnmusic.filters.fit.least_squares import Solution, levenberg_marquardt
from rnnmusic.filters.fit.modes import Modes, Spectra, from_system, pole_parameters, stacked
from rnnmusic.filters.fit.targets import Recording, Response
from rnnmusic.filters.forms import Complexes, Form, Reals, StateSpace, convert

#: Relative error at which no other start needs trying.
_EXACT = 1e-11
#: Two starts whose errors differ by less than this part have come to the same minimum.
_SAME = 1e-6


@dataclass(frozen=True)
class SystemSearch:
    """A best system, and the relative error (of the RMS, 0 to 1) that every start led to."""

    modes: Modes
    solution: Solution
    starts: dict[str, float]


def fit_system(
    target: Recording | Response,
    order: int,
    *,
    starts: Mapping[str, Form],
    max_radius: float = 1 - 1e-5,
    restarts: int = 4,
    seed: int = 0,
) -> SystemSearch:
    """The stable system of so many poles nearest to a recording or a complex response.

    For a recording the error is that of the output in its whole length (output error, which is
    maximum likelihood where white noise was added to it). `starts` are filters whose poles to begin
    with: what classical methods found; up to `restarts` more begin with poles drawn at random,
    until two starts lead to the same best.
    """
    data = spectra_of(target)
    modes = Modes(order, data.input.shape[1], data.output.shape[1], data.has_ends, max_radius)
    aim = data.target
    size = float(np.linalg.norm(aim))
    weight = np.ones(len(aim))
    longest = np.full(modes.size, np.inf)
    longest[:order] = 1.0

    def search(start: Reals, steps: int) -> Solution | None:
        return levenberg_marquardt(
            lambda p: modes.model(data, p),
            start,
            aim,
            weight,
            steps=steps,
            tolerance=1e-8,
            enough=(1e-14 * size) ** 2,
            longest=longest,
        )

    def error(solution: Solution) -> float:
        return float(np.linalg.norm(solution.residual)) / size

    found: dict[str, Solution] = {}
    rng = np.random.default_rng(seed)
    candidates: dict[str, Form | None] = {**starts}
    candidates |= {f"random {k + 1}": None for k in range(restarts)}
    for name, form in candidates.items():
        solution = search(_start(modes, data, form, rng), 25)
        if solution is not None:
            found[name] = solution
            reached = sorted(map(error, found.values()))
            agree = len(reached) > 1 and reached[1] - reached[0] < _SAME * reached[0]
            if reached[0] < _EXACT or (agree and form is None):
                break
    ranked = sorted(found, key=lambda name: error(found[name]))[:2]
    for name in ranked:
        if error(found[name]) > _EXACT:
            found[name] = search(found[name].parameters, 200) or found[name]
    best = min(ranked, key=lambda name: error(found[name]))
    return SystemSearch(modes, found[best], {name: error(s) for name, s in found.items()})


def spectra_of(target: Recording | Response) -> Spectra:
    """The data in the frequency domain; of a record all of it, without a window."""
    if isinstance(target, Response):
        response = target.response[:, None]
        weight = target.weight
        if weight is None:
            size = abs(target.response)
            weight = 1 / np.maximum(size, 1e-6 * size.max())
        ones = np.ones_like(response)
        return Spectra(np.exp(1j * target.omega), ones, response, weight, has_ends=False)
    frames = target.frames
    z = np.exp(2j * np.pi * np.arange(frames // 2 + 1) / frames)
    weight = np.full(len(z), np.sqrt(2 / frames))  # Parseval: each bin has its mirror image
    weight[0] /= np.sqrt(2)
    if frames % 2 == 0:
        weight[-1] /= np.sqrt(2)
    return Spectra(z, np.fft.rfft(target.input).T, np.fft.rfft(target.output).T, weight, True)


def _start(modes: Modes, data: Spectra, form: Form | None, rng: np.random.Generator) -> Reals:
    needs_b = modes.inputs > 1 and modes.outputs > 1
    if isinstance(form, StateSpace) and needs_b:
        rotated = from_system(modes, form)
        if rotated is not None:
            return modes.with_best_linear(data, *rotated)
    poles: Complexes = _random_poles(modes.order, rng) if form is None else form.poles()
    parameters = pole_parameters(poles, modes.order, modes.max_radius)
    b = rng.standard_normal((modes.order, modes.inputs)) if needs_b else None
    return modes.with_best_linear(data, parameters, b)


def _random_poles(order: int, rng: np.random.Generator) -> Complexes:
    """Pairs at frequencies spread evenly in their logarithm over eight octaves below Nyquist."""
    pairs = (order + 1) // 2
    place = (np.arange(pairs) + rng.uniform(size=pairs)) / pairs
    omega = np.pi * 2 ** (-8 * place)
    upper = np.exp((1j - rng.uniform(0.02, 0.5, pairs)) * omega)
    return np.concatenate([upper, upper.conj()])


def simulated_error(form: Form, data: Spectra) -> float:
    """RMS of the output's error to that of the output, from whatever state suits it best.

    Infinite for an unstable system. Diagonalised: states decay independently of each other.
    """
    system = convert(form, StateSpace)
    poles, vectors = np.linalg.eig(system.A)
    if (abs(poles) >= 1).any():
        return np.inf
    into = np.linalg.solve(vectors, system.B)
    states = 1 / (data.z[:, None] - poles)
    c = system.C @ vectors
    output = (states * (data.input @ into.T)) @ c.T + data.input @ system.D.T
    weight = data.weight[:, None]
    residual = ((data.output - output) * weight).T.ravel()
    if data.has_ends:
        # One more impulse into each state, in least squares (real and imaginary parts of each).
        moves = (c[:, None, :] * (states * data.z[:, None])[None] * weight).reshape(-1, len(poles))
        columns = stacked(np.concatenate([moves, 1j * moves], axis=1).T).T
        aim = stacked(residual)
        found, *_ = np.linalg.lstsq(columns, aim, rcond=1e-12)
        left = aim - columns @ found
    else:
        left = stacked(residual)
    return float(np.linalg.norm(left) / np.linalg.norm(data.target))
