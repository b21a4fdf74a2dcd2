"""Results to render in tests: made up, but with the proportions of real runs."""

from __future__ import annotations

import difflib
import hashlib
import math
import random
from pathlib import PurePosixPath

from dlfix.result import (
    BaselineResult,
    CheckResult,
    CostResult,
    EditResult,
    ExceptionResult,
    FaultResult,
    FileResult,
    LayerName,
    LayerResult,
    Location,
    ModelResult,
    ReferenceResult,
    Result,
    SkillResult,
    SuggestionResult,
    SymptomResult,
    TaskResult,
    TrialResult,
)

SOURCE = """\
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from tensorflow import keras

x, y = load_digits(return_X_y=True)
x_train, x_test, y_train, y_test = train_test_split(x, y, random_state=0)

model = keras.Sequential()
model.add(keras.layers.Dense(64, activation="relu", input_shape=(64,)))
model.add(keras.layers.Dense(64, activation="relu"))
model.add(keras.layers.Dense(10, activation="sigmoid"))

model.compile(
    optimizer=keras.optimizers.SGD(learning_rate=5.0),
    loss="mean_squared_error",
    metrics=["accuracy"],
)
model.fit(x_train, y_train, epochs=20, batch_size=32, validation_data=(x_test, y_test))
print(model.evaluate(x_test, y_test))
"""

HOSTILE = """</script><script>alert(1)</script><img src=x onerror="alert('2')">& {{ 7*7 }} ' " `"""
BIDIRECTIONAL = "access\u202e\u2066level"


def curve(start: float, end: float, length: int, seed: int = 0, noise: float = 0.02) -> tuple[float | None, ...]:
    """A series that goes from ``start`` to ``end`` like a learning curve."""
    randomness = random.Random(f"{seed}/{start}/{end}/{length}")
    span = end - start
    return tuple(
        end - span * math.exp(-4 * step / max(1, length - 1)) + randomness.uniform(-noise, noise) * abs(span)
        for step in range(length)
    )


def decay(start: float, end: float, length: int, seed: int = 0) -> tuple[float | None, ...]:
    """A positive series that falls (or grows) by a constant factor."""
    randomness = random.Random(f"{seed}/{start}/{end}")
    return tuple(
        start * (end / start) ** (step / max(1, length - 1)) * randomness.uniform(0.8, 1.25) for step in range(length)
    )


def location(line: int, text: str, file: str = "train.py") -> Location:
    """Where ``text`` stands on a line of ``SOURCE``."""
    column = SOURCE.split("\n")[line - 1].index(text) + 1
    return Location(file=file, line=line, column=column, end_line=line, end_column=column + len(text))


def diff_of(*changes: tuple[str, str], file: str = "train.py") -> str:
    """The unified diff that makes these replacements in ``SOURCE``."""
    after = SOURCE
    for old, new in changes:
        assert old in after
        after = after.replace(old, new)
    lines = difflib.unified_diff(
        SOURCE.splitlines(keepends=True), after.splitlines(keepends=True), f"a/{file}", f"b/{file}"
    )
    return "".join(lines)


def trials(
    skills: tuple[float | None, ...], *, loss: tuple[float, float], accuracy: tuple[float, float]
) -> tuple[TrialResult, ...]:
    """Completed trials with curves, one per skill."""
    return tuple(
        TrialResult(
            seed=seed,
            state="completed",
            epochs=20,
            seconds=3.1 + seed / 10,
            skill=skill,
            metrics={
                "loss": curve(*loss, 20, seed),
                "accuracy": curve(*accuracy, 20, seed),
                "val_loss": curve(loss[0], loss[1] * 1.1, 20, seed + 9),
                "val_accuracy": curve(accuracy[0], accuracy[1] * 0.98, 20, seed + 9),
            },
        )
        for seed, skill in enumerate(skills)
    )


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


