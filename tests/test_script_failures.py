from __future__ import annotations

import ast
from dataclasses import replace
from pathlib import Path

import numpy as np
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


def failed_fit(message, **changes):
    error = ExceptionFacts("ValueError", message, f"ValueError: {message}", traces.site(21))
    fit = traces.fit_trace(state="raised", exception=error, **changes)
    return replace(traces.trace(fit, state="raised"), exception=error)


def facts(name, shape, dtype="float32"):
    return replace(traces.array_facts(name, np.zeros((2, *shape[1:]))), shape=shape, dtype=dtype)


@pytest.mark.parametrize(
    ("inputs", "targets", "told"),
    [
        ([facts("x", (90, 4))], [facts("y", (90,), "<U10")], "the labels are text"),
        ([facts("x", (90, 4))], [], "the labels are text"),
        ([], [facts("y", (90,))], "the inputs hold text"),
        ([facts("x", (90, 4), "object")], [facts("y", (90,))], "the inputs hold text"),
        ([], [], "the data is text"),
    ],
)
@pytest.mark.parametrize("message", ["Invalid dtype: str224", "could not convert string to float: 'red'"])
def test_text_where_numbers_are_needed(inputs, targets, told, message):
    data = replace(traces.fit_trace().data, inputs=tuple(inputs), targets=tuple(targets))
    error = explain_failure(failed_fit(message, data=data), script())
    assert (error.slug, error.exit_code) == ("text-data", 3)
    assert told in error.what


def test_other_errors_are_not_blamed_on_text():
    data = replace(traces.fit_trace().data, targets=(facts("y", (90,), "<U10"),))
    assert explain_failure(failed_fit("disk full", data=data), script()).slug == "script-failed"


def test_different_numbers_of_rows():
    message = "Data cardinality is ambiguous. 'x' sizes: 178\n'y' sizes: 168"
    assert "different numbers of rows: x has 178, y has 168." in explain_failure(failed_fit(message), script()).hint


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        (
            {"targets": (facts("y", (90, 3)),), "validation_targets": (facts("y", (9,)),)},
            "The training labels have the shape (rows, 3), those for validation (rows,)",
        ),
        (
            {"inputs": (facts("x", (90, 7)),), "targets": (facts("y", (90,)),)},
            "The inputs have the shape (rows, 7), but the model is built for (rows, 4)",
        ),
        ({"inputs": (facts("x", (90, 4)),), "targets": (facts("y", (90,)),)}, "Correct that first"),
    ],
)
def test_shapes_that_contradict_each_other_are_named(changes, told):
    fit = traces.fit_trace()
    data = replace(fit.data, **changes)
    model = replace(fit.model, input_shapes=((None, 4),))
    error = explain_failure(failed_fit("Shapes are incompatible", data=data, model=model), script())
    assert told in error.hint


def test_a_training_without_rows_is_no_training():
    fit = traces.fit_trace(updates=0)
    assert "trained nothing: fit got no rows" in explain_failure(traces.trace(fit), script()).what
    none = replace(fit, fit=replace(fit.fit, epochs=0))
    assert "fit was asked for no epochs" in explain_failure(traces.trace(none), script()).what
    refused = failed_fit("When passing a Python generator, the generator must yield at least one batch.")
    assert explain_failure(refused, script()).slug == "no-rows"


@pytest.mark.parametrize(
    "trace",
    [
        nothing(notes=("The script uses tf_keras, which is Keras 2; its trainings cannot be watched.",)),
        raised("ModuleNotFoundError", "No module named 'tf_keras'"),
        raised("ImportError", "`tf.keras` needs the tf_keras package"),
    ],
)
def test_keras_2_is_named_wherever_it_is_met(trace):
    error = explain_failure(trace, script())
    assert error.slug == "legacy-keras"
    assert "uses tf_keras" in error.what
