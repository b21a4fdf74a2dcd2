from __future__ import annotations

import ast
from dataclasses import replace
from pathlib import Path

import pytest
import traces
from dlfix.diagnose.trace import ExceptionFacts

from dlfix.inputs import Script
from dlfix.script_failures import explain_failure


def script(source="import keras\n"):
    return Script(Path("/project/train.py"), Path("/project"), {}, ast.parse(source))


def nothing(**changes):
    return replace(traces.trace(), fits=(), **changes)


def raised(kind, message="", text=""):
    return nothing(
        state="raised", exception=ExceptionFacts(kind, message, text or f"{kind}: {message}", traces.site(7))
    )


@pytest.mark.parametrize(
    ("trace", "source", "slug", "told"),
    [
        (raised("ValueError", "bad\nmore"), "", "script-failed", "train.py:7: the script raised ValueError: bad"),
        (raised("EOFError"), "", "reads-stdin", "asks for input"),
        (raised("ModuleNotFoundError", "No module named 'x'"), "", "missing-module", "same Python"),
        (raised("FileNotFoundError", "data.csv"), "", "missing-file", "Relative paths"),
        (raised("IndexError", "", "  print(sys.argv[1])"), "", "needs-arguments", "after --"),
        (raised("SystemExit", "2"), "import argparse", "needs-arguments", "after --"),
        (raised("SystemExit", "5"), "", "script-failed", "sys.exit(5)"),
        (nothing(state="timed out"), "", "never-ends", "--probe-time"),
        (nothing(state="out of memory"), "", "out-of-memory", "memory"),
        (
            nothing(state="killed", notes=("The script did not end by itself: killed by signal 11 (SIGSEGV).",)),
            "",
            "script-died",
            "(killed by signal 11 (SIGSEGV))",
        ),
        (nothing(models_built=2), "", "nothing-trained", "2 Keras models built"),
        (nothing(), "m.train_on_batch(x)", "nothing-trained", "train_on_batch in line 1"),
        (nothing(models_built=0), "import torch", "nothing-trained", "not with PyTorch"),
        (nothing(), "import argparse", "nothing-trained", "after --"),
    ],
)
def test_each_failure_says_what_was_seen_and_what_to_do(trace, source, slug, told):
    error = explain_failure(trace, script(source))
    assert error.slug == slug
    assert told in f"{error.what}\n{error.hint}"
    assert error.what
    assert error.hint


def test_the_end_of_the_output_stands_in_for_a_missing_traceback():
    assert explain_failure(nothing(state="killed"), script(), "last words").traceback == "last words"
    assert "usage:" in explain_failure(raised("SystemExit", "2"), script("import argparse"), "usage: x").traceback
