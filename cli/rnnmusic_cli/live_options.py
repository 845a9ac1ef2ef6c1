"""The options of `rnnmusic live`, in panels."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

_PORTS, _PLAYING, _STEERING = "Ports", "Playing", "Steering"
_TIME, _SESSION = "Time", "Recording and replay"

Checkpoint = Annotated[str | None, typer.Argument(help="A checkpoint, a run, or a shipped model.")]
Outputs = Annotated[
    list[str] | None,
    typer.Option(
        "--out",
        "-o",
        metavar="PORT",
        rich_help_panel=_PORTS,
        help="Play to a port by part of its name, virtual:NAME, tcp:HOST:PORT, synth, "
        "memory, FILE.mid or FILE.wav. Again for more.",
    ),
]
Inputs = Annotated[
    list[str] | None,
    typer.Option(
        "--in",
        "-i",
        metavar="PORT",
        rich_help_panel=_PORTS,
        help="Listen to a port: part of its name, virtual:NAME or tcp:PORT. Again for more.",
    ),
]
Thru = Annotated[
    bool, typer.Option("--thru", rich_help_panel=_PORTS, help="Pass on what is heard.")
]
Channel = Annotated[
    int, typer.Option(min=1, max=16, rich_help_panel=_PORTS, help="MIDI channel to play on.")
]
Voices = Annotated[
    list[str] | None,
    typer.Option(
        "--voice",
        metavar="PITCHES@CH[:PROG][/OUT]",
        rich_help_panel=_PORTS,
        help="Pitches with a channel, instrument or output of their own: 36-59@2:33, "
        "lowest@3. Again for more.",
    ),
]
ListenTo = Annotated[
    list[int] | None,
    typer.Option(
        metavar="CH",
        rich_help_panel=_PORTS,
        show_default="all",
        help="Hear notes of this channel only. Again for more.",
    ),
]
Mode = Annotated[
    str | None,
    typer.Option(
        "--mode",
        "-m",
        metavar="MODE",
        rich_help_panel=_PLAYING,
        show_default="solo",
        help="solo; respond: answer your phrases; duet: play on and hear every note; "
        "harmonise: add notes to each of yours.",
    ),
]
Bars = Annotated[
    int | None,
    typer.Option(
        min=1,
        max=100_000,
        rich_help_panel=_PLAYING,
        help="Stop after so many bars; else at q or Ctrl-C.",
    ),
]
Prime = Annotated[
    Path | None,
    typer.Option(metavar="FILE.mid", rich_help_panel=_PLAYING, help="Music to go on from."),
]
PrimeBars = Annotated[
    int,
    typer.Option(min=1, metavar="BARS", rich_help_panel=_PLAYING, help="Its last bars, so many."),
]
Seed = Annotated[int, typer.Option(min=0, rich_help_panel=_PLAYING, help="Same seed, same notes.")]
Silence = Annotated[
    float,
    typer.Option(
        metavar="QUARTERS",
        rich_help_panel=_PLAYING,
        help="respond: a phrase has ended after so much silence.",
    ),
]
PhraseBars = Annotated[
    int | None,
    typer.Option(
        metavar="BARS", rich_help_panel=_PLAYING, help="respond: phrases are this long instead."
    ),
]
AnswerBars = Annotated[
    int | None,
    typer.Option(
        metavar="BARS",
        rich_help_panel=_PLAYING,
        help="respond: answers are this long; else as the phrase.",
    ),
]
Adapt = Annotated[
    bool,
    typer.Option(
        "--adapt",
        rich_help_panel=_PLAYING,
        help="Let the model follow what you play; the order `adapt off|on|forget` steers it.",
    ),
]
AdaptCell = Annotated[
    bool,
    typer.Option(
        "--adapt-cell",
        rich_help_panel=_PLAYING,
        help="Let the poles of its last layer follow, too or alone: ssm, lru and s5.",
    ),
]
Temperature = Annotated[
    float | None,
    typer.Option(rich_help_panel=_STEERING, help="How freely it draws; 1: as the model."),
]
TopP = Annotated[
    float | None,
    typer.Option(rich_help_panel=_STEERING, help="Only the likeliest, up to this share."),
]
Key = Annotated[
    str | None, typer.Option(rich_help_panel=_STEERING, help="Only notes of it: Cm, D dorian.")
]
Program = Annotated[
    int | None, typer.Option(rich_help_panel=_STEERING, help="General MIDI instrument, from 0.")
]
Turned = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="CONTROL=VALUE",
        rich_help_panel=_STEERING,
        help="Turn any control: density=0.3. Again for more; `rnnmusic live controls` lists them.",
    ),
]
Preset = Annotated[
    str | None,
    typer.Option(
        metavar="NAME|FILE.toml",
        rich_help_panel=_STEERING,
        help="Begin with a preset's values and controllers; other options go before it.",
    ),
]
Osc = Annotated[
    int | None,
    typer.Option(
        min=1,
        max=65_535,
        metavar="PORT",
        rich_help_panel=_STEERING,
        help="Take OSC messages on this UDP port of this machine.",
    ),
]
Tempo = Annotated[
    float | None,
    typer.Option(rich_help_panel=_TIME, help="Quarters a minute.", show_default="120"),
]
Swing = Annotated[
    str | None,
    typer.Option(
        rich_help_panel=_TIME,
        show_default="straight",
        help="Share of a quarter that its first eighth takes: 0.6, 60%, 2:1, triplet.",
    ),
]
Metre = Annotated[
    str | None,
    typer.Option(
        metavar="N/D",
        rich_help_panel=_TIME,
        show_default="4/4, or as --prime",
        help="Beats of a bar and their value.",
    ),
]
CountIn = Annotated[
    int,
    typer.Option(min=0, max=8, metavar="BARS", rich_help_panel=_TIME, help="Bars of clicks first."),
]
Humanise = Annotated[
    float,
    typer.Option(
        min=0,
        max=50,
        metavar="MS",
        rich_help_panel=_TIME,
        help="Let notes come up to so many milliseconds late, and unevenly loud.",
    ),
]
Sync = Annotated[
    str,
    typer.Option(
        metavar="SOURCE",
        rich_help_panel=_TIME,
        help="Who sets the tempo: internal, midi (a clock at --sync-in), or link (Ableton Link).",
    ),
]
SyncIn = Annotated[
    str | None,
    typer.Option(
        metavar="PORT",
        rich_help_panel=_TIME,
        help="Where MIDI clock comes from; else the first --in.",
    ),
]
ClockOut = Annotated[
    list[str] | None,
    typer.Option(metavar="PORT", rich_help_panel=_TIME, help="Send MIDI clock to this port."),
]
Lead = Annotated[
    float,
    typer.Option(
        min=0,
        max=500,
        metavar="MS",
        rich_help_panel=_TIME,
        help="Hand notes to JACK or a sound card so long before they are due, if it isn't longer "
        "anyway: more survives a busier machine, less can be changed later.",
    ),
]
Record = Annotated[
    Path | None,
    typer.Option(
        metavar="FOLDER",
        rich_help_panel=_SESSION,
        help="Record both players, controls and seed into a new folder.",
    ),
]
Replay = Annotated[
    Path | None,
    typer.Option(
        metavar="FOLDER",
        rich_help_panel=_SESSION,
        help="Play a recorded session again, to the bit, into -o FILE.mid or FILE.wav.",
    ),
]
View = Annotated[
    bool | None,
    typer.Option("--view/--no-view", help="The view with its keys.", show_default="on a terminal"),
]
Json = Annotated[bool, typer.Option("--json", help="Print the report as JSON.")]
