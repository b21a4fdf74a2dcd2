"""Diagnoses recorded runs again, without training and without TensorFlow."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
from dlfix.diagnose import diagnosis as diagnosing
from dlfix.diagnose.findings import Diagnosis, Fault, ReferenceScores
from dlfix.diagnose.trace import DataSample, Trace
from dlfix.diagnose.trace_io import load_trace

from ..run.records import source_digest
from . import cache, callbacks

#: What reference scores depend on, apart from the data.
REFERENCE_SOURCES = tuple(
    f"diagnose/{name}.py"
    for name in (
        *("reference", "reference_features", "reference_learners", "random_patches", "neighbourhoods", "places"),
        *("task", "skill"),
    )
)
#: Faults that are kept of each diagnosis; a list that is longer is no help to anybody.
MOST_FAULTS = 10


@contextmanager
def cached_references(where: cache.Cache) -> Iterator[None]:
    """Within this, reference learners are fitted once per data, task and state of their code."""
    original = diagnosing.reference_scores
    code = source_digest(REFERENCE_SOURCES)

    def scores(sample: DataSample | None, *arguments: Any, **named: Any) -> ReferenceScores:
        file = where.reference(_digest(code, sample, arguments, named))
        if file.exists():
            return ReferenceScores(**json.loads(file.read_text(encoding="utf-8")))
        found = original(sample, *arguments, **named)
        cache.write(file, asdict(found))
        return found

    with mock.patch.object(diagnosing, "reference_scores", scores):
        yield


def _digest(code: str, sample: DataSample | None, arguments: tuple[Any, ...], named: dict[str, Any]) -> str:
    digest = hashlib.sha256(repr((code, arguments, sorted(named.items()))).encode())
    if sample is not None:
        groups = (sample.inputs, sample.targets, sample.validation_inputs, sample.validation_targets)
        for group in groups:
            digest.update(b"|")
            for array in group:
                digest.update(repr((array.shape, str(array.dtype))).encode() + np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()[:24]


def diagnose_all(where: cache.Cache, folders: list[Path], jobs: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Diagnose the traces in some folders; the answers by the folder's path relative to the cache."""
    found: dict[str, Any] = {}
    with ProcessPoolExecutor(jobs) as pool:
        for folder, answer in zip(
            folders, pool.map(_one, [(where.folder, folder) for folder in folders], chunksize=4), strict=True
        ):
            found[folder.relative_to(where.folder).as_posix()] = answer
            if len(found) % 50 == 0:
                say(f"{len(found)} of {len(folders)} traces diagnosed")
    return found


def _one(pair: tuple[Path, Path]) -> dict[str, Any]:
    return diagnose_trace(cache.Cache(pair[0]), pair[1])


def diagnose_trace(where: cache.Cache, folder: Path) -> dict[str, Any]:
    """Diagnose one saved trace, and ask what Keras's callbacks would have said."""
    trace = load_trace(folder)
    with cached_references(where):
        began = time.perf_counter()
        diagnosis = diagnosing.diagnose(trace)
        seconds = time.perf_counter() - began
    answer = condensed(diagnosis)
    answer["seconds"] = round(seconds, 4)
    answer["callbacks"] = {tool: callbacks.detected(trace, tool) for tool in callbacks.TOOLS}
    answer["layers"] = _model_layers(trace)
    return answer


def _model_layers(trace: Trace) -> list[list[int] | None]:
    """Line and column of each layer's call by its index in Keras, to place what tools say that only count layers.

    Keras counts the input of functional models as a layer, the trace does not.
    """
    if not trace.fits:
        return []
    model = trace.fits[-1].model
    sites = [*([None] if model.kind == "functional" else []), *(layer.site for layer in model.layers)]
    return [None if site is None else [site.span.line, site.span.column] for site in sites]


def condensed(diagnosis: Diagnosis) -> dict[str, Any]:
    """What the judge asks about a diagnosis, JSON-able."""
    return {
        "verdict": diagnosis.verdict,
        "task": diagnosis.task.kind,
        "faults": [_fault(fault) for fault in diagnosis.faults[:MOST_FAULTS]],
        "symptoms": sorted({symptom.check for symptom in diagnosis.symptoms}),
        "checks_failed": sorted(one.check for one in diagnosis.checks if one.status == "failed"),
        "reference": diagnosis.reference.best,
    }


def _fault(fault: Fault) -> dict[str, Any]:
    span = fault.span
    return {
        "kind": fault.kind,
        "layer": None if fault.layer is None else fault.layer.index,
        "hyperparameter": fault.hyperparameter,
        "confidence": round(fault.confidence, 4),
        "raw": round(fault.raw_confidence, 4),
        "file": None if span is None else Path(span.file).name,
        "place": None if span is None else [span.line, span.column, span.end_line, span.end_column],
    }
