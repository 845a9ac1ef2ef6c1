"""What the keys do while it plays: controls to choose and turn, orders, and a line to type in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from rnnmusic.errors import RnnMusicError
from rnnmusic.live.steering.orders import MODES, Turn, parse_action, parse_line
from rnnmusic.sampling.controls import Control, Value
from rnnmusic_cli.live_actions import Actions

#: Keys and what they do, for the view's help and the documentation.
KEYS = {
    "↑ ↓": "choose a control",
    "← →": "turn it a little",
    "PgUp PgDn": "turn it a lot",
    "Enter": "type a value for it",
    "0": "put it back to what is usual",
    "+ -": "tempo",
    "t": "tap the tempo",
    "space": "freeze, and go on",
    "r": "go back a bar and play on from there",
    "l": "loop the last bar, or leave the loop",
    "b": "branch: another continuation",
    "1 2": "keep the first or the second",
    "s": "store this state under a name",
    "x": "morph between two stored states",
    "m": "next mode",
    "p": "load a preset",
    "c": "learn: the next MIDI controller turns this; again: don't",
    ":": "any order, such as `rewind 4` or `swap model`",
    "?": "these lines",
    "q": "stop and close every note",
}


class Prompt(NamedTuple):
    """A line being typed. then: what to do with it."""

    label: str
    text: str
    then: Callable[[str], None]


class Desk:
    """Keys -> actions.

    values: what the controls stand at. chosen: the control that the arrows turn. prompt: a line
    being typed. learning: what the next controller that moves will turn. says(sentence) shows
    what was refused.
    """

    def __init__(
        self, actions: Actions, controls: Mapping[str, Control], says: Callable[[str], None]
    ) -> None:
        self.controls = dict(controls)
        self.values = actions.values
        self.chosen = next(iter(controls))
        self.mode = MODES[0]
        self.prompt: Prompt | None = None
        self.shows_help = False
        self.is_frozen = self.is_looping = self.is_adapting = False
        self.learning: str | None = None
        self.has_quit = False
        self._do, self._told, self._says = actions.do, actions.told, says
        self._keys = self._table()

    def press(self, key: str) -> None:
        """Do what a key means; what the player refuses is said and changes nothing."""
        try:
            if self.prompt is not None:
                self._type(key, self.prompt)
            elif key in self._keys:
                self._keys[key]()
        except RnnMusicError as error:
            self._says(str(error))

    def take(self, message: Mapping[str, Any]) -> None:
        """Take in a status message of the engine: controls may have been turned elsewhere."""
        if message.get("kind") == "state":
            self._told(tempo=message["tempo_bpm"], swing=message["swing"])
        elif message.get("kind") == "steering":
            self.mode = message.get("mode", self.mode)
            self.is_frozen = message.get("is_frozen", self.is_frozen)
            self.is_looping = message.get("is_looping", self.is_looping)
            self.is_adapting = message.get("is_adapting", self.is_adapting)
            self.learning = message.get("learning")
            self._told(**message.get("controls", {}))

    def _table(self) -> dict[str, Callable[[], None]]:
        do, order, ask = self._do, self._order, self._ask
        return {
            "up": lambda: self._choose(-1),
            "down": lambda: self._choose(1),
            "tab": lambda: self._choose(1),
            "left": lambda: self._nudge(self.chosen, -1),
            "right": lambda: self._nudge(self.chosen, 1),
            "page_down": lambda: self._nudge(self.chosen, -4),
            "page_up": lambda: self._nudge(self.chosen, 4),
            "enter": self._ask_value,
            "0": self._put_back,
            "delete": self._put_back,
            "+": lambda: self._nudge("tempo", 1),
            "-": lambda: self._nudge("tempo", -1),
            "t": lambda: order("tap"),
            " ": self._freeze,
            "r": lambda: order("rewind", 1),
            "l": self._loop,
            "b": lambda: order("branch"),
            "1": lambda: order("keep", 1),
            "2": lambda: order("keep", 2),
            "s": lambda: ask("store as", lambda name: order("store", name)),
            "x": lambda: ask("morph (from to share)", lambda t: do(parse_line(f"morph {t}"))),
            "m": self._next_mode,
            "p": lambda: ask("preset", lambda name: order("preset", name)),
            "c": self._learn,
            ":": lambda: ask("order", lambda line: do(parse_line(line))),
            "?": self._toggle_help,
            "escape": self._leave,
            "q": self._quit,
        }

    def _choose(self, by: int) -> None:
        names = list(self.controls)
        self.chosen = names[(names.index(self.chosen) + by) % len(names)]

    def _nudge(self, name: str, steps: int) -> None:
        control = self.controls[name]
        if control.has_fader:
            self._turn(name, control.nudged(self.values[name], steps))
        else:
            self._ask_value()

    def _turn(self, name: str, value: Value) -> None:
        self._do(Turn(name, self.controls[name].parse(value)))

    def _order(self, name: str, *arguments: float | str) -> None:
        self._do(parse_action(name, arguments))

    def _put_back(self) -> None:
        self._turn(self.chosen, self.controls[self.chosen].default)

    def _ask_value(self) -> None:
        name = self.chosen
        self._ask(name, lambda text: self._turn(name, text))

    def _ask(self, label: str, then: Callable[[str], None]) -> None:
        self.prompt = Prompt(label, "", then)

    def _type(self, key: str, prompt: Prompt) -> None:
        if key == "enter":
            self.prompt = None
            if prompt.text.strip():
                prompt.then(prompt.text.strip())
        elif key == "escape":
            self.prompt = None
        elif key == "backspace":
            self.prompt = prompt._replace(text=prompt.text[:-1])
        elif len(key) == 1:
            self.prompt = prompt._replace(text=prompt.text + key)

    def _freeze(self) -> None:
        self._order("resume" if self.is_frozen else "freeze")
        self.is_frozen = not self.is_frozen

    def _loop(self) -> None:
        if self.is_looping:
            self._order("resume")
        else:
            self._order("loop", 1)
        self.is_looping = not self.is_looping

    def _next_mode(self) -> None:
        following = MODES[(MODES.index(self.mode) + 1) % len(MODES)]
        self._order("mode", following)
        self.mode = following

    def _toggle_help(self) -> None:
        self.shows_help = not self.shows_help

    def _learn(self) -> None:
        if self.learning is None:
            self._order("learn", self.chosen)
        else:
            self._order("learn", "none")

    def _leave(self) -> None:
        self.shows_help = False
        if self.learning is not None:
            self._order("learn", "none")

    def _quit(self) -> None:
        self.has_quit = True
