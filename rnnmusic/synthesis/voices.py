"""The General MIDI programs as voices of the built-in synthesiser, one table."""

from __future__ import annotations

from bisect import bisect_right
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from rnnmusic.synthesis.struck import Struck
from rnnmusic.synthesis.sustained import Sustained


class Voice(Protocol):
    """What plays pitched notes. Tones of the same arguments are equal, sample by sample."""

    @property
    def gain_db(self) -> float:
        """Level of the voice in the mix."""
        ...

    def tone(
        self, pitch: int, velocity: float, frames: int, sample_rate_hz: int
    ) -> NDArray[np.float32]:
        """First `frames` frames of a note that is never released, RMS of the order of 1."""
        ...

    def longest_s(self, pitch: int) -> float:
        """Seconds after which a note that is never released has died away."""
        ...

    def release_at(self, pitch: int) -> float | None:
        """Time constant of the fall after the release in seconds; None: it rings on."""
        ...


ORGAN_RANKS = (
    (1.0, 1.0),
    (2.0, 0.8),
    (3.0, 0.2),
    (4.0, 0.5),
    (8.0, 0.12),
)  # 8', 4', 2 2/3', 2', 1'
DRAWBARS = ((0.5, 0.6), (1.0, 1.0), (1.5, 0.5), (2.0, 0.55), (3.0, 0.2), (4.0, 0.25), (8.0, 0.1))
AH = ((760.0, 220.0, 1.0), (1180.0, 260.0, 0.7), (2800.0, 500.0, 0.25))
OOH = ((380.0, 160.0, 1.0), (900.0, 260.0, 0.3), (2600.0, 500.0, 0.05))
BELL = (0.5, 1.0, 1.19, 1.5, 2.0, 2.51, 2.66, 3.01, 4.17, 5.43, 6.8)
BELL_GAINS = (0.5, 1.0, 0.7, 0.25, 0.8, 0.3, 0.25, 0.35, 0.25, 0.15, 0.1)

