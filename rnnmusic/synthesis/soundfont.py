"""Rendering through a SoundFont, by the FluidSynth program when it is installed."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from rnnmusic.audio import Audio
from rnnmusic.errors import DeviceError, InputError
from rnnmusic.midi import write
from rnnmusic.score import Score

PROGRAM = "fluidsynth"
GAIN = 0.3  # leaves headroom for dense scores: FluidSynth clips its own mix
# It renders many times faster than real time; what takes longer than this has hung.
TIMEOUT_S = 60.0


def render_soundfont(
    score: Score, soundfont: str | os.PathLike[str], *, sample_rate_hz: int = 44_100
) -> Audio:
    """Play a score with the instruments of a SoundFont (.sf2, .sf3), in stereo.

    The FluidSynth program is run rather than its library: a crash on a broken SoundFont stays in
    its own process. DeviceError when it isn't installed, InputError when the SoundFont is missing
    or can't be used.
    """
    font = Path(soundfont)
    if not font.is_file():
        raise InputError(f"There is no SoundFont at {font}; give the path of a .sf2 or .sf3 file.")
    with font.open("rb") as file:
        head = file.read(12)
    if head[:4] != b"RIFF" or head[8:] != b"sfbk":
        raise InputError(f"{font} is not a SoundFont; give a .sf2 or .sf3 file.")
    program = shutil.which(PROGRAM)
    if program is None:
        raise DeviceError(
            "Rendering with a SoundFont needs the FluidSynth program, which isn't installed; "
            "install it (apt install fluidsynth, brew install fluid-synth) or leave the "
            "SoundFont out to use the built-in instruments."
        )
    with tempfile.TemporaryDirectory() as folder:
        midi, wave = Path(folder, "score.mid"), Path(folder, "score.wav")
        write(score, midi)
        options = ["-n", "-i", "-q", "-g", str(GAIN), "-r", str(sample_rate_hz), "-O", "float"]
        command = [program, *options, "-F", str(wave), str(font.resolve()), str(midi)]
        timeout_s = TIMEOUT_S + score.duration_s
        try:
            done = subprocess.run(
                command, stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout_s
            )
        except subprocess.TimeoutExpired as error:
            raise DeviceError(
                f"FluidSynth did not finish within {timeout_s:.0f} s and was stopped; "
                "try another SoundFont or leave it out."
            ) from error
        except OSError as error:
            raise DeviceError(f"FluidSynth at {program} can't be run ({error}).") from error
        if done.returncode or not wave.is_file() or not wave.stat().st_size:
            lines = done.stderr.decode(errors="replace").strip().splitlines()
            reason = lines[-1] if lines else f"exit code {done.returncode}"
            raise InputError(
                f"FluidSynth could not play {font} ({reason}); try another SoundFont or leave it "
                "out to use the built-in instruments."
            )
        return Audio.load(wave)
