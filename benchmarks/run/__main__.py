"""``python -m benchmarks.run``: every tool on every program; goes on where it was interrupted."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from dlfix.durations import parse_duration

from .benchmark import TOOLS, Benchmark, Plan


def main() -> None:
    """Parse arguments and run what is not known yet."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run", description=__doc__)
    parser.add_argument(
        "--cases", nargs="*", metavar="ID", help="cases of the benchmark (default: all that are rebuilt)"
    )
    parser.add_argument("--tools", nargs="*", choices=TOOLS, default=TOOLS, help="default: all")
    parser.add_argument("--seeds", type=int, default=5, help="trainings that judge a patch, with seeds 100, 101, …")
    parser.add_argument("--budget", default="90s", help="of each search for a patch (default: 90s)")
    parser.add_argument("--healthy", action="store_true", help="also the programs in which nothing is wrong")
    parser.add_argument("--no-repair", action="store_true", help="detect and localize only")
    parser.add_argument("--jobs", type=int, default=1, help="trainings at the same time when patches are judged")
    parser.add_argument("--again", action="store_true", help="run again what is already known")
    parser.add_argument("--report", action="store_true", help="run nothing, write the page from what is known")
    parser.add_argument("--output", type=Path, default=Path(__file__).parent, help="folder of results.json, results.md")
    arguments = parser.parse_args()
    plan = Plan(
        cases=None if arguments.cases is None else frozenset(arguments.cases),
        tools=tuple(arguments.tools),
        seeds=tuple(range(100, 100 + arguments.seeds)),
        budget=arguments.budget,
        seconds=parse_duration(arguments.budget),
        healthy=arguments.healthy,
        repair=not arguments.no_repair,
        jobs=arguments.jobs,
    )
    benchmark = Benchmark(plan, arguments.output, again=arguments.again)
    if not arguments.report:
        benchmark.run()
    benchmark.write_report()
    if benchmark.failures:
        sys.exit(f"{benchmark.failures} runs failed and are not in the results")


if __name__ == "__main__":
    main()
