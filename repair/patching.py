"""From edit requests to a patch: render, compose, check, and write it down as a unified diff."""

from __future__ import annotations

import ast
import difflib
import hashlib
import re
import warnings
from collections.abc import Iterable, Sequence

from .edits import EDITS
from .edits.base import Rendering
from .edits.errors import AlreadySo, EditConflict, EditError, EditNotApplicable
from .edits.sources import SourceFile, SourceFiles
from .patch import Applicability, EditRecord, EditRequest, FileChange, Patch, TextEdit

__all__ = [
    "EditConflict",
    "EditError",
    "EditNotApplicable",
    "SourceFiles",
    "compose",
    "make_patch",
    "patch_bytes",
    "unified_diff",
]

_ORDER = (Applicability.SAFE, Applicability.REVIEW, Applicability.DISPLAY_ONLY)


def make_patch(
    requests: Sequence[EditRequest],
    sources: SourceFiles,
    *,
    title: str,
    why: str = "",
    rules: Iterable[str] = (),
    cases: Iterable[str] = (),
    fault_kinds: Iterable[str] = (),
    support: float = 0.5,
) -> Patch:
    """Render requests into one patch.

    Args:
        requests: The edits of one hypothesis; they are all made against the same sources.
        sources: The project's files as they are on disk.
        title: One line in the imperative.

    Raises:
        EditNotApplicable: One of the edits cannot be made, or has nothing to change.
        EditConflict: Two edits change the same characters in different ways.
    """
    renderings = _render_all(requests, sources)
    files = tuple(_file_change(sources[path], edits) for path, edits in sorted(_by_file(renderings).items()))
    records: tuple[EditRecord, ...] = tuple(
        dict.fromkeys(record for _, rendering in renderings for record in rendering.records)
    )
    return Patch(
        key=_key(files),
        title=title,
        edits=records,
        files=files,
        diff="".join(unified_diff(change, sources[change.path]) for change in files),
        rules=tuple(dict.fromkeys(rules)),
        cases=tuple(dict.fromkeys(cases)),
        fault_kinds=tuple(dict.fromkeys(fault_kinds)),
        requests=tuple(requests),
        applicability=max((EDITS[request.edit].applicability for request in requests), key=_ORDER.index),
        support=support,
        why=why,
    )


def _render_all(requests: Sequence[EditRequest], sources: SourceFiles) -> list[tuple[EditRequest, Rendering]]:
    """Render all requests. One that finds its work done already only counts when no other changes anything."""
    renderings: list[tuple[EditRequest, Rendering]] = []
    done: AlreadySo | None = None
    for request in requests:
        try:
            renderings.append((request, render(request, sources)))
        except AlreadySo as error:
            done = error
    if not renderings:
        raise done or EditNotApplicable("a patch needs at least one edit")
    return renderings


def compose(patches: Sequence[Patch], sources: SourceFiles) -> Patch:
    """Make one patch of several by rendering all their requests together against the same sources.

    Raises:
        EditConflict: They change the same characters in different ways.
        EditNotApplicable: Together they change nothing.
    """
    requests: list[EditRequest] = []
    for patch in patches:
        requests += [request for request in patch.requests if request not in requests]
    support = 1.0
    for patch in patches:
        support *= patch.support
    titles = list(dict.fromkeys(patch.title for patch in patches))
    return make_patch(
        requests,
        sources,
        title="; ".join([titles[0], *(text[:1].lower() + text[1:] for text in titles[1:])]) if titles else "",
        why=" ".join(dict.fromkeys(patch.why for patch in patches if patch.why)),
        rules=[rule for patch in patches for rule in patch.rules],
        cases=[case for patch in patches for case in patch.cases],
        fault_kinds=[kind for patch in patches for kind in patch.fault_kinds],
        support=support,
    )


def render(request: EditRequest, sources: SourceFiles) -> Rendering:
    """Render one request into text edits."""
    if request.edit not in EDITS:
        raise EditNotApplicable(f"there is no edit {request.edit!r}; known are {', '.join(EDITS)}")
    try:
        return EDITS[request.edit].render(request, sources)
    except EditError:
        raise
    except Exception as error:  # a bug in one edit costs that edit, not the run
        reason = f"{request.edit} failed by a bug in dlfix ({type(error).__name__}: {error})"
        raise EditNotApplicable(reason) from error


_Labelled = tuple[TextEdit, str]