EDITS = {"mean_squared_error": "set-loss", "sigmoid": "set-activation", "learning_rate": "set-learning-rate"}
BASELINE = (0.01, 0.0, 0.02)


def suggestion(
    rank: int,
    title: str,
    verdict: str,
    skills: tuple[float | None, ...],
    changes: tuple[tuple[str, str], ...],
    **fields: object,
) -> SuggestionResult:
    """A suggestion over ``SOURCE`` with consistent edits, diff and skills."""
    edits = []
    for old, new in changes:
        line = next(number for number, text in enumerate(SOURCE.split("\n"), 1) if old in text)
        edit = next((name for part, name in EDITS.items() if part in old), "set-argument")
        edits.append(EditResult(edit=edit, before=old, after=new, location=location(line, old)))
    pairs = [after - before for before, after in zip(BASELINE, skills, strict=False) if after is not None]
    gain = sum(pairs) / len(pairs) if pairs else None
    values: dict[str, object] = {
        "rank": rank,
        "patch": f"{rank:02d}.patch",
        "title": title,
        "verdict": verdict,
        "edits": tuple(edits),
        "files": (FileResult(path="train.py", sha256_before=_digest(SOURCE), sha256_after=_digest(title)),),
        "diff": diff_of(*changes),
        "skill": SkillResult(
            baseline=BASELINE,
            patched=skills,
            gain=gain,
            interval=None if gain is None else (gain - 0.03, gain + 0.03),
        ),
        "trials": trials(skills, loss=(2.3, 0.1), accuracy=(0.1, 0.95)),
    }
    return SuggestionResult.model_validate(values | fields)


def _layer_series(depth: int, length: int = 60) -> dict[str, tuple[float | None, ...]]:
    return {
        "gradient_norm": decay(10.0 ** -(3 - depth), 10.0 ** -(6 - depth), length, depth),
        "dead_fraction": curve(0.1, (0.99, 0.93, 0.0)[min(depth, 2)], length, depth, 0.01) if depth < 2 else (),
        "saturated_fraction": curve(0.2, 0.97, length, depth, 0.01) if depth >= 2 else (),
        "activation_std": decay(1.0, 0.01, length, depth),
        "update_ratio": decay(0.9, 1e-4, length, depth),
    }


def model() -> ModelResult:
    """Three dense layers, the first and the last faulty."""
    rows = (("dense", "relu", 64, 4160, (2,)), ("dense_1", "relu", 64, 4160, ()), ("dense_2", "sigmoid", 10, 650, (1,)))
    return ModelResult(
        name="sequential",
        kind="sequential",
        parameters=8970,
        steps=tuple(range(0, 600, 10)),
        layers=tuple(
            LayerResult(
                index=index,
                name=name,
                class_name="Dense",
                activation=activation,
                units=units,
                output_shape=(None, units),
                parameters=parameters,
                inbound=(index - 1,) if index else (),
                location=location(10 + index, "keras.layers.Dense"),
                faults=faults,
                series=_layer_series(index),
            )
            for index, (name, activation, units, parameters, faults) in enumerate(rows)
        ),
    )


