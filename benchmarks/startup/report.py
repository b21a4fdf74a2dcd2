"""The results as a page."""

from __future__ import annotations

from typing import Any


def as_markdown(results: dict[str, Any]) -> str:
    """Render what ``measure`` returned."""
    ratio, goal = results["ratio_forked_to_cold"], results["goal"]
    met = "met" if ratio["of_medians"] <= goal else "missed"
    machine, versions = results["machine"], results["versions"]
    rows = [
        f"| {name} | {results['median_seconds'][key]:.2f} | {min(values):.2f} to {max(values):.2f} |"
        for name, key, values in (
            ("`python script.py`", "cold", results["seconds"]["cold"]),
            ("dlfix, first run of all, start of the fork server included", "first", results["seconds"]["first"]),
            ("dlfix, cold start (`spawn`)", "spawned", results["seconds"]["spawned"]),
            ("dlfix, from the running fork server", "forked", results["seconds"]["forked"]),
        )
    ]
    return f"""# Start of a small Keras script

One dense model, one epoch on 32 rows: the time from start to end is nearly all start-up. The four ways are taken in
turns, {results["repetitions"]} times each. Every trial after the first starts from the running server.

| way | median seconds | range |
|---|---|---|
{chr(10).join(rows)}

**Forked against cold: {ratio["of_medians"]:.2f}** (ratio of medians; pair by pair the median is
{ratio["median_of_pairs"]:.2f} and the worst {ratio["worst_pair"]:.2f}). The goal, at most {goal}, is {met}. The first
result of all comes after {results["ratio_first_to_cold"]:.2f} times a cold run.

The script's first line runs {results["seconds_to_first_line"]["forked"]:.3f} s after a forked job is submitted, and
{results["seconds_to_first_line"]["spawned"]:.3f} s after a spawned one (which then still has to import TensorFlow). The
first job, which waits for the server's imports, began after {results["seconds_of_first_job_with_server_start"]:.1f} s.

Measured {results["date"]} with Python {versions["python"]}, TensorFlow {versions["tensorflow"]}, Keras
{versions["keras"]}, dlfix {versions["dlfix"]} on {machine["system"]}, {machine["cores"]} cores,
{machine["memory_gib"]} GiB; protection of files: {results["isolation"]}; load of the machine when it ended:
{machine["load"]}. Run it again with `python -m benchmarks.startup`.
"""
