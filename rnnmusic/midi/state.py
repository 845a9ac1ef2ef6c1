"""What a scan remembers from one event to the next, so that it can stop anywhere and go on."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Longs = NDArray[np.int64]

# One track: where its bytes are, and what came of them. Of each table, the rows filled when it was
# through; its last name and the last among the meta events that open it (at < 0: none); how many
# parts it has and one of them; whether its notes are sorted or only in order of their starts; its
# last tick.
CHUNK = np.dtype(
    [("begin", "<i8"), ("end", "<i8")]
    + [(name, "<i8") for name in ("notes", "controls", "bends", "tempos", "metres", "keys")]
    + [(name, "<i8") for name in ("name_at", "name_size", "title_at", "title_size")]
    + [("parts", "<i8"), ("part", "<i8"), ("is_sorted", "<i8"), ("last_tick", "<i8")]
)

NOBODY = -1

# What stops a scan: nothing, a part of the way done, a limit, or what is wrong with a track.
FINE, PAUSED, TOO_LATE, TOO_MANY = range(4)
BAD_NUMBER, LONG_NUMBER, BROKEN, BAD_STATUS, NO_STATUS, BAD_VALUE = range(4, 10)
SHORT_META, BAD_TEMPO, BAD_METRE, BAD_KEY, ASTRAY = range(10, 15)

# What a forgiving scan found besides, and what it made of the faults: rows of `State.repairs`.
# Bad metas are counted under their own number.
LOST, CUT, CLIPPED, LENT_STATUS, SYSTEM, LONG_READ = range(15, 21)
NO_END, AFTER_END, HANGING = range(21, 24)
KINDS = 24
COUNT, TRACK_OF_FIRST, TICK_OF_FIRST, BYTES = range(4)  # columns of `State.repairs`

# Fields of `State.cursor`. First, how to go about it, set before the scan: whether to go on after
# faults, the limit in ticks, how much to look ahead, and whether to suspect running status,
IS_FORGIVING, LATEST, PATIENCE, IS_WARY = range(4)
# where it is in which track,
TRACK, AT, TICK, STATUS, OLD_STATUS = range(4, 9)  # OLD_STATUS: before a system exclusive message
# of the event at hand, its position (of its delta time) and that delta,
EVENT_AT, DELTA = range(9, 11)
# what the track has had so far: rows, parts, notes that sound, channels on which events wait,
NOTES, CONTROLS, BENDS, PARTS, PART, SOUNDING, WAITS, ONLY_METAS = range(11, 19)
FIRST_NOTE, HAS_ENDED, NAME_AT, NAME_SIZE, TITLE_AT, TITLE_SIZE = range(19, 25)
# and what recovery needs: the last meta or system exclusive event, where a number or a value that
# is too large may pass, and the note row before which bytes were lost: who sounded then may have
# missed its end; and to where it last went back, which must be farther on each time.
LONG_AT, LONG_END, PASS_AT, DOUBTFUL, BACK_AT = range(25, 30)
FIELDS = 30


class State(NamedTuple):
    """What the sixteen channels are at, in arrays by channel, by part or by channel and pitch."""

    program: Longs
    playing: Longs  # part that a controller goes to, or -1 - channel while it has to wait
    waiting_controls: Longs  # first row of those that wait for a part, or NOBODY
    waiting_bends: Longs
    played_in: Longs  # last track in which a part played
    # First and last sounding note of a pitch. The notes between hang on the first: while a note
    # sounds, its end is -2 - the next note's row, or NOBODY.
    first_sounding: Longs
    last_sounding: Longs
    metas: Longs  # rows filled of tempos, metres, keys
    cursor: Longs
    repairs: Longs  # (KINDS, 4)

    @classmethod
    def fresh(
        cls, *, forgiving: bool, latest_tick: int, patience: int, wary: bool = False
    ) -> State:
        """State before the first track."""
        state = cls(
            np.zeros(16, dtype=np.int64),
            np.zeros(16, dtype=np.int64),
            np.full(16, NOBODY),
            np.full(16, NOBODY),
            np.full(2048, NOBODY),
            np.full(2048, NOBODY),
            np.full(2048, NOBODY),
            np.zeros(3, dtype=np.int64),
            np.zeros(FIELDS, dtype=np.int64),
            np.zeros((KINDS, 4), dtype=np.int64),
        )
        state.cursor[:TRACK] = forgiving, latest_tick, patience, wary
        state.cursor[TRACK] = NOBODY
        return state

    @property
    def has_faults(self) -> bool:
        """Whether any event was wrong."""
        return bool(self.repairs[:NO_END, COUNT].any())


class Trouble(NamedTuple):
    """What stopped the scan, or FINE: in which track, where, and at what time.

    The track counts from 0. The position is one in the data; for a meta event, that of its kind.
    """

    what: int
    track: int
    at: int
    tick: int
