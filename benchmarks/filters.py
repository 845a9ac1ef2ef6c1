"""Everything measured about filters: speed, accuracy and stability, one part after the other.

    python benchmarks/filters.py [--quick] [--only sections,direct,...]

Each part is a program of its own (benchmarks/filters_PART.py, with --json) and runs in a process of
its own, on one thread.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

PARTS = ("sections", "direct", "diagonal", "design", "fit", "stability", "effects")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer rounds, smaller problems")
    parser.add_argument("--only", default=",".join(PARTS), help="parts, separated by commas")
    arguments = parser.parse_args()
    chosen = arguments.only.split(",")
    unknown = sorted(set(chosen) - set(PARTS))
    if unknown:
        parser.error(f"there is no part {unknown[0]}; choose from {', '.join(PARTS)}")
    quick = ["--quick"] if arguments.quick else []
    for part in chosen:
        print(f"\n== {part} ==", flush=True)
        program = Path(__file__).with_name(f"filters_{part}.py")
        subprocess.run(
            [sys.executable, str(program), *quick],
            env=os.environ | {"OMP_NUM_THREADS": "1"},
            check=True,
        )


if __name__ == "__main__":
    main()
