"""rnnmusic: recurrent networks that learn music, play it live, and are filters.

Importing this package costs a few milliseconds: torch, librosa and the rest are imported by the
submodules that need them.
"""

__version__ = "0.1.0"
