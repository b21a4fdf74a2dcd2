"""Patches, trials and a runner that trains nothing: skill is a function of what is patched."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future

from dlfix.repair.patch import EditRecord, Patch, Trial, TrialState
from dlfix.repair.trials.runner import TrialRequest

#: What one simulated trial yields: a skill, or the state it ended in.
Outcome = float | TrialState


def patch(name: str, *, kind: str | None = None, support: float = 0.5, rule: str = "") -> Patch:
    edits = tuple(EditRecord(f"edit-{part}", "a", "b", None) for part in name.split("+"))
    kinds = tuple(kind.split("+")) if kind else tuple(f"kind-{part}" for part in name.split("+"))
    return Patch(name, name, edits, (), "", (rule or f"rule-{name}",), (), kinds, support=support)


def compose(patches: Sequence[Patch]) -> Patch:
    names = [one.key for one in patches]
    kinds = "+".join(kind for one in patches for kind in one.fault_kinds)
    return patch("+".join(sorted(names)), kind=kinds, support=min(one.support for one in patches))


def trial(
    skill: Outcome | None,
    *,
    key: str | None = "p",
    seed: int = 0,
    fraction: float = 1.0,
    seconds: float = 1.0,
    epochs: int = 10,
    rows: int = 10_000,
) -> Trial:
    state = skill if isinstance(skill, TrialState) else TrialState.COMPLETED
    value = -1.0 if state is TrialState.DIVERGED else None if isinstance(skill, TrialState) else skill
    evaluation = {"rows": rows, "trivial": 0.5, "fit_seconds": seconds * 0.8}
    return Trial(key, seed, state, epochs, seconds, value, metric="accuracy", fraction=fraction, evaluation=evaluation)


class FakeRunner:
    """Answers at once, moving a clock of its own by what the trial would have taken.

    Attributes:
        skill: Parts of the patch and seed -> outcome.
        requests: Everything that was asked for, in order.
        slow: A patch with which training takes five times as long.
    """

    def __init__(
        self,
        skill: Callable[[frozenset[str], int], Outcome],
        *,
        jobs: int = 1,
        other_seconds: float = 1.0,
        fit_seconds: float = 1.0,
        interrupt_after: int | None = None,
        at_fraction: Callable[[frozenset[str], int, float], Outcome] | None = None,
        slow: str = "",
    ) -> None:
        self.skill, self.jobs = skill, jobs
        self.other_seconds, self.fit_seconds = other_seconds, fit_seconds
        self.interrupt_after, self.at_fraction = interrupt_after, at_fraction
        self.slow = slow
        self.now = 0.0
        self.requests: list[TrialRequest] = []
        self.limits: list[float] = []
        self.cancelled = False

    def clock(self) -> float:
        return self.now

    def submit(self, request: TrialRequest, seconds: float) -> Future[Trial]:
        if self.interrupt_after is not None and len(self.requests) >= self.interrupt_after:
            raise KeyboardInterrupt
        self.requests.append(request)
        self.limits.append(seconds)
        parts = frozenset(request.patch.key.split("+")) if request.patch is not None else frozenset[str]()
        duration = self.other_seconds + request.fraction * self.fit_seconds * (5 if self.slow in parts else 1)
        if duration > seconds:
            outcome: Outcome = TrialState.TIMED_OUT
        elif self.at_fraction is not None:
            outcome = self.at_fraction(parts, request.seed, request.fraction)
        else:
            outcome = self.skill(parts, request.seed)
        self.now += min(duration, seconds) / self.jobs
        future: Future[Trial] = Future()
        future.set_result(
            trial(outcome, key=request.key, seed=request.seed, fraction=request.fraction, seconds=duration)
        )
        return future

    def cancel_all(self) -> None:
        self.cancelled = True
