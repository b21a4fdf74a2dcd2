"""What every edit is made of: its description, and a draft that collects the text edits it asks for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import libcst as cst

from ...diagnose.source import CallSite
from ...diagnose.trace import FitTrace, LayerFacts
from ..patch import Applicability, EditRecord, EditRequest, TextEdit
from .errors import AlreadySo, EditNotApplicable
from .sources import SourceFile, SourceFiles

#: The one edit that may stand before whatever call trains.
_COMMENT = "add-comment"


@dataclass(frozen=True)
class Parameter:
    """One parameter of an edit. ``kinds`` are the accepted Python types; ``choices`` limits strings."""

    name: str
    kinds: tuple[type, ...]
    required: bool = True
    default: Any = None
    choices: tuple[str, ...] = ()


@dataclass(frozen=True)
class Rendering:
    """The text edits that one request comes down to, and how they are shown."""

    edits: tuple[TextEdit, ...]
    records: tuple[EditRecord, ...]


@dataclass
class Draft:
    """The working area of one edit: what it was asked for, the sources, and the changes collected so far."""

    request: EditRequest
    sources: SourceFiles
    edits: list[TextEdit] = field(default_factory=list)
    records: list[EditRecord] = field(default_factory=list)

    @property
    def fit(self) -> FitTrace:
        """The run concerned."""
        fit: FitTrace = self.request.context.fit
        return fit

    @property
    def layer(self) -> LayerFacts:
        """The layer concerned."""
        index = self.request.context.layer
        if index is None:
            raise EditNotApplicable(f"{self.request.edit} needs a layer and none was named")
        for layer in self.fit.model.layers:
            if layer.index == index:
                return layer
        raise EditNotApplicable(f"the model has no layer {index}")

    def parameter(self, name: str) -> Any:
        """The value of a parameter, or its default."""
        return self.request.parameters.get(name)

    def locate(self, site: CallSite | None, what: str) -> tuple[SourceFile, cst.Call]:
        """Find the call expression of a call site."""
        if site is None:
            raise EditNotApplicable(f"it is not known where {what} is written in the project")
        if self.fit.origin != "fit" and site == self.fit.fit.site and self.request.edit != _COMMENT:
            raise EditNotApplicable("the script trains in a loop of its own, so there is no fit call to change")
        file = self.sources[site.span.file]
        return file, file.find_call(site.span)

    def replace(self, file: SourceFile, start: int, end: int, text: str) -> None:
        """Replace a range of a file's text."""
        if file.text[start:end] != text:
            self.edits.append(TextEdit(file.path, start, end, text))

    def insert(self, file: SourceFile, offset: int, text: str) -> None:
        """Insert text into a file."""
        self.edits.append(TextEdit(file.path, offset, offset, text))

    def record(self, file: SourceFile, node: cst.CSTNode, before: str, after: str) -> None:
        """Note what the user is shown of this edit: what stood there and what stands there now."""
        span = file.span(file.start(node), file.end(node))
        self.records.append(EditRecord(self.request.edit, before, after, span))

    def finish(self) -> Rendering:
        """Freeze what was collected. An edit that changes nothing is not applicable."""
        if not self.edits:
            raise AlreadySo("already so: nothing would change")
        return Rendering(tuple(dict.fromkeys(self.edits)), tuple(self.records))


@dataclass(frozen=True)
class Edit:
    """One kind of source change. A module of this package that holds one is found by itself; there is no list to keep.

    Attributes:
        id: As rules name it.
        summary: One sentence.
        parameters: What a rule may set.
        change: Collects the changes in a draft.
        applicability: ``review`` where a human should look at the result, as it changes what other code sees.
    """

    id: str
    summary: str
    parameters: tuple[Parameter, ...]
    change: Callable[[Draft], None]
    applicability: Applicability = Applicability.SAFE

    def render(self, request: EditRequest, sources: SourceFiles) -> Rendering:
        """Turn a request into text edits.

        Raises:
            EditNotApplicable: It cannot be made here, or there is nothing to change.
        """
        request = EditRequest(request.edit, self._checked(request.parameters), request.context)
        draft = Draft(request, sources)
        self.change(draft)
        return draft.finish()

    def _checked(self, given: dict[str, Any]) -> dict[str, Any]:
        known = {parameter.name: parameter for parameter in self.parameters}
        for name in given:
            if name not in known:
                raise EditNotApplicable(f"{self.id} has no parameter {name!r}; it has {', '.join(known) or 'none'}")
        checked = {}
        for parameter in self.parameters:
            value = given.get(parameter.name, parameter.default)
            if value is None and parameter.required and parameter.name not in given:
                raise EditNotApplicable(f"{self.id} needs the parameter {parameter.name!r}")
            if value is not None and (object not in parameter.kinds and not isinstance(value, parameter.kinds)):
                names = " or ".join(kind.__name__ for kind in parameter.kinds)
                raise EditNotApplicable(f"{self.id}: {parameter.name} must be {names}, not {value!r}")
            if parameter.choices and value is not None and value not in parameter.choices:
                raise EditNotApplicable(
                    f"{self.id}: {parameter.name} must be one of {', '.join(parameter.choices)}, not {value!r}"
                )
            checked[parameter.name] = value
        return checked
