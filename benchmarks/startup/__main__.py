"""``python -m benchmarks.startup``: measure, print, and write results.json and results.md beside this file."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from .measure import measure
from .report import as_markdown

_HERE = Path(__file__).parent


def main() -> None:
    """Parse arguments, measure, write."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.startup", description=__doc__)
    parser.add_argument("--repetitions", type=int, default=7, help="runs of each kind (default: 7)")
    parser.add_argument("--output", type=Path, default=_HERE, help="folder for the results (default: this benchmark's)")
    arguments = parser.parse_args()
    results = measure(_HERE / "small_model.py", arguments.repetitions)
    arguments.output.mkdir(parents=True, exist_ok=True)
    text = as_markdown(results)
    (arguments.output / "results.json").write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    (arguments.output / "results.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
