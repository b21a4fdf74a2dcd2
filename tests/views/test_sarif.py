from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

from dlfix.result import Result
from dlfix.views.sarif import render_sarif

LEVELS = {"none", "note", "warning", "error"}


def _run(result: Result) -> dict[str, Any]:
    document = json.loads(render_sarif(result))
    assert document["version"] == "2.1.0"
    assert document["$schema"].endswith("sarif-schema-2.1.0.json")
    (run,) = document["runs"]
    assert isinstance(run, dict)
    return run


def _all(node: Any, key: str) -> Iterator[Any]:
    if isinstance(node, dict):
        for name, value in node.items():
            if name == key:
                yield value
            yield from _all(value, key)
    elif isinstance(node, list):
        for value in node:
            yield from _all(value, key)


def test_shape_that_every_reader_needs(sample: Result) -> None:
    run = _run(sample)
    driver = run["tool"]["driver"]
    assert driver["name"] == "dlfix"
    ids = [rule["id"] for rule in driver["rules"]]
    assert len(ids) == len(set(ids))
    for entry in run["results"]:
        assert ids[entry["ruleIndex"]] == entry["ruleId"]
        assert entry["message"]["text"]
        assert entry["level"] in LEVELS
        assert entry["locations"]
        assert -1.0 <= entry["rank"] <= 100.0
    for region in _all(run, "region"):
        assert 1 <= region["startLine"] <= region["endLine"]
        assert region["startColumn"] >= 1
    for artifact in _all(run, "artifactLocation"):
        assert all(character.isascii() and not character.isspace() for character in artifact["uri"])
        assert artifact.get("uriBaseId") in (None, "PROJECTROOT")
    for base in _all(run, "originalUriBaseIds"):
        assert base["PROJECTROOT"]["uri"].startswith("file:///")
        assert base["PROJECTROOT"]["uri"].endswith("/")


def test_fixes_make_the_patched_source(faulty: Result, samples: ModuleType) -> None:
    run = _run(faulty)
    first = run["results"][0]["fixes"][0]
    (change,) = first["artifactChanges"]
    assert change["artifactLocation"] == {"uri": "train.py", "uriBaseId": "PROJECTROOT"}
    lines = samples.SOURCE.split("\n")
    for entry in reversed(change["replacements"]):
        region = entry["deletedRegion"]
        lines[region["startLine"] - 1 : region["endLine"]] = entry["insertedContent"]["text"].split("\n")
    patched = "\n".join(lines)
    assert 'activation="softmax"' in patched
    assert 'loss="sparse_categorical_crossentropy"' in patched
    expected = samples.SOURCE.replace('"sigmoid"', '"softmax"')
    expected = expected.replace('"mean_squared_error"', '"sparse_categorical_crossentropy"')
    assert patched == expected.replace("learning_rate=5.0", "learning_rate=0.01")


def test_only_offered_patches_that_may_be_applied_are_fixes(faulty: Result) -> None:
    texts = [fix["description"]["text"] for fixes in _all(_run(faulty), "fixes") for fix in fixes]
    assert any("(patch 1, fixed)" in text for text in texts)
    assert any("(patch 2, improved)" in text for text in texts)
    assert not any("Scale the inputs" in text for text in texts)  # display-only
    assert not any("(patch 3" in text for text in texts)  # no change


def test_errors_are_visible(samples: ModuleType) -> None:
    run = _run(samples.error())
    (invocation,) = run["invocations"]
    assert invocation["executionSuccessful"] is False
    notification = invocation["toolExecutionNotifications"][0]
    assert notification["level"] == "error"
    assert "could not convert string" in notification["message"]["text"]
    assert notification["exception"]["kind"] == "ValueError"
    assert run["results"] == []


def test_a_check_that_failed_is_a_notification_of_a_successful_run(faulty: Result) -> None:
    (invocation,) = _run(faulty)["invocations"]
    assert invocation["executionSuccessful"] is True
    errors = [n["message"]["text"] for n in invocation["toolExecutionNotifications"] if n["level"] == "error"]
    assert errors == ["Check flat-loss failed and was left out: ValueError: could not convert"]


def test_golden(faulty: Result, check_golden: Callable[[str, str], None]) -> None:
    check_golden("faulty.sarif", render_sarif(faulty))
