"""What forms ask of the numbers they are made of."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from rnnmusic.errors import InputError
from rnnmusic.filters.forms.protocol import Complexes, Form, Reals

#: Forms that are expanded into a dense state of more numbers than this would take minutes.
MAX_DENSE = 4096


def settle(form: Form, **fields: Any) -> None:
    """Set the checked fields of a frozen form, and check its sample rate."""
    for name, value in fields.items():
        object.__setattr__(form, name, value)
    rate = form.sample_rate_hz
    if rate is None:
        return
    if not isinstance(rate, int | float | np.number) or not (math.isfinite(rate) and rate > 0):
        raise InputError(f"A sample rate of {rate!r} Hz was given; give a positive number or none.")
    object.__setattr__(form, "sample_rate_hz", float(rate))


def as_reals(name: str, values: Any, dimensions: int) -> Reals:
    """A float64 copy of so many dimensions; InputError unless all is finite."""
    try:
        array = np.array(values, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        raise InputError(
            f"{name} isn't an array of numbers; give finite real coefficients."
        ) from None
    _check(name, array, dimensions, "real coefficients")
    return array


def as_complexes(name: str, values: Any, dimensions: int) -> Complexes:
    """A complex128 copy of so many dimensions; InputError unless all is finite."""
    try:
        array = np.array(values, dtype=np.complex128)
    except (TypeError, ValueError, OverflowError):
        raise InputError(f"{name} isn't an array of numbers; give finite numbers.") from None
    _check(name, array, dimensions, "complex numbers")
    return array


def as_counts(name: str, values: Any) -> tuple[int, ...]:
    """Whole numbers of samples, each at least 1; InputError for others."""
    try:
        counts = tuple(int(value) for value in values)
        exact = all(float(value) == count for value, count in zip(values, counts, strict=True))
    except (TypeError, ValueError, OverflowError):
        exact, counts = False, ()
    if not exact or any(count < 1 for count in counts):
        raise InputError(f"{name} is {values!r}; give whole numbers of samples, 1 or more.")
    return counts


def as_number(name: str, value: Any) -> float:
    """A finite float; InputError for others."""
    return float(as_reals(name, value, 0))


def complex_rows(values: Complexes) -> list[Any]:
    """Complex numbers as [real, imaginary], nested like the array, which JSON can hold."""
    pairs: list[Any] = np.stack([values.real, values.imag], axis=-1).tolist()
    return pairs


def from_rows(name: str, rows: Any, dimensions: int) -> Complexes:
    """The inverse of `complex_rows`; an empty list is an empty array."""
    array = np.array(rows, dtype=np.float64)
    if dimensions == 1:
        array = array.reshape(-1, 2)
    if array.ndim != dimensions + 1 or array.shape[-1] != 2:
        raise InputError(
            f"{name} has shape {array.shape}; give complex numbers as [real, imaginary]."
        )
    result = np.empty(array.shape[:-1], dtype=np.complex128)
    result.real, result.imag = array[..., 0], array[..., 1]  # 1j * x would lose the sign of zeros
    return result


def check_dense(form: Form) -> None:
    """InputError for a form whose states are too many for matrices of them."""
    if form.order > MAX_DENSE:
        raise InputError(
            f"The {form.kind} filter remembers {form.order} samples; poles, zeros and other forms "
            f"are computed up to {MAX_DENSE}: give shorter delays."
        )


def _check(name: str, array: Reals | Complexes, dimensions: int, what: str) -> None:
    if array.ndim != dimensions:
        wanted = f"{dimensions}-dimensional {what}" if dimensions else "one number"
        raise InputError(f"{name} has shape {array.shape}; give {wanted}.")
    if not np.isfinite(array).all():
        told = "values that aren't finite" if dimensions else f"the value {array}"
        raise InputError(f"{name} has {told}; give finite {what}.")