def _suggestions() -> tuple[SuggestionResult, ...]:
    loss = ('"mean_squared_error"', '"sparse_categorical_crossentropy"')
    activation = ('"sigmoid"', '"softmax"')
    rate = ("learning_rate=5.0", "learning_rate=0.01")
    return (
        suggestion(
            1,
            "Use softmax with sparse categorical cross-entropy and a smaller learning rate",
            "fixed",
            (0.96, 0.97, 0.95),
            (activation, loss, rate),
            why="The labels are class ids from 0 to 9, but the output is ten sigmoid units compared with the "
            "id itself. No output can be 9, so the loss cannot fall.",
            rules=("softmax-for-classes", "learning-rate-too-high"),
            cases=("so-31556268", "so-45442843"),
            references=("Glorot and Bengio, AISTATS 2010", "https://keras.io/api/losses/probabilistic_losses/"),
            fault_kinds=("output_activation", "loss", "learning_rate"),
        ),
        suggestion(
            2,
            "Lower the learning rate to 0.01",
            "improved",
            (0.31, 0.42, 0.36),
            (rate,),
            why="Each step changes the weights by about their own size.",
            rules=("learning-rate-too-high",),
            fault_kinds=("learning_rate",),
            applicability="review",
        ),
        suggestion(
            3,
            "Use softmax in the output layer",
            "no change",
            (0.01, 0.03, 0.0),
            (activation,),
            fault_kinds=("output_activation",),
        ),
        suggestion(4, "Train for 5 epochs", "worse", (-0.2, -0.31, -0.25), (("epochs=20", "epochs=5"),)),
        suggestion(
            5,
            "Use a batch of 100,000",
            "failed",
            (None, None, None),
            (("batch_size=32", "batch_size=100000"),),
            trials=(
                TrialResult(
                    seed=0, state="crashed", epochs=0, seconds=1.2, reason="killed: used more than 2.0 GB of memory"
                ),
                TrialResult(
                    seed=1, state="timed out", epochs=3, seconds=30.0, reason="ran longer than 30 s", fraction=0.15
                ),
                TrialResult(
                    seed=2, state="diverged", epochs=2, seconds=2.0, skill=None, reason="loss became NaN in epoch 2"
                ),
            ),
        ),
        suggestion(
            6,
            "Scale the inputs to 0..1",
            "untested",
            (),
            (("x, y = load_digits(return_X_y=True)", "x, y = load_digits(return_X_y=True)\nx = x / 16.0"),),
            trials=(),
            applicability="display-only",
            why="The inputs run from 0 to 16.",
            fault_kinds=("input_scaling",),
        ),
    )


