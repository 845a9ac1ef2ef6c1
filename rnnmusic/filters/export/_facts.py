"""What every exported file says of its filter, and what every exporter asks of it."""

from __future__ import annotations

import keyword
import re
import textwrap

import numpy as np

import rnnmusic
from rnnmusic.errors import InputError
from rnnmusic.filters.analysis import certificate, require_stable
from rnnmusic.filters.analysis.rounding import Dtype
from rnnmusic.filters.forms import Form, ParametricEq, Sections, convert

_WITH_GAIN = ("peak", "low_shelf", "high_shelf")
WIDTH = 90  # of comments
_KINDS = {
    "tf": "transfer function",
    "zpk": "zeros, poles and gain",
    "sos": "second-order sections",
    "ss": "state space",
}


def sections_of(form: Form, to: str) -> Sections:
    """The filter as second-order sections; InputError where it has several channels."""
    if (form.inputs, form.outputs) != (1, 1):
        raise InputError(
            f"A filter of {form.inputs} inputs and {form.outputs} outputs was given, which can't "
            f"be written as second-order sections for {to}; export it to json or numpy."
        )
    return convert(form, Sections)


def stable_sections(form: Form, to: str, dtype: Dtype = "float64") -> Sections:
    """The filter as sections that are proven stable after rounding; InputError otherwise."""
    sections = sections_of(form, to)
    require_stable(sections, dtype)
    return sections


def facts(form: Form, written: Form | None = None, *dtypes: Dtype) -> list[str]:
    """Lines that say what a filter is, how fast it samples and how stable it is.

    written, dtypes: the form and the numbers it is written in, float64 unless said, which the
    certificates are about.
    """
    channels = ""
    if (form.inputs, form.outputs) != (1, 1):
        channels = f", {form.inputs} inputs, {form.outputs} outputs"
    rate = "none given" if form.sample_rate_hz is None else f"{form.sample_rate_hz:.15g} Hz"
    told = [
        f"IIR filter of order {form.order}{channels}, written by rnnmusic {rnnmusic.__version__}.",
        *_design(form),
        f"Sample rate: {rate}.",
        *(
            certificate_line(form if written is None else written, dtype)
            for dtype in dtypes or ("float64",)
        ),
    ]
    return [part for line in told for part in textwrap.wrap(line, WIDTH, subsequent_indent="  ")]


def certificate_line(form: Form, dtype: Dtype) -> str:
    """The stability certificate in words."""
    found = certificate(form, dtype)
    if found.is_stable:
        verdict = f"stable, all poles within radius {found.max_radius:.9g}"
    else:
        verdict = f"NOT proven stable, a pole may have radius {found.max_radius:.9g}"
    return f"Certificate: as {found.kind} in {dtype} {verdict} ({found.method})."


def _design(form: Form) -> list[str]:
    """What was designed: an equaliser's knobs, else the kind of the form."""
    if not isinstance(form, ParametricEq):
        return [f"Design: {_KINDS.get(form.kind, form.kind)}."]
    bands = [
        f"{band.type.replace('_', ' ')} at {band.cutoff_hz:g} Hz, "
        + (f"{band.gain_db:+g} dB, " if band.type in _WITH_GAIN else "")
        + f"Q {band.q:.4g}"
        for band in form.bands
    ]
    return [f"Design: equaliser of {len(bands)} bands, {form.gain_db:+g} dB over all.", *bands]


def identifier(name: str) -> str:
    """`name` as a name in C, Python, MATLAB, Faust and JavaScript."""
    word = re.sub(r"\W+", "_", name, flags=re.ASCII).strip("_").lower() or "iir_filter"
    return f"iir_{word}" if word[0].isdigit() or keyword.iskeyword(word) else word


def digits(value: float) -> str:
    """A float64 as the shortest text that reads back as the same number."""
    return repr(float(value))


def digits32(value: float) -> str:
    """A number rounded to float32, as the shortest text that reads back as the same float32."""
    return str(np.float32(value))


def block_comment(lines: list[str]) -> str:
    """Lines as a comment of C."""
    return "\n".join(("/*", *(f" * {line}" for line in lines), " */"))
