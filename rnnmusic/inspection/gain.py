"""How much of an oscillation of its inputs a system of many channels lets through."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rnnmusic.filters.forms import StateSpace

_WORST_CONDITION = 1e8  # of the eigenvectors, beyond which they tell too little


_NEAREST = 1e-12  # of a frequency to a mode


def gain_db(form: StateSpace, omega: NDArray[np.float64]) -> NDArray[np.float64]:
    """Root mean square gain (K,) at omega (K,) in radians per step.

    The power of all outputs by the power of one input, when independent oscillations of that
    frequency enter at all inputs: |H|_F / sqrt(inputs) with H = C (z - A)**-1 B + D. In the
    coordinates of the eigenvectors |H|_F**2 is a quadratic form of 1 / (z - eigenvalues), so that
    a frequency costs N**2 and not N**3.
    """
    values, vectors = np.linalg.eig(form.A)
    if np.linalg.cond(vectors) > _WORST_CONDITION:
        response = form.response(omega).reshape(len(omega), form.outputs, form.inputs)
        power = np.square(np.abs(response)).sum(axis=(1, 2))
    else:
        b, c = np.linalg.solve(vectors, form.B), form.C @ vectors
        weights = (c.conj().T @ c) * (b.conj() @ b.T)
        crossing = np.einsum("ni,oi,on->n", b, form.D, c)
        distance = np.exp(1j * omega)[:, None] - values  # (K, N)
        # A mode that stands on the circle, such as a phase: if nothing reaches it it adds nothing.
        modes = 1.0 / np.where(np.abs(distance) < _NEAREST, _NEAREST, distance)
        power = np.einsum("kn,nm,km->k", modes.conj(), weights, modes, optimize=True).real
        power += 2 * (modes @ crossing).real + np.square(form.D).sum()
    return np.asarray(10 * np.log10(np.maximum(power / form.inputs, 1e-24)))