def faulty() -> Result:
    """A faulty script with six suggestions, one of each verdict."""
    return Result(
        dlfix="0.1.0",
        run="20261120-171500-4f2a",
        created="2026-11-20T17:15:00Z",
        script="/home/ada/digits/train.py",
        arguments=("--quick",),
        project_root="/home/ada/digits",
        verdict="faulty",
        summary="",
        task=TaskResult(kind="multiclass", classes=10, encoding="integer", confidence=0.98),
        baseline=BaselineResult(
            skill=BASELINE,
            epochs=20,
            seconds=9.6,
            metric="accuracy",
            split="validation",
            trials=trials(BASELINE, loss=(30.0, 27.0), accuracy=(0.1, 0.11)),
        ),
        reference=ReferenceResult(trivial=0.0, linear=0.95, best=0.98, best_name="nearest neighbours"),
        symptoms=(
            SymptomResult(
                check="output-activation-mismatch",
                layer=LayerName(index=2, name="dense_2"),
                value=9.0,
                threshold=1.0,
                text="The output layer can say 0 to 1, but the labels run from 0 to 9.",
            ),
            SymptomResult(
                check="dying-relu",
                layer=LayerName(index=0, name="dense"),
                epoch=0,
                value=0.99,
                threshold=0.9,
                text="99 % of the units of layer 0 are never active from epoch 1 on.",
            ),
            SymptomResult(
                check="update-ratio-high",
                layer=LayerName(index=0, name="dense"),
                epoch=0,
                value=0.9,
                threshold=0.1,
                text="In epoch 1 one step changes the weights of layer 0 by 90 % of their size.",
            ),
            SymptomResult(
                check="worse-than-linear",
                value=0.01,
                threshold=0.95,
                text="The model has skill 0.01 where a linear model reaches 0.95.",
            ),
        ),
        faults=(
            FaultResult(
                rank=1,
                kind="output_activation",
                layer=LayerName(index=2, name="dense_2"),
                confidence=0.93,
                location=location(12, 'keras.layers.Dense(10, activation="sigmoid")'),
                symptoms=(0, 3),
                text="The output activation does not suit ten classes.",
            ),
            FaultResult(
                rank=2,
                kind="learning_rate",
                hyperparameter="optimizer.learning_rate",
                confidence=0.88,
                location=location(15, "keras.optimizers.SGD(learning_rate=5.0)"),
                symptoms=(1, 2),
                text="The learning rate of 5.0 is far too high.",
            ),
            FaultResult(
                rank=3,
                kind="input_scaling",
                hyperparameter="inputs",
                confidence=0.35,
                location=None,
                symptoms=(),
                text="The inputs are not scaled.",
            ),
        ),
        suggestions=_suggestions(),
        model=model(),
        metrics={
            "loss": curve(30, 27, 20),
            "accuracy": curve(0.1, 0.11, 20),
            "val_loss": curve(31, 27, 20),
            "val_accuracy": curve(0.1, 0.1, 20),
        },
        loss_steps=tuple(range(0, 840, 4)),
        loss=decay(900.0, 27.0, 210),
        cost=CostResult(probe_seconds=14.2, watching_share=0.021, trial_seconds=151.0, wall_seconds=182.4, trials=18),
        checks_run=(
            "output-activation-mismatch",
            "dying-relu",
            "update-ratio-high",
            "worse-than-linear",
            "nan-loss",
            "vanishing-gradient",
        ),
        checks_failed=(CheckResult(check="flat-loss", status="failed", reason="ValueError: could not convert"),),
        checks=(
            CheckResult(check="output-activation-mismatch", status="fired"),
            CheckResult(check="dying-relu", status="fired"),
            CheckResult(check="update-ratio-high", status="fired"),
            CheckResult(check="worse-than-linear", status="fired"),
            CheckResult(check="nan-loss", status="passed"),
            CheckResult(check="vanishing-gradient", status="passed"),
            CheckResult(check="unscaled-targets", status="not applicable", reason="the task is not regression"),
        ),
        notes=("The script has one fit; all of it was watched.",),
        environment={"python": "3.11.2", "tensorflow": "2.21.0", "keras": "3.15.0", "cpu": "2 cores", "gpu": None},
        settings={
            "command": "suggest",
            "budget": 300,
            "repeats": 3,
            "seed": 0,
            "jobs": 2,
            "select": [],
            "validate": True,
        },
    )


def healthy() -> Result:
    """A script without a fault."""
    return faulty().model_copy(
        update={
            "verdict": "healthy",
            "baseline": BaselineResult(
                skill=(0.97, 0.96, 0.97), epochs=20, seconds=9.0, metric="accuracy", split="validation"
            ),
            "symptoms": (),
            "faults": (),
            "suggestions": (),
            "model": model().model_copy(
                update={"layers": tuple(layer.model_copy(update={"faults": ()}) for layer in model().layers)}
            ),
            "metrics": {
                "loss": curve(2.3, 0.05, 20),
                "val_loss": curve(2.3, 0.1, 20),
                "accuracy": curve(0.1, 0.99, 20),
            },
            "loss": decay(2.3, 0.05, 210),
            "checks": tuple(
                CheckResult(check=name, status="passed") for name in ("nan-loss", "dying-relu", "flat-loss")
            ),
            "checks_failed": (),
            "cost": CostResult(probe_seconds=14.2, trial_seconds=0, wall_seconds=19.5, trials=0),
            "notes": (),
        }
    )


def error() -> Result:
    """A script that raises before it trains."""
    return Result(
        dlfix="0.1.0",
        script="/home/ada/digits/train.py",
        project_root="/home/ada/digits",
        verdict="error",
        error="The script raised ValueError before it trained a model. Run it on its own first, and mend that error.",
        exception=ExceptionResult(
            type_name="ValueError",
            message="could not convert string to float: 'n/a'",
            traceback='  File "train.py", line 7, in <module>\n    x = load(path)\n  File "data.py", line 12, in load\n'
            "    return np.asarray(rows, dtype=float)\nValueError: could not convert string to float: 'n/a'",
        ),
        notes=("No Keras model was made.",),
        cost=CostResult(probe_seconds=2.0, wall_seconds=2.4),
        settings={"command": "suggest", "budget": 300},
    )


