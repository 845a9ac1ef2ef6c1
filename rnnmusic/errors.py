"""The one tree of errors that rnnmusic raises on purpose.

A message is one sentence that says what was received, what was wanted and what to do. The class
says whose turn it is: the exit codes are those of the command line.
"""

from __future__ import annotations


class RnnMusicError(Exception):
    """Anything rnnmusic refuses or fails at, with a sentence for the person at the keyboard."""

    exit_code = 1


class UsageError(RnnMusicError):
    """An option, a recipe key or a combination of them makes no sense."""

    exit_code = 2


class InputError(RnnMusicError):
    """A file, corpus, checkpoint or array can't be used as it is."""

    exit_code = 3


class DeviceError(RnnMusicError):
    """A MIDI port, sound card, driver or system library isn't there."""

    exit_code = 4
