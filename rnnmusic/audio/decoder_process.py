"""The process that decodes sound files for another one: see `rnnmusic.audio.decoder`.

It reads requests, a line of JSON each, and answers with messages: a byte that says which, eight
that say how long, and that many more.
"""

from __future__ import annotations

import json
import os
import signal
import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rnnmusic.audio.decoding import Decoding
from rnnmusic.errors import InputError

MESSAGE = struct.Struct("<cQ")
HEAD, BLOCK, END, REFUSAL = b"H", b"B", b"E", b"R"


def main() -> None:
    """Serve requests until standard input closes."""
    # Ctrl-C reaches the whole process group; the parent alone answers it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # libsndfile prints: what it says must not end up among the answers.
    with os.fdopen(os.dup(1), "wb") as answers:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        for line in sys.stdin:
            for kind, body in _answer(json.loads(line)):
                answers.write(MESSAGE.pack(kind, len(body)))
                answers.write(body)
            answers.flush()


def _answer(request: dict[str, Any]) -> Iterator[tuple[bytes, bytes]]:
    try:
        decoding = Decoding(
            Path(request["path"]), sample_rate_hz=request["sample_rate_hz"], mono=request["mono"]
        )
        yield (
            HEAD,
            _json(
                sample_rate_hz=decoding.sample_rate_hz,
                channels=decoding.channels,
                announced=decoding.announced,
            ),
        )
        for block in decoding.blocks():
            yield BLOCK, block.tobytes()
        yield END, _json(flaws=decoding.flaws)
    except InputError as error:
        yield REFUSAL, _json(reason=str(error))
    except (MemoryError, OSError) as error:
        yield REFUSAL, _json(reason=f"can't be read ({error or 'out of memory'}).")


def _json(**fields: Any) -> bytes:
    return json.dumps(fields).encode()


if __name__ == "__main__":
    main()
