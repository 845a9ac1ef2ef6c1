"""Where a performance goes and what it hears: ports by name, behind two small protocols."""

from rnnmusic.live.ports.file import FilePort, WavPort
from rnnmusic.live.ports.memory import MemoryInput, MemoryPort
from rnnmusic.live.ports.opening import PortList, PortName, list_ports, open_input, open_output
from rnnmusic.live.ports.protocol import InputPort, OnMessage, OutputPort, TimeSource
from rnnmusic.live.ports.silencing import panic

__all__ = [
    "FilePort",
    "InputPort",
    "MemoryInput",
    "MemoryPort",
    "OnMessage",
    "OutputPort",
    "PortList",
    "PortName",
    "TimeSource",
    "WavPort",
    "list_ports",
    "open_input",
    "open_output",
    "panic",
]
