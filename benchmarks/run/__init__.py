"""The DeepLocalize benchmark: dlfix and its rivals on every rebuilt program, faulty and healthy."""