def _by_file(renderings: Sequence[tuple[EditRequest, Rendering]]) -> dict[str, list[_Labelled]]:
    found: dict[str, list[_Labelled]] = {}
    for request, rendering in renderings:
        for edit in rendering.edits:
            labelled = found.setdefault(edit.file, [])
            if all(edit != other for other, _ in labelled):
                labelled.append((edit, _label(request)))
    return found


def _label(request: EditRequest) -> str:
    parameters = ", ".join(f"{name}={value!r}" for name, value in request.parameters.items())
    layer = "" if request.context.layer is None else f" of layer {request.context.layer}"
    return f"{request.edit}({parameters}){layer}"


def apply_edits(file: SourceFile, edits: Sequence[_Labelled]) -> str:
    """Apply text edits to a file's text; insertions at one place are joined in the order in which they were asked for.

    Raises:
        EditConflict: Two of them overlap.
    """
    ordered = sorted(enumerate(edits), key=lambda item: (item[1][0].start, item[1][0].end, item[0]))
    pieces: list[str] = []
    at, owner = 0, ""
    previous: TextEdit | None = None
    for _, (edit, label) in ordered:
        if edit.start < at:
            place = file.span(edit.start, edit.end)
            raise EditConflict(f"{owner} and {label} both change the same code at {place}")
        pieces.append(file.text[at : edit.start])
        both_insert = previous is not None and previous.start == previous.end == edit.start == edit.end
        pieces.append(f", {edit.replacement}" if both_insert and _in_empty_call(file, edit.start) else edit.replacement)
        at, owner, previous = edit.end, label, edit
    pieces.append(file.text[at:])
    return "".join(pieces)


def _in_empty_call(file: SourceFile, offset: int) -> bool:
    """Between ``(`` and ``)``: two arguments put there need a comma between them."""
    return bool(re.search(r"\(\s*$", file.text[:offset][-80:]) and re.match(r"\s*\)", file.text[offset : offset + 80]))


def _file_change(file: SourceFile, edits: Sequence[_Labelled]) -> FileChange:
    after = file.encode(apply_edits(file, edits))
    if after == file.data:
        raise AlreadySo("already so: nothing would change")
    _check(file.path, after, " and ".join(dict.fromkeys(label for _, label in edits)))
    return FileChange(file.path, file.data, after, sha256(file.data), sha256(after))


def _check(path: str, data: bytes, what: str) -> None:
    """Every rendered file must compile; a patch that breaks the syntax is never shown."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)
            warnings.simplefilter("ignore", DeprecationWarning)
            compile(ast.parse(data, path), path, "exec", dont_inherit=True)
    except (SyntaxError, ValueError) as error:
        raise EditConflict(f"{what} would leave {path} with a syntax error: {error}") from error


def sha256(data: bytes) -> str:
    """SHA-256 of bytes as hex digits."""
    return hashlib.sha256(data).hexdigest()


def _key(files: Sequence[FileChange]) -> str:
    digest = hashlib.sha256()
    for change in sorted(files, key=lambda item: item.path):
        digest.update(change.path.encode() + b"\0" + change.after + b"\0")
    return digest.hexdigest()[:16]


def unified_diff(change: FileChange, file: SourceFile) -> str:
    """The change of one file as a unified diff with ``a/`` and ``b/`` paths and the file's own line ends."""
    after = change.after[len(change.before) - len(change.before.removeprefix(b"\xef\xbb\xbf")) :].decode(file.encoding)
    mark = "\ufeff" if change.before.startswith(b"\xef\xbb\xbf") else ""
    before_lines, after_lines = _lines(mark + file.text), _lines(mark + after)
    result = []
    for line in difflib.unified_diff(before_lines, after_lines, f"a/{change.path}", f"b/{change.path}", lineterm="\n"):
        result.append(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n")
    return "".join(result)


def _lines(text: str) -> list[str]:
    """Split at line feeds only, as ``patch`` and ``git`` do."""
    return re.findall(r"[^\n]*\n|[^\n]+", text)


def patch_bytes(patch: Patch) -> bytes:
    """The patch as a file that ``git apply`` and ``patch -p1`` accept, each part in its file's own encoding."""
    parts = []
    for change in patch.files:
        file = SourceFile(change.path, change.before)
        parts.append(unified_diff(change, file).encode(file.encoding))
    return b"".join(parts)
