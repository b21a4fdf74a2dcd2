"""From rule matches to patches that are worth a trial, in the order in which to try them."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import SequenceMatcher
from itertools import combinations, product
from typing import TYPE_CHECKING, Any

from ..diagnose.findings import Diagnosis
from ..diagnose.trace import FitTrace, ModelFacts, Trace
from ..knowledge_base.loader import KnowledgeBase
from ..knowledge_base.matching import RuleMatch, match_with_notes
from .patch import Applicability, EditContext, EditRequest, Patch

if TYPE_CHECKING:
    from .edits.sources import SourceFiles

#: How many suspicions are answered at once. Of the 35 cases with a genuine fault (also partly), 31 have real faults of
#: two or more kinds, and 24 of at most three.
JOINT_SUSPICIONS = 3

#: Answers tried per suspicion before a combination is given up because of conflicts.
ANSWERS_PER_SUSPICION = 3

#: Fault kinds that are faces of one decision, so that a combination takes one answer for all of them.
FAMILIES = (
    frozenset({"output_activation", "output_units", "loss", "label_encoding"}),
    frozenset({"learning_rate", "optimizer"}),
    frozenset({"epochs", "batch_size"}),
    frozenset({"input_scaling", "missing_batchnorm", "feature_encoding"}),
)

_ORDER = (Applicability.SAFE, Applicability.REVIEW, Applicability.DISPLAY_ONLY)


@dataclass(frozen=True)
class Candidates:
    """What could be proposed.

    Attributes:
        patches: To be tried, best supported first; each changes other bytes than all the others.
        notes: What could not be rendered, with the reason, and rules that were disabled.
        advice: Patches that are shown and never tried or applied.
        parts: For each patch that answers several suspicions at once (by its key), the keys of the single answers that
            it is made of, which are among ``patches`` too. A search needs them to drop what is not needed.
    """

    patches: tuple[Patch, ...]
    notes: tuple[str, ...] = ()
    advice: tuple[Patch, ...] = ()
    parts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def singles(self) -> tuple[Patch, ...]:
        """The patches that answer one suspicion each, for a search that makes its own combinations."""
        return tuple(patch for patch in self.patches if patch.key not in self.parts)


@dataclass(frozen=True)
class _Hypothesis:
    """One match, or several that answer different faults, to be rendered as one patch."""

    matches: tuple[RuleMatch, ...]

    @property
    def support(self) -> float:
        """Prior belief that this change helps.

        For several answers the mean of theirs, so that a combination is tried behind its strongest part and before its
        weakest, and one that hangs a mere suspicion on a strong answer does not come before other strong answers.
        """
        return math.fsum(found.support for found in self.matches) / len(self.matches)

    @property
    def title(self) -> str:
        first, *others = (found.title for found in self.matches)
        return "; ".join([first, *(title[:1].lower() + title[1:] for title in others)])


def candidates(
    trace: Trace,
    diagnosis: Diagnosis,
    knowledge: KnowledgeBase,
    sources: SourceFiles,
    script: str,
    *,
    select: Collection[str] = (),
    ignore: Collection[str] = (),
    unpatched: Trace | None = None,
) -> Candidates:
    """The patches that the knowledge base has for a diagnosis.

    Args:
        trace: The run.
        diagnosis: Its faults, ranked.
        knowledge: Rules and cases.
        sources: The project's files.
        script: Project-relative POSIX path of the script.
        select: Ids of the rules to use, all when empty.
        ignore: Ids of rules not to use.
        unpatched: The run of the sources, where ``trace`` is of a patched copy of them: the answers to what shows only
            behind the patch are then made for the sources as they are, so that they can be composed with it.
    """
    matching = match_with_notes(knowledge, trace, diagnosis, select=select, ignore=ignore)
    workshop = _Workshop(trace, diagnosis, sources, script, unpatched)
    for found in matching.matches:
        workshop.render(_Hypothesis((found,)))
    usable = [found for found in matching.matches if workshop.key_of(found) and _may_be_tried(found)]
    for choices in joint_choices(usable, diagnosis):
        workshop.render_first([_Hypothesis(choice) for choice in choices])
    return Candidates(
        patches=tuple(sorted(workshop.patches(tried=True), key=_patch_order)),
        notes=_unique((*matching.notes, *workshop.notes)),
        advice=tuple(sorted(workshop.patches(tried=False), key=_patch_order)),
        parts=workshop.parts,
    )


class _Workshop:
    """Renders hypotheses, merges those that change the same bytes, and notes what cannot be rendered."""

    def __init__(
        self, trace: Trace, diagnosis: Diagnosis, sources: SourceFiles, script: str, unpatched: Trace | None
    ) -> None:
        self._trace, self._diagnosis, self._sources, self._script = trace, diagnosis, sources, script
        self._unpatched = unpatched
        self._by_key: dict[str, Patch] = {}
        self._notes: dict[str, None] = {}
        self._keys: list[tuple[RuleMatch, str]] = []
        self.parts: dict[str, tuple[str, ...]] = {}

    def key_of(self, found: RuleMatch) -> str | None:
        """Key of the patch that a single answer became, None if it could not be made."""
        return next((key for other, key in self._keys if other is found), None)

    @property
    def notes(self) -> tuple[str, ...]:
        return tuple(self._notes)

    def patches(self, *, tried: bool) -> list[Patch]:
        """The patches to be tried, or those that are only shown."""
        return [
            patch for patch in self._by_key.values() if (patch.applicability is not Applicability.DISPLAY_ONLY) == tried
        ]

    def render(self, hypothesis: _Hypothesis, *, quiet: bool = False) -> bool:
        """Make the patch; whether that was possible."""
        from .patching import EditConflict, EditNotApplicable, make_patch

        kinds = [self._diagnosis.faults[found.fault].kind for found in hypothesis.matches]
        try:
            patch = make_patch(
                self._requests(hypothesis),
                self._sources,
                title=hypothesis.title,
                why=" ".join(dict.fromkeys(found.why for found in hypothesis.matches)),
                rules=_unique(found.rule.id for found in hypothesis.matches),
                cases=_unique(case for found in hypothesis.matches for case in found.rule.cases),
                fault_kinds=_unique(kinds),
                support=hypothesis.support,
            )
        except (EditNotApplicable, EditConflict) as error:
            self._note(hypothesis, error.reason, quiet)
            return False
        except Exception as error:  # a mistake in one edit must not cost the user the other patches
            self._note(hypothesis, f"{type(error).__name__}: {error}", quiet=False)
            return False
        self._keep(_with_applicability(patch, hypothesis), hypothesis)
        return True

    def render_first(self, hypotheses: Iterable[_Hypothesis]) -> None:
        """Make the first of several hypotheses that can be made; the others are its substitutes."""
        for hypothesis in hypotheses:
            if _contradicts_itself(hypothesis) or _repeats_itself(hypothesis):
                continue
            if self.render(hypothesis, quiet=True):
                return

    def _note(self, hypothesis: _Hypothesis, reason: str, quiet: bool) -> None:
        if not quiet:
            self._notes[f"{hypothesis.matches[0].rule.id}: no patch: {reason}"] = None

    def _keep(self, patch: Patch, hypothesis: _Hypothesis) -> None:
        known = self._by_key.get(patch.key)
        if len(hypothesis.matches) == 1:
            self._keys.append((hypothesis.matches[0], patch.key))
        elif known is None:
            self.parts[patch.key] = _unique(key for found in hypothesis.matches if (key := self.key_of(found)))
        self._by_key[patch.key] = patch if known is None else merge(known, patch)

    def _requests(self, hypothesis: _Hypothesis) -> tuple[EditRequest, ...]:
        requests: list[EditRequest] = []
        for found in hypothesis.matches:
            for edit in found.edits:
                fit, layer = self._place(self._diagnosis.faults[found.fault].fit, edit.layer)
                request = EditRequest(edit.edit, edit.parameters, EditContext(fit, layer, self._script))
                if request not in requests:
                    requests.append(request)
        return tuple(requests)

    def _place(self, index: int, layer: int | None) -> tuple[FitTrace, int | None]:
        """The fit and the layer in the run of the sources that the patches are made from."""
        from .patching import EditNotApplicable

        seen = self._trace.fits[index]
        if self._unpatched is None:
            return seen, layer
        if index >= len(self._unpatched.fits):
            raise EditNotApplicable("the unpatched script has no such training")
        fit = self._unpatched.fits[index]
        if layer is None:
            return fit, None
        counterpart = corresponding_layers(fit.model, seen.model).get(layer)
        if counterpart is None:
            raise EditNotApplicable("the layer is one that a patch added")
        return fit, counterpart


def corresponding_layers(before: ModelFacts, after: ModelFacts) -> dict[int, int]:
    """For the layers of a patched model, which of the unpatched one they are; without those that were added."""
    own, patched = ([layer.class_name for layer in model.layers] for model in (before, after))
    blocks = SequenceMatcher(None, own, patched, autojunk=False).get_matching_blocks()
    return {block.b + step: block.a + step for block in blocks for step in range(block.size)}


def merge(first: Patch, second: Patch) -> Patch:
    """Two hypotheses that come to the same bytes: one patch, with the rules and cases of both."""
    better, other = (first, second) if first.support >= second.support else (second, first)
    return replace(
        better,
        rules=_unique((*better.rules, *other.rules)),
        cases=_unique((*better.cases, *other.cases)),
        fault_kinds=_unique((*better.fault_kinds, *other.fault_kinds)),
        applicability=min(better.applicability, other.applicability, key=_ORDER.index),
    )


def _with_applicability(patch: Patch, hypothesis: _Hypothesis) -> Patch:
    """The most careful of what the edits and the rules say."""
    stated = [patch.applicability, *(Applicability(found.rule.applicability) for found in hypothesis.matches)]
    return replace(patch, applicability=max(stated, key=_ORDER.index))


def _may_be_tried(found: RuleMatch) -> bool:
    return Applicability(found.rule.applicability) is not Applicability.DISPLAY_ONLY


def joint_choices(usable: Sequence[RuleMatch], diagnosis: Diagnosis) -> list[list[tuple[RuleMatch, ...]]]:
    """Which answers to combine: per combination of suspicions, the ways to answer all of them, best first.

    The strongest suspicions come all together first, then by twos.
    """
    suspicions = _suspicions(usable, diagnosis)[:JOINT_SUSPICIONS]
    if len(suspicions) < 2:
        return []
    pairs = list(combinations(suspicions, 2)) if len(suspicions) > 2 else []
    return [_ways(group) for group in (tuple(suspicions), *pairs)]


def _suspicions(usable: Sequence[RuleMatch], diagnosis: Diagnosis) -> list[list[RuleMatch]]:
    """The answers to each suspicion (the faults of one family), both best first."""
    by_family: dict[frozenset[str], list[RuleMatch]] = {}
    strength: dict[frozenset[str], float] = {}
    for found in usable:
        fault = diagnosis.faults[found.fault]
        family = next((kinds for kinds in FAMILIES if fault.kind in kinds), frozenset({fault.kind}))
        by_family.setdefault(family, []).append(found)
        strength[family] = max(strength.get(family, 0.0), fault.raw_confidence)
    suspected = {fault.kind: fault.raw_confidence for fault in reversed(diagnosis.faults)}
    ranked = sorted(by_family, key=lambda family: (-strength[family], sorted(family)))
    return [
        _most_worth_first(by_family[family], {kind: suspected.get(kind, 0.0) for kind in family}) for family in ranked
    ]


def _most_worth_first(answers: Sequence[RuleMatch], suspected: Mapping[str, float]) -> list[RuleMatch]:
    """One answer for several suspected faults of a family is worth more than one for one of them."""

    def worth(found: RuleMatch) -> float:
        return found.rule.confidence * math.fsum(suspected.get(kind, 0.0) for kind in found.rule.kinds)

    return sorted(answers, key=lambda found: (-worth(found), found.rule.id))


def _ways(suspicions: Sequence[Sequence[RuleMatch]]) -> list[tuple[RuleMatch, ...]]:
    """Every way to take one answer per suspicion, those with the foremost answers first."""
    options = [list(enumerate(answers[:ANSWERS_PER_SUSPICION])) for answers in suspicions]
    ways = sorted(product(*options), key=lambda way: sum(position for position, _ in way))
    return [tuple(found for _, found in way) for way in ways]


def _contradicts_itself(hypothesis: _Hypothesis) -> bool:
    """Whether two answers set the same thing to different values, which byte ranges alone need not show."""
    settings: dict[tuple[Any, ...], Any] = {}
    for found in hypothesis.matches:
        for edit in found.edits:
            name = edit.parameters.get("name") if "argument" in edit.edit else None
            what = (_SETS.get(edit.edit, edit.edit), edit.layer, edit.parameters.get("target"), name)
            if settings.setdefault(what, edit.parameters) != edit.parameters:
                return True
    return False


def _repeats_itself(hypothesis: _Hypothesis) -> bool:
    """Whether an answer asks for nothing that the others do not ask for; a smaller combination then says the same."""
    for found in hypothesis.matches:
        others = [edit for other in hypothesis.matches if other is not found for edit in other.edits]
        if all(edit in others for edit in found.edits):
            return True
    return False


#: Different edits that set the same thing.
_SETS = {
    "set-optimizer": "step size",
    "set-learning-rate": "step size",
    "scale-inputs": "scale of the inputs",
    "encode-inputs": "scale of the inputs",
}


def _unique(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(values))


def _patch_order(patch: Patch) -> tuple[float, int, int, str]:
    return (-patch.support, len(patch.edits), _ORDER.index(patch.applicability), patch.key)
