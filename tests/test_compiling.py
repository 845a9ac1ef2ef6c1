"""When a loop stays plain Python and when it becomes machine code."""

import numba
import numpy as np
import pytest

from rnnmusic.compiling import Kernel


def double(numbers: np.ndarray) -> float:
    total = 0.0
    for number in numbers:
        total += _twice(number)
    return total


def _twice(number: float) -> float:
    return 2 * number


def kernel(patience: int) -> Kernel:
    return Kernel(double, patience=patience, example=lambda: (np.empty(0),), helpers=(_twice,))


def test_little_work_is_left_to_python_and_much_compiled_once():
    doubling = kernel(patience=1000)
    assert doubling.for_work(400) is double
    assert doubling.for_work(600) is double
    compiled = doubling.for_work(1)
    assert compiled is not double
    assert compiled(np.array([1.0, 2.5])) == 7.0
    assert doubling.for_work(1) is compiled
    assert doubling.with_patience(1000).for_work(1) is double


@pytest.mark.parametrize("error", [RuntimeError("no locator available"), OSError("disk full")])
def test_without_a_place_to_keep_machine_code_it_is_made_anyway(monkeypatch, error):
    calls = []

    def njit(*, cache=False, **options):
        if cache:
            raise error
        return lambda function: lambda *arguments: calls.append(arguments) or function(*arguments)

    monkeypatch.setattr(numba, "njit", njit)
    assert kernel(patience=-1).for_work(1)(np.ones(3)) == 6.0
    assert [len(numbers) for (numbers,) in calls] == [0, 3]
