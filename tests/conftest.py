"""A whole run of dlfix with stand-ins for all that takes long."""

from __future__ import annotations

import os
from types import SimpleNamespace

import pytest
from stand_ins import SCRIPT, make_diagnosis, make_patch, make_suggestion, make_trial


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
