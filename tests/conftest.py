"""Builders in this folder (``traces``, ``sample_results``) can be imported by name; a whole run with stand-ins."""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

if str(Path(__file__).parent) not in sys.path:
    sys.path.append(str(Path(__file__).parent))

from dlfix.diagnose.findings import CheckOutcome, Diagnosis, Fault, LayerReference, ReferenceScores, Symptom, Task
from dlfix.diagnose.source import SourceSpan
from dlfix.repair.patch import Applicability, EditRecord, FileChange, Patch, Suggestion, Trial, TrialState, Verdict

SCRIPT = "import keras\nmodel = keras.Sequential()\nmodel.fit(activation='softmax')\n"
PATCHED = SCRIPT.replace("softmax", "sigmoid")


def make_diagnosis(verdict="faulty", faults=None):
    span = SourceSpan("train.py", 3, 1, 3, 32)
    fault = Fault(
        "output_activation", "Softmax on one unit.", 0.9, LayerReference(2, "dense_2"), "activation", span, (0,)
    )
    symptom = Symptom("single-unit-softmax", "Softmax on one unit is always 1.", 1.0, 1.0, LayerReference(2, "dense_2"))
    return Diagnosis(
        verdict=verdict,
        task=Task("binary", 2, "zero_one", 0.98),
        symptoms=(symptom,) if verdict == "faulty" else (),
        faults=(fault,) if faults is None and verdict == "faulty" else faults or (),
        reference=ReferenceScores(0.0, 0.9, 0.92, "linear"),
        checks=(CheckOutcome("single-unit-softmax", "fired"), CheckOutcome("dying-relu", "not applicable")),
    )


def make_patch(before=SCRIPT, after=PATCHED, path="train.py", applicability=Applicability.SAFE):
    old, new = before.encode(), after.encode()
    change = FileChange(path, old, new, hashlib.sha256(old).hexdigest(), hashlib.sha256(new).hexdigest())
    return Patch(
        key=change.sha256_after[:12],
        title="Use sigmoid in the output layer",
        edits=(EditRecord("set-activation", "softmax", "sigmoid", SourceSpan(path, 3, 11, 3, 31)),),
        files=(change,),
        diff=f"--- a/{path}\n+++ b/{path}\n@@ -3 +3 @@\n-{before.splitlines()[2]}\n+{after.splitlines()[2]}\n",
        rules=("sigmoid-for-binary-output",),
        cases=("31880720",),
        fault_kinds=("output_activation",),
        applicability=applicability,
    )


def make_trial(patch, seed, skill):
    return Trial(patch, seed, TrialState.COMPLETED, 5, 1.0, skill, metrics={"loss": (1.0, float("nan"))})


def make_suggestion(patch, verdict=Verdict.FIXED):
    trials = tuple(make_trial(patch.key, seed, 0.9) for seed in range(3))
    return Suggestion(1, patch, verdict, (0.0, 0.0, 0.0), (0.9, 0.9, 0.9), 0.9, (0.85, 0.95), trials)


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A folder with ``train.py`` that is the current one, and no settings from outside."""
    for name in [name for name in os.environ if name.startswith("DLFIX_")]:
        monkeypatch.delenv(name)
    (tmp_path / "train.py").write_text(SCRIPT)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def stage(project, monkeypatch):
    """Everything that would start TensorFlow replaced by stand-ins that find what they are told and note what they get.

    Attributes of the stage: ``trace``, ``diagnosis``, ``outcome`` (what the search returns), ``during`` (called in the
    middle of the probe run), ``seen`` (what was passed on).
    """
    import traces
    from dlfix.diagnose import diagnosis as diagnosis_module
    from dlfix.diagnose import execution, recording

    from dlfix import keras_support, pipeline, proposals

    trace = traces.trace(script=str(project / "train.py"), project_root=str(project))
    patch = make_patch()
    state = SimpleNamespace(project=project, trace=trace, diagnosis=make_diagnosis(), seen={}, during=lambda: None)
    state.proposals = SimpleNamespace(patches=(patch,), advice=(), notes=("a note",), sources=None)
    state.outcome = SimpleNamespace(
        baseline=tuple(make_trial(None, seed, 0.0) for seed in range(3)),
        suggestions=(make_suggestion(patch),),
        trials=tuple(range(6)),
        trial_seconds=6.0,
        notes=(),
        interrupted=False,
    )

    class FakeExecutor:
        isolation = "none"

        def __enter__(self):
            return self

        def __exit__(self, *details):
            state.seen["closed"] = True

        def start(self):
            state.seen["started"] = True

        def cancel_all(self):
            state.seen["cancelled"] = True

    def record(executor, script, arguments, **options):
        state.seen["record"] = {"script": script, "arguments": tuple(arguments), **options}
        state.during()
        return state.trace

    def prove(trace, diagnosis, found, script, settings, **options):
        state.seen["prove"] = {"settings": settings, **options}
        return state.outcome

    monkeypatch.setattr(pipeline, "check_installation", lambda: None)
    monkeypatch.setattr(keras_support, "check_installation", lambda: None)
    monkeypatch.setattr(execution, "Executor", FakeExecutor)
    monkeypatch.setattr(recording, "record_script", record)
    monkeypatch.setattr(diagnosis_module, "diagnose", lambda trace: state.diagnosis)
    monkeypatch.setattr(proposals, "propose", lambda *arguments: state.proposals)
    monkeypatch.setattr(proposals, "prove", prove)
    return state
