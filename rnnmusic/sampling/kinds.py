"""Which kind of music a generator makes: scores or sound."""

from __future__ import annotations

from rnnmusic.encodings.protocol import AudioEncoding, Encoding, ScoreEncoding
from rnnmusic.errors import UsageError


def score_encoding(encoding: Encoding) -> ScoreEncoding:
    """The encoding, when it is one of scores; else a UsageError."""
    if isinstance(encoding, ScoreEncoding):
        return encoding
    raise UsageError(
        f"This generator makes sound ({encoding.name} frames), not notes; ask it for an audio file "
        "with `rnnmusic generate CKPT -o out.wav`, or take one trained on scores."
    )


def audio_encoding(encoding: Encoding) -> AudioEncoding:
    """The encoding, when it is one of sound; else a UsageError."""
    if isinstance(encoding, AudioEncoding):
        return encoding
    raise UsageError(
        f"This generator makes notes ({encoding.name} steps), not sound; generate a score and "
        "render that."
    )
