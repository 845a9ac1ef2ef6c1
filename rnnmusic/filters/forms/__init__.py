"""The forms in which a filter can be written down, in float64, and the ways between them."""

from __future__ import annotations

from rnnmusic.filters.forms.combine import cascade, minimum_phase, parallel, scaled
from rnnmusic.filters.forms.conversion import convert
from rnnmusic.filters.forms.delays import DelayNetwork, gain_for_decay
from rnnmusic.filters.forms.diagonal import Diagonal
from rnnmusic.filters.forms.equaliser import BAND_TYPES, Band, BandType, ParametricEq
from rnnmusic.filters.forms.files import FORMS, from_json, load, save, to_json
from rnnmusic.filters.forms.lattice import Allpass, Lattice
from rnnmusic.filters.forms.protocol import Complexes, Form, Reals
from rnnmusic.filters.forms.rational import TransferFunction, ZeroPoleGain
from rnnmusic.filters.forms.sections import Parallel, Sections
from rnnmusic.filters.forms.statespace import StateSpace, is_orthogonal, orthogonality_error
from rnnmusic.filters.forms.svf import SvfChain

__all__ = [
    "BAND_TYPES",
    "FORMS",
    "Allpass",
    "Band",
    "BandType",
    "Complexes",
    "DelayNetwork",
    "Diagonal",
    "Form",
    "Lattice",
    "Parallel",
    "ParametricEq",
    "Reals",
    "Sections",
    "StateSpace",
    "SvfChain",
    "TransferFunction",
    "ZeroPoleGain",
    "cascade",
    "convert",
    "from_json",
    "gain_for_decay",
    "is_orthogonal",
    "load",
    "minimum_phase",
    "orthogonality_error",
    "parallel",
    "save",
    "scaled",
    "to_json",
]
