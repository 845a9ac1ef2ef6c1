"""Output distributions: what the network says about the next step."""

from __future__ import annotations

from collections.abc import Sequence
from inspect import Parameter, signature
from typing import Any

from rnnmusic.embeddings import columns_of
from rnnmusic.errors import UsageError
from rnnmusic.heads.bernoulli import BernoulliHead
from rnnmusic.heads.categorical import FactoredCategoricalHead
from rnnmusic.heads.mixture import GaussianMixtureHead
from rnnmusic.heads.nade import NadeHead
from rnnmusic.heads.pitch_axis import PitchAxisHead, TiedHead
from rnnmusic.heads.protocol import FITTING, Controls, Head, Kind
from rnnmusic.heads.rbm import RbmHead

__all__ = [
    "HEADS",
    "BernoulliHead",
    "Controls",
    "FactoredCategoricalHead",
    "GaussianMixtureHead",
    "Head",
    "Kind",
    "NadeHead",
    "PitchAxisHead",
    "RbmHead",
    "TiedHead",
    "build",
    "fitting",
    "options",
]

#: Each is called with hidden_size, sizes and its own options.
HEADS: dict[str, type[Head]] = {
    kind.name: kind
    for kind in (
        BernoulliHead,
        NadeHead,
        TiedHead,
        PitchAxisHead,
        RbmHead,
        FactoredCategoricalHead,
        GaussianMixtureHead,
    )
}


def fitting(sizes: Sequence[int]) -> str:
    """The name of the head to take for steps of these sizes when nothing else is said."""
    return FITTING[columns_of(sizes)]


def options(name: str) -> list[str]:
    """The options that the head `name` has; UsageError for an unknown head."""
    if name not in HEADS:
        raise UsageError(f"No head is called {name!r}; choose one of {', '.join(HEADS)}.")
    parameters = signature(HEADS[name]).parameters.values()
    return [p.name for p in parameters if p.kind is Parameter.KEYWORD_ONLY]


def build(name: str, hidden_size: int, sizes: Sequence[int], **given: Any) -> Head:
    """The head `name` for steps of these sizes.

    given: the head's keyword-only parameters, such as `width` of nade. UsageError for an unknown
    head or option, and for a head that doesn't fit the sizes.
    """
    known = options(name)
    for option in given:
        if option not in known:
            has = f"it has {', '.join(known)}" if known else "it has none"
            raise UsageError(f"The {name} head has no option {option!r}; {has}.")
    return HEADS[name](hidden_size, sizes, **given)
