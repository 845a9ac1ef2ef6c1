"""Targets from files: CSV, JSON and sound."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from rnnmusic.errors import InputError, UsageError
from rnnmusic.filters.fit.reverberation import decay_of_impulse_response
from rnnmusic.filters.fit.targets import Decay, Levels, Recording, Response, Target
from rnnmusic.filters.forms import Reals

#: What the sound in a file may be taken for.
SoundAs = Literal["spectrum", "impulse", "decay"]

#: Columns that make a target, besides frequency_hz; weight may be added to the first three.
_KINDS = (("magnitude_db",), ("magnitude",), ("real", "imaginary"), ("decay_time_s",))
_EXPECTED = (
    "frequency_hz and magnitude_db, magnitude, real and imaginary, or decay_time_s; "
    "weight may be added"
)


def read_target(
    path: str | os.PathLike[str],
    *,
    input_path: str | os.PathLike[str] | None = None,
    sample_rate_hz: float | None = None,
    sound_as: SoundAs = "spectrum",
    smoothing_octaves: float = 1 / 6,
) -> Target:
    """The target in a file.

    - .csv, .txt: columns frequency_hz and magnitude_db, magnitude, real and imaginary, or
      decay_time_s, and weight if wanted; a heading names them, without one they are frequency_hz,
      magnitude_db and weight. `-inf` is a level.
    - .json: an object of such lists, and sample_rate_hz.
    - any sound file: with input_path what came out when that went in; else its averaged spectrum,
      or it is an impulse response, or one whose decay is meant (sound_as).

    sample_rate_hz: for tables it has to be said, here or in the JSON; of sound it is known, and one
    that differs is an error. InputError for files that aren't as said, UsageError for options that
    don't go with the file.
    """
    file = Path(path)
    if file.suffix.lower() not in (".csv", ".txt", ".json"):
        return _from_sound(file, input_path, sample_rate_hz, sound_as, smoothing_octaves)
    if input_path is not None:
        raise UsageError(f"{file} is a table, and an input was given; give a recording, or none.")
    if sound_as not in get_args(SoundAs) or sound_as != "spectrum":
        raise UsageError(f"{file} is a table: its columns say what it is; don't say what else.")
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it isn't text"
        raise InputError(f"Can't read {file}: {reason}; check the path.") from None
    try:
        columns, rate = _from_json(text) if file.suffix.lower() == ".json" else _from_csv(text)
        return _from_columns(file, columns, sample_rate_hz, rate)
    except InputError as error:
        raise InputError(f"{file}: {error}") from None


def _from_columns(
    file: Path, columns: dict[str, Reals], asked: float | None, said: float | None
) -> Target:
    if asked is not None and said is not None and asked != said:
        raise InputError(
            f"The sample rate is {said:g} Hz here and {asked:g} Hz was asked for; leave one out."
        )
    rate = said if asked is None else asked
    if rate is None:
        raise UsageError(
            f"{file} is a table without a sample rate; give one in Hz (--sample-rate)."
        )
    if not np.isfinite(rate) or rate <= 0:
        raise InputError(f"The sample rate is {rate:g} Hz; give one above 0.")
    kinds = [kind for kind in _KINDS if all(name in columns for name in kind)]
    if "frequency_hz" not in columns or len(kinds) != 1:
        raise InputError(f"The columns are {', '.join(columns) or 'none'}; give {_EXPECTED}.")
    known = {"frequency_hz", "weight", *kinds[0]}
    unknown = [name for name in columns if name not in known]
    if unknown:
        raise InputError(f"There is a column {unknown[0]!r}; give {_EXPECTED}.")
    if not all(map(len, columns.values())):
        raise InputError("The table has a heading and no numbers; give 4 or more rows.")
    sizes = {len(values) for values in columns.values()}
    if len(sizes) != 1:
        raise InputError(f"The columns have lengths {sorted(sizes)}; give them the same length.")
    order = np.argsort(columns["frequency_hz"], kind="stable")
    columns = {name: values[order] for name, values in columns.items()}
    frequency, weight = columns["frequency_hz"], columns.get("weight", np.ones(len(order)))
    if kinds[0] == ("decay_time_s",):
        return Decay(frequency, columns["decay_time_s"], rate)
    if kinds[0] == ("magnitude_db",):
        return Levels.at_frequencies(frequency, columns["magnitude_db"], rate, weight)
    if not np.isfinite(frequency).all() or frequency.max(initial=0) > rate / 2:
        raise InputError(
            f"A frequency is NaN or beyond half of the sample rate of {rate:g} Hz; leave it out."
        )
    omega = 2 * np.pi * frequency / rate
    if kinds[0] == ("magnitude",):
        return Levels.of_magnitude(omega, columns["magnitude"], weight, rate)
    response = columns["real"] + 1j * columns["imaginary"]
    return Response(omega, response, weight if "weight" in columns else None, rate)


def _from_csv(text: str) -> tuple[dict[str, Reals], None]:
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    if not lines:
        raise InputError(f"The table is empty; give {_EXPECTED}.")
    separator = next((mark for mark in ";\t," if mark in lines[0]), ",")
    rows = [[cell.strip() for cell in row] for row in csv.reader(lines, delimiter=separator)]
    heading = ["frequency_hz", "magnitude_db", "weight"][: len(rows[0])]
    if not _is_number(rows[0][0]):
        heading = [name.lower() for name in rows.pop(0)]
    if len(set(heading)) != len(heading):
        raise InputError("Two columns have the same name; give each its own.")
    for number, row in enumerate(rows, 1):
        if len(row) != len(heading) or not all(map(_is_number, row)):
            raise InputError(
                f"Row {number} is {','.join(row)!r}; give {len(heading)} numbers, one a column."
            )
    values = np.array(rows, dtype=np.float64).reshape(-1, len(heading))
    return dict(zip(heading, values.T, strict=True)), None


def _from_json(text: str) -> tuple[dict[str, Reals], float | None]:
    try:
        fields: Any = json.loads(text)
    except ValueError:
        raise InputError(f"It isn't JSON; give an object of lists {_EXPECTED}.") from None
    if not isinstance(fields, dict):
        raise InputError(f"It holds no object; give one of lists {_EXPECTED}.")
    rate = fields.pop("sample_rate_hz", None)
    if rate is not None and not isinstance(rate, int | float):
        raise InputError(f"sample_rate_hz is {rate!r}; give a number.")
    try:
        columns = {
            name: np.array([float(value) for value in values]) for name, values in fields.items()
        }
    except (TypeError, ValueError):
        raise InputError(f"A column isn't a list of numbers; give {_EXPECTED}.") from None
    return columns, rate


def _from_sound(
    file: Path,
    input_path: str | os.PathLike[str] | None,
    sample_rate_hz: float | None,
    sound_as: SoundAs,
    smoothing_octaves: float,
) -> Target:
    from rnnmusic.audio import Audio

    sound = Audio.load(file)
    rate = sound.sample_rate_hz
    if sample_rate_hz is not None and sample_rate_hz != rate:
        raise InputError(
            f"{file} is sampled at {rate} Hz and {sample_rate_hz:g} Hz was asked for; resample it "
            "first, or leave the sample rate out."
        )
    samples = sound.samples.astype(np.float64)
    if input_path is not None:
        if sound_as != "spectrum":
            raise UsageError(f"{file} has an input: it is a recording, not an {sound_as} response.")
        source = Audio.load(input_path)
        if source.sample_rate_hz != rate:
            raise InputError(
                f"{input_path} is sampled at {source.sample_rate_hz} Hz and {file} at {rate} Hz; "
                "give recordings of one sample rate."
            )
        return Recording(source.samples.astype(np.float64), samples, rate)
    if sound_as == "impulse":
        return Recording.of_impulse_response(samples, rate)
    if sound_as == "decay":
        return decay_of_impulse_response(samples.mean(axis=0), rate)
    return Levels.of_sound(samples, rate, smoothing_octaves=smoothing_octaves)


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
