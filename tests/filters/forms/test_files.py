from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnnmusic.errors import InputError
from rnnmusic.filters.forms import (
    FORMS,
    Allpass,
    DelayNetwork,
    Diagonal,
    Parallel,
    ParametricEq,
    StateSpace,
    from_json,
    load,
    save,
    to_json,
)
from tests.filters.forms.examples import OMEGA, one_of_each


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 2**32), st.sampled_from(sorted(FORMS)))
def test_every_digit_survives_json(seed: int, kind: str) -> None:
    form = one_of_each(seed)[kind]
    back = from_json(json.loads(json.dumps(to_json(form))))
    assert type(back) is type(form)
    assert back == form
    assert hash(back) == hash(form)
    assert np.array_equal(back.response(OMEGA), form.response(OMEGA))


def test_the_examples_are_all_forms() -> None:
    assert one_of_each().keys() == FORMS.keys()


@pytest.mark.parametrize(
    "form",
    [
        StateSpace(np.zeros((0, 0)), np.zeros((0, 2)), np.zeros((1, 0)), np.ones((1, 2))),
        Diagonal(np.zeros(0), np.zeros((0, 1)), np.zeros((2, 0)), np.ones((2, 1))),
        DelayNetwork((), np.zeros((0, 0)), [], np.zeros((0, 1)), np.zeros((1, 0)), np.ones((1, 1))),
        Allpass((), ()),
        Parallel(np.zeros((0, 6)), np.ones(1)),
        ParametricEq((), 48_000.0),
    ],
    ids=lambda form: form.kind,
)
def test_forms_without_memory_survive_too(form: Any, tmp_path: Path) -> None:
    save(form, tmp_path / "f.json")
    back = load(tmp_path / "f.json")
    assert back == form
    assert np.array_equal(back.response(OMEGA), form.response(OMEGA))
    assert form.order == len(form.poles()) == 0


def test_forms_differ_by_digits_rates_and_kinds() -> None:
    forms = one_of_each()
    assert forms["tf"] != forms["sos"]
    assert forms["tf"] != one_of_each(1)["tf"]
    assert forms["tf"] != from_json({**to_json(forms["tf"]), "sample_rate_hz": None})
    assert forms["tf"] != "tf"


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "f.json"
    for form in one_of_each().values():
        save(form, path)
        assert load(path) == form
    assert [entry.name for entry in tmp_path.iterdir()] == ["f.json"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "isn't JSON"),
        ("[1, 2]", "no filter"),
        ('{"filter": "fir"}', "no filter"),
        ('{"filter": ["tf"]}', "no filter"),
        ('{"filter": "tf", "b": [1]}', "damaged"),
        ('{"filter": "tf", "b": [1], "a": [0]}', "not zero"),
        ('{"filter": "tf", "b": [NaN], "a": [1]}', "finite"),
        ('{"filter": "tf", "b": ["one"], "a": [1]}', "numbers"),
        ('{"filter": "tf", "b": [1], "a": [1], "sample_rate_hz": -1}', "sample rate"),
        ('{"filter": "tf", "b": [1], "a": [1], "sample_rate_hz": "fast"}', "sample rate"),
        ('{"filter": "zpk", "zero": [], "pole": [0.5], "gain": 1}', "damaged"),
        ('{"filter": "sos", "sos": [[1, 0, 0, 1, 0]]}', "second-order|Second-order"),
        ('{"filter": "eq", "bands": [{"type": "kick"}], "sample_rate_hz": 1}', "damaged"),
        ('{"filter": "eq", "bands": [], "gain_db": 0}', "sample rate|damaged"),
        ('{"filter": "fdn", "delay": 3, "d": [[1]]}', "damaged"),
        ('{"filter": "ss", "A": [[1]], "B": [[1]], "C": [[1]], "D": 5}', "."),
        ('{"filter": "diagonal", "pole": [[1, 0]], "b": [], "c": [], "d": [[1]]}', "damaged"),
        ('{"filter": "allpass", "chains": [[0.5]], "gain": 1}', "damaged"),
    ],
)
def test_a_damaged_file_says_what_is_wrong(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "f.json"
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        load(path)


@pytest.mark.parametrize("kind", sorted(FORMS))
def test_a_file_without_one_of_its_fields_is_damaged(kind: str) -> None:
    fields = to_json(one_of_each()[kind])
    for name in fields.keys() - {"filter", "sample_rate_hz", "shape"}:
        with pytest.raises(InputError):
            from_json({key: value for key, value in fields.items() if key != name})


JUNK: list[Any] = [None, "x", [], {}, [[]], True, -1, 0, 0.5, 1e400, 10**400, [1, 2], "nan"]


@settings(deadline=None, max_examples=150)
@given(st.data())
def test_damage_is_an_input_error_or_another_filter(data: st.DataObject) -> None:
    fields = to_json(one_of_each()[data.draw(st.sampled_from(sorted(FORMS)))])
    place: Any = fields
    while True:
        key = data.draw(
            st.sampled_from(sorted(place) if isinstance(place, dict) else range(len(place)))
        )
        inner = place[key]
        if not isinstance(inner, dict | list) or not inner or data.draw(st.booleans()):
            break
        place = inner
    place[key] = data.draw(st.sampled_from(JUNK))
    try:
        form = from_json(fields)
    except InputError:
        return
    assert from_json(json.loads(json.dumps(to_json(form)))) == form


def test_a_missing_file_and_one_that_is_no_text(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="can't be read"):
        load(tmp_path / "none.json")
    (tmp_path / "f.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="isn't JSON"):
        load(tmp_path / "f.json")
