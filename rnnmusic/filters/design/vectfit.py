"""Vector fitting: partial fractions with poles moved until they fit a response."""

from __future__ import annotations

from typing import Any

import numpy as np

from rnnmusic.filters.design.algebra import eigenvalues, least_squares
from rnnmusic.filters.design.blas import one_blas_thread
from rnnmusic.filters.design.checks import (
    as_omega,
    as_response,
    as_weight,
    check_equations,
    check_order,
)
from rnnmusic.filters.design.polynomials import PATIENCE, not_found, relative_floor, stacked
from rnnmusic.filters.design.stability import is_unstable, reflect_poles
from rnnmusic.filters.forms import Complexes, Reals, StateSpace


@one_blas_thread()
def vector_fitting(
    omega: Any,
    response: Any,
    order: int,
    *,
    weight: Any = None,
    relative: bool = False,
    iterations: int = 30,
    stabilise: bool = False,
) -> StateSpace:
    """A filter of so many poles near a complex response, poles common to all its channels.

    omega (K,) rising within [0, pi], response (K,) or (K, outputs, inputs); minimises the squares
    of weight times error, relative dividing the weight by the response's norm. With the poles p_k
    at hand, sum_k c_k / (z - p_k) + d = H sigma is solved for all c and for sigma, whose zeros are
    the next poles: relaxed fast vector fitting (Gustavsen, IEEE Trans. Power Delivery 21, 2006,
    equations 5 to 11; Deschrijver and others, IEEE Microwave and Wireless Components Letters 18,
    2008), here in z, conjugate poles in pairs with real coefficients throughout.
    The result is real and block-diagonal, its state of size order times inputs; with stabilise,
    the residues belong to reflected poles.
    Errors: InputError for data that are short, zero or not finite, UsageError for orders.
    """
    order, iterations = check_order("order", order), check_order("iterations", iterations)
    omega = as_omega(omega)
    target, weight = as_response(omega, response), as_weight(omega, weight)
    check_equations(2 * len(omega), 2 * order + 1, "real and imaginary parts")
    shape = target.shape[1:] or (1, 1)
    target = target.reshape(len(omega), -1)
    if relative:
        weight = weight / relative_floor(np.linalg.norm(target, axis=1))
    z = np.exp(1j * omega)
    poles = _first_poles(omega, order)
    best, least, idle = poles, np.inf, 0
    for _ in range(iterations):
        try:
            poles = _relocated(z, target, weight, poles)
        except np.linalg.LinAlgError:
            break
        basis = _fractions(z, poles)
        error = _residues(basis, target, weight)[1]
        if error < least * (1 - 1e-6):
            best, least, idle = poles, error, 0
        elif (idle := idle + 1) == PATIENCE:
            break
    if least == np.inf:
        raise not_found()
    if is_unstable("vector_fitting", best, stabilise) and stabilise:
        best = _in_pairs(reflect_poles(best))
    basis = _fractions(z, best)
    solution, _ = _residues(basis, target, weight)
    return _realised(best, solution, *shape)


def _first_poles(omega: Reals, order: int) -> Complexes:
    """Lightly damped pairs spread over the grid as its points are, and one real pole if odd."""
    pairs, spread = order // 2, len(omega)
    angle = omega[np.round((np.arange(pairs) + 0.5) * (spread / max(pairs, 1)) - 0.5).astype(int)]
    angle = np.clip(angle, 1e-3, np.pi - 1e-3)
    step = np.gradient(angle) if pairs > 1 else angle
    upper = np.exp(1j * angle - np.clip(step, 1e-4, 0.3) / 2)
    real = np.full(order % 2, 0.5, dtype=np.complex128)
    return np.concatenate((real, np.stack((upper, upper.conj()), axis=1).ravel()))


def _in_pairs(poles: Complexes) -> Complexes:
    """Real poles first, then each of the upper half plane followed by its conjugate."""
    upper = poles[poles.imag > 0]
    real = poles[poles.imag == 0].real + 0j
    return np.concatenate((real, np.stack((upper, upper.conj()), axis=1).ravel()))


