"""The rebuilt programs of the DeepLocalize benchmark, and what each variant of them really reaches."""
