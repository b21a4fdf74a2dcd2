"""How long a saved trace takes to be read and diagnosed: ``python -m benchmarks.offline``."""
