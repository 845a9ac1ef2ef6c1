"""`rnnmusic live --replay`: a recorded performance again, to the bit."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from rnnmusic.errors import InputError, UsageError
from rnnmusic_cli.console import say, say_json

_MIDI, _SOUND = (".mid", ".midi"), (".wav", ".flac", ".ogg", ".mp3")


def play_again(folder: Path, outputs: Sequence[str], *, json: bool) -> None:
    """Sample the session anew, compare with what was sent, and write it to each output.

    InputError when the two differ: what is written then is the replay.
    """
    from rnnmusic import checkpoint
    from rnnmusic.live.directing.director import Director
    from rnnmusic.live.directing.models import Models
    from rnnmusic.live.directing.settings import DirectorSettings
    from rnnmusic.live.session.provenance import changes
    from rnnmusic.live.session.reading import read
    from rnnmusic.live.session.replay import replay, verify, without_dropped
    from rnnmusic.live.session.sound import render, save_midi

    for output in outputs:
        if not output.lower().endswith((*_MIDI, *_SOUND)):
            raise UsageError(f"--replay was given -o {output}; give FILE.mid or FILE.wav.")
    session = read(folder)

    with closing(Models()) as models:

        def make_director(settings: dict[str, Any]) -> Director:
            return Director(DirectorSettings.from_dict(settings["director"]), models.load)

        replayed = replay(session, make_director)
    compared = verify(session, replayed)
    changed = [] if compared.difference is None else changes(session, checkpoint.find)
    for output in outputs:
        if output.lower().endswith(_MIDI):
            save_midi(session, output, without_dropped(session, replayed))
        else:
            render(session).save(output)
    if json:
        say_json(
            {
                "events": len(session.events),
                "same": compared.same,
                "dropped": compared.dropped,
                "until_quarters": compared.until_quarters,
                "difference": compared.difference,
                "changes": changed,
                "outputs": list(outputs),
            }
        )
    if compared.difference is not None:
        why = " ".join(changed) or "Nothing it was made with has changed; were its files edited?"
        raise InputError(f"{folder} isn't the same replayed. {compared.difference} {why}")
    if not json:
        dropped = f", {compared.dropped} came too late then" if compared.dropped else ""
        say(f"{folder}: {compared.same} messages replayed, each as it was sent{dropped}")
        for output in outputs:
            say(output)