def empty() -> Result:
    """The least that a result can hold."""
    return Result(dlfix="0.1.0", script="train.py", verdict="faulty")


def hostile() -> Result:
    """Every text of the script is an attempt to break out of the page or the terminal."""
    bad = HOSTILE + "\x1b[31m\x00" + BIDIRECTIONAL + "\u65e5\u672c\u8a9e \u00e9\u0301 \U0001f642"
    base = faulty()
    place = Location(file=f"{bad}.py", line=1, column=1, end_line=1, end_column=2)
    layer = LayerName(index=0, name=bad)
    return base.model_copy(
        update={
            "script": f"/home/{bad}/a b.py",
            "project_root": "",
            "arguments": (bad, "--x=y z"),
            "summary": bad,
            "run": bad,
            "created": bad,
            "task": TaskResult(kind=bad, text=bad, classes=3),
            "reference": base.reference.model_copy(update={"best_name": bad}),
            "symptoms": (SymptomResult(check=bad, layer=layer, text=bad * 3, epoch=2),),
            "faults": (
                FaultResult(
                    rank=1,
                    kind=bad,
                    layer=layer,
                    hyperparameter=bad,
                    confidence=0.5,
                    location=place,
                    symptoms=(0, 99),
                    text=bad,
                ),
            ),
            "suggestions": tuple(
                base.suggestions[0].model_copy(
                    update={
                        "rank": 1,
                        "title": bad,
                        "why": bad,
                        "verdict": verdict,
                        "rules": (bad,),
                        "cases": (bad,),
                        "references": (
                            bad,
                            f"https://example.org/{HOSTILE}",
                            'https://example.org/"onmouseover="x',
                            "javascript:alert(1)",
                        ),
                        "fault_kinds": (bad,),
                        "edits": (EditResult(edit=bad, before=bad, after=bad, location=place),),
                        "diff": f"--- a/{bad}\n+++ b/{bad}\n@@ -1 +1 @@\n-{bad}\n+{bad}\n",
                        "trials": (
                            TrialResult(
                                seed=1,
                                state=bad,
                                epochs=1,
                                seconds=1,
                                reason=bad,
                                metrics={bad: (1.0, 2.0), "loss": (1.0, 0.5)},
                            ),
                        ),
                    }
                )
                for verdict in ("fixed", "failed")
            ),
            "model": model().model_copy(
                update={
                    "name": bad,
                    "kind": bad,
                    "layers": tuple(
                        entry.model_copy(update={"name": bad, "class_name": bad, "activation": bad})
                        for entry in model().layers
                    ),
                }
            ),
            "metrics": {bad: (1.0, 2.0)},
            "checks": (CheckResult(check=bad, status="passed", reason=bad),),
            "checks_run": (bad,),
            "notes": (bad,),
            "environment": {bad: {bad: bad}},
            "settings": {bad: [bad]},
        }
    )


