"""Filters as programs of torch.export: they run wherever torch does, without rnnmusic."""

from __future__ import annotations

import os
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from rnnmusic.files import replacing_file
from rnnmusic.filters.export._facts import facts, stable_sections
from rnnmusic.filters.export.fixed_point import impulse
from rnnmusic.filters.forms import Form, Reals, Sections

if TYPE_CHECKING:
    from torch.export import ExportedProgram

BLOCK = 256  # samples that are filtered at once


def program(form: Form, dtype: str = "float32") -> ExportedProgram:
    """A program from a waveform (channels, frames) to the filtered one, for any of both sizes.

    The recurrence runs over blocks of 256 samples: within a block the output is a product with a
    lower triangular Toeplitz matrix, and only the state behind each block is scanned over.
    dtype: float32 or float64, of the waveform and of all arithmetic.
    """
    import torch

    from rnnmusic.filters.export._torch_scan import BlockScan

    matrices = block_matrices(stable_sections(form, "torch"))
    module = BlockScan(*matrices, getattr(torch, dtype))
    example = torch.zeros(2, 4 * BLOCK, dtype=getattr(torch, dtype))
    sizes: Any = {"waveform": {0: torch.export.Dim.AUTO, 1: torch.export.Dim.AUTO}}
    return torch.export.export(module, (example,), dynamic_shapes=sizes)


def write(form: Form, path: str | os.PathLike[str], dtype: str = "float32") -> None:
    """Write the program as a .pt2 file that `torch.export.load(path).module()` reads."""
    import torch

    exported = program(form, dtype)
    with replacing_file(path) as temporary, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.export.save(exported, temporary, extra_files={"filter.txt": "\n".join(facts(form))})


def block_matrices(sections: Sections) -> tuple[Reals, Reals, Reals, Reals]:
    """Matrices that take a block of inputs and a state to a block of outputs and the next state.

    Returns (state to state (N, N), input to state (N, L), state to output (L, N), input to output
    (L, L)). Powers are taken of the sections as they are, which keeps their poles exact; then the
    state of each is brought to coordinates in which white noise makes it white (input-normal:
    Mullis and Roberts, 1976), where float32 loses least.
    """
    a, b, c, d = _cascade(sections)
    n = len(a)
    onto, out = np.zeros((n, BLOCK)), np.zeros((BLOCK, n))
    power = np.eye(n)
    for t in range(BLOCK):
        out[t] = c @ power
        onto[:, BLOCK - 1 - t] = power @ b
        power = a @ power
    response: Reals = np.concatenate(([d], out[:-1] @ b))
    lag = np.arange(BLOCK)[:, None] - np.arange(BLOCK)
    across: Reals = np.where(lag >= 0, response[np.maximum(lag, 0)], 0.0)
    basis = _white_coordinates(sections)
    inverse = np.asarray(np.linalg.inv(basis), dtype=np.float64)  # of triangles of two rows
    return inverse @ power @ basis, inverse @ onto, out @ basis, across


def _white_coordinates(sections: Sections) -> Reals:
    """Cholesky factors of the covariance of each section's state, as one block diagonal (N, N)."""
    from scipy.signal import sosfilt

    basis = np.eye(2 * len(sections.sos))
    x = impulse(sections)
    for k, row in enumerate(sections.sos):
        y = np.asarray(sosfilt(row[None], x))
        b0, _, b2, _, _, a2 = row
        # The states of transposed direct form II, from what goes in and comes out.
        state = np.stack([y[1:] - b0 * x[1:], b2 * x[:-1] - a2 * y[:-1]])
        covariance = state @ state.T
        size = float(np.trace(covariance))
        if size > 0:
            # A state that never moves would have no coordinates.
            covariance += 1e-12 * size * np.eye(2)
            basis[2 * k : 2 * k + 2, 2 * k : 2 * k + 2] = np.linalg.cholesky(covariance)
        x = y
    return basis


def _cascade(sections: Sections) -> tuple[Reals, Reals, Reals, float]:
    """The sections in series as one system: transposed direct form II, one after the other."""
    n = 2 * len(sections.sos)
    a, b, c, d = np.zeros((n, n)), np.zeros(n), np.zeros(n), 1.0
    for k, (b0, b1, b2, _, a1, a2) in enumerate(sections.sos):
        own = slice(2 * k, 2 * k + 2)
        gain = np.array([b1 - a1 * b0, b2 - a2 * b0])
        a[own, : 2 * k] = np.outer(gain, c[: 2 * k])
        a[own, own] = [[-a1, 1.0], [-a2, 0.0]]
        b[own] = gain * d
        c[: 2 * k] *= b0
        c[2 * k] = 1.0
        d *= b0
    return a, b, c, d
