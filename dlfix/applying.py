"""``dlfix apply``: from a suggestion of a saved run to the user's files, and back."""

from __future__ import annotations

import json
from pathlib import Path

from .diagnose.whole_files import write_atomically
from .errors import ApplyRefused, UsageError
from .repair import apply as writer
from .result import Result, SuggestionResult
from .runs import RunFolder, existing_runs, find_run

#: What was applied and not yet taken back, oldest first; beside the runs.
_APPLIED = "applied.json"


def apply_suggestion(folder: RunFolder, result: Result, suggestion: SuggestionResult) -> list[str]:
    """Write a suggestion, byte for byte as it was tried.

    Returns:
        What was done, line by line.

    Raises:
        ApplyRefused: A file changed since, or the suggestion is only to be looked at. Nothing was written.
        UsageError: The run folder no longer has the patch.
    """
    if suggestion.applicability == "display-only":
        raise ApplyRefused(
            "apply-refused",
            f"suggestion {suggestion.rank} is advice to be carried out by hand; dlfix does not apply it",
            f"`dlfix show {suggestion.rank}` explains it.",
        )
    planned = [
        writer.PlannedFile(file.path, file.sha256_before, file.sha256_after, content)
        for file, content in zip(suggestion.files, folder.patched_bytes(suggestion), strict=True)
    ]
    try:
        written = writer.apply_patch(Path(result.project_root), planned, folder.backup(suggestion))
    except writer.AlreadyApplied as state:
        return [f"{state} Nothing was written."]
    except writer.ApplyRefused as refusal:
        raise _refused("apply-refused", refusal) from None
    _save_applied(folder, [*_applied(folder), (folder.id, suggestion.rank)])
    lines = [f"Applied suggestion {suggestion.rank}: {suggestion.title}"]
    lines += [f"  changed {path}" for path in written]
    if suggestion.applicability == "review":
        lines.append("Look it over: this change can alter what other code relies on.")
    return [*lines, "Take it back: dlfix apply --undo"]


def undo_last(run_id: str | None = None, number: int | None = None) -> list[str]:
    """Restore the bytes from before the last applied suggestion (or that of a run, or of a number).

    Returns:
        What was done, line by line.

    Raises:
        ApplyRefused: A file was changed since, or nothing was applied. Nothing was written.
    """
    runs = existing_runs()
    home = runs[0] if runs else find_run()  # raises: there is no run at all
    wanted = find_run(run_id).id if run_id is not None else None
    stack = _applied(home)
    fitting = [entry for entry in stack if wanted in (None, entry[0]) and number in (None, entry[1])]
    if not fitting:
        raise ApplyRefused("undo-refused", "nothing that dlfix applied is left to take back", "")
    last = fitting[-1]
    folder = find_run(last[0])
    result = folder.load_result()
    suggestion = next((entry for entry in result.suggestions if entry.rank == last[1]), None)
    if suggestion is None:
        raise UsageError("damaged-run", f"the run {folder.id} no longer has suggestion {last[1]}", "")
    try:
        restored = writer.undo(Path(result.project_root), folder.backup(suggestion))
    except writer.ApplyRefused as refusal:
        raise _refused("undo-refused", refusal) from None
    _save_applied(home, [entry for entry in stack if entry != last])
    return [f"Took suggestion {suggestion.rank} back: {suggestion.title}", *(f"  restored {path}" for path in restored)]


def applied_runs() -> frozenset[str]:
    """Return the ids of the runs whose patches are applied; their folders keep the originals for ``--undo``."""
    runs = existing_runs()
    return frozenset(run for run, _ in _applied(runs[0])) if runs else frozenset()


def _refused(slug: str, refusal: writer.ApplyRefused) -> ApplyRefused:
    return ApplyRefused(slug, f"not applied: {refusal}" if slug == "apply-refused" else f"not taken back: {refusal}")


def _applied(folder: RunFolder) -> list[tuple[str, int]]:
    try:
        entries = json.loads((_home(folder) / _APPLIED).read_bytes())
        return [(str(run), int(rank)) for run, rank in entries]
    except (OSError, ValueError, TypeError):
        return []


def _save_applied(folder: RunFolder, entries: list[tuple[str, int]]) -> None:
    write_atomically(_home(folder) / _APPLIED, json.dumps(entries).encode())


def _home(folder: RunFolder) -> Path:
    return folder.path.parent.parent
