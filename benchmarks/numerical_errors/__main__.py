"""Measure, print the table, write the results, and fail when the goal is missed."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.numerical_errors", description=__doc__)
    parser.add_argument("--per-fault", type=int, default=1, help="more (2, 3) plantings per kind and fault")
    parser.add_argument("--seed", type=int, default=4, help="draws the steps at which faults strike")
    parser.add_argument("--output", type=Path, default=Path(__file__).parent, help="folder for the results")
    options = parser.parse_args()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    from .measure import plantings
    from .report import GOAL, document, table, write

    results = []
    options.output.mkdir(parents=True, exist_ok=True)
    for item in plantings(options.seed, options.per_fault):
        results.append(item)
        verdict = "right" if item.right else f"WRONG: {item.named_direction} {item.named_operation}"
        print(f"{len(results)} {item.kind}, {item.fault}, step {item.step}: {verdict} {item.seconds}s", file=sys.stderr)
    data = document(results)
    write(data, options.output)
    print(table(data))
    return int(data["right"] < GOAL * data["plantings"])


if __name__ == "__main__":
    sys.exit(main())