def gaps() -> Result:
    """NaN, infinite and missing numbers wherever numbers stand."""
    base = faulty()
    nan, infinite = math.nan, math.inf
    broken = (nan, infinite, -infinite, None, 1.0, 1e300, -1e300, 0.0)
    return base.model_copy(
        update={
            "baseline": base.baseline.model_copy(update={"skill": (None, nan, -1e9), "seconds": nan}),
            "reference": ReferenceResult(trivial=nan, linear=None, best=-3.0),
            "metrics": {"loss": broken, "val_loss": (None,) * 8, "accuracy": (), "mae": (nan,), "one": (0.5,)},
            "loss_steps": tuple(range(8)),
            "loss": broken,
            "symptoms": (SymptomResult(check="nan-loss", value=nan, threshold=infinite, text="The loss became NaN."),),
            "suggestions": tuple(
                entry.model_copy(
                    update={
                        "skill": SkillResult(
                            baseline=(None,), patched=(nan, None, -infinite, 0.5), gain=nan, interval=(nan, infinite)
                        ),
                        "trials": (
                            TrialResult(
                                seed=0, state="diverged", epochs=0, seconds=nan, fraction=nan, metrics={"loss": broken}
                            ),
                        ),
                    }
                )
                for entry in base.suggestions
            ),
            "model": model().model_copy(
                update={
                    "layers": tuple(
                        entry.model_copy(
                            update={
                                "series": dict.fromkeys(entry.series, broken),
                                "units": None,
                                "output_shape": (None, None, 3),
                            }
                        )
                        for entry in model().layers
                    )
                }
            ),
        }
    )


def branched() -> Result:
    """A model with two inputs, parallel branches and a long way round."""
    inbound: tuple[tuple[int, ...], ...] = ((), (), (0,), (0,), (2, 3), (4, 1), (5,), (4, 6), (7,))
    names = ("stem", "side", "left", "right", "concatenate", "concatenate_1", "dense", "add", "out")
    layers = tuple(
        LayerResult(
            index=index,
            name=names[index],
            class_name="Concatenate" if "conc" in names[index] else "Add" if names[index] == "add" else "Dense",
            activation=None if names[index] in ("add", "concatenate", "concatenate_1") else "relu",
            units=32,
            parameters=1056,
            inbound=sources,
            series=_layer_series(index % 3),
            faults=(1,) if names[index] == "right" else (),
        )
        for index, sources in enumerate(inbound)
    )
    return faulty().model_copy(
        update={"model": ModelResult(name="functional", kind="functional", parameters=9504, layers=layers)}
    )


STEEP = ("gradient_norm", "activation_std", "update_ratio")


def huge(layers: int = 300) -> Result:
    """A deep residual model, full series, many suggestions: what must still fit a megabyte and be readable."""
    kinds = (("Conv2D", None), ("BatchNormalization", None), ("Activation", "relu"), ("Conv2D", None), ("Add", None))
    deep = []
    for index in range(layers):
        class_name, activation = kinds[index % 5] if index < layers - 12 else (f"Custom{index}", "gelu")
        sources = () if index == 0 else (index - 1, index - 5) if class_name == "Add" and index > 5 else (index - 1,)
        deep.append(
            LayerResult(
                index=index,
                name=f"stage_{index // 50}/block_{index // 5}/{class_name.lower()}_{index}_with_quite_a_long_name",
                class_name=class_name,
                activation=activation,
                units=256,
                output_shape=(None, 32, 32, 256),
                parameters=590080,
                inbound=sources,
                faults=(1,) if index in (0, 137, layers - 1) else (),
                location=location(10, "keras.layers.Dense"),
                series={name: decay(1.0, 10.0 ** -(1 + index / 50), 300, index) for name in STEEP}
                | {name: curve(0.1, 0.9, 300, index) for name in ("dead_fraction", "saturated_fraction")},
            )
        )
    base = faulty()
    return base.model_copy(
        update={
            "model": ModelResult(
                name="resnet", kind="functional", parameters=177_024_000, steps=tuple(range(300)), layers=tuple(deep)
            ),
            "suggestions": tuple(
                base.suggestions[number % 6].model_copy(update={"rank": number + 1, "patch": f"{number + 1:02d}.patch"})
                for number in range(40)
            ),
        }
    )


SAMPLES = {
    "faulty": faulty,
    "healthy": healthy,
    "error": error,
    "empty": empty,
    "hostile": hostile,
    "gaps": gaps,
    "branched": branched,
    "huge": huge,
}


def script_path(result: Result) -> PurePosixPath:
    """The script of a sample as a path."""
    return PurePosixPath(result.script)
