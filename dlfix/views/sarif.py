"""A result as SARIF 2.1.0, with the patches as fixes and every error as a notification."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

from ..result import FaultResult, Location, Result, SuggestionResult
from . import wording
from .diffs import FileDiff, parse_diff, replacements

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_ROOT = "PROJECTROOT"
_FIXES_AT_MOST = 3

Json = dict[str, Any]


def render_sarif(result: Result) -> str:
    """Render a result as a SARIF 2.1.0 document.

    Example:
        >>> from dlfix.result import Result
        >>> json.loads(render_sarif(Result(dlfix="0.1.0", script="train.py", verdict="healthy")))["version"]
        '2.1.0'
    """
    kinds = list(dict.fromkeys(fault.kind for fault in result.faults))
    run: Json = {
        "tool": {
            "driver": {
                "name": "dlfix",
                "version": result.dlfix,
                "rules": [_rule(result, kind) for kind in kinds],
            }
        },
        "invocations": [_invocation(result)],
        "columnKind": "unicodeCodePoints",
        "results": [_result(result, fault, kinds.index(fault.kind)) for fault in result.faults],
        "properties": {"verdict": result.verdict, "summary": wording.headline(result)},
    }
    if result.project_root:
        run["originalUriBaseIds"] = {_ROOT: {"uri": _file_uri(result.project_root.rstrip("/") + "/")}}
    document = {"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}
    return json.dumps(document, indent=2, ensure_ascii=True, allow_nan=False) + "\n"


def _rule(result: Result, kind: str) -> Json:
    name = wording.words(kind)
    helpers = [entry for entry in result.suggestions if kind in entry.fault_kinds]
    rules = list(dict.fromkeys(rule for entry in helpers for rule in entry.rules))
    return {
        "id": wording.one_line(kind),
        "shortDescription": {"text": f"Suspected fault of the kind: {name}"},
        "help": {"text": "; ".join(f"dlfix explain {rule}" for rule in rules) or "dlfix rules"},
        "defaultConfiguration": {"level": "warning"},
    }


def _result(result: Result, fault: FaultResult, rule_index: int) -> Json:
    symptoms = wording.symptoms_of(result, (fault,))
    text = [fault.text or f"Suspected fault: {wording.words(fault.kind)}.", f"Concerns {wording.subject(fault)}."]
    place: Json = {"physicalLocation": _physical(result, fault.location)}
    if fault.layer is not None:
        place["logicalLocations"] = [{"name": wording.clean(fault.layer.name), "kind": "object"}]
    elif fault.hyperparameter:
        place["logicalLocations"] = [{"name": wording.clean(fault.hyperparameter), "kind": "parameter"}]
    shown: Json = {
        "ruleId": wording.one_line(fault.kind),
        "ruleIndex": rule_index,
        "kind": "fail",
        "level": "warning",
        "message": {"text": wording.clean(" ".join([*text, *(symptom.text for symptom in symptoms)]))},
        "locations": [place],
        "rank": round(100 * fault.confidence, 1),
        "properties": {"confidence": fault.confidence, "checks": [symptom.check for symptom in symptoms]},
    }
    fixes = [fix for entry in wording.offers(result) if fault.kind in entry.fault_kinds for fix in _fix(entry)]
    if fixes:
        shown["fixes"] = fixes[:_FIXES_AT_MOST]
    return shown


def _fix(suggestion: SuggestionResult) -> list[Json]:
    if suggestion.applicability == "display-only":
        return []
    changes = [_change(file) for file in parse_diff(suggestion.diff) if file.hunks]
    if not changes:
        return []
    text = f"{wording.one_line(suggestion.title)} (patch {suggestion.rank}, {suggestion.verdict})"
    return [{"description": {"text": text}, "artifactChanges": changes}]


def _change(file: FileDiff) -> Json:
    return {
        "artifactLocation": {"uri": _uri(file.path), "uriBaseId": _ROOT},
        "replacements": [
            {
                "deletedRegion": {"startLine": entry.first, "endLine": entry.last},
                "insertedContent": {"text": _unicode(entry.text)},
            }
            for entry in replacements(file)
        ],
    }


def _physical(result: Result, location: Location | None) -> Json:
    if location is None:
        return {"artifactLocation": _artifact(result, wording.script_name(result))}
    return {
        "artifactLocation": _artifact(result, location.file),
        "region": {
            "startLine": location.line,
            "startColumn": location.column,
            "endLine": location.end_line,
            "endColumn": location.end_column,
        },
    }


def _artifact(result: Result, path: str) -> Json:
    if path.startswith("/") or not result.project_root:
        return {"uri": _file_uri(path) if path.startswith("/") else _uri(path)}
    return {"uri": _uri(path), "uriBaseId": _ROOT}


def _uri(path: str) -> str:
    return quote(path.encode("utf-8", "replace"), safe="/")


def _file_uri(path: str) -> str:
    return "file://" + _uri(path if path.startswith("/") else f"/{path}")


def _unicode(text: str) -> str:
    """Text as it is, but without lone surrogates, which no JSON reader has to accept."""
    return text.encode("utf-8", "replace").decode()


def _invocation(result: Result) -> Json:
    """What ran: a script's error and every check that broke are notifications, so that none is hidden."""
    invocation: Json = {
        "commandLine": wording.rerun_command(result),
        "executionSuccessful": result.verdict != "error",
    }
    if result.created:
        invocation["properties"] = {"created": wording.one_line(result.created)}
    notifications = []
    if result.verdict == "error":
        notifications.append(_error_notification(result))
    for check in result.checks_failed:
        text = f"Check {check.check} failed and was left out: {check.reason}"
        notifications.append({"level": "error", "message": {"text": wording.clean(text)}})
    notifications += [{"level": "note", "message": {"text": wording.clean(note)}} for note in result.notes]
    if notifications:
        invocation["toolExecutionNotifications"] = notifications
    return invocation


def _error_notification(result: Result) -> Json:
    notification: Json = {
        "level": "error",
        "message": {"text": wording.clean(result.error or wording.headline(result))},
    }
    if result.exception is not None:
        notification["message"]["text"] += "\n" + wording.clean(result.exception.traceback)
        notification["exception"] = {
            "kind": wording.one_line(result.exception.type_name),
            "message": wording.clean(result.exception.message),
        }
    notification["locations"] = [{"physicalLocation": _physical(result, None)}]
    return notification
