"""The exported program filters as scipy does, in sizes it has never seen, without rnnmusic."""

from __future__ import annotations

import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from scipy import signal

from rnnmusic.filters.export import export
from rnnmusic.filters.export._torch_scan import BlockScan
from rnnmusic.filters.export.torch_program import BLOCK, block_matrices, write
from rnnmusic.filters.forms import Sections
from tests.filters.export.designs import elliptic, narrow, noise, sections

SIZES = [(1, 1), (2, 255), (1, 256), (3, 257), (2, 5000)]


def filtered(module: torch.nn.Module, x: np.ndarray) -> np.ndarray:
    with torch.no_grad():
        return np.asarray(module(torch.from_numpy(x)).numpy())


def loaded(path: Path) -> torch.nn.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's own, about buffers in the archive
        return torch.export.load(path).module()


@settings(max_examples=10)
@given(form=sections(max_radius=0.999))
def test_blocks_are_the_filter(form: Sections) -> None:
    module = BlockScan(*block_matrices(form), torch.float64)
    x = noise(2 * 700).reshape(2, 700)
    wanted = signal.sosfilt(form.sos, x)
    np.testing.assert_allclose(filtered(module, x), wanted, atol=1e-10 * np.abs(wanted).max())


@pytest.mark.slow
def test_a_program_of_float32_has_any_size(tmp_path: Path) -> None:
    export(elliptic(), "torch", tmp_path / "f.pt2")
    module = loaded(tmp_path / "f.pt2")
    for channels, frames in SIZES:
        x = noise(channels * frames).reshape(channels, frames).astype(np.float32)
        y = filtered(module, x)
        assert y.dtype == np.float32
        np.testing.assert_allclose(y, signal.sosfilt(elliptic().sos, x), atol=3e-6)


@pytest.mark.slow
def test_a_program_of_float64_is_exact_and_needs_no_rnnmusic(tmp_path: Path) -> None:
    write(narrow(), tmp_path / "f.pt2", "float64")
    x = noise(2 * 5 * BLOCK).reshape(2, -1)
    np.save(tmp_path / "x.npy", x)
    script = (
        "import sys, torch, numpy as np\n"
        "told = {'filter.txt': ''}\n"
        "program = torch.export.load('f.pt2', extra_files=told)\n"
        "np.save('y.npy', program.module()(torch.from_numpy(np.load('x.npy'))).numpy())\n"
        "assert not any(name.startswith('rnnmusic') for name in sys.modules)\n"
        "print(told['filter.txt'])\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, check=True, capture_output=True, text=True
    )
    assert "Certificate: as sos in float64 stable" in ran.stdout
    wanted = signal.sosfilt(narrow().sos, x)
    error = np.abs(np.load(tmp_path / "y.npy") - wanted).max()
    assert error < 1e-9 * np.abs(wanted).max()
