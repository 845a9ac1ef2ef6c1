"""Everything docs/filters.md shows works: its commands and code are run, one after the other."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from scipy import signal

from rnnmusic.filters import forms, functional
from tests.cli.conftest import call

PAGE = (Path(__file__).parent.parent / "docs" / "filters.md").read_text(encoding="utf-8")
RATE = 48_000
#: The liberties taken: the reader's minutes are a moment, and the reader's piece a few bars.
BRIEF = {"--seconds": "0.5"}
BRIEF_INSPECTION = ("--steps", "8", "--moments", "2", "--horizon", "4")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What the page's reader has: a curve, and what goes into a device and comes out."""
    monkeypatch.chdir(tmp_path)
    sos = signal.butter(2, [300, 3000], "bandpass", fs=RATE, output="sos")
    dry = np.random.default_rng(0).uniform(-0.5, 0.5, RATE // 2)
    for name, samples in (("dry", dry), ("in", dry[:4800]), ("wet", signal.sosfilt(sos, dry))):
        soundfile.write(tmp_path / f"{name}.wav", samples, RATE, subtype="FLOAT")
    hertz = np.geomspace(20, 20_000, 100)
    level_db = 20 * np.log10(abs(signal.freqz_sos(sos, hertz, fs=RATE)[1]))
    rows = "\n".join(f"{f},{level}" for f, level in zip(hertz, level_db, strict=True))
    (tmp_path / "curve.csv").write_text(f"frequency_hz,magnitude_db\n{rows}\n")
    return tmp_path


def test_commands_and_code_run_in_order(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    names: dict[str, Any] = {}
    seen = set()
    for language, block in re.findall(r"```(\w+)\n(.*?)```", PAGE, flags=re.DOTALL):
        if language == "python":
            exec(compile(block, "docs/filters.md", "exec"), names)
            continue
        for line in block.splitlines():
            program, *arguments = shlex.split(line, comments=True)
            assert program == "rnnmusic"
            seen.add(" ".join(arguments[:2]))
            before = ["", *arguments]
            brief = [BRIEF.get(option, a) for option, a in zip(before, arguments, strict=False)]
            brief += BRIEF_INSPECTION if arguments[0] == "inspect" else ()
            assert call(monkeypatch, *brief) == 0, (line, capsys.readouterr().err)
    verbs = ("design", "show", "run", "compare", "export", "fit")
    assert seen >= {f"filter {verb}" for verb in verbs}
    for name in ("low.png", "out.wav", "low.h", "rnn.h", "bach-filter.png"):
        assert (folder / name).stat().st_size > 0
    # Identification finds the device, as the page says.
    omega = np.linspace(0.05, 1, 50)
    device = signal.butter(2, [300, 3000], "bandpass", fs=RATE, output="sos")
    _, wanted = signal.freqz_sos(device, omega)
    fitted = forms.load(folder / "fitted.json")
    np.testing.assert_allclose(fitted.response(omega), wanted, atol=1e-3)


def test_every_name_in_the_table_of_forms_exists() -> None:
    table = PAGE[PAGE.index("| form | what it is") :].split("\n\n")[0]
    kinds = set()
    for row in table.splitlines()[2:]:
        names, _, written = (cell.strip() for cell in row.strip("|").split("|"))
        found = [getattr(forms, name.strip("` ")).kind for name in names.split(",")]
        assert found == [kind.strip() for kind in written.split(",")]
        kinds |= set(found)
    assert kinds == set(forms.FORMS)


def test_every_function_named_exists() -> None:
    sentence = re.search(r"`rnnmusic.filters.functional` takes(.*?)the biquads", PAGE)
    assert sentence is not None
    named = re.findall(r"`(\w+)`", sentence[1])
    assert len(named) > 5
    for name in named:
        assert callable(getattr(functional, name))


def test_filters_on_disk_are_what_the_page_says(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    design = next(line for line in PAGE.splitlines() if "filter design" in line and "-o" in line)
    call(monkeypatch, *shlex.split(design)[1:])
    fields = json.loads((folder / "low.json").read_text())
    assert fields["filter"] == "sos"
    wanted = signal.ellip(6, 1, 60, 4800, fs=RATE, output="sos")
    np.testing.assert_array_equal(forms.from_json(fields).to_dict()["sos"], wanted)
