"""Score to Audio: the built-in instruments, and SoundFonts through FluidSynth."""

from rnnmusic.synthesis.render import render
from rnnmusic.synthesis.soundfont import render_soundfont

__all__ = ["render", "render_soundfont"]
