"""Performances that are killed, confused and cut off: nothing sounds on, nothing is left over."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc and /dev/shm"),
]
BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def benchmark(name: str) -> ModuleType:
    """A benchmark as a module."""
    spec = importlib.util.spec_from_file_location(name, BENCHMARKS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    "kind",
    [
        "interrupt",
        "terminate all",
        "hang up all",
        "kill sampler",
        "kill both",
        "kill sender",
        "sampler raises",
        "sender raises",
        "port raises",
        "port vanishes",
        "full disk",
        "pause sampler",
        "interrupt start",
    ],
)
def test_nothing_is_left_sounding_or_lying_about(kind: str) -> None:
    outcome = benchmark("live_kills").try_out(kind, seed=1)
    assert outcome.faults == [], outcome.stderr
    if not kind.endswith(" start"):
        assert outcome.sounding_before > 0


def test_the_observer_would_notice() -> None:
    """An observer that couldn't find a fault would prove nothing."""
    observer = benchmark("live_kills").Observer()
    for message in (b"\x90\x3c\x40", b"\x90\x3e\x40", b"\xb0\x7b\x00", b"\x80\x3e\x00"):
        observer.hear(message)
    assert observer.sounding == 1
    observer.hear(b"\x90\x3c\x40")
    assert observer.faults == ["(0, 60) was struck while it was down"]
    observer.close()


def test_playing_for_minutes_nothing_grows_and_nothing_drifts() -> None:
    soak = benchmark("live_soak")
    result = soak.rehearse(score_minutes=12.0, seed=1)
    early, late = result["rows"][:5], result["rows"][5:]
    last = late[-1]
    assert last["quarters"] == 1440
    assert most(late, "objects") < 1.02 * most(early, "objects")
    assert most(late, "contained") < 1.2 * most(early, "contained")
    assert most(late, "rss_mb") < most(early, "rss_mb") + 5
    assert most(late, "descriptors") == most(early, "descriptors")
    assert all(row["agenda"] < 100 for row in result["rows"])
    assert all(abs(row["drift_us"]) < 1 for row in result["rows"])
    assert last["notes"] > 1000
    assert last["struck_twice"] == last["dropped"] == last["stalls"] == 0
    assert result["left_sounding"] == 0


def most(rows: list[dict[str, Any]], name: str) -> float:
    return max(row[name] for row in rows)
