"""MusicXML, kern and ABC as they are written, against what a musician would play."""

from __future__ import annotations

import re
import warnings
from typing import NamedTuple

import pytest

from rnnmusic.score import Score
from rnnmusic.score.notation import from_music21

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it warns when it is imported the first time
    from music21 import converter


class Played(NamedTuple):
    """A score in quarters: per track (start, end, pitch), tempos, metres and bar lines."""

    tracks: list[list[tuple[float, float, int]]]
    tempos: list[tuple[float, float]]
    metres: list[tuple[float, int, int]]
    bars: list[float]
    score: Score

    @property
    def pitches(self) -> list[int]:
        """Of the first track."""
        return [pitch for _, _, pitch in self.tracks[0]]


def played(text: str, form: str) -> Played:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        score = from_music21(converter.parseData(text, format=form))
    quarter = score.ticks_per_quarter
    return Played(
        [
            [(start / quarter, end / quarter, pitch) for start, end, pitch, _ in t.notes.tolist()]
            for t in score.tracks
        ],
        [(tick / quarter, round(6e7 / tempo, 3)) for tick, tempo in score.tempos.tolist()],
        [(tick / quarter, *metre) for tick, *metre in score.metres.tolist()],
        (score.bar_starts() / quarter).tolist(),
        score,
    )


# -- MusicXML ------------------------------------------------------------------------------------

STEPS = {"C": 60, "D": 62, "E": 64, "F": 65, "G": 67, "A": 69, "B": 71}
START, END = '<repeat direction="forward"/>', '<repeat direction="backward"/>'


def note(step: str, duration: int, *, voice: int = 1, staff: int = 1, before="", after="") -> str:
    """A note in octave 4; `before` and `after` are children before its pitch, after its length."""
    return (
        f"<note>{before}<pitch><step>{step}</step><octave>4</octave></pitch>"
        f"<duration>{duration}</duration>{after}<voice>{voice}</voice><staff>{staff}</staff></note>"
    )


def attributes(metre: str = "4/4", divisions: int = 2, more: str = "") -> str:
    beats, unit = metre.split("/")
    return (
        f"<attributes><divisions>{divisions}</divisions><time><beats>{beats}</beats>"
        f"<beat-type>{unit}</beat-type></time>{more}</attributes>"
    )


def barline(side: str, ending: str = "", repeat: str = "") -> str:
    number, _, kind = ending.partition(" ")
    bracket = f'<ending number="{number}" type="{kind}"/>' if ending else ""
    return f'<barline location="{side}">{bracket}{repeat}</barline>'


def words(text: str, sound: str) -> str:
    return (
        f"<direction><direction-type><words>{text}</words></direction-type>"
        f"<sound {sound}/></direction>"
    )


def tempo(bpm: int) -> str:
    return (
        "<direction><direction-type><metronome><beat-unit>quarter</beat-unit>"
        f'<per-minute>{bpm}</per-minute></metronome></direction-type><sound tempo="{bpm}"/>'
        "</direction>"
    )


def musicxml(*measures: str, first: int = 1) -> Played:
    """A score of one part; `first` is 0 where it begins with an upbeat."""
    bars = "".join(f'<measure number="{i}">{m}</measure>' for i, m in enumerate(measures, first))
    return played(
        '<?xml version="1.0"?><score-partwise version="4.0"><part-list><score-part id="P1">'
        f'<part-name>One</part-name></score-part></part-list><part id="P1">{bars}</part>'
        "</score-partwise>",
        "musicxml",
    )


def steps(result: Played) -> str:
    return "".join({pitch: step for step, pitch in STEPS.items()}[p] for p in result.pitches)


def test_musicxml_upbeat_tie_and_tempo() -> None:
    result = musicxml(
        attributes("3/4") + tempo(90) + note("G", 2),
        note("C", 6, after='<tie type="start"/>'),
        note("C", 2, after='<tie type="stop"/>') + tempo(45) + note("D", 4),
        first=0,
    )
    assert result.tracks == [[(2, 3, 67), (3, 7, 60), (7, 9, 62)]]
    assert result.tempos == [(0, 90), (7, 45)]
    assert result.metres == [(0, 3, 4)]
    assert result.bars == [0, 3, 6, 9]
    # 7 quarters at 90 a minute, 2 at 45.
    assert result.score.duration_s == pytest.approx(7 * 60 / 90 + 2 * 60 / 45)


