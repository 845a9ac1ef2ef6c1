"""How long a minute of audio takes to load and to encode, beside librosa on the same samples.

Usage: python benchmarks/audio_frames.py [REPEATS]
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import librosa
import numpy as np

from rnnmusic.audio import Audio
from rnnmusic.encodings import Chroma, Cqt, LogMel, Stft, Waveform

RATE_HZ = 16_000
SECONDS = 60


def best_s(function: Callable[[], object], repeats: int) -> float:
    function()  # imports, filters, caches
    times = []
    for _ in range(repeats):
        begin = time.perf_counter()
        function()
        times.append(time.perf_counter() - begin)
    return min(times)


def main() -> None:
    repeats = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    rng = np.random.default_rng(0)
    audio = Audio(0.1 * rng.standard_normal(RATE_HZ * SECONDS).clip(-5, 5), RATE_HZ)
    y = audio.samples[0]
    peers: dict[str, Callable[[], object]] = {
        "log-mel": lambda: librosa.power_to_db(
            librosa.feature.melspectrogram(y=y, sr=RATE_HZ, n_fft=1024, hop_length=256, n_mels=80)
        ),
        "stft": lambda: librosa.stft(y, n_fft=1024, hop_length=256),
        "chroma": lambda: librosa.feature.chroma_stft(
            y=y, sr=RATE_HZ, n_fft=4096, hop_length=512, tuning=0.0
        ),
        "cqt": lambda: np.abs(librosa.cqt(y, sr=RATE_HZ, hop_length=512, tuning=0.0)),
    }
    print(f"{SECONDS} s of mono at {RATE_HZ} Hz, best of {repeats}, ms")
    for encoding in (LogMel(), Stft(), Chroma(), Cqt(), Waveform()):
        ours = best_s(lambda e=encoding: e.encode(audio), repeats)  # type: ignore[misc]
        line = f"{encoding.name:10} {1000 * ours:8.1f}"
        if encoding.name in peers:
            theirs = best_s(peers[encoding.name], repeats)
            line += f"   librosa {1000 * theirs:8.1f}   {theirs / ours:5.1f} x"
        print(line)
    stereo = Audio(0.1 * rng.standard_normal((2, 44_100 * SECONDS)).clip(-5, 5), 44_100)
    with tempfile.TemporaryDirectory() as folder:
        for extension in ("wav", "flac", "ogg", "mp3"):
            path = Path(folder) / f"a.{extension}"
            stereo.save(path)
            whole = best_s(lambda p=path: Audio.load(p), repeats)  # type: ignore[misc]
            mono = best_s(
                lambda p=path: Audio.load(p, sample_rate_hz=RATE_HZ, mono=True),  # type: ignore[misc]
                repeats,
            )
            peer = best_s(lambda p=path: librosa.load(p, sr=RATE_HZ), repeats)  # type: ignore[misc]
            print(
                f"load {extension:5} {1000 * whole:8.1f}   as mono at {RATE_HZ} Hz "
                f"{1000 * mono:8.1f}   librosa {1000 * peer:8.1f}   {peer / mono:5.1f} x"
            )


if __name__ == "__main__":
    main()
