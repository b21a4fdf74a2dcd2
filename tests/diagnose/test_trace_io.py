import json
import math
import subprocess
import sys
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
import traces
from dlfix.diagnose.trace import Trace
from dlfix.diagnose.trace_io import TraceError, TraceWriter, load_trace, save_trace


def same(a: object, b: object) -> bool:
    """Deep equality in which arrays compare by value and NaN equals NaN."""
    if isinstance(a, np.ndarray):
        return isinstance(b, np.ndarray) and a.dtype == b.dtype and np.array_equal(a, b, equal_nan=a.dtype.kind == "f")
    if hasattr(a, "__dataclass_fields__"):
        return type(a) is type(b) and all(same(getattr(a, f.name), getattr(b, f.name)) for f in fields(a))
    if isinstance(a, dict):
        return isinstance(b, dict) and list(a) == list(b) and all(same(a[k], b[k]) for k in a)
    if isinstance(a, tuple | list):
        return type(a) is type(b) and len(a) == len(b) and all(same(x, y) for x, y in zip(a, b, strict=True))
    if isinstance(a, float) and math.isnan(a):
        return isinstance(b, float) and math.isnan(b)
    return type(a) is type(b) and a == b


@pytest.fixture
def trace() -> Trace:
    diverged = traces.fit_trace(
        statistics=traces.statistics(3, per_layer={1: {"activation_mean": math.inf, "weight_norm": math.nan}}),
        epoch_metrics={"loss": (0.7, math.nan, -math.inf)},
        exception=traces.raised("größer\nals erlaubt"),
        state="raised",
        breakdown=traces.breakdown(),
    )
    text = traces.fit_trace(sample=None)
    return traces.trace(traces.fit_trace(), diverged, text, notes=("a note",), exception=traces.raised())


def test_round_trip(trace: Trace, tmp_path: Path) -> None:
    save_trace(trace, tmp_path / "new" / "folder")
    assert same(load_trace(tmp_path / "new" / "folder"), trace)
    assert same(load_trace(tmp_path / "new" / "folder" / "trace.json"), trace)


def test_saving_again_replaces(trace: Trace, tmp_path: Path) -> None:
    writer = TraceWriter(tmp_path)
    for state in ("killed", "killed", "completed"):
        writer.save(replace(trace, state=state))
        assert load_trace(tmp_path).state == state
    names = {p.name for p in tmp_path.iterdir()}
    assert len([n for n in names if n.startswith("trace") and n.endswith(".npz")]) == 1
    assert not [n for n in names if n.startswith(".")]


def test_equal_samples_are_written_once(tmp_path: Path) -> None:
    fit = traces.fit_trace()
    save_trace(traces.trace(fit, replace(fit, state="stopped")), tmp_path)
    assert len(list(tmp_path.glob("sample-*.npz"))) == 1
    assert load_trace(tmp_path).fits[1].sample is not None


def test_reading_needs_no_tensorflow(trace: Trace, tmp_path: Path) -> None:
    save_trace(trace, tmp_path)
    code = (
        "import sys; from pathlib import Path; from dlfix.diagnose.trace_io import load_trace;"
        f"load_trace(Path({str(tmp_path)!r})); sys.exit('tensorflow' in sys.modules or 'keras' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-P", "-c", code], check=False).returncode == 0


def test_nothing_to_read(tmp_path: Path) -> None:
    with pytest.raises(TraceError, match=r"trace\.json is missing"):
        load_trace(tmp_path)


def test_not_json(tmp_path: Path) -> None:
    (tmp_path / "trace.json").write_bytes(b"\x80\x04.")
    with pytest.raises(TraceError, match="not readable JSON"):
        load_trace(tmp_path)


def test_other_schema_is_named(trace: Trace, tmp_path: Path) -> None:
    save_trace(trace, tmp_path)
    document = json.loads((tmp_path / "trace.json").read_text())
    document["schema"] = "dlfix-trace/9"
    (tmp_path / "trace.json").write_text(json.dumps(document))
    with pytest.raises(TraceError, match="dlfix-trace/9"):
        load_trace(tmp_path)


def test_damaged_arrays(trace: Trace, tmp_path: Path) -> None:
    save_trace(trace, tmp_path)
    (tmp_path / "trace.npz").write_bytes(b"PK nonsense")
    with pytest.raises(TraceError, match="damaged"):
        load_trace(tmp_path)


def test_pickled_arrays_are_refused(trace: Trace, tmp_path: Path) -> None:
    save_trace(trace, tmp_path)
    np.savez(tmp_path / "sample-0.npz", **{"inputs/0": np.array([{}], dtype=object), "targets/0": np.zeros(1)})
    with pytest.raises(TraceError, match="damaged"):
        load_trace(tmp_path)


def test_unknown_fields_are_ignored(trace: Trace, tmp_path: Path) -> None:
    save_trace(trace, tmp_path)
    document = json.loads((tmp_path / "trace.json").read_text())
    document["trace"]["from_the_future"] = 1
    document["trace"]["fits"][0]["model"]["layers"][0]["from_the_future"] = {"a": []}
    (tmp_path / "trace.json").write_text(json.dumps(document))
    assert same(load_trace(tmp_path), trace)