VOICES: dict[str, Voice] = {
    "piano": Struck(body=0.05, body_corner_hz=90, undamped_from=90),
    "electric piano": Struck(
        ratios=(1, 2, 3, 4, 7.1, 13.2), gains=(1, 0.35, 0.1, 0.12, 0.22, 0.08), touch=1.1,
        aftersound=0, decay_s=7, hardness_hz=900, loss=0.5, release_s=0.1,
    ),
    "harpsichord": Struck(
        place=0.11, tilt=0.55, hardness_hz=5200, touch=0.15, decay_s=5, loss=0.25, stiffness=0.3,
        aftersound=0.2, body=0.03, body_corner_hz=140, release_s=0.07, gain_db=-3,
    ),
    "clavinet": Struck(
        place=0.06, tilt=0.6, hardness_hz=2600, decay_s=4, aftersound=0, release_s=0.03,
        body_corner_hz=200, stiffness=0.3,
    ),
    "glockenspiel": Struck(
        ratios=(1, 2.756, 5.404, 8.933), gains=(1, 0.5, 0.25, 0.1), aftersound=0, decay_s=7,
        decay_per_octave=0.75, hardness_hz=6000, hardness_per_octave=1.1, loss=0.15,
        undamped_from=0, gain_db=-3,
    ),
    "celesta": Struck(
        ratios=(1, 2, 3.98, 6.1), gains=(1, 0.15, 0.3, 0.08), aftersound=0, decay_s=4,
        hardness_hz=2500, release_s=0.3,
    ),
    "vibraphone": Struck(
        ratios=(1, 3.984, 10.67), gains=(1, 0.3, 0.08), aftersound=0, decay_s=7,
        hardness_hz=1500, release_s=0.15,
    ),
    "marimba": Struck(
        ratios=(1, 3.932, 9.538), gains=(1, 0.25, 0.08), aftersound=0, decay_s=1.6,
        decay_per_octave=0.6, hardness_hz=1100, loss=2, body=0.04, undamped_from=0,
    ),
    "xylophone": Struck(
        ratios=(1, 3, 6.1, 10.2), gains=(1, 0.5, 0.25, 0.1), aftersound=0, decay_s=0.9,
        hardness_hz=3500, loss=2, body=0.05, undamped_from=0,
    ),
    "bells": Struck(
        ratios=BELL, gains=BELL_GAINS, aftersound=0.35, beating_cents=3, decay_s=9,
        decay_per_octave=0.75, hardness_hz=2500, loss=0.25, release_s=0.8,
    ),
    "dulcimer": Struck(
        place=0.1, tilt=0.6, hardness_hz=2500, decay_s=4, beating_cents=3, stiffness=0.4,
        body=0.03, body_corner_hz=150, release_s=0.4,
    ),
    "kalimba": Struck(
        ratios=(1, 5.4, 11.2), gains=(1, 0.2, 0.08), aftersound=0, decay_s=2, hardness_hz=1200,
        loss=1.5, body=0.05, undamped_from=0,
    ),
    "nylon guitar": Struck(
        place=0.19, tilt=1.0, hardness_hz=1500, decay_s=4, loss=1.4, stiffness=0.1, aftersound=0.2,
        body=0.05, body_corner_hz=100, release_s=0.08,
    ),
    "steel guitar": Struck(
        place=0.14, tilt=0.8, hardness_hz=2600, decay_s=6, loss=0.5, stiffness=0.2, aftersound=0.25,
        body=0.04, body_corner_hz=100, release_s=0.08,
    ),
    "electric guitar": Struck(
        place=0.23, tilt=0.8, hardness_hz=1700, decay_s=8, loss=0.6, stiffness=0.2, aftersound=0.2,
        body_corner_hz=80, release_s=0.06,
    ),
    "bass": Struck(
        place=0.21, tilt=0.9, hardness_hz=1300, decay_s=3.5, loss=2.0, stiffness=0.1,
        aftersound=0.2, body=0.02, release_s=0.06, gain_db=2,
    ),
    "harp": Struck(
        place=0.3, tilt=1.1, hardness_hz=1400, decay_s=5, loss=1.0, stiffness=0.1, aftersound=0.2,
        body=0.03, body_corner_hz=80, release_s=0.6,
    ),
    "pizzicato": Struck(
        place=0.2, tilt=1.0, hardness_hz=1200, decay_s=1.1, loss=3, stiffness=0.1, aftersound=0.1,
        body=0.08, body_corner_hz=160, release_s=0.15,
    ),
    "timpani": Struck(
        ratios=(1, 1.5, 1.99, 2.44, 2.89), gains=(1, 0.6, 0.4, 0.25, 0.15), aftersound=0,
        decay_s=1.5, hardness_hz=600, loss=3, body=0.1, release_s=0.3,
    ),
    "organ": Sustained(
        tilt=3.2, ranks=DRAWBARS, attack_s=0.006, vibrato_cents=4, vibrato_hz=6.4,
        vibrato_delay_s=0, touch=0.2, release_s=0.02,
    ),
    "church organ": Sustained(
        tilt=1.7, ranks=ORGAN_RANKS, players=3, spread_cents=2.5, attack_s=0.035, touch=0.1,
        breath=0.04, release_s=0.09,
    ),
    "accordion": Sustained(
        tilt=1.0, players=3, spread_cents=9, attack_s=0.04, formants=((1100, 1600, 1.0),),
        release_s=0.04, gain_db=-2,
    ),
    "violin": Sustained(
        tilt=1.05, formants=((300, 150, 0.6), (480, 250, 0.8), (1000, 600, 0.5), (2600, 1500, 0.7)),
        attack_s=0.07, vibrato_cents=14, players=3, spread_cents=3, breath=0.04, release_s=0.1,
    ),
    "strings": Sustained(
        tilt=0.9, formants=((300, 200, 0.5), (500, 400, 0.7), (1100, 800, 0.6), (2700, 1800, 0.6)),
        players=5, spread_cents=16, attack_s=0.06, vibrato_cents=5, breath=0.02, release_s=0.18,
    ),
    "choir": Sustained(
        tilt=0.9, formants=AH, players=5, spread_cents=14, attack_s=0.06, vibrato_cents=9,
        vibrato_hz=5.0, breath=0.04, release_s=0.16,
    ),
    "ooh": Sustained(
        tilt=1.1, formants=OOH, players=5, spread_cents=13, attack_s=0.07, vibrato_cents=8,
        vibrato_hz=4.9, breath=0.05, release_s=0.16,
    ),
    "brass": Sustained(
        tilt=1.1, formants=((600, 700, 0.8), (1300, 1400, 1.0)), attack_s=0.045, touch=1.3,
        players=3, spread_cents=5, vibrato_cents=3, release_s=0.07,
    ),
    "horn": Sustained(
        tilt=1.6, formants=((400, 500, 1.0),), attack_s=0.06, touch=1.0, players=3,
        spread_cents=4, release_s=0.09,
    ),
    "saxophone": Sustained(
        tilt=1.1, formants=((700, 600, 0.9), (1500, 900, 0.6)), attack_s=0.04, touch=0.8,
        vibrato_cents=10, breath=0.08, release_s=0.06,
    ),
    "oboe": Sustained(
        tilt=0.9, formants=((1050, 500, 1.0), (2900, 900, 0.6)), attack_s=0.04, vibrato_cents=8,
        breath=0.03, release_s=0.06, gain_db=-2,
    ),
    "bassoon": Sustained(
        tilt=1.1, formants=((480, 350, 1.0), (1200, 600, 0.4)), attack_s=0.045, vibrato_cents=4,
        breath=0.03, release_s=0.06,
    ),
    "clarinet": Sustained(
        tilt=1.15, even=0.2, formants=((900, 2400, 0.8),), attack_s=0.045, vibrato_cents=2,
        breath=0.04, release_s=0.06,
    ),
    "flute": Sustained(
        tilt=2.1, attack_s=0.06, vibrato_cents=9, vibrato_hz=5.1, breath=0.16, release_s=0.08,
    ),
    "ocarina": Sustained(
        tilt=2.8, even=0.4, attack_s=0.05, vibrato_cents=7, breath=0.12, release_s=0.07
    ),
    "lead": Sustained(
        tilt=1.1, players=3, spread_cents=8, attack_s=0.008, touch=0.8, vibrato_cents=6,
        release_s=0.05, gain_db=-3,
    ),
    "square lead": Sustained(
        tilt=1.1, even=0.02, players=3, spread_cents=6, attack_s=0.008, touch=0.8, vibrato_cents=6,
        release_s=0.05, gain_db=-3,
    ),
    "pad": Sustained(
        tilt=1.5, players=5, spread_cents=12, attack_s=0.18, ranks=((1, 1), (2, 0.25)),
        release_s=0.4, gain_db=-1,
    ),
    "synth bass": Struck(
        place=0.5, tilt=1.0, hardness_hz=1500, decay_s=5, loss=2.5, stiffness=0, aftersound=0,
        release_s=0.04, touch=1.1, gain_db=1,
    ),
}  # fmt: skip

