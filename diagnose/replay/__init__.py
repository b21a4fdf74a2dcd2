"""The imperative representation: a model as an explicit list of operations, and one training step run through it."""
