"""Filters on disk: one JSON object with the kind, the sample rate and every digit."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

from rnnmusic.errors import InputError
from rnnmusic.files import replacing_file
from rnnmusic.filters.forms.delays import DelayNetwork
from rnnmusic.filters.forms.diagonal import Diagonal
from rnnmusic.filters.forms.equaliser import ParametricEq
from rnnmusic.filters.forms.lattice import Allpass, Lattice
from rnnmusic.filters.forms.protocol import Form
from rnnmusic.filters.forms.rational import TransferFunction, ZeroPoleGain
from rnnmusic.filters.forms.sections import Parallel, Sections
from rnnmusic.filters.forms.statespace import StateSpace
from rnnmusic.filters.forms.svf import SvfChain

#: Every form by its name in files.
FORMS: dict[str, type[Form]] = {
    form.kind: form
    for form in (
        TransferFunction,
        ZeroPoleGain,
        Sections,
        Parallel,
        SvfChain,
        ParametricEq,
        Lattice,
        Allpass,
        StateSpace,
        Diagonal,
        DelayNetwork,
    )
}


def save(form: Form, path: str | os.PathLike[str]) -> None:
    """Write a filter as JSON, whole or not at all."""
    text = json.dumps(to_json(form), indent=1)
    with replacing_file(path) as temporary:
        temporary.write_text(text + "\n")


def load(path: str | os.PathLike[str]) -> Form:
    """Read a filter that `save` wrote; InputError for anything else."""
    try:
        fields = json.loads(Path(path).read_text())
    except OSError as error:
        raise InputError(f"{path} can't be read: {error.strerror}; check the path.") from None
    except ValueError:
        raise InputError(f"{path} isn't JSON; give a filter that rnnmusic wrote.") from None
    try:
        return from_json(fields)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def to_json(form: Form) -> dict[str, Any]:
    """A filter as a JSON object."""
    return {"filter": form.kind, "sample_rate_hz": form.sample_rate_hz, **form.to_dict()}


def from_json(fields: Any) -> Form:
    """The filter of such an object; InputError for what isn't one."""
    if not isinstance(fields, dict) or str(fields.get("filter")) not in FORMS:
        kinds = ", ".join(FORMS)
        raise InputError(f'This is no filter; give a JSON object with "filter", one of {kinds}.')
    try:
        form = FORMS[fields["filter"]].from_dict(fields)
    except (KeyError, TypeError, ValueError, IndexError, OverflowError) as error:
        raise InputError(f"The {fields['filter']} filter is damaged ({error!r}).") from None
    return replace(form, sample_rate_hz=fields.get("sample_rate_hz"))  # type: ignore[type-var]
