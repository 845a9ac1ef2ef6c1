"""JSON, CSV and MATLAB keep every digit; each file says what it is; wrong wishes are refused."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given

import rnnmusic.filters.forms as forms
from rnnmusic.errors import InputError, RnnMusicError, UsageError
from rnnmusic.filters.export import TARGETS, export, source
from rnnmusic.filters.forms import Band, ParametricEq, Sections
from tests.filters.export.designs import elliptic, room, sections

TEXTS = [name for name, target in TARGETS.items() if target.source is not None]


@given(form=sections())
def test_csv_keeps_every_digit(form: Sections) -> None:
    lines = [line for line in source(form, "csv").splitlines() if not line.startswith("#")]
    assert lines[0] == "b0,b1,b2,a0,a1,a2"
    rows = np.array([[float(cell) for cell in line.split(",")] for line in lines[1:]])
    np.testing.assert_array_equal(rows, form.sos)


def test_csv_is_what_numpy_reads(tmp_path: Path) -> None:
    export(elliptic(), "csv", tmp_path / "f.csv")
    rows = np.loadtxt(
        tmp_path / "f.csv", delimiter=",", skiprows=0, usecols=range(6), comments=("#", "b")
    )
    np.testing.assert_array_equal(rows, elliptic().sos)


def test_json_is_a_filter_again(tmp_path: Path) -> None:
    for form in (elliptic(), room()):
        export(form, "json", tmp_path / "f.json")
        assert forms.load(tmp_path / "f.json") == form


@given(form=sections())
def test_matlab_has_one_matrix_of_all_digits(form: Sections) -> None:
    text = source(form, "matlab", "my filter")
    [matrix] = re.findall(r"^my_filter_sos = \[\n(.*?)\n\];$", text, re.DOTALL | re.MULTILINE)
    rows = np.array([[float(cell) for cell in row.split()] for row in matrix.splitlines()])
    np.testing.assert_array_equal(rows, form.sos)
    assert ("my_filter_fs = 48000.0;" in text) == (form.sample_rate_hz == 48_000)
    for line in text.splitlines():  # nothing else than comments, two variables and the matrix
        assert re.match(r"%|my_filter_(fs|sos) = |  [-\d]|\];", line)


@pytest.mark.parametrize("to", TEXTS)
def test_every_file_says_what_it_is(to: str) -> None:
    text = " ".join(source(elliptic(), to).split())
    for fact in ("order 6", "second-order sections", "48000 Hz", "Certificate", "stable"):
        assert fact in text
    assert "0.96933" in text


def test_an_equaliser_names_its_bands() -> None:
    form = ParametricEq((Band("peak", 1000, 6, 1.4), Band("low_shelf", 80, -3)), 48_000)
    text = source(form, "c")
    assert "peak at 1000 Hz, +6 dB, Q 1.4" in text
    assert "low shelf at 80 Hz, -3 dB" in text


@pytest.mark.parametrize("to", [name for name in TARGETS if name not in ("json", "numpy")])
def test_several_channels_are_refused_where_there_are_none(tmp_path: Path, to: str) -> None:
    with pytest.raises(InputError, match="2 inputs and 3 outputs"):
        export(room(), to, tmp_path / "f")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("to", ["c", "c-q31", "faust", "cmsis", "webaudio", "torch"])
def test_an_unstable_filter_is_not_put_into_a_device(tmp_path: Path, to: str) -> None:
    form = Sections(np.array([[1.0, 0, 0, 1, 0, 1.02]]))
    with pytest.raises(RnnMusicError, match="stable"):
        export(form, to, tmp_path / "f")
    assert list(tmp_path.iterdir()) == []


def test_as_data_an_unstable_filter_is_called_so() -> None:
    assert "NOT proven stable" in source(Sections(np.array([[1.0, 0, 0, 1, 0, 1.02]])), "csv")


def test_targets_that_do_not_exist_and_places_that_can_not_be_written(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"cobol.*faust"):
        source(elliptic(), "cobol")
    with pytest.raises(UsageError, match=r"\.pt2"):
        source(elliptic(), "torch")
    with pytest.raises(InputError, match="nowhere"):
        export(elliptic(), "c", tmp_path / "nowhere" / "f.h")
