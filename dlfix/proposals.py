"""From a diagnosis to patches, and from patches to suggestions: the calls into ``knowledge_base`` and ``repair``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from .diagnose.findings import Diagnosis
from .diagnose.source import CallSite
from .diagnose.trace import FitTrace, Trace
from .inputs import Script
from .repair.patch import Patch, Suggestion, Verdict

if TYPE_CHECKING:
    from .knowledge_base.loader import KnowledgeBase

#: Patches shown without proof (``--no-validate``) when no number is given: what a person can look through.
_MOST_UNTESTED = 10


@dataclass(frozen=True)
class Proposals:
    """Patches to try, best supported first, and what could not be proposed."""

    patches: tuple[Patch, ...]
    notes: tuple[str, ...] = ()


def propose(
    trace: Trace, diagnosis: Diagnosis, knowledge: KnowledgeBase, script: Script, *, most: int | None
) -> Proposals:
    """Return the patches that the knowledge base has for this diagnosis."""
    from .repair.candidates import candidates
    from .repair.patching import SourceFiles

    paths = sorted({*script.sources, *_files_in_trace(trace, script.project_root)})
    sources = SourceFiles.read(script.project_root, paths)
    name = script.path.relative_to(script.project_root).as_posix()
    found = candidates(trace, diagnosis, knowledge, sources, name)
    return Proposals(tuple(found.patches[:most]), tuple(found.notes))


def untested(patches: Sequence[Patch]) -> tuple[Suggestion, ...]:
    """Return the patches as suggestions that nobody tried."""
    return tuple(
        Suggestion(rank, patch, Verdict.UNTESTED, (), (), None, None, ())
        for rank, patch in enumerate(patches[:_MOST_UNTESTED], start=1)
    )


def _files_in_trace(trace: Trace, root: Path) -> set[str]:
    """Files of the project where something seen at run time was made; reading imports may have missed some."""
    sites = [site for fit in trace.fits for site in _sites(fit)]
    names = {span.file for site in sites if site for span in (site.span, *site.callers)}
    return {name for name in names if not Path(name).is_absolute() and (root / name).is_file()}


def _sites(fit: FitTrace) -> list[CallSite | None]:
    compiled = fit.compile
    return [
        fit.fit.site,
        fit.model.site,
        compiled.site,
        compiled.optimizer.site,
        *(loss.site for loss in compiled.losses),
        *(layer.site for layer in fit.model.layers),
    ]
