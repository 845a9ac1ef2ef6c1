"""Filters for where sound is made: Faust, CMSIS-DSP on microcontrollers, Web Audio in browsers."""

from __future__ import annotations

from rnnmusic.filters.export._facts import (
    block_comment,
    digits,
    digits32,
    facts,
    identifier,
    stable_sections,
)
from rnnmusic.filters.export.c import scaling_lines
from rnnmusic.filters.export.fixed_point import fixed_point
from rnnmusic.filters.forms import Form, Reals

_CMSIS = """\
{comment}
#ifndef {upper}_H
#define {upper}_H

#include "arm_math.h"

#define {upper}_STAGES {stages}
/* For arm_biquad_cascade_df2T_init_f32 and arm_biquad_cascade_df1_init_f32:
   b0 b1 b2 -a1 -a2 of each stage, the signs of a as CMSIS-DSP wants them. */
static const float32_t {name}_f32[5 * {upper}_STAGES] = {{
{floats}
}};

/* For arm_biquad_cascade_df1_init_q31 and arm_biquad_cas_df1_32x64_init_q31, with this postShift.
   The result then has to be multiplied by 2**{upper}_OUTPUT_SHIFT (arm_shift_q31). */
#define {upper}_POST_SHIFT {post_shift}
#define {upper}_OUTPUT_SHIFT ({output_shift})
static const q31_t {name}_q31[5 * {upper}_STAGES] = {{
{integers}
}};

#endif
"""

_WEB_AUDIO = """\
{comment}
export const sampleRate = {rate};

// One IIRFilterNode for each second-order section: the sum of powers stays well-conditioned.
export const sections = [
{rows}
];

/** A chain of nodes: connect a source to `input`, and `output` to where it should go. */
export function {camel}(context) {{
  if (sampleRate !== null && context.sampleRate !== sampleRate) {{
    throw new RangeError(
      `The filter is for ${{sampleRate}} Hz, the context runs at ${{context.sampleRate}} Hz.`);
  }}
  const nodes = sections.map(
    ({{feedforward, feedback}}) => context.createIIRFilter(feedforward, feedback));
  for (let k = 1; k < nodes.length; k++) nodes[k - 1].connect(nodes[k]);
  return {{input: nodes[0], output: nodes[nodes.length - 1], nodes}};
}}
"""


def faust_source(form: Form, name: str) -> str:
    """A Faust program: fi.tf2 in series. Compile it with -double where poles are near 1."""
    sections = stable_sections(form, "faust")
    rows = sections.sos
    comment = [f"// {line}" for line in facts(form, sections)]
    stages = (f"fi.tf2({_join((*row[:3], *row[4:]))})" for row in rows)
    return "\n".join(
        (
            *comment,
            'import("stdfaust.lib");',
            f"{identifier(name)} =",
            "  " + "\n  : ".join(stages) + ";",
            f"process = {identifier(name)};",
            "",
        )
    )


def cmsis_source(form: Form, name: str) -> str:
    """A header with the coefficients in CMSIS-DSP's order, for its float32 and q31 cascades."""
    sections = stable_sections(form, "cmsis", "float32")
    # Its q31 cascade truncates, has one shift for all stages and feeds no errors back.
    fixed = fixed_point(sections, one_shift=True, error_feedback=False)
    word = identifier(name)
    integers = (
        [*section.coefficients[:3], *(-a for a in section.coefficients[3:])]
        for section in fixed.sections
    )
    floats = (_join((*row[:3], -row[4], -row[5]), single=True) for row in sections.sos)
    told = facts(form, sections, "float32")
    return _CMSIS.format(
        comment=block_comment([*told, "The q31 coefficients:", *scaling_lines(fixed)]),
        name=word,
        upper=word.upper(),
        stages=len(sections.sos),
        floats="\n".join(f"    {row}," for row in floats),
        integers="\n".join(f"    {', '.join(map(str, row))}," for row in integers),
        post_shift=fixed.sections[0].shift,
        output_shift=fixed.output_shift,
    )


def web_audio_source(form: Form, name: str) -> str:
    """An ECMAScript module that builds a chain of IIRFilterNodes in an AudioContext."""
    sections = stable_sections(form, "webaudio")
    rows = sections.sos
    first, *rest = identifier(name).split("_")
    return _WEB_AUDIO.format(
        comment="\n".join(f"// {line}" for line in facts(form, sections)),
        rate="null" if form.sample_rate_hz is None else digits(form.sample_rate_hz),
        rows="\n".join(_web_section(row) for row in rows),
        camel="create" + "".join(word.capitalize() for word in (first, *rest)),
    )


def _web_section(row: Reals) -> str:
    return f"  {{feedforward: [{_join(row[:3])}], feedback: [{_join(row[3:])}]}},"


def _join(values: Reals | tuple[float, ...], *, single: bool = False) -> str:
    return ", ".join(f"{digits32(value)}f" if single else digits(value) for value in values)
