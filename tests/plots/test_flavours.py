"""The picture of the table: which panel a row is in, and what is marked there."""

from __future__ import annotations

from typing import Any

from rnnmusic.plots.flavours import ACCURACY, ERRORS, MORE, plot_flavours

NATS = "nats per frame, test, pooled, frame 0 in, exact"


def row(flavour: str, task: str, measure: str, value: float | None, **other: Any) -> dict[str, Any]:
    given = {"flavour": flavour, "task": task, "measure": measure, "value": value}
    return {**given, "better": "lower", "limit": None, "paper": None, **other}


def titles(figure: Any) -> list[str]:
    return [axes.get_title(loc="left") for axes in figure.axes]


def test_rows_are_grouped_by_what_can_be_compared() -> None:
    rows = [
        row("lstm", "jsb", NATS, 8.4, limit=8.5, paper=8.67),
        row("srnn", "jsb", NATS.replace("exact", "upper bound (ELBO)"), 7.0),
        row("tied-parallel", "jsb-pitch-axis", NATS, 4.7),
        row("window", "nottingham", NATS, 4.1),
        row("hmm", "enumeration", "largest error, nats", 0.0, limit=1e-10),
        row("gru", "adding-200", "mse", 5e-4, limit=1e-3),
        row("slstm", "parity-50", "accuracy", 0.99, better="higher", limit=0.99),
        row("esn", "memory-capacity", "steps", 28.0, better="higher"),
        row("lstm", "adding-200", "mse", None),
    ]
    figure = plot_flavours(rows)
    music, other, *rest = titles(figure)
    assert music.startswith("jsb: nats")
    assert other.startswith("nottingham: nats")
    assert rest == [ERRORS, ACCURACY, MORE]
    labels = [[text.get_text() for text in axes.get_yticklabels()] for axes in figure.axes]
    assert labels[0] == ["lstm", "srnn, bound", "tied-parallel pitch-axis"]
    assert labels[2] == ["gru: adding-200", "hmm: enumeration"]  # the best on top
    figure.canvas.draw()  # an error of 0 has a place on the logarithmic axis


def test_nothing_measured_says_so() -> None:
    figure = plot_flavours([row("lstm", "jsb", NATS, None)])
    assert "nothing" in figure.texts[0].get_text()
