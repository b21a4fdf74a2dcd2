"""Draws variants, single and double faults, evenly over kinds of faults and over programs.

A kind is drawn in proportion to the square root of the number of programs that have room for it.

The draw is a sequence: every beginning of it is as even as the whole, so that a run that is cut short is still a fair
sample. The same seed and the same programs give the same sequence.
"""

from __future__ import annotations

import hashlib
import math
import random
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from .anatomy import Program
from .operators.registry import plantings
from .planting import Incompatible, Planted, Planting, compatible, plant

#: One variant in so many has two faults.
DOUBLE_EVERY = 4
#: What a program was drawn for counts by its time to this power: where kinds leave a choice, quick ones come oftener.
_COST_POWER = 1.0


@dataclass(frozen=True)
class Variant:
    """A program with one or two planted faults.

    Attributes:
        key: Program and plantings, readable.
        name: Short and fit for a folder.
    """

    program: str
    key: str
    planted: Planted

    @property
    def name(self) -> str:
        return f"{self.program}-{hashlib.sha256(self.key.encode()).hexdigest()[:10]}"

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.planted.source.encode()).hexdigest()[:16]


def generate(programs: Mapping[str, Program], count: int, seed: int, seconds: Mapping[str, float]) -> list[Variant]:
    """Draw ``count`` different variants (fewer if there are not so many).

    Args:
        seconds: What a run of each program takes.
    """
    return _Draw(programs, seed, seconds).variants(count)


class _Draw:
    def __init__(self, programs: Mapping[str, Program], seed: int, seconds: Mapping[str, float]) -> None:
        self.random = random.Random(seed)
        self.programs = programs
        usual = sorted(seconds[name] for name in programs)[len(programs) // 2] if programs else 1.0
        self.cost = {name: (seconds[name] / usual) ** _COST_POWER for name in programs}
        self.left: dict[str, dict[str, list[Planting]]] = {}
        for name, program in programs.items():
            by_kind: dict[str, list[Planting]] = defaultdict(list)
            for planting in plantings(program):
                by_kind[planting.kind].append(planting)
            self.left[name] = by_kind
        self.everything = {name: {kind: list(of) for kind, of in kinds.items()} for name, kinds in self.left.items()}
        # A kind that few programs have room for would else be planted into the same ones again and again.
        offering = Counter(kind for of in self.left.values() for kind in of)
        self.weight = {kind: math.sqrt(number) for kind, number in offering.items()}
        self.kinds: Counter[str] = Counter()
        self.of_program: Counter[str] = Counter()
        self.both: Counter[tuple[str, str]] = Counter()
        self.operators: Counter[str] = Counter()
        self.seen: set[str] = set()

    def variants(self, count: int) -> list[Variant]:
        found: list[Variant] = []
        misses = 0
        while len(found) < count and misses < 200:
            double = len(found) % DOUBLE_EVERY == DOUBLE_EVERY - 1
            variant = self._double() if double else self._single()
            if variant is None or variant.digest in self.seen:
                misses += 1
                continue
            self.seen.add(variant.digest)
            found.append(variant)
        return found

    def _single(self) -> Variant | None:
        kinds = {kind for of in self.left.values() for kind, left in of.items() if left}
        if not kinds:
            return self._double()
        kind = self._rarest(kinds)
        name = self._program({name for name, of in self.left.items() if of.get(kind)}, kind)
        planting = self._planting(self.left[name][kind])
        self.left[name][kind].remove(planting)
        self._count(name, [planting])
        return self._variant(name, [planting])

    def _double(self) -> Variant | None:
        kind = self._rarest({kind for of in self.everything.values() for kind in of})
        name = self._program({name for name, of in self.everything.items() if kind in of}, kind)
        first = self._planting(self.everything[name][kind])
        others = [one for of in self.everything[name].values() for one in of if compatible(first, one)]
        if not others:
            return None
        second_kind = self._rarest({one.kind for one in others})
        second = self._planting([one for one in others if one.kind == second_kind])
        self._count(name, [first, second])
        return self._variant(name, [first, second])

    def _variant(self, name: str, chosen: list[Planting]) -> Variant | None:
        try:
            planted = plant(self.programs[name].script.text, chosen)
        except Incompatible:
            return None
        return Variant(name, f"{name} " + " + ".join(one.key for one in chosen), planted)

    def _count(self, name: str, chosen: list[Planting]) -> None:
        self.of_program[name] += 1
        for one in chosen:
            self.kinds[one.kind] += 1
            self.operators[one.operator] += 1
            self.both[name, one.kind] += 1

    def _rarest(self, kinds: set[str]) -> str:
        share = {kind: self.kinds[kind] / self.weight[kind] for kind in kinds}
        fewest = min(share.values())
        return self.random.choice(sorted(kind for kind in kinds if share[kind] <= fewest + 1e-9))

    def _least(self, names: set[str], counted: Counter[str]) -> str:
        fewest = min(counted[name] for name in names)
        return self.random.choice(sorted(name for name in names if counted[name] == fewest))

    def _program(self, names: set[str], kind: str) -> str:
        """One that had this kind least often, and among these one that cost least so far."""
        fewest = min(self.both[name, kind] for name in names)
        among = {name: self.of_program[name] * self.cost[name] for name in names if self.both[name, kind] == fewest}
        least = min(among.values())
        return self.random.choice(sorted(name for name, spent in among.items() if spent <= least + 1e-9))

    def _planting(self, offered: list[Planting]) -> Planting:
        """Of the operators that can do it, one that was used least; any of its places and severities."""
        operator_id = self._least({one.operator for one in offered}, self.operators)
        return self.random.choice([one for one in offered if one.operator == operator_id])