def test_musicxml_metre_key_and_tempo_change_in_mid_piece() -> None:
    change = (
        "<attributes><key><fifths>-3</fifths><mode>minor</mode></key>"
        "<time><beats>3</beats><beat-type>8</beat-type></time></attributes>"
    )
    result = musicxml(
        attributes() + '<sound tempo="100"/>' + note("C", 8),
        change + note("D", 1) + note("E", 1) + '<sound tempo="50"/>' + note("F", 1),
        note("G", 3),
    )
    assert result.tracks == [[(0, 4, 60), (4, 4.5, 62), (4.5, 5, 64), (5, 5.5, 65), (5.5, 7, 67)]]
    assert result.tempos == [(0, 100), (5, 50)]
    assert result.metres == [(0, 4, 4), (4, 3, 8)]
    assert result.bars == [0, 4, 5.5, 7]
    assert result.score.keys.tolist() == [(4 * 480, -3, True)]


def test_musicxml_voices_staves_chords_graces_and_tuplets() -> None:
    triplet = (
        "<time-modification><actual-notes>3</actual-notes><normal-notes>2</normal-notes>"
        "</time-modification>"
    )
    grace = "<note><grace/><pitch><step>B</step><octave>4</octave></pitch><voice>2</voice></note>"
    back = "<backup><duration>12</duration></backup>"
    result = musicxml(
        attributes("2/4", 6, "<staves>2</staves>")
        + note("C", 12)
        + back
        + grace
        + note("E", 6, voice=2)
        + note("G", 6, voice=2, before="<chord/>")
        + note("F", 6, voice=2)
        + back
        + "".join(note(step, 4, voice=5, staff=2, after=triplet) for step in "CDE")
    )
    upper, lower = result.tracks
    assert sorted(upper) == [(0, 1, 64), (0, 1, 67), (0, 2, 60), (1, 2, 65)]
    assert [pitch for _, _, pitch in lower] == [60, 62, 64]
    assert [start for start, _, _ in lower] == pytest.approx([0, 2 / 3, 4 / 3])
    assert [end for _, end, _ in lower] == pytest.approx([2 / 3, 4 / 3, 2])


@pytest.mark.parametrize(
    ("transpose", "pitch"),
    [
        ("<diatonic>-1</diatonic><chromatic>-2</chromatic>", 60),  # a clarinet in B flat
        (
            "<diatonic>0</diatonic><chromatic>0</chromatic><octave-change>-1</octave-change>",
            50,
        ),  # a guitar
        ("<diatonic>-5</diatonic><chromatic>-9</chromatic>", 53),  # a saxophone in E flat
    ],
)
def test_musicxml_sounds_as_transposing_instruments_do(transpose: str, pitch: int) -> None:
    more = f"<transpose>{transpose}</transpose>"
    assert musicxml(attributes(more=more) + note("D", 8)).pitches == [pitch]


SEGNO, CODA = (
    f"<direction><direction-type><{sign}/></direction-type></direction>"
    for sign in ("segno", "coda")
)
BEGIN, BACK = (barline("left", repeat=START), barline("right", repeat=END))
FIRST, SECOND = (barline("left", "1 start"), barline("left", "2 start"))
AGAIN, ON = (barline("right", "1 stop", END), barline("right", "2 stop"))
FINE, TO_CODA = words("Fine", 'fine="yes"'), words("To Coda", 'tocoda="1"')
DA_CAPO = words("D.C. al Fine", 'dacapo="yes"')
DAL_SEGNO, AL_CODA = (words(text, 'dalsegno="1"') for text in ("D.S.", "D.S. al Coda"))


