"""Filters as C99 headers: float32, and 32-bit fixed point for processors without floats."""

from __future__ import annotations

from rnnmusic.filters.export._facts import (
    block_comment,
    digits32,
    facts,
    identifier,
    stable_sections,
)
from rnnmusic.filters.export.fixed_point import FixedPoint, fixed_point
from rnnmusic.filters.forms import Form

_FLOAT = """\
{comment}
#ifndef {upper}_H
#define {upper}_H

#include <stddef.h>

#define {upper}_SECTIONS {sections}
{rate}
/* b0 b1 b2 a1 a2 of each section; y[t] = b0 x[t] + b1 x[t-1] + b2 x[t-2] - a1 y[t-1] - a2 y[t-2] */
static const float {name}_coefficients[{upper}_SECTIONS][5] = {{
{rows}
}};

/* The memory of one channel: zero it before the first block. */
typedef struct {{
    float s[{upper}_SECTIONS][2];
}} {name}_state;

static inline void {name}_reset({name}_state *state)
{{
    for (size_t k = 0; k < {upper}_SECTIONS; ++k)
        state->s[k][0] = state->s[k][1] = 0.0f;
}}

/* Filter a block of any length; in and out may be the same. Transposed direct form II. */
static inline void {name}_process({name}_state *state, const float *in, float *out, size_t frames)
{{
    for (size_t t = 0; t < frames; ++t) {{
        float x = in[t];
        for (size_t k = 0; k < {upper}_SECTIONS; ++k) {{
            const float *c = {name}_coefficients[k];
            float *s = state->s[k];
            const float y = c[0] * x + s[0];
            s[0] = c[1] * x - c[3] * y + s[1];
            s[1] = c[2] * x - c[4] * y;
            x = y;
        }}
        out[t] = x;
    }}
}}

#endif
"""

_Q31 = """\
{comment}
#ifndef {upper}_H
#define {upper}_H

#include <stddef.h>
#include <stdint.h>

#define {upper}_SECTIONS {sections}
{rate}
/* b0 b1 b2 a1 a2 of each section, each worth n * 2**-bits. */
static const int32_t {name}_coefficients[{upper}_SECTIONS][5] = {{
{rows}
}};
static const int {name}_bits[{upper}_SECTIONS] = {{{bits}}};
/* What the last two rounding errors are multiplied by. */
static const int32_t {name}_feedback[{upper}_SECTIONS][2] = {{{feedback}}};

/* The memory of one channel: zero it before the first block. */
typedef struct {{
    int32_t v[{upper}_SECTIONS + 1][2]; /* the last two inputs and outputs of each section */
    int32_t e[{upper}_SECTIONS][2];     /* its last two rounding errors */
}} {name}_state;

static inline void {name}_reset({name}_state *state)
{{
    for (size_t k = 0; k <= {upper}_SECTIONS; ++k)
        state->v[k][0] = state->v[k][1] = 0;
    for (size_t k = 0; k < {upper}_SECTIONS; ++k)
        state->e[k][0] = state->e[k][1] = 0;
}}

static inline int32_t {name}_saturated(int64_t v)
{{
    return v > INT32_MAX ? INT32_MAX : v < INT32_MIN ? INT32_MIN : (int32_t)v;
}}

/* Filter a block of any length of Q31 samples; in and out may be the same. Direct form I, 64-bit
   accumulators, rounded to nearest with the errors fed back. Sums may wrap on their way (hence
   unsigned): their result is in range. Right shifts of negative numbers must be arithmetic. */
static inline void {name}_process({name}_state *state, const int32_t *in, int32_t *out,
                                  size_t frames)
{{
    for (size_t t = 0; t < frames; ++t) {{
        int32_t x = in[t];
        for (size_t k = 0; k < {upper}_SECTIONS; ++k) {{
            const int32_t *c = {name}_coefficients[k];
            const int32_t *f = {name}_feedback[k];
            const int bits = {name}_bits[k];
            int32_t *u = state->v[k];
            const int32_t *v = state->v[k + 1];
            int32_t *e = state->e[k];
            uint64_t sum = (uint64_t)((int64_t)c[0] * x);
            sum += (uint64_t)((int64_t)c[1] * u[0]);
            sum += (uint64_t)((int64_t)c[2] * u[1]);
            sum -= (uint64_t)((int64_t)c[3] * v[0]);
            sum -= (uint64_t)((int64_t)c[4] * v[1]);
            sum += (uint64_t)((int64_t)f[0] * e[0]);
            sum += (uint64_t)((int64_t)f[1] * e[1]);
            const int64_t exact = (int64_t)sum;
            const int64_t wide = (exact + ((int64_t)1 << (bits - 1))) >> bits;
            const int32_t y = {name}_saturated(wide);
            e[1] = e[0];
            e[0] = (int32_t)(exact - wide * ((int64_t)1 << bits));
            u[1] = u[0];
            u[0] = x;
            x = y;
        }}
        state->v[{upper}_SECTIONS][1] = state->v[{upper}_SECTIONS][0];
        state->v[{upper}_SECTIONS][0] = x;
        out[t] = {name}_saturated({output});
    }}
}}

#endif
"""


