"""``add-comment``: a note at the place in question, for advice that only a human can carry out."""

from __future__ import annotations

import textwrap

from ..patch import Applicability
from .base import Draft, Edit, Parameter
from .errors import AlreadySo
from .spelling import insert_before, small_statement

_WIDTH = 100


def _add_comment(draft: Draft) -> None:
    file, call = draft.locate(draft.fit.fit.site, "the fit call")
    statement = small_statement(file, call)
    lines = [f"# {line}" for line in textwrap.wrap(" ".join(draft.parameter("text").split()), _WIDTH)]
    above = file.text[: file.line_start(file.start(statement))].splitlines()[-len(lines) :]
    if [line.strip() for line in above] == lines:
        raise AlreadySo("the comment already stands there")
    draft.record(file, call, "", " ".join(lines))
    insert_before(draft, file, statement, lines)


ADD_COMMENT = Edit(
    "add-comment",
    "Put a comment in front of the fit call: what has to be done by hand.",
    (Parameter("text", (str,)),),
    _add_comment,
    Applicability.DISPLAY_ONLY,
)
