"""The package as a whole: its weight, its floors, its promises."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from importlinter.cli import EXIT_STATUS_SUCCESS, lint_imports

import rnnmusic
from rnnmusic import errors

ROOT = Path(rnnmusic.__file__).parent.parent
HEAVY = {"torch", "torchaudio", "librosa", "scipy", "matplotlib", "music21", "pretty_midi", "numba"}


def _loaded_by(code: str) -> set[str]:
    script = f"{code}\nimport sys\nprint(*{{name.partition('.')[0] for name in sys.modules}})"
    run = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    return set(run.stdout.split())


@pytest.mark.parametrize(
    "statement",
    [
        "import rnnmusic",
        "import rnnmusic.score, rnnmusic.midi, rnnmusic.encodings, rnnmusic.corpus, rnnmusic.audio",
        "import rnnmusic.synthesis, rnnmusic.plots",
        "import rnnmusic_cli.main",
    ],
)
def test_imports_stay_light(statement: str) -> None:
    assert not _loaded_by(statement) & HEAVY


def test_importing_the_package_loads_nothing_but_itself() -> None:
    assert "numpy" not in _loaded_by("import rnnmusic")


def test_imports_only_run_downwards() -> None:
    assert lint_imports(config_filename=str(ROOT / "pyproject.toml")) == EXIT_STATUS_SUCCESS


def test_every_error_has_the_exit_code_that_the_help_promises() -> None:
    codes = {
        error.__name__: error.exit_code
        for error in (
            errors.RnnMusicError,
            errors.UsageError,
            errors.InputError,
            errors.DeviceError,
        )
    }
    assert codes == {"RnnMusicError": 1, "UsageError": 2, "InputError": 3, "DeviceError": 4}


@pytest.mark.slow
def test_the_wheel_brings_its_models_and_pollutes_nothing(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "-q"]
    subprocess.run([*build, "-w", tmp_path, ROOT], check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    top = {name.partition("/")[0] for name in names}
    assert {name for name in top if not name.endswith(".dist-info")} == {"rnnmusic", "rnnmusic_cli"}
    for needed in (
        "rnnmusic/py.typed",
        "rnnmusic_cli/py.typed",
        "rnnmusic/_assets/models/recipes/demo.toml",
        "rnnmusic/_assets/models/bach-gru/model.safetensors",
    ):
        assert needed in names
    # Unpacked elsewhere it finds its models without the checkout.
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")
    script = "from rnnmusic import checkpoint; print(checkpoint.load('bach-gru').folder)"
    run = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": str(tmp_path / "site")},
        cwd=tmp_path,
        check=True,
        capture_output=True,
        text=True,
    )
    assert run.stdout.strip().startswith(str(tmp_path / "site"))
