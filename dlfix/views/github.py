"""A result as GitHub workflow commands, which a workflow shows as annotations at the lines concerned."""

from __future__ import annotations

from ..result import FaultResult, Location, Result
from . import wording


def render_github(result: Result) -> str:
    """One workflow command per fault, or one for a healthy script or an error; each ends with a newline.

    Example:
        >>> from dlfix.result import Result
        >>> print(render_github(Result(dlfix="0.1.0", script="train.py", verdict="healthy")), end="")
        ::notice file=train.py,title=dlfix::No fault found in train.py.
    """
    script = wording.script_name(result)
    if result.verdict == "error":
        message = "\n".join(filter(None, (result.error or wording.headline(result), _exception(result))))
        commands = [_command("error", {"file": script, "title": "dlfix: no diagnosis"}, message)]
    elif result.verdict == "healthy":
        commands = [_command("notice", {"file": script, "title": "dlfix"}, wording.headline(result))]
    elif not result.faults:
        commands = [_command("warning", {"file": script, "title": "dlfix"}, wording.headline(result))]
    else:
        commands = [_fault(result, fault, script) for fault in result.faults]
    failed = [
        _command("warning", {"title": "dlfix: check failed"}, f"{check.check}: {check.reason}")
        for check in result.checks_failed
    ]
    return "".join(f"{command}\n" for command in (*commands, *failed))


def _fault(result: Result, fault: FaultResult, script: str) -> str:
    properties = _place(fault.location) if fault.location is not None else {"file": script}
    properties["title"] = f"dlfix: {wording.words(fault.kind)} ({fault.confidence:.0%} sure)"
    lines = [fault.text or f"Suspected fault: {wording.words(fault.kind)}.", f"Concerns {wording.subject(fault)}."]
    lines += [f"- {symptom.text}" for symptom in wording.symptoms_of(result, (fault,))]
    for offer in wording.offers(result):
        if fault.kind in offer.fault_kinds:
            lines.append(f"Patch {offer.rank} ({offer.verdict}): {wording.one_line(offer.title)}")
    return _command("warning", properties, "\n".join(lines))


def _exception(result: Result) -> str:
    return "" if result.exception is None else f"{result.exception.type_name}: {result.exception.message}"


def _place(location: Location) -> dict[str, str]:
    place = {"file": location.file, "line": str(location.line), "endLine": str(location.end_line)}
    if location.line == location.end_line:  # GitHub refuses columns over several lines
        place |= {"col": str(location.column), "endColumn": str(max(location.column, location.end_column - 1))}
    return place


def _command(name: str, properties: dict[str, str], message: str) -> str:
    written = ",".join(f"{key}={_escape_property(value)}" for key, value in properties.items())
    return f"::{name} {written}::{_escape(wording.clean(message))}"


def _escape(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _escape_property(text: str) -> str:
    return _escape(wording.clean(text)).replace(":", "%3A").replace(",", "%2C")
