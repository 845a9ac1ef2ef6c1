"""Outlet: an output port with the ledger of what sounds there, lost and found again."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rnnmusic.errors import DeviceError
from rnnmusic.live.messages import CONTROL_CHANGE, PROGRAM_CHANGE, is_note_off, is_note_on
from rnnmusic.live.ports.protocol import OutputPort
from rnnmusic.live.sending.ledger import Ledger

#: Called with every message that has been sent: the message, and when it was due.
OnSent = Callable[[bytes, float], None]
#: Called when the port is lost or back, with a sentence for the performer.
OnChange = Callable[[bool, str], None]


class Outlet:
    """Sends to one port what its ledger admits; a port that fails is left alone until it is back.

    Whatever a port raises, it is that port which is lost, and nothing else. What sounded there is
    dropped if it has gone away, and ended later if it only refused. As soon as its `is_alive` is
    true, all channels used before are silenced and get their programs back, then it goes on.

    lead_s: how long before it is due a message is handed over: as the port wants it, or so much
    earlier as is asked for here if the port plays ahead at all.
    """

    def __init__(
        self, port: OutputPort, on_sent: OnSent, on_change: OnChange, lead_s: float = 0.0
    ) -> None:
        self.port = port
        self._least_lead_s = lead_s
        self.lead_s = self._lead_s()
        self._on_sent, self._on_change = on_sent, on_change
        self._ledger = Ledger()
        self._programs: dict[int, bytes] = {}  # channel -> the last program change
        self._latest_due_s = float("-inf")
        self._is_lost = self._is_known_lost = False
        self._unended: list[bytes] = []  # what will end what sounded when the port was lost

    @property
    def sounding(self) -> frozenset[tuple[int, int]]:
        """The (channel, pitch) keys that are down."""
        return self._ledger.sounding

    @property
    def is_lost(self) -> bool:
        """Whether the port has gone away."""
        return self._is_lost

    def play(self, message: bytes, due_s: float) -> bool:
        """Send what the ledger makes of a message; whether the port took it."""
        if self._is_lost:
            self.skip(message)
            return False
        if message[0] & 0xF0 == PROGRAM_CHANGE:
            self._programs[message[0] & 0x0F] = message
        return self._send(self._ledger.admit(message), due_s)

    def skip(self, message: bytes) -> None:
        """Leave a message out, such as the beginning of a note that would come too late."""
        if is_note_on(message):
            self._ledger.skip(message)
        elif is_note_off(message):
            self._ledger.admit(message)

    def send_raw(self, message: bytes, due_s: float) -> None:
        """Send a message that concerns no note, such as a tick of the MIDI clock."""
        if not self._is_lost:
            self._send([message], due_s)

    def release(self, now_s: float) -> None:
        """End what sounds; what was handed over ahead of time is ended right after it begins."""
        self._send(self._ledger.release(), max(now_s, self._latest_due_s))

    def silence(self, now_s: float) -> None:
        """End what sounds, and silence every channel used for good; a lost port is tried again."""
        self.check(now_s)
        self._send(self._ledger.close(), max(now_s, self._latest_due_s))

    def check(self, now_s: float) -> None:
        """Look whether the port has gone away or is back."""
        if self._is_lost == (not self.port.is_alive):
            return
        if not self._is_lost:
            self._lose(f"The MIDI output {self.port.name!r} has gone away; the others play on.")
            return
        self._is_lost = False
        self.lead_s = self._lead_s()
        self._latest_due_s = now_s
        unended, self._unended = self._unended, []
        if self._send([*unended, *self._ledger.silence(), *self._programs.values()], now_s):
            self._say(f"The MIDI output {self.port.name!r} is back.")

    def _lead_s(self) -> float:
        lead_s = self.port.lead_s
        return max(lead_s, self._least_lead_s) if lead_s else 0.0

    def _send(self, messages: list[bytes], due_s: float) -> bool:
        if self._is_lost:
            return False
        self._latest_due_s = max(self._latest_due_s, due_s)
        for i, message in enumerate(messages):
            try:
                self.port.send(message, due_s)
            except DeviceError as error:
                self._lose(str(error), messages[i:])
                return False
            except Exception as error:  # a driver's own; the other ports aren't to suffer for it
                reason = f"{type(error).__name__}: {error}"
                self._lose(f"The MIDI output {self.port.name!r} failed ({reason}).", messages[i:])
                return False
            self._on_sent(message, due_s)
        return True

    def _lose(self, sentence: str, unsent: Sequence[bytes] = ()) -> None:
        self._is_lost = True
        releases = self._ledger.release()
        if self.port.is_alive:  # it only refused: what sounded there sounds still
            ends = [m for m in unsent if is_note_off(m) or m[0] & 0xF0 == CONTROL_CHANGE]
            self._unended = [*ends, *releases]
        self._say(sentence)

    def _say(self, sentence: str) -> None:
        """Report a change; a port that fails again and again is reported once."""
        if self._is_known_lost != self._is_lost:
            self._is_known_lost = self._is_lost
            self._on_change(not self._is_lost, sentence)
