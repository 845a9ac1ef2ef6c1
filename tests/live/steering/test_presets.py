"""Presets and their files."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnmusic.errors import InputError, UsageError
from rnnmusic.live.steering import presets
from rnnmusic.live.steering.orders import Call, Turn
from rnnmusic.live.steering.presets import BUILT_IN, Preset
from rnnmusic.sampling.controls import CONTROLS
from rnnmusic.sampling.steering import Steering

controls = st.fixed_dictionaries(
    {},
    optional={
        "temperature": st.floats(0, 10),
        "density": st.floats(-1, 1),
        "lowest_pitch": st.integers(0, 60),
        "highest_pitch": st.integers(60, 127),
        "key": st.sampled_from([None, "C", "D dorian"]),
        "chord": st.sampled_from([None, "Am7", "C4 E4 G4"]),
        "program": st.none() | st.integers(0, 127),
        "tempo": st.floats(10, 400),
    },
)
bindings = st.dictionaries(
    st.sampled_from(["cc 1", "cc 74 channel 2", "bend", "pressure"]),
    st.sampled_from(["density", "tempo", "density from -0.5 to 0.5 pickup"]),
)


@given(
    st.text(st.characters(exclude_categories=["Cs"])),
    st.sampled_from([None, "solo", "duet"]),
    controls,
    bindings,
)
def test_what_is_written_is_read_back(
    description: str, mode: str | None, turned: dict, bound: dict
) -> None:
    preset = Preset(description, mode, turned, bound)
    assert Preset.from_dict(tomllib.loads(preset.to_toml())) == preset


def test_a_file_is_read_and_says_what_loading_it_does(tmp_path: Path) -> None:
    path = tmp_path / "gig.toml"
    path.write_text(
        """
        description = "The second set"
        mode = "duet"
        [controls]
        key = "D dorian"
        lowest_pitch = "C3"
        tempo = 96
        [bindings]
        "cc 74" = "density"
        "cc 20 channel 2" = "temperature from 0.5 to 2 pickup"
        "note 36" = "chord Am7"
        "cc 67" = "rewind 1"
        """,
        encoding="utf-8",
    )
    preset = presets.load(str(path))
    assert preset.actions == (
        Turn("key", "D dorian"),
        Turn("lowest_pitch", 48),
        Turn("tempo", 96.0),
        Call("mode", ("duet",)),
        Call("bind", ("cc 74", "density")),
        Call("bind", ("cc 20 channel 2", "temperature from 0.5 to 2 pickup")),
        Call("bind", ("note 36", "chord Am7")),
        Call("bind", ("cc 67", "rewind 1")),
    )
    preset.save(tmp_path / "again.toml")
    assert presets.load(str(tmp_path / "again.toml")) == preset


@pytest.mark.parametrize("name", BUILT_IN)
def test_built_in_presets_leave_nothing_of_the_one_before(name: str) -> None:
    preset = presets.load(name)
    assert preset.description.endswith(".")
    wild = Steering(0.3, 2.0, 2.0, 2.0, 0.5, 1.0, 1.0, 60, 61, "C", "Am7", 1, 2.0, 0.1)
    calm = Steering()
    for action in preset.actions:
        assert isinstance(action, Turn)
        wild, calm = wild.turned(*action), calm.turned(*action)
    assert wild == calm
    assert (calm == Steering()) == (name == "plain")
    assert Preset.from_dict(tomllib.loads(preset.to_toml())) == preset


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[control]\ndensity = 1", "Unknown key 'control'; known are description, mode, controls"),
        ("[controls]\nvolume = 1", "There is no control 'volume'"),
        ("[controls]\ntempo = 0", "tempo was given 0"),
        ("[controls]\nkey = 'H#'", "Asked for the key 'H#'"),
        ("[controls]\nkey = ''", "a key without notes"),
        ("[controls]\nlowest_pitch = 60\nhighest_pitch = 50", "swap them"),
        ("[bindings]\n'cc 128' = 'density'", "controller 128"),
        ("[bindings]\n'cc 1' = 3", "give it in words"),
        ("mode = 'sleep'", "There is no mode 'sleep'"),
        ("mode = 3", "mode is 3; it must be text"),
        ("controls = 3", "controls is 3; it must be a table"),
    ],
)
def test_what_a_file_says_wrongly_is_named_with_the_file(
    tmp_path: Path, text: str, sentence: str
) -> None:
    path = tmp_path / "bad.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match=r"In the preset .*bad\.toml: .*" + sentence):
        presets.load(str(path))


def test_what_cant_be_read(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no preset 'nonesuch'; there are plain, quiet"):
        presets.load("nonesuch")
    with pytest.raises(InputError, match="Can't read the preset"):
        presets.load(str(tmp_path / "missing.toml"))
    (tmp_path / "broken.toml").write_text("density = = 1")
    with pytest.raises(InputError, match="not valid TOML"):
        presets.load(str(tmp_path / "broken.toml"))
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match="Can't read the preset"):
        presets.load(str(tmp_path / "bytes.toml"))


def test_a_failed_save_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "mine.toml"
    BUILT_IN["quiet"].save(path)
    before = path.read_bytes()

    def fail(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", fail)
    with pytest.raises(InputError, match="No space left"):
        BUILT_IN["busy"].save(path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_every_usual_value_is_the_default() -> None:
    assert {n: CONTROLS[n].default for n in BUILT_IN["plain"].controls} == dict(
        BUILT_IN["plain"].controls
    )