# First program (0..127) of each stretch that one voice plays.
PROGRAMS: tuple[tuple[int, str], ...] = (
    (0, "piano"), (4, "electric piano"), (6, "harpsichord"), (7, "clavinet"), (8, "celesta"),
    (9, "glockenspiel"), (11, "vibraphone"), (12, "marimba"), (13, "xylophone"), (14, "bells"),
    (15, "dulcimer"), (16, "organ"), (19, "church organ"), (20, "accordion"), (24, "nylon guitar"),
    (25, "steel guitar"), (26, "electric guitar"), (32, "bass"), (38, "synth bass"),
    (40, "violin"), (44, "strings"), (45, "pizzicato"), (46, "harp"), (47, "timpani"),
    (48, "strings"), (52, "choir"), (53, "ooh"), (55, "strings"), (56, "brass"), (60, "horn"),
    (61, "brass"), (64, "saxophone"), (68, "oboe"), (70, "bassoon"), (71, "clarinet"),
    (72, "flute"), (78, "ocarina"), (80, "square lead"), (81, "lead"), (88, "pad"), (91, "choir"),
    (92, "pad"), (98, "celesta"), (99, "pad"), (104, "steel guitar"), (108, "kalimba"),
    (109, "oboe"), (110, "violin"), (111, "oboe"), (112, "bells"), (113, "xylophone"),
    (114, "marimba"), (115, "xylophone"), (116, "timpani"), (119, "pad"),
)  # fmt: skip
_FIRST_PROGRAMS = [first for first, _ in PROGRAMS]


def voice_name(program: int) -> str:
    """Name in `VOICES` of what plays a General MIDI program, 0..127."""
    return PROGRAMS[bisect_right(_FIRST_PROGRAMS, program) - 1][1]
