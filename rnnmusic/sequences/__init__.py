"""Any sequences of dense steps or tokens as batches of tensors: the loader, without the music.

`FrameDataset` and `EventDataset` hold sequences in memory or mapped from files; the samplers
`Shuffled`, `Bucketed`, `Packed` and `Carried` make epochs of batches of either. Nothing here
imports torch before the first tensor is made.
"""

from rnnmusic.sequences.batches import Example, SequenceBatch
from rnnmusic.sequences.events import EventDataset
from rnnmusic.sequences.frames import FrameDataset
from rnnmusic.sequences.samplers import Bucketed, Carried, Packed, Shuffled, in_order
from rnnmusic.sequences.streams import EndToEnd, Stream

__all__ = [
    "Bucketed",
    "Carried",
    "EndToEnd",
    "EventDataset",
    "Example",
    "FrameDataset",
    "Packed",
    "SequenceBatch",
    "Shuffled",
    "Stream",
    "in_order",
]
