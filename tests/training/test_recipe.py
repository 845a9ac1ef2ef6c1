"""Recipes: read strictly, written so that they read back."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnmusic.errors import InputError, UsageError
from rnnmusic.files import assets
from rnnmusic.training.recipe import SCHEDULES, Recipe

SHIPPED = sorted((assets() / "models").rglob("*.toml"))


@pytest.mark.parametrize("path", SHIPPED, ids=lambda p: p.stem)
def test_shipped_recipes_parse(path: Path) -> None:
    assert Recipe.load(path) != Recipe()


def test_there_are_shipped_recipes() -> None:
    assert {path.stem for path in SHIPPED} >= {"demo", "jsb-nade", "jsb-independent"}


@given(
    size=st.integers(1, 10_000),
    rate=st.floats(1e-9, 10, allow_nan=False),
    schedule=st.sampled_from(SCHEDULES),
    forget_bias=st.none() | st.floats(-5, 5, allow_nan=False),
    name=st.text(max_size=20),
    variational=st.booleans(),
)
def test_a_recipe_written_reads_back_equal(
    tmp_path_factory: pytest.TempPathFactory,
    size: int,
    rate: float,
    schedule: str,
    forget_bias: float | None,
    name: str,
    variational: bool,
) -> None:
    recipe = Recipe().with_overrides(
        model={
            "size": size,
            "options": {} if forget_bias is None else {"forget_bias": forget_bias},
            "name": name,
            "variational": variational,
        },
        training={"learning_rate": rate, "schedule": schedule},
    )
    path = tmp_path_factory.mktemp("recipe") / "recipe.toml"
    path.write_text(recipe.to_toml(), encoding="utf-8")
    assert Recipe.load(path) == recipe


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[model]\nsise = 3", "'sise' in .model."),
        ("[modle]\nsize = 3", "table .modle."),
        ('[model]\nsize = "big"', "size in .model. must be int"),
        ("[model]\nsize = true", "size in .model. must be int"),
        ('[training]\nschedule = "linear"', "'linear'"),
        ("[training]\nlearning_rate = 0", "above 0"),
        ("[training]\nplateau_patience = 0", "plateau_patience must be 1 or more"),
        ("[training]\nwarmup_steps = -1", "warmup_steps must be 0 or more"),
        ("[training]\nclip_norm = -0.5", "clip_norm must be 0 or more"),
        ("model = 3", "must be a table"),
    ],
)
def test_what_a_recipe_gets_wrong_is_named(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text(text)
    with pytest.raises(UsageError, match=message) as caught:
        Recipe.load(path)
    assert str(path) in str(caught.value)


def test_a_recipe_that_is_no_toml_or_not_there_is_bad_input(tmp_path: Path) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text("[model\n")
    with pytest.raises(InputError, match="not valid TOML"):
        Recipe.load(path)
    with pytest.raises(InputError, match="Can't read the recipe"):
        Recipe.load(tmp_path / "none.toml")


def test_the_documentation_shows_every_key() -> None:
    shown = (assets() / "docs" / "training.md").read_text()
    for table in fields(Recipe):
        for setting in fields(table.default_factory):  # type: ignore[arg-type]
            key = (
                f"\n[{table.name}.options]" if setting.name == "options" else f"\n{setting.name} = "
            )
            assert key in shown, setting.name
