"""Measure, print the table, write the results, and fail when a goal is missed."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.overhead", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="length of each training without the probe")
    parser.add_argument("--repeats", type=int, default=3, help="how often each is built and run")
    parser.add_argument("--only", default="", help="trainings whose name contains this")
    parser.add_argument("--output", type=Path, default=Path(__file__).parent, help="folder for the results")
    parser.add_argument("--noise", action="store_true", help="each training against itself, nothing written")
    options = parser.parse_args()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    from .measure import measure, noise
    from .models import TRAININGS
    from .report import MEDIAN_GOAL, MEMORY_GOAL, WORST_GOAL, document, table, write

    results = []
    for training in TRAININGS:
        if options.only not in training.name:
            continue
        if options.noise:
            found = noise(training, options.seconds, options.repeats)
            print(f"{training.name}: " + ", ".join(f"{name} {ratio:.3f}" for name, ratio in found.items()))
            continue
        results.append(measure(training, options.seconds, options.repeats))
        print(f"{training.name}: {results[-1].ratio:.3f}, same weights: {results[-1].identical}", file=sys.stderr)
    if options.noise:
        return 0
    data = document(results)
    options.output.mkdir(parents=True, exist_ok=True)
    write(data, options.output)
    print(table(data))
    if not data["identical_weights"]:
        print("The probe changed the weights of a training.", file=sys.stderr)
        return 1
    missed = data["median_ratio"] > MEDIAN_GOAL or data["worst_ratio"] > WORST_GOAL
    return int(missed or data["worst_memory_ratio"] > MEMORY_GOAL)


if __name__ == "__main__":
    sys.exit(main())
