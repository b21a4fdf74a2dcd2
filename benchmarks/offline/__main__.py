"""Measure, print, write the results, and fail when the goal is missed."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from .measure import GOAL_SECONDS, document, measure, table


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.offline", description=__doc__)
    parser.add_argument("--layers", type=int, default=100)
    parser.add_argument("--samples", type=int, default=1000)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--output", type=Path, default=Path(__file__).parent, help="folder for the results")
    options = parser.parse_args()
    results = [measure(options.layers, options.samples, rows, options.repeats) for rows in (0, 500)]
    options.output.mkdir(parents=True, exist_ok=True)
    data = document(results)
    (options.output / "results.md").write_text(table(data))
    print(table(data))
    return int(results[0].seconds > GOAL_SECONDS)


if __name__ == "__main__":
    sys.exit(main())