@pytest.mark.parametrize(
    ("form", "measures"),
    [
        ("CDCDE", ["@C", "@D" + BACK, "@E"]),
        ("CDDE", ["@C", BEGIN + "@D" + BACK, "@E"]),
        ("CCCD", ["@C" + BACK.replace("/></b", ' times="3"/></b'), "@D"]),
        # A second section without a sign of its own begins where the first ended.
        ("CDCDEFEFG", ["@C", "@D" + BACK, "@E", "@F" + BACK, "@G"]),
        # Endings, and the same again after them.
        ("CDCEF", ["@C", FIRST + "@D" + AGAIN, SECOND + "@E" + ON, "@F"]),
        ("CDCECDCE", ["@C", FIRST + "@D" + AGAIN, SECOND + "@E" + ON] * 2),
        ("CDECD", ["@C", "@D" + FINE, "@E" + DA_CAPO]),
        ("CDEDE", ["@C", SEGNO + "@D", "@E" + DAL_SEGNO]),
        ("CDEFDEG", ["@C", SEGNO + "@D", "@E" + TO_CODA, "@F" + AL_CODA, CODA + "@G"]),
        # Signs that make no sense are not followed.
        ("CD", ["@C" + BACK.replace("/></b", ' times="100000"/></b'), "@D"]),
        ("CD", ["@C", BEGIN + "@D"]),
    ],
)
def test_musicxml_repeats(form: str, measures: list[str]) -> None:
    measures = [re.sub("@(.)", lambda found: note(found[1], 8), text) for text in measures]
    result = musicxml(attributes() + measures[0], *measures[1:])
    assert steps(result) == form
    assert [start for start, _, _ in result.tracks[0]] == [4 * i for i in range(len(form))]
    assert result.bars == [4 * i for i in range(len(form) + 1)]


def test_the_callers_stream_stays_as_it_was() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        stream = converter.parseData(abc("cdec|cdec:|gabg|gabg:|"), format="abc")
    before = [m.leftBarline for m in stream.recurse().getElementsByClass("Measure")]
    first = from_music21(stream)
    assert [m.leftBarline for m in stream.recurse().getElementsByClass("Measure")] == before
    assert from_music21(stream) == first
    assert first.note_count == 32


# -- kern ------------------------------------------------------------------------------------------


def kern(*rows: str) -> Played:
    lines = [row.replace("  ", "\t") for row in rows]
    spines = len(lines[0].split("\t"))
    ends = ["\t".join(["=="] * spines), "\t".join(["*-"] * spines)]
    return played("\n".join([*lines, *ends]) + "\n", "humdrum")


def test_kern_upbeat_tie_tempo_and_names() -> None:
    result = kern(
        "!!!COM: Bach, Johann Sebastian", "!!!OTL: Piece", "**kern", "*k[f#]", "*M3/4", "*MM90",
        "4g", "=1", "[2.a", "=2", "4a]", "*MM45", "2b",
    )  # fmt: skip
    assert result.tracks == [[(2, 3, 67), (3, 7, 69), (7, 9, 71)]]
    assert result.tempos == [(0, 90), (7, 45)]
    assert result.bars == [0, 3, 6, 9]
    assert result.score.name == "Piece"


def test_kern_spines_chords_triplets_and_graces() -> None:
    result = kern(
        "**kern  **kern", "*M2/4  *M2/4", "=1  =1", "2C  12c", ".  12d", ".  12e", ".  8qg",
        ".  4f 4a", "=2  =2", "4D  2g", "4E  .",
    )  # fmt: skip
    upper, lower = result.tracks
    assert [start for start, _, _ in upper] == pytest.approx([0, 1 / 3, 2 / 3, 1, 1, 2])
    assert [pitch for _, _, pitch in upper] == [60, 62, 64, 65, 69, 67]
    assert lower == [(0, 2, 48), (2, 3, 50), (3, 4, 52)]


def test_kern_metre_change_and_split_spines() -> None:
    result = kern(
        "**kern", "*M4/4", "=1", "*^", "2c  4e", ".  4f", "2d  2g", "*v  *v", "=2", "*M3/8", "8d",
        "8e", "8f",
    )  # fmt: skip
    assert sorted(result.tracks[0]) == [
        (0, 1, 64), (0, 2, 60), (1, 2, 65), (2, 4, 62), (2, 4, 67),
        (4, 4.5, 62), (4.5, 5, 64), (5, 5.5, 65),
    ]  # fmt: skip
    assert result.metres == [(0, 4, 4), (4, 3, 8)]
    assert result.bars == [0, 4, 5.5]


