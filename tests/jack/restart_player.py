"""Plays to a listener through a restart of the JACK server, and says how that goes."""

from __future__ import annotations

import sys
import time

from rnnmusic.live.messages import note_on
from rnnmusic.live.ports import open_output


def say(word: str) -> None:
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


def main() -> None:
    port = open_output("jack:ear")
    clock = port.clock
    assert clock is not None
    before_s = clock.now()
    say("playing")
    while port.is_alive:
        time.sleep(0.01)
    say("gone")
    while not port.is_alive:
        assert clock.now() >= before_s
        before_s = clock.now()
        time.sleep(0.01)
    assert 0 <= clock.now() - before_s < 1
    port.send(note_on(0, 61, 90), clock.now() + port.lead_s)
    port.close()
    say("back")


if __name__ == "__main__":
    main()