def c_source(form: Form, name: str) -> str:
    """A header with the sections in float32, a state per channel and a function for blocks."""
    sections = stable_sections(form, "c", "float32")
    rows = [
        ", ".join(f"{digits32(value)}f" for value in (*row[:3], *row[4:])) for row in sections.sos
    ]
    return _filled(_FLOAT, form, name, facts(form, sections, "float32"), rows)


def c_q31_source(form: Form, name: str) -> str:
    """The same in 32-bit fixed point, scaled so that no input overflows; its error is stated."""
    sections = stable_sections(form, "c-q31")
    fixed = fixed_point(sections)
    rows = [", ".join(map(str, section.coefficients)) for section in fixed.sections]
    return _filled(
        _Q31,
        form,
        name,
        [*facts(form, sections), *scaling_lines(fixed)],
        rows,
        bits=", ".join(str(31 - section.shift) for section in fixed.sections),
        feedback=", ".join(f"{{{s.feedback[0]}, {s.feedback[1]}}}" for s in fixed.sections),
        output=_output(fixed.output_shift),
    )


def scaling_lines(fixed: FixedPoint) -> list[str]:
    """What 32-bit fixed point costs, in words."""
    headrooms = ", ".join(str(section.headroom) for section in fixed.sections)
    bits = ", ".join(str(31 - section.shift) for section in fixed.sections)
    return [
        "Samples are Q31: n stands for n / 2**31. No input can overflow a section: section k",
        f"keeps its output divided by 2**h, h = {headrooms}; its coefficients",
        f"have {bits} bits behind the point. An output beyond full scale saturates.",
        f"Rounding the coefficients changes the response by at most {fixed.max_error_db:.2g} dB",
        "(where it is above -100 dB of its peak) and leaves a largest pole radius of",
        f"{fixed.max_radius:.9g}. Rounding noise at the output: {fixed.noise_dbfs:.1f} dB of full",
        "scale (RMS, white-noise model).",
    ]


def _output(shift: int) -> str:
    if shift >= 0:
        return f"(int64_t)x * ((int64_t)1 << {shift})" if shift else "x"
    if shift < -40:  # nothing is left of it
        return "0"
    return f"((int64_t)x + ((int64_t)1 << {-shift - 1})) >> {-shift}"


def _filled(
    template: str, form: Form, name: str, comment: list[str], rows: list[str], **fields: str
) -> str:
    word = identifier(name)
    rate = form.sample_rate_hz
    return template.format(
        comment=block_comment(comment),
        name=word,
        upper=word.upper(),
        sections=len(rows),
        rate="" if rate is None else f"#define {word.upper()}_SAMPLE_RATE_HZ {digits32(rate)}f\n",
        rows="\n".join(f"    {{{row}}}," for row in rows),
        **fields,
    )
