"""Traces on disk: facts as JSON, series and samples as ``.npz``; nothing is ever unpickled."""

from __future__ import annotations

import dataclasses
import json
import types
import typing
import zipfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Union, get_args, get_origin

import numpy as np

from .trace import Trace
from .whole_files import replacing, write_atomically

SCHEMA = "dlfix-trace/1"
FACTS = "trace.json"
_ARRAY = "$array"


class TraceError(Exception):
    """A saved trace cannot be read. The message says which file and why."""


def save_trace(trace: Trace, directory: Path) -> None:
    """Write a trace so that a reader sees either the one before or this one, never a mixture.

    Example:
        >>> save_trace(trace, Path("run/trace"))  # doctest: +SKIP
    """
    TraceWriter(directory).save(trace)


class TraceWriter:
    """Writes the trace of a running program again and again; samples that did not change are written once."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._generation = 0
        self._samples: dict[int, tuple[list[np.ndarray], str]] = {}

    def save(self, trace: Trace) -> None:
        self.directory.mkdir(parents=True, exist_ok=True)
        series: dict[str, np.ndarray] = {}
        facts = _to_plain(dataclasses.replace(trace, fits=()), "", series)
        facts["fits"] = []
        samples = []
        for index, fit in enumerate(trace.fits):
            facts["fits"].append(_to_plain(dataclasses.replace(fit, sample=None), f"fit{index}/", series))
            samples.append(self._save_sample(index, fit.sample))
        # The facts name the series that belong to them; alternating names keep the older pair whole until the switch.
        self._generation += 1
        name = "trace.npz" if self._generation % 2 else "trace-2.npz"
        _write_arrays(self.directory / name, series)
        document = {"schema": SCHEMA, "series": name, "samples": samples, "trace": facts}
        write_atomically(self.directory / FACTS, json.dumps(document, ensure_ascii=False).encode())
        other = "trace-2.npz" if self._generation % 2 else "trace.npz"
        (self.directory / other).unlink(missing_ok=True)

    def _save_sample(self, index: int, sample: Any) -> dict[str, Any] | None:
        if sample is None:
            return None
        groups = {f.name: getattr(sample, f.name) for f in dataclasses.fields(sample)}
        arrays = [array for group in groups.values() for array in group]
        file = self._file_with(arrays)
        if file is None:
            file = f"sample-{index}.npz"
            named = {f"{name}/{i}": array for name, group in groups.items() for i, array in enumerate(group)}
            _write_arrays(self.directory / file, named)
        self._samples[index] = (arrays, file)
        return {"file": file, **{name: len(group) for name, group in groups.items()}}

    def _file_with(self, arrays: list[np.ndarray]) -> str | None:
        """The file that holds these very arrays already (of this or another fit)."""
        for written, file in self._samples.values():
            if len(written) == len(arrays) and all(a is b for a, b in zip(written, arrays, strict=True)):
                return file
        return None


def load_trace(directory: Path) -> Trace:
    """Read a trace; needs neither TensorFlow nor the script.

    Args:
        directory: The directory a trace was saved to, or its ``trace.json``.

    Raises:
        TraceError: If there is no trace, it is damaged, or a newer dlfix wrote it.
    """
    directory = directory.parent if directory.name == FACTS else directory
    path = directory / FACTS
    try:
        document = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise TraceError(f"No trace in {directory}: {FACTS} is missing.") from None
    except (OSError, ValueError) as error:
        raise TraceError(f"{path} is not readable JSON: {error}") from error
    if not isinstance(document, dict) or document.get("schema") != SCHEMA:
        schema = document.get("schema") if isinstance(document, dict) else None
        raise TraceError(f"{path} has schema {schema!r}; this dlfix reads {SCHEMA!r}.")
    try:
        series = _read_arrays(directory / str(document["series"]))
        facts = document["trace"]
        for fit, sample in zip(facts["fits"], document["samples"], strict=True):
            fit["sample"] = _read_sample(directory, sample)
        trace = _from_plain(Trace, facts, series)
    except (KeyError, TypeError, ValueError, OSError, zipfile.BadZipFile) as error:
        raise TraceError(f"{path} is damaged: {type(error).__name__}: {error}") from error
    assert isinstance(trace, Trace)
    return trace


def _read_sample(directory: Path, described: Mapping[str, Any] | None) -> Any:
    if described is None:
        return None
    arrays = _read_arrays(directory / str(described["file"]))
    return {
        name: tuple(arrays[f"{name}/{i}"] for i in range(int(count)))
        for name, count in described.items()
        if name != "file"
    }


def _to_plain(value: Any, prefix: str, series: dict[str, np.ndarray]) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {
            f.name: _to_plain(getattr(value, f.name), f"{prefix}{f.name}/", series) for f in dataclasses.fields(value)
        }
    if isinstance(value, np.ndarray):
        key = prefix.rstrip("/")
        series[key] = value
        return {_ARRAY: key}
    if isinstance(value, Mapping):
        return {str(k): _to_plain(v, f"{prefix}{k}/", series) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_to_plain(v, f"{prefix}{i}/", series) for i, v in enumerate(value)]
    return value.item() if isinstance(value, np.generic) else value


@cache
def _hints(kind: type) -> dict[str, Any]:
    return typing.get_type_hints(kind)


def _from_plain(kind: Any, value: Any, series: Mapping[str, np.ndarray]) -> Any:
    """Rebuild ``value`` as the annotated type; unknown fields of a newer writer are ignored."""
    if isinstance(value, Mapping) and _ARRAY in value:
        return series[value[_ARRAY]]
    if isinstance(value, np.ndarray) or value is None or kind is Any:
        return value
    origin, parts = get_origin(kind), get_args(kind)
    if origin is Union or origin is types.UnionType:
        return _from_plain(next(p for p in parts if p is not type(None)), value, series)
    if origin is tuple:
        if len(parts) == 2 and parts[1] is Ellipsis:
            return tuple(_from_plain(parts[0], v, series) for v in value)
        return tuple(_from_plain(p, v, series) for p, v in zip(parts, value, strict=True))
    if origin is dict:
        return {k: _from_plain(parts[1], v, series) for k, v in value.items()}
    if dataclasses.is_dataclass(kind):
        hints = _hints(typing.cast(type, kind))
        return typing.cast(Any, kind)(**{k: _from_plain(hints[k], v, series) for k, v in value.items() if k in hints})
    return float(value) if kind is float else value


def _write_arrays(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    with (
        replacing(path) as temporary,
        zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
    ):
        for key, array in arrays.items():
            with archive.open(f"{key}.npy", "w", force_zip64=True) as entry:
                np.lib.format.write_array(entry, np.ascontiguousarray(array), allow_pickle=False)


def _read_arrays(path: Path) -> dict[str, np.ndarray]:
    with np.load(path, allow_pickle=False) as arrays:
        return {key: arrays[key] for key in arrays.files}
