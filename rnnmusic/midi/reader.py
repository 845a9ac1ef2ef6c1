"""From the tracks of a file to a Score: tables for `scan` to fill, and the parts in them."""

from __future__ import annotations

import functools
import threading
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from rnnmusic.midi import scan
from rnnmusic.midi.container import Container, decode_text
from rnnmusic.score import BEND, CONTROL, KEY, METRE, NOTE, TEMPO, Score, Table, Track, sort_notes
from rnnmusic.score.assembly import MalformedError, end_to_end
from rnnmusic.score.messages import DRUM_CHANNEL
