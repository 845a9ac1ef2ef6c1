"""Plays to a listener through a restart of the JACK server, and says how that goes."""

from __future__ import annotations

import time

from rnnmusic.live.messages import note_on
from rnnmusic.live.ports import open_output


def main() -> None:
    port = open_output("jack:ear")
    clock = port.clock
    assert clock is not None
    before_s = clock.now()
    print("playing", flush=True)
    while port.is_alive:
        time.sleep(0.01)
    print("gone", flush=True)
    while not port.is_alive:
        assert clock.now() >= before_s
        before_s = clock.now()
        time.sleep(0.01)
    assert 0 <= clock.now() - before_s < 1
    port.send(note_on(0, 61, 90), clock.now() + port.lead_s)
    port.close()
    print("back", flush=True)


if __name__ == "__main__":
    main()
