"""`rnnmusic live`: the generator as a player."""

from __future__ import annotations

import typer

from rnnmusic_cli import live_options as options
from rnnmusic_cli import live_settings
from rnnmusic_cli.live_play import play

#: Hands that stray over 20 ms stray by 4 in velocity.
UNEVEN_PER_MS = 0.2
#: The range of delays is six of their deviations.
SPREAD = 6
#: What `--replay` goes with; the rest is in the session.
_WITH_REPLAY = {"replay", "outputs", "json", "view"}


def live(
    ctx: typer.Context,
    checkpoint: options.Checkpoint = None,
    outputs: options.Outputs = None,
    inputs: options.Inputs = None,
    thru: options.Thru = False,
    channel: options.Channel = 1,
    voices: options.Voices = None,
    listen_to: options.ListenTo = None,
    mode: options.Mode = None,
    bars: options.Bars = None,
    prime: options.Prime = None,
    prime_bars: options.PrimeBars = 8,
    seed: options.Seed = 0,
    silence: options.Silence = 1.5,
    phrase_bars: options.PhraseBars = None,
    answer_bars: options.AnswerBars = None,
    adapt: options.Adapt = False,
    adapt_cell: options.AdaptCell = False,
    temperature: options.Temperature = None,
    top_p: options.TopP = None,
    key: options.Key = None,
    program: options.Program = None,
    turned: options.Turned = None,
    preset: options.Preset = None,
    osc: options.Osc = None,
    tempo: options.Tempo = None,
    swing: options.Swing = None,
    metre: options.Metre = None,
    count_in: options.CountIn = 0,
    humanise: options.Humanise = 0.0,
    sync: options.Sync = "internal",
    sync_in: options.SyncIn = None,
    clock_out: options.ClockOut = None,
    lead: options.Lead = 0.0,
    record: options.Record = None,
    replay: options.Replay = None,
    view: options.View = None,
    json: options.Json = False,
) -> None:
    """Play a generator in real time; every note is closed on every way out.

    In the view ? shows the keys. `rnnmusic live bench` measures this machine, and
    `rnnmusic live controls` lists what can be turned.
    """
    from rnnmusic.errors import UsageError

    if replay is not None:
        from rnnmusic_cli.live_replay import play_again

        for name in ctx.params:
            source = ctx.get_parameter_source(name)
            if name not in _WITH_REPLAY and source is not None and source.name != "DEFAULT":
                raise UsageError(
                    f"--replay was given with {name.replace('_', '-')}, which the session says "
                    "already; leave it out."
                )
        play_again(replay, outputs or [], json=json)
        return
    if checkpoint is None:
        raise UsageError("Nothing to play: give a checkpoint, a run or a shipped model.")
    if not outputs:
        raise UsageError(
            "No output was given; say --out with a port (`rnnmusic ports` lists them), "
            "virtual:NAME, synth or FILE.mid."
        )
    from rnnmusic.live.directing.settings import DirectorSettings
    from rnnmusic.live.engine import EngineSettings
    from rnnmusic.live.listening.respond import PhraseSettings
    from rnnmusic.live.steering.control_map import DEFAULT_BINDINGS
    from rnnmusic.live.steering.orders import MODES
    from rnnmusic.live.timing.feel import parse_swing

    opening = live_settings.load_preset(preset)
    named = {"temperature": temperature, "top_p": top_p, "key": key, "program": program}
    named |= {"tempo": tempo, "swing": None if swing is None else parse_swing(swing)}
    controls = live_settings.controls_at_first(opening, named, turned or [])
    past = live_settings.prime_notes(prime, prime_bars, metre)
    director = DirectorSettings(
        checkpoint=checkpoint,
        seed=seed,
        tempo_bpm=float(controls["tempo"] or 0),
        swing=float(controls["swing"] or 0),
        steering=live_settings.steering_of(controls),
        mode=live_settings.checked_mode(mode or opening.mode or MODES[0], bool(inputs or sync_in)),
        bars=bars,
        quarters_per_bar=past.quarters_per_bar,
        quarters_per_beat=past.quarters_per_beat,
        channel=channel,
        voices=tuple(voices or ()),
        count_in_bars=count_in,
        prime=past.notes,
        listen_to=tuple(listen_to or ()),
        phrases=PhraseSettings(silence, phrase_bars, answer_bars),
        adapt=adapt,
        adapt_cell=adapt_cell,
        loose_s=humanise / 1000 / SPREAD,
        uneven=UNEVEN_PER_MS * humanise,
        bindings={**DEFAULT_BINDINGS, **opening.bindings},
    )
    settings = EngineSettings(
        director=director,
        outputs=tuple(outputs),
        inputs=tuple(inputs or ()),
        sync=live_settings.checked_sync(sync, sync_in),
        sync_input=sync_in,
        clock_out=tuple(clock_out or ()),
        thru=thru,
        lead_s=lead / 1000,
        session=None if record is None else str(record),
    )
    play(settings, view=view, osc_port=osc, json=json)
