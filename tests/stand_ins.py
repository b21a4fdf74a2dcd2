"""A small faulty script and what a run of dlfix finds in it, made by hand."""

from __future__ import annotations

import difflib
import hashlib

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
        diff="".join(difflib.unified_diff(before.splitlines(True), after.splitlines(True), f"a/{path}", f"b/{path}")),
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
