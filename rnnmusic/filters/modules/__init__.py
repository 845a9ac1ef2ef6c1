"""Learnable filters as torch modules, stable whatever values their parameters have."""

from __future__ import annotations

from rnnmusic.filters.modules.allpass import AllpassFilter
from rnnmusic.filters.modules.base import Filter, OverTime
from rnnmusic.filters.modules.delay_network import DelayNetworkFilter
from rnnmusic.filters.modules.diagonal import DiagonalFilter
from rnnmusic.filters.modules.direct import DirectFilter
from rnnmusic.filters.modules.equaliser import RANGES, ParametricEqFilter, Range
from rnnmusic.filters.modules.lattice import LatticeFilter
from rnnmusic.filters.modules.parallel import ParallelFilter
from rnnmusic.filters.modules.sections import SectionsFilter
from rnnmusic.filters.modules.statespace import MatrixFilter, OrthogonalFilter, StateSpaceFilter
from rnnmusic.filters.modules.svf import SvfFilter
from rnnmusic.filters.modules.zpk import ZpkFilter

#: Every learnable filter by the kind of the form that it begins as and becomes.
MODULES: dict[str, type[Filter]] = {
    "tf": DirectFilter,
    "zpk": ZpkFilter,
    "sos": SectionsFilter,
    "parallel": ParallelFilter,
    "svf": SvfFilter,
    "eq": ParametricEqFilter,
    "lattice": LatticeFilter,
    "allpass": AllpassFilter,
    "ss": StateSpaceFilter,
    "diagonal": DiagonalFilter,
    "fdn": DelayNetworkFilter,
}

__all__ = [
    "MODULES",
    "RANGES",
    "AllpassFilter",
    "DelayNetworkFilter",
    "DiagonalFilter",
    "DirectFilter",
    "Filter",
    "LatticeFilter",
    "MatrixFilter",
    "OrthogonalFilter",
    "OverTime",
    "ParallelFilter",
    "ParametricEqFilter",
    "Range",
    "SectionsFilter",
    "StateSpaceFilter",
    "SvfFilter",
    "ZpkFilter",
]
