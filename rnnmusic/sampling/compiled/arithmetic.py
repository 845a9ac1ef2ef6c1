"""Float32 arithmetic for kernels: the same bits on every machine, and as fast as memory allows.

Every sum has a fixed order that needs no re-association to be vectorised, nothing is contracted
to fused multiply-adds, and the one transcendental function is made of basic operations. So steps
round alike whatever the processor and its C library: performances replay on other machines.

Helpers of kernels (`Kernel(helpers=...)`): plain Python until numba compiles what calls them.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]

_ONE, _TWO, _HALF, _ZERO = (np.float32(number) for number in (1.0, 2.0, 0.5, 0.0))
_LOG2_E = np.float32(math.log2(math.e))
# log 2 in two parts, of which whole multiples of the first are exact (Cody and Waite 1980).
_LOG_2_HIGH = np.float32(355.0 / 512.0)
_LOG_2_LOW = np.float32(math.log(2.0) - 355.0 / 512.0)
# Of the series of exp: at |r| <= log(2) / 2 the first term left out is below 1e-8.
_C2, _C3, _C4, _C5, _C6, _C7 = (np.float32(1.0 / math.factorial(n)) for n in range(2, 8))
# exp(-40) is nothing beside 1; its exponent of 2 is -58.
_LEAST, _LEAST_EXPONENT = np.float32(-40.0), np.float32(-60.0)
_BIAS, _FRACTION_BITS = np.int32(127), np.int32(23)
# Of the gelu of tanh: sqrt(2 / pi), and the share of the cube.
_GELU, _CUBE, _THREE = np.float32(math.sqrt(2.0 / math.pi)), np.float32(0.044715), np.float32(3.0)


def tanh(x: Any) -> Any:
    """tanh of a float32, to 2e-7 of its value: -e / (2 + e) with e = expm1(-2 |x|)."""
    power = max(-_TWO * abs(x), _LEAST)
    whole = np.floor(power * _LOG2_E + _HALF)
    r = (power - whole * _LOG_2_HIGH) - whole * _LOG_2_LOW
    series = _C3 + r * (_C4 + r * (_C5 + r * (_C6 + r * _C7)))
    expm1_r = r * (_ONE + r * (_C2 + r * series))
    # 2 ** whole, by its exponent bits. NaN, which no integer stands for, comes through r.
    exponent = np.int32(whole if whole > _LEAST_EXPONENT else _LEAST_EXPONENT)
    scale = np.int32((exponent + _BIAS) << _FRACTION_BITS).view(np.float32)
    e = scale * expm1_r + (scale - _ONE)
    # np.divide: a plain division asks for zero first, and then nothing is vectorised.
    size = -np.divide(e, _TWO + e)
    return -size if x < _ZERO else size


def sigmoid(x: Any) -> Any:
    """1 / (1 + exp(-x)) of a float32, to 1e-7."""
    return _HALF + _HALF * tanh(_HALF * x)


def gelu(x: Any) -> Any:
    """x tanh's share of itself, of a float32 (Hendrycks and Gimpel 2016, the one of tanh)."""
    return _HALF * x * (_ONE + tanh(_GELU * (x + _CUBE * (x * x * x))))


def slope_of_gelu(x: Any) -> Any:
    """d gelu(x) / dx of a float32."""
    t = tanh(_GELU * (x + _CUBE * (x * x * x)))
    return _HALF * (_ONE + t) + _HALF * x * (_ONE - t * t) * _GELU * (_ONE + _THREE * _CUBE * x * x)


def add_product(total: Floats, weight: Floats, x: Floats) -> None:
    """Add x @ weight to total: total (n,), weight (m, n), x (m,).

    Weights are stored a row per input, so that they stream from memory, eight rows at a time, and
    each total is a sum of its own.
    """
    inputs, outputs = weight.shape
    eights = inputs - inputs % 8
    for j in range(0, eights, 8):
        x0, x1, x2, x3 = x[j], x[j + 1], x[j + 2], x[j + 3]
        x4, x5, x6, x7 = x[j + 4], x[j + 5], x[j + 6], x[j + 7]
        for i in range(outputs):
            low = (weight[j, i] * x0 + weight[j + 1, i] * x1) + (
                weight[j + 2, i] * x2 + weight[j + 3, i] * x3
            )
            high = (weight[j + 4, i] * x4 + weight[j + 5, i] * x5) + (
                weight[j + 6, i] * x6 + weight[j + 7, i] * x7
            )
            total[i] += low + high
    for j in range(eights, inputs):
        for i in range(outputs):
            total[i] += weight[j, i] * x[j]


def zeros(*shape: int) -> Floats:
    """What the examples of kernels are made of."""
    return np.zeros(shape, np.float32)
