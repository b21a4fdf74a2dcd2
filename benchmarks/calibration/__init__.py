"""Fits the confidences of faults and the order of rules to what was measured on the benchmark's programs."""
