"""Repeat signs, endings, da capo and dal segno played out, as musicians read them."""

from __future__ import annotations

from typing import Any

_MOST_TIMES = 99  # a sign to play it more often is a slip, or malice


def unfolded(stream: Any, m21: Any) -> Any:
    """The stream with its repeats played out, or itself when its marks contradict each other."""
    marks = list(stream.recurse().getElementsByClass(m21.repeat.RepeatMark))
    if not marks or any((getattr(m, "times", None) or 0) > _MOST_TIMES for m in marks):
        return stream
    changed: list[tuple[Any, Any]] = []
    try:
        for part in stream.getElementsByClass(m21.stream.Part) or [stream]:
            changed += _complete_repeats(part, m21)
        played = stream.expandRepeats()
    except (m21.exceptions21.Music21Exception, AttributeError, IndexError, TypeError):
        return stream
    finally:
        for measure, barline in changed:
            measure.leftBarline = barline  # the stream is the caller's
    lengths = {part.highestTime for part in played.getElementsByClass(m21.stream.Part)}
    # Marks in some parts only would pull the parts asunder.
    return played if len(lengths) <= 1 else stream


def _complete_repeats(part: Any, m21: Any) -> list[tuple[Any, Any]]:
    """Mark the start of every repeated section; return the measures and their former bar lines.

    A section without a start mark begins after the one repeated before, second endings included,
    where music21 would go back to the very start. A start that nothing ends is unmarked.
    """
    measures = list(part.getElementsByClass(m21.stream.Measure))
    brackets = part.recurse().getElementsByClass(m21.spanner.RepeatBracket)
    endings = {id(measure) for bracket in brackets for measure in bracket.getSpannedElements()}
    changed: list[tuple[Any, Any]] = []

    def change(measure: Any, barline: Any) -> None:
        changed.append((measure, measure.leftBarline))
        measure.leftBarline = barline

    begin, opened = 0, None
    for place, measure in enumerate(measures):
        if _is_repeat(measure.leftBarline, "start", m21):
            if opened is not None:
                change(opened, None)
            opened = measure
        if _is_repeat(measure.rightBarline, "end", m21):
            if opened is None and 0 < begin <= place:
                change(measures[begin], m21.bar.Repeat(direction="start"))
            opened, begin = None, place + 1
            while begin < len(measures) and id(measures[begin]) in endings:
                begin += 1
    if opened is not None:
        change(opened, None)
    return changed


def _is_repeat(barline: Any, direction: str, m21: Any) -> bool:
    return isinstance(barline, m21.bar.Repeat) and barline.direction == direction
