"""Measure, print the table, write the results, and fail when the goal is missed."""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.numerical_errors", description=__doc__)
    parser.add_argument("--per-fault", type=int, default=1, help="more (2, 3) plantings per kind and fault")
    parser.add_argument("--seed", type=int, default=4, help="draws the steps at which faults strike")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument("--only", action="append", help="measure this kind again, and keep the other results")
    parser.add_argument("--output", type=Path, default=Path(__file__).parent, help="folder for the results")
    options = parser.parse_args()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    from .measure import Planting, kinds, plantings
    from .report import GOAL, document, read, table, write

    order, found, failed = kinds(), dict[str, list[Planting]](), list[str]()
    options.output.mkdir(parents=True, exist_ok=True)
    if options.only:
        found = {kind: rows for kind, rows in read(options.output).items() if kind not in options.only}
    with ProcessPoolExecutor(options.jobs, multiprocessing.get_context("spawn")) as pool:
        running = {
            pool.submit(plantings, kind, options.seed, options.per_fault): kind for kind in options.only or order
        }
        for done in as_completed(running):
            if (error := done.exception()) is not None:
                failed.append(f"{running[done]}: {error}")
                print(failed[-1], file=sys.stderr, flush=True)
                continue
            found[running[done]] = done.result()
            for item in done.result():
                verdict = "right" if item.right else f"WRONG: {item.named_direction} {item.named_operation}"
                print(
                    f"{item.kind}, {item.fault}, step {item.step}: {verdict} {item.seconds}s",
                    file=sys.stderr,
                    flush=True,
                )
            data = document([item for kind in order for item in found.get(kind, ())])
            write(data, options.output)
    print(table(data))
    return int(bool(failed) or data["right"] < GOAL * data["plantings"])


if __name__ == "__main__":
    sys.exit(main())