def test_kern_repeats() -> None:
    result = kern("**kern", "*M2/4", "=1", "2c", "=2", "2d", "=3:|!", "2e", "=4", "2f", "=5:|!")
    assert steps(result)[:8] == "CDCDEFEF"


# -- ABC -------------------------------------------------------------------------------------------


def abc(body: str, metre: str = "4/4", unit: str = "1/4", key: str = "C", more: str = "") -> str:
    return f"X:1\nT:Tune\nM:{metre}\nL:{unit}\n{more}K:{key}\n{body}\n"


def test_abc_upbeat_endings_and_tempo() -> None:
    text = abc("G2|:A2 B2 c2|1 d6:|2 e6|", "3/4", "1/8", "G", "Q:1/4=90\n")
    result = played(text, "abc")
    assert result.tracks == [
        [(2, 3, 67), (3, 4, 69), (4, 5, 71), (5, 6, 72), (6, 9, 74), (9, 10, 69), (10, 11, 71),
         (11, 12, 72), (12, 15, 76)]
    ]  # fmt: skip
    assert result.tempos == [(0, 90)]
    assert result.bars == [0, 3, 6, 9, 12, 15]
    assert result.score.keys.tolist() == [(0, 1, False)]


@pytest.mark.parametrize(
    ("field", "bpm"), [("120", 120), ("3/8=80", 120), ('"Lively" 1/4=100', 100), ("1/2=50", 100)]
)
def test_abc_tempos_are_of_their_own_unit(field: str, bpm: float) -> None:
    result = played(abc("DEF GAB|", "6/8", "1/8", more=f"Q:{field}\n"), "abc")
    assert result.tempos == [(0, bpm)]


@pytest.mark.parametrize(
    ("body", "pitches"),
    [
        # Each part is repeated by itself, its upbeat included.
        ("G|cdec|cde:|g|cdec|cde:|", "Gcdeccde" * 2 + "gcdeccde" * 2),
        ("|:cdec|gdec::gabg|cccc:|", "cdecgdec" * 2 + "gabgcccc" * 2),
        ("|:cdec|1 gdec:|2 eeee||gggg|1 abab:|2 cccc|]", "cdecgdeccdeceeeeggggababggggcccc"),
    ],
)
def test_abc_repeats(body: str, pitches: str) -> None:
    high = {"c": 72, "d": 74, "e": 76, "g": 79, "a": 81, "b": 83, "G": 67}
    result = played(abc(body), "abc")
    assert result.pitches == [high[letter] for letter in pitches]
    starts = [start for start, _, _ in result.tracks[0]]
    shift = 3 if body.startswith("G") else 0
    assert starts == [shift + i for i in range(len(pitches))]
    assert result.bars[: len(pitches) // 4] == [4 * i for i in range(len(pitches) // 4)]


def test_abc_voices_chords_ties_tuplets_graces_and_chord_symbols() -> None:
    text = abc('V:1\n"Am"C-C [EG]2|(3EFG {a}B2 c|\nV:2\nC,4|D,4|')
    first, second = played(text, "abc").tracks
    assert [pitch for _, _, pitch in first] == [60, 64, 67, 64, 65, 67, 71, 72]
    assert [start for start, _, _ in first] == pytest.approx(
        [0, 2, 2, 4, 4 + 2 / 3, 4 + 4 / 3, 6, 8]
    )
    assert second[0] == (0, 4, 48)


def test_abc_broken_rhythm_cut_time_and_modes() -> None:
    result = played(abc("F>G c<d e2 z2|", "C|", "1/8", "Ador"), "abc")
    assert result.pitches == [66, 67, 72, 74, 76]  # F sharp: A dorian has the signs of G major
    assert [start for start, _, _ in result.tracks[0]] == [0, 0.75, 1, 1.25, 2]
    assert result.metres == [(0, 2, 2)]
