"""Playing live: a generator drives a MIDI port in time, and leaves no note behind."""

from rnnmusic.live.clock import BeatClock, Clock, MonotonicClock, SimulatedClock, Stop
from rnnmusic.live.file_port import FilePort
from rnnmusic.live.ledger import Ledger
from rnnmusic.live.player import Report, play
from rnnmusic.live.ports import MemoryPort, Port, PortList, PortName, list_ports, open_output
from rnnmusic.live.signals import SignalStop, exit_at_once, stop_on_signals

__all__ = [
    "BeatClock",
    "Clock",
    "FilePort",
    "Ledger",
    "MemoryPort",
    "MonotonicClock",
    "Port",
    "PortList",
    "PortName",
    "Report",
    "SignalStop",
    "SimulatedClock",
    "Stop",
    "exit_at_once",
    "list_ports",
    "open_output",
    "play",
    "stop_on_signals",
]
