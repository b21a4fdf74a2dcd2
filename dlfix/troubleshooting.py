"""What each error message means and what to do: ``dlfix explain SLUG`` and ``docs/troubleshooting.md`` say the same."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass


@dataclass(frozen=True)
class Entry:
    """One kind of message: when it comes, and what helps."""

    when: str
    helps: str


ENTRIES: dict[str, Entry] = {
    # -- exit code 2: nothing was run -------------------------------------------------------------------------------
    "no-such-file": Entry("There is no file of that name.", "Check the name and the folder you are in."),
    "not-a-file": Entry("A folder was given instead of a script.", "Name the script that trains the model."),
    "notebook": Entry(
        "A notebook (.ipynb) was given.",
        "Export it with `jupyter nbconvert --to script`, or use `dlfix.Localizer()` as a callback of `fit` inside the "
        "notebook: it ends with a diagnosis of that training.",
    ),
    "not-python": Entry("The file is not a Python script (.py).", "Name the script that trains the model."),
    "unreadable": Entry("The script exists but may not be read.", "Check its permissions."),
    "unwritable": Entry("A file named with --output or --html cannot be written.", "Make its folder, or name another."),
    "unknown-setting": Entry(
        "A key of `[tool.dlfix]` or a `DLFIX_*` variable is no setting of dlfix, most likely a typing error.",
        "`dlfix show --settings` prints every setting, its value and where that came from.",
    ),
    "bad-setting": Entry(
        "A setting has a value it cannot have. The message names the setting, the value and the place.",
        "Durations are written 90s, 5m or 1h. A metric needs a direction (max or min).",
    ),
    "broken-rule-order": Entry(
        "The file of `--rule-order` is missing or holds no order of rules.",
        "Give one that `python -m benchmarks.calibration fit` wrote, or leave the option out.",
    ),
    "broken-configuration": Entry("`pyproject.toml` is not valid TOML.", "Correct the line that the message names."),
    "unknown-rule": Entry("No rule has that name.", "`dlfix rules` lists them all."),
    "broken-rule": Entry(
        "A rule file of yours does not fit the schema. The message names file and line.",
        "Correct it, or leave its folder out of `rules`.",
    ),
    "no-tensorflow": Entry(
        "The Python that runs dlfix has no TensorFlow. Your script runs with that same Python.",
        "Install dlfix into the environment in which the script runs: `pip install dlfix` there.",
    ),
    "old-tensorflow": Entry("TensorFlow is older than 2.16 and has no Keras 3.", 'pip install "tensorflow>=2.16"'),
    "legacy-keras": Entry(
        "The script, or a variable of the environment, asks for Keras 2 (`tf_keras`, `TF_USE_LEGACY_KERAS`).",
        "Try it with `import keras` or `tf.keras` of TensorFlow 2.16 or later, which is Keras 3.",
    ),
    "other-backend": Entry("Keras is set to JAX or PyTorch.", "Run it with KERAS_BACKEND=tensorflow."),
    "unsupported-system": Entry("Child processes cannot be run safely here.", "Use Linux or macOS; on Windows, WSL."),
    "no-run": Entry(
        "No run is kept in this folder or one above it.",
        "Change to the folder where `dlfix suggest` was run, or run it. `--run` takes the beginning of an id.",
    ),
    "unfinished-run": Entry("That run was ended from outside before it could write its result.", "Run it again."),
    "unreadable-result": Entry("The result was written by a version of dlfix that differs too much.", "Run it again."),
    "unreadable-trace": Entry("The folder holds no trace that can be read.", "Record it again: dlfix diagnose SCRIPT."),
    "damaged-run": Entry("The stored patch is missing or is not the one that was tried.", "Run dlfix suggest again."),
    "no-number": Entry("`apply` was called without saying which suggestion.", "For example: dlfix apply 1."),
    "no-such-suggestion": Entry("The run has no suggestion of that rank.", "`dlfix show` lists those it has."),
    # -- exit code 3: the script ------------------------------------------------------------------------------------
    "empty-script": Entry("The script holds no code.", "Was it saved?"),
    "not-utf-8": Entry(
        "The script has bytes that are not UTF-8 and declares no other encoding; Python refuses it too.",
        "Save it as UTF-8, or declare the encoding in the first line: `# -*- coding: latin-1 -*-`.",
    ),
    "unknown-encoding": Entry("The declared encoding does not exist.", "Save the file as UTF-8."),
    "syntax-error": Entry("Python cannot parse the script.", "Correct the line that the message shows."),
    "script-failed": Entry(
        "The script raised an exception before there was anything to diagnose. Its traceback is shown, trimmed to your "
        "own files.",
        "Correct that first; plain `python` fails in the same way. If it does not, the working folder, the arguments "
        "(after `--`) or the environment differ.",
    ),
    "text-data": Entry(
        "`fit` was given text: class names instead of numbers, or a table with columns of text.",
        "Number the classes (`np.unique(y, return_inverse=True)[1]`), and encode columns of text, for example with "
        "`pd.get_dummies`.",
    ),
    "script-died": Entry(
        "The process ended without an exception: a crash in a native library, `os._exit`, or the system's memory "
        "guard.",
        "Try it with plain `python`, and with less data.",
    ),
    "missing-module": Entry(
        "The script imports something that is not installed.",
        "Install it into the environment that runs dlfix; the script runs with the same Python.",
    ),
    "missing-file": Entry(
        "The script opens a file that is not there.",
        "Relative paths count from the folder where dlfix was started, as with plain `python`.",
    ),
    "needs-arguments": Entry(
        "The script ended while it read its arguments.",
        "Pass them after `--`: dlfix suggest train.py -- --data data.csv",
    ),
    "reads-stdin": Entry(
        "The script reads from standard input, which is empty here: it is run many times, without anybody to answer.",
        "Take the value from an argument, a file or a constant.",
    ),
    "never-ends": Entry(
        "The script was stopped before its training had got far enough to be diagnosed.",
        "Give it more time (`--probe-time 10m --budget 20m`), or less data. A script that waits for a server, a "
        "window or a key cannot be diagnosed.",
    ),
    "out-of-memory": Entry(
        "The script used more than its share of the free memory.", "Give it less data, or a machine with more memory."
    ),
    "nothing-trained": Entry(
        "The script ran to its end, and no training of a Keras model was seen. The message says what was seen.",
        "dlfix watches `model.fit`, loops around `train_on_batch`, and loops around `GradientTape` in which a Keras "
        "optimizer updates Keras layers; other libraries are not seen. Code below "
        '`if __name__ == "__main__":` does run.',
    ),
    "no-rows": Entry(
        "`fit` was called and ended well, but it got no rows: an empty array, data set or generator.",
        "Look at what loads, filters or splits the data; print their shapes before `fit`.",
    ),
    # -- apply ------------------------------------------------------------------------------------------------------
    "apply-refused": Entry(
        "A patch is applied only to exactly the bytes it was tried on, and a file has changed since; or the patch is "
        "display-only. Nothing was written.",
        "Run `dlfix suggest` again, or make the change by hand: `dlfix apply N --diff` prints it.",
    ),
    "undo-refused": Entry(
        "The file was changed after the patch was applied, or there is nothing to undo. Nothing was written.",
        "The bytes from before are kept in the run folder (`patches/NN/`).",
    ),
    # -- exit code 4 ------------------------------------------------------------------------------------------------
    "bug": Entry(
        "dlfix itself failed. Your files were not changed.",
        "The message names a file with the traceback; report it with that file.",
    ),
}


def page(slug: str) -> str:
    """Return the explanation of one kind of message as plain text."""
    entry = ENTRIES[slug]
    parts = [slug, textwrap.fill(entry.when, 100), textwrap.fill(entry.helps, 100)]
    return "\n\n".join(parts)


def markdown() -> str:
    """Return ``docs/troubleshooting.md``."""
    lines = [
        "# Troubleshooting",
        "",
        "Every error message of dlfix has a name; `dlfix explain NAME` prints what stands here. This page is made",
        "by `python -m dlfix.troubleshooting > docs/troubleshooting.md`.",
    ]
    for slug, entry in ENTRIES.items():
        lines += ["", f"## {slug}", "", entry.when, "", entry.helps]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(markdown(), end="")
