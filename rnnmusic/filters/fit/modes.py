"""Linear systems of any number of channels as blocks of two states, and their derivatives.

Each pair of poles is a block in companion form, [[-a1, -a2], [1, 0]]: poles may meet, become real
and part again without anything special happening. The poles' parameters are those of
`factors`, u and zeta, so every system is stable. With one input the blocks' B is [1, 0] and C is
free, with one output C is [0, 1] and B is free; with more of both, both are free.

In the frequency domain a finite record obeys, exactly,

    Y = C (z - A)**-1 (B U + z e) + D U,   e = s[0] - s[T],

where U and Y are its discrete Fourier transforms: what the state was before the first sample and is
after the last acts as one more input (Pintelon & Schoukens, System Identification, 2012, section
6.3.2). So residuals and derivatives need no recursion over time, and leakage is no error.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rnnmusic.filters.forms import Complexes, Reals, StateSpace


@dataclass(frozen=True, eq=False)
class Spectra:
    """Data at K frequencies: z (K,), input (K, I), output (K, O), weight (K,) of the error.

    has_ends: whether the state before and after is unknown, as in a record.
    """

    z: Complexes
    input: Complexes
    output: Complexes
    weight: Reals
    has_ends: bool

    @property
    def target(self) -> Reals:
        """The output as real numbers (2 K O,), weighted."""
        return stacked((self.output * self.weight[:, None]).T.ravel())


@dataclass(frozen=True)
class Modes:
    """How parameters are cut up: poles, B, C, D, e.

    Poles: u of the pairs, zeta of the pairs, u of a single pole where the order is odd.
    """

    order: int
    inputs: int
    outputs: int
    has_ends: bool
    max_radius: float = 1 - 1e-5

    @property
    def _frees(self) -> list[tuple[str, tuple[int, int]]]:
        frees = []
        if self.inputs > 1:
            frees.append(("B", (self.order, self.inputs)))
        if self.inputs == 1 or self.outputs > 1:
            frees.append(("C", (self.outputs, self.order)))
        frees.append(("D", (self.outputs, self.inputs)))
        if self.has_ends:
            frees.append(("e", (self.order, 1)))
        return frees

    @property
    def size(self) -> int:
        """Number of parameters."""
        return self.order + sum(rows * columns for _, (rows, columns) in self._frees)

    def matrices(self, parameters: Reals) -> dict[str, Reals]:
        """A, B, C, D and e."""
        found = {"A": self._blocks(parameters).matrix()}
        firsts = np.arange(self.order) % 2 == 0
        found["B"] = firsts[:, None].astype(float)
        # The second state of a block; of a single pole, its only one.
        found["C"] = (~firsts | (np.arange(self.order) == 2 * (self.order // 2)))[None].astype(
            float
        )
        found["e"] = np.zeros((self.order, 1))
        start = self.order
        for name, shape in self._frees:
            size = shape[0] * shape[1]
            found[name] = parameters[start : start + size].reshape(shape)
            start += size
        return found

    def join(self, poles: Reals, matrices: dict[str, Reals]) -> Reals:
        """Parameters from those of the poles (order,) and the matrices that are free."""
        return np.concatenate([poles, *(matrices[name].ravel() for name, _ in self._frees)])

    def system(self, parameters: Reals, sample_rate_hz: float | None) -> StateSpace:
        """The system of such parameters."""
        m = self.matrices(parameters)
        return StateSpace(m["A"], m["B"], m["C"], m["D"], sample_rate_hz)

    def model(self, data: Spectra, parameters: Reals) -> tuple[Reals, Reals] | None:
        """Weighted output (2 K O,) and its Jacobian (P, 2 K O); None where nothing is finite."""
        if not (abs(parameters[: self.order]) < 500).all():
            return None
        m = self.matrices(parameters)
        blocks = self._blocks(parameters)
        drive = data.input @ m["B"].T + data.z[:, None] * m["e"].T  # (K, N)
        state = blocks.states(data.z, drive)
        output = state @ m["C"].T + data.input @ m["D"].T
        reach = blocks.reach(data.z, m["C"])  # (K, O, N)
        pairs = 2 * (self.order // 2)
        firsts, seconds = slice(0, pairs, 2), slice(1, pairs, 2)
        rows: list[Complexes] = []
        for slope in (blocks.by_u, blocks.by_zeta):
            # Of dA only a block's first row isn't zero.
            moved = state[:, firsts] * slope[:, 0] + state[:, seconds] * slope[:, 1]
            rows.append((reach[:, :, firsts] * moved[:, None]).T)
        if self.order % 2:
            rows.append((reach[:, :, -1:] * (state[:, None, -1:] * blocks.by_single)).T)
        for name, shape in self._frees:
            if name == "B":
                free = np.einsum("kon,ki->niok", reach, data.input)
            elif name == "C":
                free = _each_output(shape[0], state)
            elif name == "D":
                free = _each_output(shape[0], data.input)
            else:
                free = (reach * data.z[:, None, None]).T
            rows.append(free.reshape(-1, self.outputs, len(data.z)))
        jacobian = np.concatenate(rows) * data.weight
        flat = (output * data.weight[:, None]).T.ravel()
        return stacked(flat), stacked(jacobian.reshape(len(parameters), -1))

    def with_best_linear(self, data: Spectra, poles: Reals, b: Reals | None = None) -> Reals:
        """Such poles with B, C and D in least squares, e too where that is linear, 0 elsewhere.

        With several inputs and outputs B has to be given.
        """
        matrices = {name: np.zeros(shape) for name, shape in self._frees}
        names = [name for name, _ in self._frees]
        is_free = np.ones(sum(m.size for m in matrices.values()), dtype=bool)
        if b is not None:
            matrices["B"] = b
            is_free[: b.size] = False
        if "C" in names and self.has_ends:
            is_free[-self.order :] = False
        parameters = self.join(poles, matrices)
        there = self.model(data, parameters)
        if there is not None:
            rows = there[1][self.order :][is_free]
            scale = np.maximum(np.linalg.norm(rows, axis=1), 1e-300)
            found, *_ = np.linalg.lstsq((rows / scale[:, None]).T, data.target, rcond=1e-14)
            parameters[self.order :][is_free] = found / scale
        return parameters

    def _blocks(self, parameters: Reals) -> _Blocks:
        pairs = self.order // 2
        u, zeta = parameters[:pairs], parameters[pairs : 2 * pairs]
        beta, gamma = 1 / (1 + np.exp(-u)), 1 / (1 + np.exp(u))
        slope = beta * gamma
        damping = np.sqrt(4 * zeta**2 * slope + _least_damping(self.max_radius) ** 2)
        a1, a2 = 2 * (beta - gamma) / (1 + damping), (1 - damping) / (1 + damping)
        damping_u = 2 * zeta**2 * slope * (gamma - beta) / damping
        damping_zeta = 4 * zeta * slope / damping
        of_damping = np.stack([-a1 / (1 + damping), -2 / (1 + damping) ** 2], axis=1)
        by_u = of_damping * damping_u[:, None]
        by_u[:, 0] += 4 * slope / (1 + damping)
        tanh = np.tanh(parameters[2 * pairs : self.order] / 4)
        return _Blocks(
            a1,
            a2,
            -self.max_radius * tanh,
            -by_u,
            -of_damping * damping_zeta[:, None],
            -self.max_radius * (1 - tanh**2) / 4,
        )


@dataclass(frozen=True, eq=False)
class _Blocks:
    """A block diagonal: a1, a2 (P,), the single pole (0 or 1,), and their derivatives.

    by_u and by_zeta (P, 2) are those of -a1 and -a2, by_single that of the pole.
    """

    a1: Reals
    a2: Reals
    single: Reals
    by_u: Reals
    by_zeta: Reals
    by_single: Reals

    def matrix(self) -> Reals:
        """A (N, N)."""
        pairs = len(self.a1)
        a = np.zeros((2 * pairs + len(self.single),) * 2)
        first = 2 * np.arange(pairs)
        a[first, first], a[first, first + 1], a[first + 1, first] = -self.a1, -self.a2, 1
        a[2 * pairs :, 2 * pairs :] = self.single
        return a

    def states(self, z: Complexes, drive: Complexes) -> Complexes:
        """(z - A)**-1 times what drives each state (K, N)."""
        z = z[:, None]
        pairs = 2 * len(self.a1)
        first, second = drive[:, 0:pairs:2], drive[:, 1:pairs:2]
        below = 1 / (z * z + self.a1 * z + self.a2)
        result = np.empty_like(drive)
        result[:, 0:pairs:2] = (z * first - self.a2 * second) * below
        result[:, 1:pairs:2] = (first + (z + self.a1) * second) * below
        result[:, pairs:] = drive[:, pairs:] / (z - self.single)
        return result

    def reach(self, z: Complexes, c: Reals) -> Complexes:
        """C (z - A)**-1: (K, O, N)."""
        z = z[:, None, None]
        pairs = 2 * len(self.a1)
        first, second = c[:, 0:pairs:2], c[:, 1:pairs:2]
        below = 1 / (z * z + self.a1 * z + self.a2)
        result = np.empty((len(z), *c.shape), dtype=np.complex128)
        result[:, :, 0:pairs:2] = (z * first + second) * below
        result[:, :, 1:pairs:2] = ((z + self.a1) * second - self.a2 * first) * below
        result[:, :, pairs:] = c[:, pairs:] / (z - self.single)
        return result


def pole_parameters(poles: Complexes, order: int, max_radius: float) -> Reals:
    """u and zeta of `order` poles, reflected into max_radius; too few are padded near 0."""
    radius = np.maximum(abs(poles), 1e-12)
    inside = np.where(radius > 1, 1 / radius, radius).clip(1e-3, max_radius * (1 - 1e-12))
    poles = poles / radius * inside
    poles = np.where(radius < 1e-6, 1e-3, poles)
    complexes = poles[poles.imag > 1e-10]
    reals = list(np.sort(poles.real[abs(poles.imag) <= 1e-10]))
    quadratics = [(-2 * p.real, abs(p) ** 2) for p in complexes]
    while len(reals) >= 2:
        first, second = reals.pop(0), reals.pop(0)
        quadratics.append((-(first + second), first * second))
    quadratics.sort(key=lambda pair: -abs(pair[1]))
    quadratics = quadratics[: order // 2]
    quadratics += [(0.1 * k, 0.01) for k in range(order // 2 - len(quadratics))]
    u, zeta = [], []
    for a1, a2 in quadratics:
        damping = (1 - a2) / (1 + a2)
        difference = a1 * (1 + damping) / 2  # beta - gamma
        beta = np.clip((1 + difference) / 2, 1e-12, 1 - 1e-12)
        u.append(np.log(beta / (1 - beta)))
        left = max(damping**2 - _least_damping(max_radius) ** 2, 1e-12 * damping**2)
        zeta.append(np.sqrt(left) / (2 * np.sqrt(beta * (1 - beta))))
    single = []
    if order % 2:
        pole = reals[0] if reals else 0.1
        single.append(-4 * np.arctanh(np.clip(pole / max_radius, -1 + 1e-9, 1 - 1e-9)))
    return np.array([*u, *zeta, *single])


def from_system(modes: Modes, system: StateSpace) -> tuple[Reals, Reals] | None:
    """Parameters of the poles and B, for an order that the system has; None for another.

    The state is rotated into the blocks' companion form: T A inv(T) is block diagonal.
    """
    if system.order != modes.order or system.inputs != modes.inputs:
        return None
    values, vectors = np.linalg.eig(system.A)
    is_upper = values.imag > 1e-10
    reals = np.flatnonzero(abs(values.imag) <= 1e-10)
    reals = reals[np.argsort(values[reals].real)]
    blocks: list[Reals] = []
    poles: list[complex] = []
    for k in np.flatnonzero(is_upper):
        # The real basis (Re v, Im v) of a pair: A (Re v + i Im v) = p (Re v + i Im v).
        blocks.append(_companion_basis(system.A, vectors[:, k].real + vectors[:, k].imag))
        poles += [values[k], values[k].conj()]
    for first, second in zip(reals[::2], reals[1::2], strict=False):
        both = vectors[:, first].real + vectors[:, second].real
        blocks.append(_companion_basis(system.A, both))
        poles += [values[first], values[second]]
    order = np.argsort([-abs(poles[2 * k] * poles[2 * k + 1]) for k in range(len(blocks))])
    basis = [blocks[k] for k in order]
    if len(reals) % 2:
        basis.append(vectors[:, reals[-1]].real[:, None])
    matrix = np.concatenate(basis, axis=1)
    if np.linalg.cond(matrix) > 1e12:
        return None
    parameters = pole_parameters(values.astype(np.complex128), modes.order, modes.max_radius)
    return parameters, np.linalg.solve(matrix, system.B)


def stacked(values: Complexes) -> Reals:
    """Complex numbers (..., K) as real ones (..., 2 K)."""
    return np.concatenate([values.real, values.imag], axis=-1)


def _least_damping(max_radius: float) -> float:
    return (1 - max_radius**2) / (1 + max_radius**2)


def _companion_basis(a: Reals, second: Reals) -> Reals:
    """Columns s1, s2 with A s1 = -a1 s1 + s2 and A s2 = -a2 s1, from s2 in an invariant plane."""
    once = a @ second
    twice = a @ once
    # twice = -a1 once - a2 second
    found, *_ = np.linalg.lstsq(-np.stack([once, second], 1), twice)
    a2 = found[1] if abs(found[1]) > 1e-12 else 1e-12
    return np.stack([-once / a2, second], axis=1)


def _each_output(outputs: int, values: Complexes) -> Complexes:
    """Derivatives of values (K, N) times a matrix (outputs, N) by that matrix: (O N, O, K)."""
    result = np.zeros((outputs, values.shape[1], outputs, len(values)), dtype=np.complex128)
    for o in range(outputs):
        result[o, :, o] = values.T
    return result.reshape(-1, outputs, len(values))
