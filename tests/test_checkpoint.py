"""Generators on disk: what is loaded is what was saved, and only what can be trusted."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rnnmusic import checkpoint
from rnnmusic.encodings import Encoding, NoteEvents, PianoRoll
from rnnmusic.errors import InputError, UsageError
from rnnmusic.generator import Generator, GeneratorConfig, HeadConfig, ModelConfig, build

ROLL = PianoRoll(steps_per_quarter=2, lowest_pitch=60, highest_pitch=71, metrical=False)


def small(encoding: Encoding = ROLL, **model: Any) -> Generator:
    head = "nade" if encoding.is_binary else "categorical"
    return build(GeneratorConfig(encoding, ModelConfig(size=8, **model), HeadConfig(head, 4)))


@settings(max_examples=20)
@given(
    encoding=st.sampled_from([ROLL, PianoRoll(), NoteEvents()]),
    name=st.sampled_from(["rnn", "lstm", "gru"]),
    layers=st.integers(1, 2),
    learned=st.booleans(),
)
def test_a_generator_comes_back_as_it_was(
    tmp_path_factory: pytest.TempPathFactory,
    encoding: Encoding,
    name: str,
    layers: int,
    learned: bool,
) -> None:
    saved = small(encoding, name=name, layers=layers, learned_initial_state=learned).eval()
    folder = tmp_path_factory.mktemp("checkpoint") / "model"
    checkpoint.save(saved, folder, valid_nll=1.5)
    loaded = checkpoint.load(folder)
    assert loaded.notes == {"valid_nll": 1.5}
    assert loaded.generator.config == saved.config
    steps = torch.from_numpy(encoding.start_step())[None]
    clock = torch.from_numpy(encoding.clock_at(0).astype("int64"))[None]
    for one, other in zip(
        saved.step(steps, clock, saved.initial_state(1))[0],
        loaded.generator.step(steps, clock, loaded.generator.initial_state(1))[0],
        strict=True,
    ):
        assert torch.equal(one, other)


def test_every_shipped_model_loads_and_has_a_card() -> None:
    assert set(checkpoint.zoo()) >= {"bach-gru", "pulse-ctrnn"}
    for name, folder in checkpoint.zoo().items():
        loaded = checkpoint.load(name)
        assert loaded.folder == folder
        card = (folder / "README.md").read_text()
        assert "licence" in card
        if name == "pulse-ctrnn":  # made, not trained
            assert f"{loaded.generator.parameter_count:,} numbers" in card
            continue
        for promised in ("seed", "nats per step", "exact"):
            assert promised in card
        assert f"{loaded.generator.parameter_count / 1e6:.2f} million" in card
        assert (folder / "recipe.toml").is_file()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": 2}, "format 2"),
        ({"model": {"name": "gru", "exec": "rm -rf /"}}, "'exec'"),
        ({"model": {"name": "gru", "size": "8"}}, "size"),
        ({"encoding": {"name": "piano-roll", "steps": 4}}, "steps"),
        ({"encoding": None}, "encoding"),
        ({"head": "nade"}, "head"),
    ],
)
def test_a_strange_configuration_is_refused(
    tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    checkpoint.save(small(), tmp_path / "m")
    config = tmp_path / "m" / "config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), **change}))
    with pytest.raises(InputError, match=message):
        checkpoint.load(tmp_path / "m")


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", "x" * (2 << 20)])
def test_what_is_no_configuration_is_refused(tmp_path: Path, text: str) -> None:
    checkpoint.save(small(), tmp_path / "m")
    (tmp_path / "m" / "config.json").write_text(text)
    with pytest.raises(InputError, match=r"config\.json"):
        checkpoint.load(tmp_path / "m")


def test_a_model_that_would_not_fit_its_options_is_refused() -> None:
    with pytest.raises(UsageError, match="forget_bias"):
        small(name="gru", options={"forget_bias": 1.0})


FULL_DISK = """
import resource, signal, sys
from rnnmusic import checkpoint
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
generator = checkpoint.load("bach-gru").generator
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    checkpoint.save(generator, sys.argv[1])
except checkpoint.InputError as error:
    sys.exit(f"refused: {error}")
"""


def test_a_full_disk_keeps_the_old_checkpoint(tmp_path: Path) -> None:
    checkpoint.save(small(), tmp_path / "m", note="old")
    ran = subprocess.run(
        [sys.executable, "-c", FULL_DISK, tmp_path / "m"], capture_output=True, text=True
    )
    assert ran.returncode == 1
    assert "refused: Can't save the checkpoint" in ran.stderr
    assert checkpoint.load(tmp_path / "m").notes == {"note": "old"}
    assert [p.name for p in tmp_path.iterdir()] == ["m"]
