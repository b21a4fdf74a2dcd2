"""Why an edit or a patch could not be made. Both carry a reason that is fit to be shown to the user."""

from __future__ import annotations


class EditError(Exception):
    """Base of what can go wrong with an edit; ``reason`` is one sentence for the user."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class EditNotApplicable(EditError):
    """This edit cannot be made here, or has nothing to change; the reason says which."""


class AlreadySo(EditNotApplicable):
    """The source already is as the edit wants it. In a patch of several edits, the others may still have work to do."""


class EditConflict(EditError):
    """Two edits of one patch want to change the same characters in different ways."""
