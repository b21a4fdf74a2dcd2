"""Is the first culprit of a numerical error named right? ``python -m benchmarks.numerical_errors``."""
