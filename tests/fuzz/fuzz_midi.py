"""Feed bytes that atheris makes up to `midi.load`: `make fuzz`, or with a time limit in seconds

    python -m tests.fuzz.fuzz_midi -max_total_time=600 [CORPUS_FOLDER]

The first folder named is where inputs that reach new code are kept; it may be empty, and defaults
to a temporary one. Either way a few exports and malformed files are put into it to begin with.
Anything but a score or an RnnMusicError, and any input that takes ten seconds, ends the run with
the input in a file `crash-*` or `timeout-*`.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["rnnmusic.midi"]):
    from rnnmusic import midi
    from rnnmusic.errors import RnnMusicError
    from rnnmusic.midi.reader import SCAN, read_tracks
from tests.fault.mutants import exports
from tests.fault.test_midi import check
from tests.midi.malformed import CASES


def load(data: bytes) -> None:
    """One input."""
    try:
        loaded = midi.load(data)
    except RnnMusicError:
        return
    check(loaded.score, data)
    if len(set(loaded.repairs)) != len(loaded.repairs):
        raise AssertionError(f"said twice: {loaded.repairs}")


def main() -> None:
    """Run until told to stop."""
    # The scan stays plain Python: atheris sees nothing of what machine code does.
    read_tracks.__defaults__ = (SCAN.with_patience(1 << 62),)
    with tempfile.TemporaryDirectory() as temporary:
        folders = [argument for argument in sys.argv[1:] if not argument.startswith("-")]
        folder = Path(folders[0] if folders else temporary)
        seeds = exports(Path(temporary)) + [case.data for case in CASES]
        for number, data in enumerate(seeds):
            (folder / f"seed-{number}").write_bytes(data)
        options = ["-timeout=10", "-max_len=4096", *sys.argv[1:]]
        atheris.Setup([sys.argv[0], *options, *([] if folders else [temporary])], load)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
