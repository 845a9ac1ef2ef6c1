"""The piano-roll: what is drawn is what is in the score."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.collections import PolyCollection

from rnnmusic.errors import InputError
from rnnmusic.plots import piano_roll, save
from rnnmusic.score import METRE, NOTE, TEMPO, Score, Track, table


def part(*rows: tuple[int, int, int, int], **keys: Any) -> Track:
    return Track(notes=table(NOTE, rows), **keys)


DUO = Score(
    tracks=(
        part((0, 480, 60, 100), (480, 960, 62, 40), (1920, 2400, 67, 127), name="Flute"),
        part((0, 1920, 48, 80), name="Cello", program=42),
        part((0, 10, 36, 90), is_drum=True),
    ),
    tempos=table(TEMPO, [(0, 1_000_000)]),
    name="A duo",
)


def collections(figure: Any) -> list[PolyCollection]:
    return [c for c in figure.axes[0].collections if isinstance(c, PolyCollection)]


def boxes(collection: PolyCollection) -> np.ndarray:
    """Left, right, bottom and top of each drawn note (n, 4)."""
    corners = np.array([p.vertices[:4] for p in collection.get_paths()])
    x, y = corners[..., 0], corners[..., 1]
    return np.stack([x.min(1), x.max(1), y.min(1), y.max(1)], axis=1)


def test_every_note_is_drawn_where_it_is() -> None:
    drawn = collections(piano_roll(DUO))
    assert [len(c.get_paths()) for c in drawn] == [3, 1, 1]
    flute = boxes(drawn[0])
    np.testing.assert_allclose(flute[:, 0], [0, 1, 4])
    # A note ends a hair early, to be told from its repetition.
    np.testing.assert_allclose(flute[:, 1], [1, 2, 5], atol=0.02)
    assert np.all(flute[:, 1] < [1, 2, 5])
    np.testing.assert_allclose(flute[:, 2:].mean(axis=1), [60, 62, 67])


def test_softer_notes_are_fainter_and_tracks_have_their_colours() -> None:
    flute, cello, drums = (c.get_facecolors() for c in collections(piano_roll(DUO)))
    alpha = flute[:, 3]
    assert alpha[1] < alpha[0] < alpha[2] == 1.0
    colours = {tuple(np.round(c[0, :3], 3)) for c in (flute, cello, drums)}
    assert len(colours) == 3


def test_axes_say_bars_octaves_and_parts() -> None:
    axes = piano_roll(DUO).axes[0]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("bar", "pitch")
    assert [t.get_text() for t in axes.get_xticklabels()] == ["1", "2"]
    labels = dict(
        zip(axes.get_yticks(), (t.get_text() for t in axes.get_yticklabels()), strict=True)
    )
    assert labels[60] == "C4"
    assert labels[48] == "C3"
    assert axes.get_title(loc="left") == "A duo"
    assert [t.get_text() for t in axes.get_legend().get_texts()] == ["Flute", "Cello", "Drums"]
    assert axes.get_xlim() == (0, 8)
    low, high = axes.get_ylim()
    assert low < 36
    assert high > 67


def test_time_can_be_in_seconds() -> None:
    figure = piano_roll(DUO, seconds=True, title="")
    axes = figure.axes[0]
    assert axes.get_xlabel() == "time (s)"
    assert axes.get_title(loc="left") == ""
    np.testing.assert_allclose(boxes(collections(figure)[0])[:, 0], [0, 1, 4])
    faster = Score(tracks=DUO.tracks)  # 120 quarters a minute
    np.testing.assert_allclose(boxes(collections(piano_roll(faster, seconds=True))[0])[:, 0],
                               [0, 0.5, 2])  # fmt: skip


def test_bars_follow_the_metre_and_long_pieces_skip_numbers() -> None:
    waltz = Score(tracks=DUO.tracks[:1], metres=table(METRE, [(0, 3, 4)]))
    axes = piano_roll(waltz).axes[0]
    np.testing.assert_allclose(axes.get_xticks(), [0, 3])
    long = Score(tracks=(part((0, 1920 * 100, 60, 64)),))
    numbers = [t.get_text() for t in piano_roll(long).axes[0].get_xticklabels()]
    assert numbers[:3] == ["1", "5", "9"]
    assert len(numbers) == 25


def test_a_track_alone_needs_no_legend() -> None:
    assert piano_roll(Score(tracks=DUO.tracks[:1])).axes[0].get_legend() is None


@pytest.mark.parametrize(
    "track",
    [
        part((0, 0, 0, 1)),
        part((0, 1, 127, 127)),
        part((0, 480, 60, 64), name="$\\frac{"),
        part((5, 5, 60, 0), (5, 5, 60, 0), name="_hidden"),
    ],
)
def test_odd_scores_can_be_drawn(tmp_path: Path, track: Track) -> None:
    figure = piano_roll(Score(tracks=(track, track), name="$$_{"))
    save(figure, tmp_path / "a.png")
    assert (tmp_path / "a.png").stat().st_size > 1000


def test_five_thousand_notes_are_one_collection() -> None:
    rng = np.random.default_rng(0)
    notes = np.zeros(5000, dtype=NOTE)
    notes["start_tick"] = np.sort(rng.integers(0, 100_000, 5000))
    notes["end_tick"] = notes["start_tick"] + 100
    notes["pitch"] = rng.integers(21, 109, 5000)
    notes["velocity"] = rng.integers(1, 128, 5000)
    (drawn,) = collections(piano_roll(Score(tracks=(Track(notes=notes),))))
    assert len(drawn.get_paths()) == 5000


def test_a_score_without_notes_has_no_picture() -> None:
    with pytest.raises(InputError, match="no notes"):
        piano_roll(Score(tracks=(Track(),)))


def test_pictures_are_written_in_three_formats(tmp_path: Path) -> None:
    figure = piano_roll(DUO)
    for name in ("a.png", "a.svg", "a.PDF"):
        save(figure, tmp_path / name)
    png = (tmp_path / "a.png").read_bytes()
    assert struct.unpack(">II", png[16:24]) == (1650, 690)
    assert b"<svg" in (tmp_path / "a.svg").read_bytes()
    assert (tmp_path / "a.PDF").read_bytes().startswith(b"%PDF")
    assert len(list(tmp_path.iterdir())) == 3


def test_a_picture_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    figure = piano_roll(DUO)
    with pytest.raises(InputError, match=r"\.png, \.svg, \.pdf"):
        save(figure, tmp_path / "a.bmp")
    with pytest.raises(InputError, match="nowhere"):
        save(figure, tmp_path / "nowhere" / "a.png")
    assert list(tmp_path.iterdir()) == []


def test_drawing_never_touches_pyplot() -> None:
    import subprocess
    import sys

    code = (
        "import sys, rnnmusic.plots as p\n"
        "assert 'matplotlib' not in sys.modules\n"
        "from rnnmusic.score import *\n"
        "p.piano_roll(Score(tracks=(Track(notes=table(NOTE, [(0, 1, 60, 64)])),)))\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
