"""Why a probe run left nothing to diagnose, in words that say what to do."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from .diagnose.trace import ExceptionFacts, Trace
from .durations import format_duration
from .errors import ScriptError
from .inputs import Script
from .keras_support import LEGACY_HINT

#: Ways to train without ``fit``, by the name that is called.
_OWN_LOOPS = {
    "train_on_batch": "train_on_batch",
    "GradientTape": "a training loop of its own (GradientTape)",
    "minimize": "optimizer.minimize",
    "apply_gradients": "a training loop of its own (apply_gradients)",
}
_OTHER_LIBRARIES = {"torch": "PyTorch", "jax": "JAX", "flax": "Flax", "sklearn": "scikit-learn", "xgboost": "XGBoost"}
_ARGUMENT_PARSERS = {"argparse", "click", "typer", "fire", "docopt", "absl", "optparse"}
#: How Keras, TensorFlow and NumPy refuse text where a number is needed.
_TEXT_REFUSED = re.compile(
    r"Invalid dtype: (str|object|bytes)|could not convert string to float|Cast string to \w+ is not supported"
    r"|Unsupported object type|Unexpected type .*: (str|object)|data type of .* not .*(str|object)|dtype .*string"
)
#: How Keras refuses data without rows.
_EMPTY_DATA = re.compile(r"must yield at least one batch|Received an empty generator|PyDataset has length 0")
_ENDED = "did not end by itself: "  # how the recording begins the note on a killed process
_ARGUMENTS_HINT = "Pass the script's own arguments after --, for example: dlfix suggest {name} -- --data data.csv"


def explain_failure(trace: Trace, script: Script, log: str = "") -> ScriptError:
    """Return the error that says why ``trace`` cannot be diagnosed.

    Args:
        log: The end of what the script printed, shown when it says more than the exception.
    """
    name = script.path.name
    exception = trace.exception or next((fit.exception for fit in reversed(trace.fits) if fit.exception), None)
    if trace.state == "timed out":
        return _timed_out(trace, name)
    if trace.state == "out of memory":
        return ScriptError(
            "out-of-memory",
            f"{name} used more memory than it was allowed and was stopped after {format_duration(trace.seconds)}",
            "Give it less data for the diagnosis, or run it on a machine with more memory.",
            traceback=log,
        )
    if any("tf_keras, which is Keras 2" in note for note in trace.notes) or _asks_for_keras_2(exception):
        return _legacy_keras(exception, name)
    if exception is not None and _EMPTY_DATA.search(exception.message) and any(f.exception for f in trace.fits):
        return _no_rows_refused(exception, name)
    if exception is not None:
        return _text_data(exception, trace) or _raised(exception, script, log, _shapes_that_differ(exception, trace))
    if trace.state == "killed":
        reason = next((note.split(": ", 1)[1].rstrip(".") for note in trace.notes if _ENDED in note), "")
        return ScriptError(
            "script-died",
            f"{name} died without an exception after {format_duration(trace.seconds)}"
            + (f" ({reason})" if reason else ""),
            "Does it run to its end with plain python? A crash inside a native library leaves no traceback.",
            traceback=log,
        )
    if trace.fits:
        return _no_rows(trace, name)
    return _nothing_trained(trace, script)


def _asks_for_keras_2(exception: ExceptionFacts | None) -> bool:
    """Whether a script failed because Keras 2 is not installed: that would not help, so it is not what is said."""
    missing = exception is not None and exception.type_name.rpartition(".")[2] in ("ModuleNotFoundError", "ImportError")
    return missing and exception is not None and "tf_keras" in exception.message


def _legacy_keras(exception: ExceptionFacts | None, name: str) -> ScriptError:
    place = f"{exception.site.span.file}:{exception.site.span.line}: " if exception and exception.site else ""
    return ScriptError(
        "legacy-keras",
        f"{place}{name} uses tf_keras, which is Keras 2",
        LEGACY_HINT,
        traceback=exception.traceback if exception else "",
        type_name=exception.type_name if exception else "",
    )


def _no_rows(trace: Trace, name: str) -> ScriptError:
    """Trainings ended well without a single step."""
    fit = trace.fits[-1]
    place = f"{fit.fit.site.span.file}:{fit.fit.site.span.line}: " if fit.fit.site else ""
    if fit.fit.epochs <= fit.fit.initial_epoch or not fit.epoch_seconds:
        return ScriptError(
            "nothing-trained",
            f"{place}{name} trained nothing: fit was asked for no epochs",
            "Give fit at least one epoch (epochs greater than initial_epoch).",
        )
    return ScriptError(
        "no-rows",
        f"{place}{name} trained nothing: fit got no rows",
        "The data that reached fit are empty. Look at what loads, filters or splits them before fit.",
    )


def _no_rows_refused(exception: ExceptionFacts, name: str) -> ScriptError:
    """Keras itself found that there is nothing to train on."""
    place = f"{exception.site.span.file}:{exception.site.span.line}: " if exception.site else ""
    return ScriptError(
        "no-rows",
        f"{place}{name} trained nothing: fit got no rows",
        "The generator or data set that reached fit yields nothing. Look at what loads, filters or splits the data.",
        traceback=exception.traceback,
        type_name=exception.type_name,
    )


def _timed_out(trace: Trace, name: str) -> ScriptError:
    spent = format_duration(trace.seconds)
    if trace.fits:
        return ScriptError(
            "never-ends",
            f"{name} was stopped after {spent}: its training had not got far enough to be diagnosed",
            "Give it more time (--probe-time 10m --budget 20m), or less data.",
        )
    return ScriptError(
        "never-ends",
        f"{name} was stopped after {spent}; until then it had not begun to train",
        "Give it more time (--probe-time 10m --budget 20m), or let it load less data. A script that waits for "
        "something (a server, a window, a key) cannot be diagnosed.",
    )


def _raised(exception: ExceptionFacts, script: Script, log: str, cause: str = "") -> ScriptError:
    name, kind, message = script.path.name, exception.type_name, exception.message.strip()
    place = f"{exception.site.span.file}:{exception.site.span.line}" if exception.site else name
    short = kind.rsplit(".", 1)[-1]
    first_line = message.splitlines()[0] if message else ""
    if short == "SystemExit":
        return _left_early(exception, script, log)
    slug, hint = "script-failed", cause or f"Correct that first; python {name} fails in the same way."
    if short == "EOFError":
        slug = "reads-stdin"
        hint = "The script asks for input; dlfix runs it without any. Take the value from an argument or a constant."
    elif short in ("ModuleNotFoundError", "ImportError"):
        slug = "missing-module"
        hint = "Install it into the environment that runs dlfix; the script runs with the same Python."
    elif short == "FileNotFoundError":
        slug = "missing-file"
        hint = "Relative paths count from the folder where dlfix was started, as with plain python."
    elif short in ("IndexError", "KeyError") and "sys.argv" in exception.traceback:
        slug, hint = "needs-arguments", _ARGUMENTS_HINT.format(name=name)
    what = f"{place}: the script raised {short}" + (f": {first_line}" if first_line else "")
    return ScriptError(slug, what, hint, traceback=exception.traceback, type_name=kind)


def _text_data(exception: ExceptionFacts, trace: Trace) -> ScriptError | None:
    """The error for labels or inputs that are text, where only numbers can be trained on."""
    fit = next((fit for fit in reversed(trace.fits) if fit.exception), None)
    if fit is None or not _TEXT_REFUSED.search(exception.message):
        return None
    data = fit.data
    targets, inputs = (any(_is_text(one.dtype) for one in facts) for facts in (data.targets, data.inputs))
    # Tables of mixed columns are not measured; they are all that can be meant where the other side is.
    if data.inputs and not inputs and (targets or not data.targets):
        what, hint = "the labels are text", "Number the classes: np.unique(y, return_inverse=True)[1]."
    elif data.targets and not targets:
        what, hint = (
            "the inputs hold text",
            "Encode the columns that hold text as numbers (pd.get_dummies), or drop them.",
        )
    else:
        what, hint = "the data is text", "Encode it as numbers first."
    place = f"{exception.site.span.file}:{exception.site.span.line}: " if exception.site else ""
    return ScriptError(
        "text-data",
        f"{place}{what}; Keras trains on numbers only",
        hint,
        traceback=exception.traceback,
        type_name=exception.type_name,
    )


def _shapes_that_differ(exception: ExceptionFacts, trace: Trace) -> str:
    """What the shapes of data and model say about a ``fit`` that raised; empty when they agree."""
    fit = next((fit for fit in reversed(trace.fits) if fit.exception), None)
    if fit is None:
        return ""
    data = fit.data
    for what, ours, theirs in (
        ("labels", data.targets, data.validation_targets),
        ("inputs", data.inputs, data.validation_inputs),
    ):
        for one, other in zip(ours, theirs, strict=False):
            if one.shape[1:] != other.shape[1:]:
                return (
                    f"The training {what} have the shape {_shown(one.shape)}, those for validation "
                    f"{_shown(other.shape)}; prepare both alike."
                )
    sizes = re.findall(r"'(\w+)' sizes: ([\d, ]+)", exception.message)
    if len(sizes) > 1:
        listed = ", ".join(f"{name} has {count.strip()}" for name, count in sizes)
        return f"Inputs and labels have different numbers of rows: {listed}."
    if len(data.inputs) == len(fit.model.input_shapes) == 1:
        given, wanted = data.inputs[0].shape, fit.model.input_shapes[0]
        pairs = list(zip(given[1:], wanted[1:], strict=False))
        if len(given) > 1 and (len(given) != len(wanted) or any(b is not None and a != b for a, b in pairs)):
            return (
                f"The inputs have the shape {_shown(given)}, but the model is built for {_shown(wanted)}: give the "
                "first layer the shape of the data (without the rows), or reshape the data."
            )
    return ""


def _shown(shape: tuple[int | None, ...]) -> str:
    sizes = [str(size) if size is not None else "any" for size in ("rows", *shape[1:])]
    return f"({', '.join(sizes)}{',' if len(sizes) == 1 else ''})"


def _is_text(dtype: str) -> bool:
    return dtype.startswith(("<U", ">U", "|S", "str", "object", "bytes"))


def _left_early(exception: ExceptionFacts, script: Script, log: str) -> ScriptError:
    name, code = script.path.name, exception.message.strip()
    if _imported(script.tree) & _ARGUMENT_PARSERS and code in ("2", "1", ""):
        return ScriptError(
            "needs-arguments",
            f"{name} ended with exit code {code or 0} before training: it seems to need arguments",
            _ARGUMENTS_HINT.format(name=name),
            traceback=log,
            type_name="SystemExit",
        )
    return ScriptError(
        "script-failed",
        f"{name} ended itself before training (sys.exit({code}))",
        "Let it get as far as fit when it is run as a script.",
        traceback=exception.traceback or log,
        type_name="SystemExit",
    )


def _nothing_trained(trace: Trace, script: Script) -> ScriptError:
    name = script.path.name
    built = trace.models_built
    seen = [f"{built} Keras model{'s' if built != 1 else ''} built" if built else "no Keras model built"]
    loops = sorted(set(_own_loops(script.tree)))
    seen += [f"{_OWN_LOOPS[word]} in line {line}" for line, word in loops[:3]]
    others = sorted(_imported(script.tree) & set(_OTHER_LIBRARIES))
    seen += [f"{_OTHER_LIBRARIES[module]} imported" for module in others]
    hint = "Does the script train when run like this? dlfix watches Keras: fit, train_on_batch and GradientTape loops."
    if loops:
        hint = (
            "dlfix follows loops around train_on_batch, and around GradientTape where a Keras optimizer updates Keras "
            "layers; nothing of that kind ran."
        )
    elif not built and others:
        hint = f"dlfix works with Keras on TensorFlow, not with {_OTHER_LIBRARIES[others[0]]}."
    elif _imported(script.tree) & _ARGUMENT_PARSERS or "argv" in ast.dump(script.tree):
        hint += " " + _ARGUMENTS_HINT.format(name=name)
    return ScriptError(
        "nothing-trained", f"{name} ran to its end without training anything; seen: {', '.join(seen)}", hint
    )


def _own_loops(tree: ast.Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", None)
            if name in _OWN_LOOPS:
                yield node.lineno, name


def _imported(tree: ast.Module) -> set[str]:
    modules = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            modules.add(node.module.split(".")[0])
    return modules
