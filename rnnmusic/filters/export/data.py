"""Filters as data: JSON and CSV for programs, a script for MATLAB and Octave."""

from __future__ import annotations

import json

from rnnmusic.filters.export._facts import digits, facts, identifier, sections_of
from rnnmusic.filters.forms import Form, to_json


def json_source(form: Form, name: str) -> str:
    """The form as `forms.save` writes it, with its name and what is known of it in words."""
    fields = {**to_json(form), "name": name, "facts": facts(form)}
    return json.dumps(fields, indent=1) + "\n"


def csv_source(form: Form, name: str) -> str:
    """A row of b0, b1, b2, a0, a1, a2 for each second-order section, comments behind #."""
    sections = sections_of(form, "csv")
    rows = sections.sos
    comment = [f"# {line}" for line in (f"{name}.", *facts(form, sections))]
    lines = (",".join(digits(value) for value in row) for row in rows)
    return "\n".join((*comment, "b0,b1,b2,a0,a1,a2", *lines, ""))


def matlab_source(form: Form, name: str) -> str:
    """A script that defines the sections: `y = sosfilt(NAME_sos, x)` filters the columns of x."""
    sections = sections_of(form, "matlab")
    rows = sections.sos
    word = identifier(name)
    comment = [f"% {line}" for line in facts(form, sections)]
    if form.sample_rate_hz is not None:
        comment.append(f"{word}_fs = {digits(form.sample_rate_hz)};")
    lines = (f"  {' '.join(digits(value) for value in row)}" for row in rows)
    return "\n".join(
        (
            *comment,
            "% Second-order sections, rows b0 b1 b2 a0 a1 a2;",
            f"% y = sosfilt({word}_sos, x) filters the columns of x.",
            f"{word}_sos = [",
            *lines,
            "];",
            "",
        )
    )
