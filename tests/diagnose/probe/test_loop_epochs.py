"""Where epochs of a loop begin."""

import sys
from pathlib import Path

import numpy as np
from dlfix.diagnose.probe.loop_epochs import EpochFinder, LoopFinder, LoopPlace, fingerprints
from dlfix.diagnose.probe.sites import SiteFinder

ROWS = np.random.default_rng(0).normal(size=(100, 5)).astype("float32")


def follow(batches, loops=lambda step: (LoopPlace("a.py", 1, step),)) -> EpochFinder:
    finder = EpochFinder()
    for step, batch in enumerate(batches):
        finder.step(step, batch, loops(step), 0.1)
        finder.add({"loss": float(step)}, len(batch))
    return finder


def test_rows_that_come_again_begin_an_epoch() -> None:
    order = np.random.default_rng(1)
    batches = [part for _ in range(3) for part in np.array_split(ROWS[order.permutation(100)], 4)]
    found = follow(batches)
    assert found.log.begins == [0, 4, 8]
    assert found.rows == 100
    assert found.log.metrics() == {"loss": (1.5, 5.5, 9.5)}
    assert found.log.of_steps([0, 3, 4, 11]).tolist() == [0, 0, 1, 2]
    assert found.seen(batches[-1])
    assert not found.seen(ROWS + 1)


def test_a_row_has_the_same_mark_in_every_batch() -> None:
    wide = np.random.default_rng(2).normal(size=(40, 3000)).astype("float32")
    whole, part = fingerprints(wide), fingerprints(wide[7:9])
    assert whole is not None
    assert part == whole[7:9]
    assert fingerprints(np.zeros((8, 3))) is None  # rows that are all alike tell nothing
    assert fingerprints(np.array(["a", "b"])) is None


def test_rows_that_never_come_again_leave_it_to_the_loops() -> None:
    noise = np.random.default_rng(3)
    nested = follow(
        [noise.normal(size=(8, 3)) for _ in range(12)],
        lambda step: (LoopPlace("a.py", 3, step % 4), LoopPlace("a.py", 2, step // 4)),
    )
    assert nested.log.begins == [0, 4, 8]
    single = follow([noise.normal(size=(8, 3)) for _ in range(12)])
    assert single.log.begins == [0]


def test_the_loops_around_a_call(tmp_path: Path) -> None:
    script = tmp_path / "train.py"
    script.write_text(
        "def step():\n    seen.append(find())\n"
        "for epoch in range(2):\n    for i, _ in enumerate('ab'):\n        step()\n"
    )
    finder, seen = LoopFinder(SiteFinder(tmp_path, script)), []
    exec(
        compile(script.read_text(), str(script), "exec"),
        {"__name__": "__main__", "seen": seen, "find": lambda: finder.loops(sys._getframe(1))},
    )
    assert [[(place.line, place.progress) for place in places] for places in seen] == [
        [(4, 0), (3, 0)],
        [(4, 1), (3, 0)],
        [(4, 0), (3, 1)],
        [(4, 1), (3, 1)],
    ]
