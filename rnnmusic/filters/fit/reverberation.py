"""Reverberation by feedback delay networks that die away as a room does, band by band.

Every line of an orthogonal network is followed by an absorption filter whose level at each
frequency is -60 dB times the line's length over the decay time (Jot & Chaigne, Digital delay
networks for designing artificial reverberators, 1991): then all modes near a frequency decay alike.
An absorption filter (A, B, C, D) is lines of one sample in the same network,

    s[t + m] = Q (D s[t] + C x[t]),   x[t + 1] = A x[t] + B s[t],

so that the result is a plain DelayNetwork. Its states are scaled so that the whole loop shrinks
every vector (the bounded real lemma), which proves it stable by the norm of one matrix.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from rnnmusic.errors import InputError
from rnnmusic.filters.fit.factors import Layout
from rnnmusic.filters.fit.magnitude import fit_levels
from rnnmusic.filters.fit.report import Score
from rnnmusic.filters.fit.targets import Decay, Levels
from rnnmusic.filters.forms import DelayNetwork, Reals, StateSpace, convert

#: Poles of each line's absorption filter.
ABSORPTION_ORDER = 4
#: Shortest and longest line.
_LINES_S = (0.02, 0.06)
#: Frequencies at which absorption is fitted.
_POINTS = 96
#: Weakest absorption anywhere, as a part of the target's weakest: the network stays stable.
_LEAST = 0.5
#: What the loop shrinks vectors by at least.
_SHRINK = 1 - 1e-5


def fit_decay(target: Decay, lines: int, *, seed: int = 0) -> tuple[DelayNetwork, Score]:
    """A network of so many delay lines that decays in the target's times, and its error.

    Between the target's frequencies the logarithm of the time is interpolated over that of
    frequency, beyond them it is constant. The error of the score is in dB at the moment when the
    target has fallen by 60 dB. Lines are primes of samples from 20 to 60 ms; the feedback matrix is
    orthogonal, drawn with `seed`.
    """
    rate = target.sample_rate_hz
    delays = _primes(np.geomspace(*_LINES_S, lines) * rate)
    if len(delays) < lines or delays[0] < 2:
        raise InputError(
            f"{lines} delay lines were asked for at {rate:g} Hz, where there are only "
            f"{len(delays)} prime lengths from 20 to 60 ms; ask for fewer."
        )
    frequency = np.geomspace(min(20.0, rate / 100), 0.495 * rate, _POINTS)
    times = _interpolated(target, frequency)
    omega = 2 * np.pi * frequency / rate
    absorptions: list[StateSpace] = []
    errors: list[Reals] = []
    for delay in delays:
        loss_db = 60 * delay / (rate * times)
        layout = Layout(ABSORPTION_ORDER, ABSORPTION_ORDER, max_radius=0.9999)
        levels = Levels(omega, -loss_db, 1 / loss_db, rate)
        search = fit_levels(levels, layout, restarts=1, seed=seed)
        sections = layout.sections(search.solution.parameters, rate)
        absorption = _damped(convert(sections, StateSpace), float(loss_db.min()))
        absorptions.append(absorption)
        at = 2 * np.pi * target.frequency_hz / rate
        reached_db = -20 * np.log10(abs(absorption.response(at)))
        errors.append(60 * (reached_db * rate * target.decay_time_s / (60 * delay) - 1))
    error_db = np.concatenate(errors)
    score = Score(float(abs(error_db).max()), float(np.sqrt(np.mean(error_db**2))))
    return _network(delays, absorptions, rate, seed), score


def decay_of_impulse_response(samples: Reals, sample_rate_hz: float) -> Decay:
    """Decay times of a room's impulse response (T,), in octave bands from 63 Hz.

    Schroeder's backward integration (1965) of each band, and the slope from -5 to -25 dB of it,
    extrapolated to 60 dB (ISO 3382's T20). Bands that don't fall so far are left out; InputError
    where none does.
    """
    from scipy.signal import butter, sosfiltfilt

    sound = np.asarray(samples, dtype=np.float64)
    if sound.ndim != 1 or not np.isfinite(sound).all() or not sound.any():
        raise InputError("An impulse response is one channel of finite samples, not all zero.")
    found: list[tuple[float, float]] = []
    for octave in range(9):
        centre = 62.5 * 2**octave
        if centre * 2**0.5 >= 0.49 * sample_rate_hz:
            break
        edges = [centre / 2**0.5, centre * 2**0.5]
        sos = butter(3, edges, "bandpass", fs=sample_rate_hz, output="sos")
        if len(sound) <= 64:
            break
        band = sosfiltfilt(sos, sound[int(np.argmax(abs(sound))) :], padlen=0)
        energy = np.cumsum(band[::-1] ** 2)[::-1]
        level = 10 * np.log10(np.maximum(energy / energy[0], 1e-30))
        part = np.flatnonzero((level <= -5) & (level >= -25))
        # The integral of any finite record falls to nothing at its very end: that is no decay.
        if len(part) < 16 or part[-1] > 0.9 * len(level):
            continue
        slope = np.polyfit(part / sample_rate_hz, level[part], 1)[0]
        found.append((centre, -60 / slope))
    if not found:
        raise InputError(
            "No octave band of this impulse response falls by 25 dB within it; give a longer one."
        )
    frequency, time = np.array(found).T
    return Decay(frequency, time, sample_rate_hz)


def _interpolated(target: Decay, frequency: Reals) -> Reals:
    at = np.log(np.maximum(target.frequency_hz, 1.0))
    times: Reals = np.exp(np.interp(np.log(frequency), at, np.log(target.decay_time_s)))
    return times


def _damped(absorption: StateSpace, least_db: float) -> StateSpace:
    """The filter, turned down if it would let anything live on between the frequencies fitted."""
    omega = np.concatenate([np.geomspace(1e-5, 0.1, 1024), np.linspace(0.1, np.pi, 4096)])
    peak_db = 20 * np.log10(float(abs(absorption.response(omega)).max()))
    gain = 10 ** (min(0.0, -_LEAST * least_db - peak_db) / 20)
    turned_down = replace(absorption, C=absorption.C * gain, D=absorption.D * gain)
    return _contracting(turned_down)


def _contracting(absorption: StateSpace) -> StateSpace:
    """The same filter with states in which [[A, B], [C, D]] shrinks every vector.

    The storage function of the bounded real lemma, |x'|**2 + |y|**2 < |x|**2 + |u|**2 in its norm,
    solves a Riccati equation; the new states are its square root times the old.
    """
    from scipy.linalg import cholesky, solve_discrete_are, solve_triangular

    a, b, c, d = (m / _SHRINK for m in (absorption.A, absorption.B, absorption.C, absorption.D))
    try:
        storage = -solve_discrete_are(a, b, -c.T @ c, np.eye(1) - d.T @ d, s=-c.T @ d)
        root = cholesky((storage + storage.T) / 2)
    except np.linalg.LinAlgError:
        # Weaker than _SHRINK: stable all the same, but for the certificate to find out.
        return absorption
    inverse = solve_triangular(root, np.eye(len(root)))
    return replace(
        absorption,
        A=root @ absorption.A @ inverse,
        B=root @ absorption.B,
        C=absorption.C @ inverse,
    )


def _network(
    delays: list[int], absorptions: list[StateSpace], rate: float, seed: int
) -> DelayNetwork:
    lines = len(delays)
    rng = np.random.default_rng(seed)
    orthogonal, triangle = np.linalg.qr(rng.standard_normal((lines, lines)))
    orthogonal *= np.sign(np.diag(triangle))
    sizes = [absorption.order for absorption in absorptions]
    starts = lines + np.cumsum([0, *sizes])
    size = int(starts[-1])
    through, out = np.zeros((lines, size)), np.zeros((size, 1))
    inner = np.zeros((size - lines, size))
    for k, absorption in enumerate(absorptions):
        states = slice(int(starts[k]), int(starts[k + 1]))
        through[k, k], through[k, states] = absorption.D[0, 0], absorption.C[0]
        rows = slice(states.start - lines, states.stop - lines)
        inner[rows, k], inner[rows, states] = absorption.B[:, 0], absorption.A
    into = np.zeros((size, 1))
    into[:lines] = 1 / np.sqrt(lines)
    out[:lines, 0] = (-1.0) ** np.arange(lines) / np.sqrt(lines)
    return DelayNetwork(
        delay=(*delays, *[1] * (size - lines)),
        feedback=np.concatenate([orthogonal @ through, inner]),
        gain=np.ones(size),
        b=into,
        c=out.T,
        d=np.zeros((1, 1)),
        sample_rate_hz=rate,
    )


def _primes(lengths: Reals) -> list[int]:
    """Different primes near such lengths, rising."""
    found: list[int] = []
    for length in lengths:
        candidate = max(round(float(length)), found[-1] + 1 if found else 2)
        while any(candidate % k == 0 for k in range(2, int(candidate**0.5) + 1)):
            candidate += 1
        if candidate > 1.1 * lengths[-1] + 10:
            break
        found.append(candidate)
    return found
