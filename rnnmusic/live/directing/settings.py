"""DirectorSettings: all that decides what is played besides what happens; a session keeps it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from rnnmusic.errors import UsageError
from rnnmusic.live.directing.priming import PrimeNote
from rnnmusic.live.directing.voices import Voice, Voices, parse
from rnnmusic.live.listening.respond import PhraseSettings
from rnnmusic.live.steering.control_map import DEFAULT_BINDINGS, ControlMap
from rnnmusic.live.steering.orders import MODES
from rnnmusic.live.timing.beat import checked_swing, checked_tempo
from rnnmusic.live.timing.feel import Hands
from rnnmusic.sampling.steering import Steering


@dataclass(frozen=True)
class DirectorSettings:
    """What a director plays by.

    checkpoint: the generator's name, as `load` takes it. seed: of all that is random. mode: one
    of `MODES`. bars: where it ends (None: never). quarters_per_bar, quarters_per_beat: the metre.
    lookahead_quarters: how far ahead of what is handed over it samples. tempo_bpm: at the
    beginning. channel: 1 to 16, of all notes that no voice takes. voices: as `voices.parse` reads
    them. count_in_bars: bars of clicks before the first beat.

    prime: the notes to continue, at negative times (`priming.excerpt`). listen_to: the channels,
    1 to 16, whose notes are heard (none: all). phrases: of the mode respond. harmony_voices: at
    most so many at once in the mode harmonise. adapt: the model's readout follows what the others
    play; adapt_cell: the poles of its last layer do. loose_s, uneven: how far notes stray in time
    and in velocity, 0 for a machine's hands. bindings: what controllers do, as `ControlMap` takes
    it.

    UsageError for what makes no sense.
    """

    checkpoint: str
    seed: int = 0
    steering: Steering = field(default_factory=Steering)
    mode: str = "solo"
    bars: int | None = None
    quarters_per_bar: float = 4.0
    quarters_per_beat: float = 1.0
    lookahead_quarters: float = 1.0
    tempo_bpm: float = 120.0
    swing: float = 0.5
    channel: int = 1
    voices: tuple[str, ...] = ()
    count_in_bars: int = 0
    prime: tuple[PrimeNote, ...] = ()
    listen_to: tuple[int, ...] = ()
    phrases: PhraseSettings = field(default_factory=PhraseSettings)
    harmony_voices: int = 3
    adapt: bool = False
    adapt_cell: bool = False
    loose_s: float = 0.0
    uneven: float = 0.0
    bindings: Mapping[str, Any] = field(default_factory=lambda: dict(DEFAULT_BINDINGS))

    def __post_init__(self) -> None:
        if self.mode not in MODES:
            raise UsageError(f"There is no mode {self.mode!r}; there are {', '.join(MODES)}.")
        _check("seed", self.seed, 0, 2**63 - 1)
        if self.bars is not None:
            _check("number of bars", self.bars, 1, 1_000_000)
        _check("length of a bar in quarters", self.quarters_per_bar, 0.25, 15)
        if self.quarters_per_bar * 16 % 1:
            raise UsageError(
                f"A bar of {self.quarters_per_bar:g} quarters fits no metre; give whole 64ths."
            )
        _check("length of a beat in quarters", self.quarters_per_beat, 0.0625, 15)
        _check("look-ahead in quarters", self.lookahead_quarters, 0.0625, 64)
        checked_tempo(self.tempo_bpm)
        checked_swing(self.swing)
        _check("count-in in bars", self.count_in_bars, 0, 8)
        _check("number of harmony voices", self.harmony_voices, 1, 16)
        if any(note[0] >= 0 for note in self.prime):
            raise UsageError("Notes to begin after must begin before time 0.")
        for channel in (self.channel, *self.listen_to):
            _check("channel", channel, 1, 16)
        self.routing()
        self.hands()
        ControlMap(self.bindings)

    @property
    def start_quarters(self) -> float:
        """When the count-in begins: 0 without one."""
        return -self.count_in_bars * self.quarters_per_bar

    @property
    def end_quarters(self) -> float:
        """When it ends: infinite for never."""
        return float("inf") if self.bars is None else self.bars * self.quarters_per_bar

    @property
    def output_count(self) -> int:
        """How many outputs the voices ask for."""
        return 1 + max(voice.port for voice in self.routing().all)

    def routing(self) -> Voices:
        """Which note goes where."""
        named: list[Voice] = [parse(text) for text in self.voices]
        return Voices(named, self.channel - 1)

    def hands(self) -> Hands:
        """How notes stray from the score."""
        return Hands(self.seed, self.loose_s, self.uneven)

    def to_dict(self) -> dict[str, Any]:
        """JSON-able."""
        return {
            **asdict(self),
            "steering": self.steering.to_dict(),
            "bindings": dict(self.bindings),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> DirectorSettings:
        """The settings of `to_dict`, also when they have been JSON; what is left out is default."""
        known = {f.name for f in fields(cls)}
        if unknown := [name for name in values if name not in known]:
            raise UsageError(
                f"There is no setting {unknown[0]!r} of a performance; there are "
                f"{', '.join(sorted(known))}."
            )
        given = dict(values)
        if "steering" in given:
            given["steering"] = Steering.from_dict(given["steering"])
        if "phrases" in given:
            given["phrases"] = PhraseSettings(**given["phrases"])
        for name in ("voices", "listen_to"):
            given[name] = tuple(given.get(name, ()))
        given["prime"] = tuple(tuple(note) for note in given.get("prime", ()))
        return cls(**given)


def _check(what: str, value: float, least: float, most: float) -> None:
    if not least <= value <= most:
        raise UsageError(f"The {what} can't be {value:g}; give {least:g} to {most:g}.")