def _fractions(z: Complexes, poles: Complexes) -> Complexes:
    """Columns 1 / (z - p), for a pair their sum and i times their difference, then ones."""
    gaps = z[:, None] - poles
    columns = 1 / np.where(abs(gaps) < 1e-15, 1e-15, gaps)  # a pole may meet the grid
    upper = np.flatnonzero(poles.imag > 0)
    first, second = columns[:, upper], columns[:, upper + 1]
    columns[:, upper], columns[:, upper + 1] = first + second, 1j * (first - second)
    return np.hstack((columns, np.ones((len(z), 1), np.complex128)))


def _state(poles: Complexes) -> tuple[Reals, Reals]:
    """A (N, N) and b (N,) with (z - A)**-1 b = the fractions, in real 1 x 1 and 2 x 2 blocks."""
    a = np.diag(np.asarray(poles.real, dtype=np.float64))
    b = np.ones(len(poles))
    for k in np.flatnonzero(poles.imag > 0):
        a[k, k + 1], a[k + 1, k] = poles[k].imag, -poles[k].imag
        b[k], b[k + 1] = 2, 0
    return a, b


def _relocated(z: Complexes, target: Complexes, weight: Reals, poles: Complexes) -> Complexes:
    """The zeros of the sigma that best turns the target into fractions with these poles."""
    order, count = len(poles), len(z)
    unknown = _fractions(z, poles)
    size = np.linalg.norm(unknown, axis=0)
    unknown = unknown / size
    q, _ = np.linalg.qr(stacked(weight[:, None] * unknown))
    rows, wanted = [], []
    for channel in target.T:
        columns = stacked((weight * channel)[:, None] * unknown)
        # What the channel's own residues can't explain is left for sigma: the fast version.
        rest = columns - q @ (q.T @ columns)
        rest -= q @ (q.T @ rest)
        rows.append(np.linalg.qr(rest, mode="r"))
        wanted.append(np.zeros(len(rows[-1])))
    # Relaxed: sigma is 1 on average rather than at infinity.
    strength = np.linalg.norm(weight[:, None] * target)
    rows.append(strength / count * unknown.real.sum(axis=0, keepdims=True))
    wanted.append(np.array([strength]))
    found = least_squares(np.vstack(rows), np.concatenate(wanted)) / size
    residues, constant = found[:order], found[order]
    if not found.any():
        raise np.linalg.LinAlgError("The response determines no poles.")
    # A constant of nothing would send a zero to infinity.
    smallest = 1e-8 * abs(residues).max()
    if abs(constant) < smallest:
        constant = smallest if constant >= 0 else -smallest
    a, b = _state(poles)
    return _in_pairs(eigenvalues(a - np.outer(b, residues) / constant))


def _residues(basis: Complexes, target: Complexes, weight: Reals) -> tuple[Reals, float]:
    """Real coefficients (order + 1, channels) of least squared error, and that error."""
    size = np.linalg.norm(basis, axis=0)
    columns = stacked(weight[:, None] * (basis / size))
    wanted = stacked(weight[:, None] * target)
    solution = least_squares(columns, wanted)
    return solution / size[:, None], float(np.sum((columns @ solution - wanted) ** 2))


def _realised(poles: Complexes, solution: Reals, outputs: int, inputs: int) -> StateSpace:
    """Gilbert's realisation: the poles once for each input."""
    a, b = _state(poles)
    coefficients = solution[:-1].reshape(len(poles), outputs, inputs)
    each = np.eye(inputs)
    return StateSpace(
        np.asarray(np.kron(each, a), dtype=np.float64),
        np.asarray(np.kron(each, b[:, None]), dtype=np.float64),
        np.concatenate([coefficients[..., i].T for i in range(inputs)], axis=1),
        solution[-1].reshape(outputs, inputs),
    )
