"""Classical design of filters, and their identification from data, all in float64.

Identified filters are as the method finds them. One with poles on or outside the unit circle comes
with a `StabilityWarning`; `stabilise=True` reflects such poles, and the warning says so.
"""

from __future__ import annotations

from rnnmusic.filters.design.arma import hannan_rissanen
from rnnmusic.filters.design.blas import one_blas_thread
from rnnmusic.filters.design.classical import (
    FAMILIES,
    SHAPES,
    Family,
    Shape,
    bessel,
    butter,
    cheby1,
    cheby2,
    ellip,
    iirdesign,
    iirfilter,
    minimum_order,
)
from rnnmusic.filters.design.frequency_domain import sanathanan_koerner
from rnnmusic.filters.design.linear_prediction import lpc
from rnnmusic.filters.design.minimum_phase import (
    minimum_phase_impulse_response,
    minimum_phase_response,
)
from rnnmusic.filters.design.realisation import era
from rnnmusic.filters.design.resonators import gammatone, iircomb, iirnotch, iirpeak
from rnnmusic.filters.design.spectral import spectral_factor
from rnnmusic.filters.design.stability import StabilityWarning
from rnnmusic.filters.design.subspaces import subspace
from rnnmusic.filters.design.time_domain import prony, steiglitz_mcbride
from rnnmusic.filters.design.vectfit import vector_fitting
from rnnmusic.filters.design.yule import yule_walker

__all__ = [
    "FAMILIES",
    "SHAPES",
    "Family",
    "Shape",
    "StabilityWarning",
    "bessel",
    "butter",
    "cheby1",
    "cheby2",
    "ellip",
    "era",
    "gammatone",
    "hannan_rissanen",
    "iircomb",
    "iirdesign",
    "iirfilter",
    "iirnotch",
    "iirpeak",
    "lpc",
    "minimum_order",
    "minimum_phase_impulse_response",
    "minimum_phase_response",
    "one_blas_thread",
    "prony",
    "sanathanan_koerner",
    "spectral_factor",
    "steiglitz_mcbride",
    "subspace",
    "vector_fitting",
    "yule_walker",
]
