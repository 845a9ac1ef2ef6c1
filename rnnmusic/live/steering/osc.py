"""Steering over Open Sound Control (OSC 1.0, UDP), through python-osc.

    /rnnmusic/<control> VALUE          in the control's own unit: /rnnmusic/temperature 0.9
    /rnnmusic/<control>                asks for its value
    /rnnmusic/<control>/fader SHARE    0 to 1, over the fader's way
    /rnnmusic/<order> ARGUMENTS...     /rnnmusic/rewind 2, /rnnmusic/preset quiet

What makes no sense is answered with /rnnmusic/error and a sentence, and changes nothing.
"""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from rnnmusic.errors import DeviceError, RnnMusicError, UsageError
from rnnmusic.live.steering.orders import ORDERS, Action, Argument, Turn, parse_action
from rnnmusic.sampling.controls import CONTROLS, Value, control_named

if TYPE_CHECKING:
    from pythonosc.osc_message import OscMessage

PREFIX = "/rnnmusic/"
DEFAULT_PORT = 9010
LARGEST_PACKET = 65536
Address = tuple[str, int]


class OscServer:
    """Listens in a thread of its own until `close`.

    on_action(action) is called there for each control and order; what RnnMusicError it raises is
    answered. on_notice(sentence) hears of everything that was refused. host: 127.0.0.1 takes
    messages of this machine only, 0.0.0.0 those of every network it is on. port 0: any free one.
    feedback: (host, port) that `tell` sends to; whoever asked for a value is answered anyway.

    Bundles are carried out when they come, whatever their time. DeviceError when the port is
    taken or python-osc is missing.
    """

    def __init__(
        self,
        on_action: Callable[[Action], None],
        *,
        on_notice: Callable[[str], None],
        host: str = "127.0.0.1",
        port: int = DEFAULT_PORT,
        feedback: Address | None = None,
    ) -> None:
        _check_installed()
        self._on_action, self._on_notice = on_action, on_notice
        self._values: dict[str, Value] = {}
        self._feedback = feedback
        self._socket = _bound(host, port)
        self._is_closing = False
        # It logs what it can't parse as the program's own words; that is answered here instead.
        logging.getLogger().addFilter(_is_not_python_osc)
        self._thread = threading.Thread(target=self._serve, name="osc", daemon=True)
        self._thread.start()

    @property
    def address(self) -> Address:
        """Where it listens."""
        host, port = self._socket.getsockname()
        return host, port

    def tell(self, name: str, value: Value) -> None:
        """Say what a control stands at now, to `feedback`; a lost packet is no matter."""
        self._values[name] = value
        if self._feedback is not None:
            self._send(self._feedback, PREFIX + name, value)

    def close(self) -> None:
        """Stop listening; waits for the thread, at most a second."""
        if self._is_closing:
            return
        self._is_closing = True
        # An empty packet wakes the thread; closing a socket under it doesn't everywhere.
        host, port = self.address
        here = "127.0.0.1" if host == "0.0.0.0" else host
        with suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as waker:
            waker.sendto(b"", (here, port))
        if threading.current_thread() is not self._thread:
            self._thread.join(1.0)
        self._socket.close()
        logging.getLogger().removeFilter(_is_not_python_osc)

    def _serve(self) -> None:
        while not self._is_closing:
            try:
                packet, sender = self._socket.recvfrom(LARGEST_PACKET)
            except OSError:  # Windows reports here that an answer found nobody
                time.sleep(0.01)
                continue
            if self._is_closing or not packet:
                continue
            for message in self._messages(packet, sender):
                try:
                    self._carry_out(message, sender)
                except RnnMusicError as error:
                    self._refuse(str(error), sender)
                except Exception as error:  # a fault of ours mustn't end steering in mid-show
                    self._refuse(f"{message.address} failed: {error!r}.", sender)

    def _messages(self, packet: bytes, sender: Address) -> list[OscMessage]:
        from pythonosc.osc_packet import OscPacket

        try:
            return [timed.message for timed in OscPacket(packet).messages]
        except Exception:  # a hostile packet may fail the parser anywhere
            self._refuse(f"Got {len(packet)} bytes over OSC that are no OSC packet.", sender)
            return []

    def _carry_out(self, message: OscMessage, sender: Address) -> None:
        address = message.address
        name, _, rest = address.removeprefix(PREFIX).partition("/")
        is_fader = rest == "fader" and name in CONTROLS
        if not address.startswith(PREFIX) or (rest and not is_fader):
            raise UsageError(
                f"Got the OSC address {address!r}; write {PREFIX}CONTROL, {PREFIX}CONTROL/fader or "
                f"{PREFIX}ORDER."
            )
        arguments = [_argument(address, value) for value in message.params]
        if is_fader:
            self._on_action(_moved(name, arguments))
        elif name in CONTROLS and not arguments:
            value = self._values.get(name, CONTROLS[name].default)
            self._send(sender, address, value)
        elif name in ORDERS and not ORDERS[name].takes and len(arguments) == 1:
            # A button sends 1 when pressed and 0 when let go.
            if arguments[0]:
                self._on_action(parse_action(name, []))
        else:
            self._on_action(parse_action(name, arguments))

    def _refuse(self, sentence: str, sender: Address) -> None:
        self._on_notice(sentence)
        self._send(sender, f"{PREFIX}error", sentence)

    def _send(self, to: Address, address: str, value: Value) -> None:
        from pythonosc.osc_message_builder import OscMessageBuilder

        builder = OscMessageBuilder(address)
        builder.add_arg("none" if value is None else value)
        with suppress(OSError):  # nobody there, or a network that is gone: playing goes on
            self._socket.sendto(builder.build().dgram, to)


def _moved(name: str, arguments: Sequence[Argument]) -> Turn:
    control = control_named(name)
    share = arguments[0] if len(arguments) == 1 else None
    if not isinstance(share, int | float) or not 0.0 <= share <= 1.0:
        raise UsageError(f"The fader of {name} was given {share!r}; it takes a number 0 to 1.")
    if not control.has_fader:
        raise UsageError(f"{name} has no fader; send {PREFIX}{name} and a value.")
    return Turn(name, control.at(float(share)))


def _argument(address: str, value: Any) -> Argument:
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, int | float | str):
        return value
    raise UsageError(f"{address} was given {value!r}; it takes numbers and text.")


def _is_not_python_osc(record: logging.LogRecord) -> bool:
    return "pythonosc" not in record.pathname


def _bound(host: str, port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        listener.bind((host, port))
    except (OSError, OverflowError) as error:
        listener.close()
        reason = getattr(error, "strerror", None) or str(error)
        raise DeviceError(
            f"Can't listen for OSC on {host}:{port}: {reason}; give another port or address."
        ) from error
    return listener


def _check_installed() -> None:
    try:
        import pythonosc  # noqa: F401
    except ImportError as error:
        raise DeviceError(
            "OSC needs python-osc, which isn't installed; `pip install 'rnnmusic[osc]'`."
        ) from error
