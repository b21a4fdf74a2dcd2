"""What the probe costs a training: ``python -m benchmarks.overhead``."""
