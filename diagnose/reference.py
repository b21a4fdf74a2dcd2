"""Reference learners: what quick scikit-learn models reach on the arrays that reached ``fit``.

They say what the data allows. All work on a small sample within a few seconds, on features made comparable first
(``reference_features``). Pictures are also shown to the linear learner as pooled responses to random patches, since
what tells them apart may be anywhere in them; where the targets are pictures, too, it predicts each pixel from its
neighbourhood. A class for each place of a sequence or a picture is told by trees that see the places around it. Where
the targets are the inputs, principal components say what a code of half the width keeps.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .findings import ReferenceScores, Task
from .neighbourhoods import maps_alike, predict_pixels
from .places import score_places
from .random_patches import RandomPatches, picture_input
from .reference_features import Features
from .reference_learners import KERNEL, MAX_OUTPUTS, PERCEPTRON, SMALL, TINY, classifier, regressor
from .skill import Score, classes_of, combine, score
from .task import array_facts, infer_task
from .trace import DataSample

SECONDS = 5.0
MAX_ROWS = 1500
MAX_TEST_ROWS = 1000
ON_PATCHES = "linear on random patches"
ON_NEIGHBOURHOODS = "linear on neighbourhoods"
ON_WINDOWS = "randomized trees on windows"
LINEAR_CODE = "a linear code half as wide"
#: Test pixels that neighbourhoods are scored on.
MAX_TEST_PIXELS = 400_000
FOLDS = 10

#: In the order in which they are tried while time lasts.
LEARNERS = (
    *("linear", "nearest neighbours", ON_PATCHES, ON_NEIGHBOURHOODS, ON_WINDOWS, KERNEL),
    *("randomized trees", "boosted trees", PERCEPTRON),
)

#: Learners that are fitted to held-out rows: the quick ones.
ON_HELD_OUT = ("linear", "nearest neighbours", KERNEL, "randomized trees")
#: Held-out rows from which on they are, and skill of what learned from the training rows beyond which there is no need.
HELD_OUT_ROWS, ROOM = 100, 0.85


@dataclass(frozen=True)
class _Split:
    """Features and row numbers of one comparison."""

    train_x: np.ndarray
    test_x: np.ndarray
    train_targets: tuple[np.ndarray, ...]
    test_targets: tuple[np.ndarray, ...]
    train_pictures: np.ndarray | None = None
    test_pictures: np.ndarray | None = None
    train_inputs: tuple[np.ndarray, ...] = ()
    test_inputs: tuple[np.ndarray, ...] = ()
    components: int = 0

    def on_patches(self) -> _Split | None:
        """The same rows with responses to random patches as features, None where there are no pictures to speak of."""
        if self.train_pictures is None or self.test_pictures is None or len(self.train_pictures) < SMALL:
            return None
        bank = RandomPatches(self.train_pictures)
        train, test = bank.of(self.train_pictures), bank.of(self.test_pictures)
        features = Features((train,), np.arange(len(train)), tokens=False)
        return replace(
            self,
            train_x=features.of((train,), np.arange(len(train))),
            test_x=features.of((test,), np.arange(len(test))),
        )


def reference_scores(
    sample: DataSample | None,
    task: Task,
    *,
    seconds: float = SECONDS,
    tokens: bool = False,
    bottleneck: bool = False,
    code: int = 0,
) -> ReferenceScores:
    """Skill of a trivial, a linear and a flexible learner on the script's validation rows, else on a fixed split.

    Args:
        sample: The arrays; None gives no scores.
        task: What is to be learned, of the first target.
        seconds: Time to stop starting further learners at.
        tokens: The inputs are whole numbers that stand for words: they are counted instead of measured.
        bottleneck: The network squeezes its input through fewer numbers on purpose, so that it cannot be blamed for
            reproducing pictures worse than a learner which sees every pixel.
        code: Numbers per row that a plain autoencoder squeezes its input through, 0 for other networks. One that
            reproduces its input is compared with a linear code half as wide, as every other learner would just pass the
            input through.

    Example:
        >>> x = np.random.default_rng(0).normal(size=(200, 3))
        >>> sample = DataSample((x,), (x @ [[1.0], [2.0], [3.0]],))
        >>> reference_scores(sample, Task("regression", None, "real", 1.0)).best > 0.9
        True
    """
    nothing = ReferenceScores(None, None, None)
    if sample is None or not sample.inputs or not sample.targets or task.kind == "unknown":
        return nothing
    _load_learners()
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    started = time.monotonic()
    try:
        # One thread: on small samples and shared cores, threads that wait for each other cost far more than they save.
        with warnings.catch_warnings(), np.errstate(all="ignore"), threadpool_limits(1):
            warnings.simplefilter("ignore")
            copies = _copies_its_input(sample)
            split = None if copies and code < 2 else _split(sample, tokens)
            if split is None:
                return nothing
            if copies:
                return _scores(replace(split, components=code // 2), task, [LINEAR_CODE], started, seconds)
            kept = [name for name in LEARNERS if not (bottleneck and name == ON_NEIGHBOURHOODS)]
            found = _scores(split, task, kept, started, seconds)
            return _with_held_out(found, sample, task, tokens)
    except (ValueError, TypeError, IndexError, MemoryError, np.linalg.LinAlgError):
        return nothing  # data that no learner takes says nothing about the network


def _with_held_out(found: ReferenceScores, sample: DataSample, task: Task, tokens: bool) -> ReferenceScores:
    """Add what held-out rows teach about each other, where the training rows teach little about them."""
    inputs, targets = sample.validation_inputs, sample.validation_targets
    rows = min((len(part) for part in (*inputs, *targets)), default=0)
    if found.best is None or found.best > ROOM or not targets or rows < HELD_OUT_ROWS:
        return found
    # In order, not by chance: rows near each other in time would give away one another.
    cut = rows - rows // 4
    known, asked = (
        [tuple(np.asarray(part)[some] for part in group) for group in (inputs, targets)]
        for some in (slice(0, cut), slice(cut, rows))
    )
    split = _split(DataSample(known[0], known[1], asked[0], asked[1]), tokens)
    if split is None:
        return found
    tasks = [task, *(infer_task(array_facts("y", target)) for target in split.train_targets[1:])]
    scores = [_score_learner(name, split, tasks) for name in ON_HELD_OUT]
    scored = [item for item in scores if item is not None and item.skill is not None]
    if not scored:
        return found
    best = max(scored, key=lambda item: item.skill or 0.0)
    return replace(found, held_out=best.skill, held_out_rows=best.rows)


def _copies_its_input(sample: DataSample) -> bool:
    """Autoencoders: every learner without a bottleneck solves the task by passing the input through."""
    given, wanted = np.asarray(sample.inputs[0]), np.asarray(sample.targets[0])
    if given.size != wanted.size or len(given) != len(wanted):
        return False
    return bool(np.allclose(given.reshape(len(given), -1), wanted.reshape(len(given), -1), equal_nan=True))


def _load_learners() -> None:
    """Import scikit-learn before the clock starts: a cold disk must not decide which learners take part."""
    import sklearn.decomposition
    import sklearn.ensemble
    import sklearn.kernel_approximation
    import sklearn.linear_model
    import sklearn.model_selection
    import sklearn.neighbors
    import sklearn.neural_network
    import sklearn.svm  # noqa: F401


def _scores(split: _Split, task: Task, learners: Sequence[str], started: float, seconds: float) -> ReferenceScores:
    tasks = [task, *(infer_task(array_facts("y", target)) for target in split.train_targets[1:])]
    found: dict[str, Score] = {}
    for name in learners:
        if found and time.monotonic() - started > seconds:
            break
        result = _score_learner(name, split, tasks)
        if result is not None and result.skill is not None:
            found[name] = result
    if not found:
        return ReferenceScores(None, None, None, seconds=time.monotonic() - started)
    best_name, best = max(found.items(), key=lambda item: item[1].skill or 0.0)
    best_skill = best.skill or 0.0
    linear = found.get("linear")
    if best_skill < 0:
        best_name, best_skill = "constant prediction", 0.0
    return ReferenceScores(
        trivial=0.0,
        linear=linear.skill if linear else None,
        best=best_skill,
        best_name=best_name,
        metric=best.metric,
        rows=best.rows,
        seconds=time.monotonic() - started,
    )


def _score_learner(name: str, split: _Split, tasks: Sequence[Task]) -> Score | None:
    try:
        if name == ON_NEIGHBOURHOODS:
            return _score_neighbourhoods(split, tasks)
        if name == ON_WINDOWS:
            return _score_windows(split, tasks)
        if name == LINEAR_CODE:
            return _score_linear_code(split, tasks)
        if name == ON_PATCHES:
            maps = any(_is_map(item, target) for item, target in zip(tasks, split.train_targets, strict=True))
            on_patches = None if maps else split.on_patches()
            if on_patches is None:
                return None
            name, split = "linear", on_patches
        scores = [
            _score_output(name, split, task, train_y, test_y)
            for task, train_y, test_y in zip(tasks, split.train_targets, split.test_targets, strict=True)
        ]
    except (ValueError, TypeError, IndexError, MemoryError, np.linalg.LinAlgError):
        return None
    if any(item is None for item in scores):
        return None
    return combine([item for item in scores if item is not None])


def _score_neighbourhoods(split: _Split, tasks: Sequence[Task]) -> Score | None:
    """Of a single target with numbers for each pixel."""
    pictures, shown = split.train_pictures, split.test_pictures
    if pictures is None or shown is None or len(tasks) > 1 or tasks[0].kind != "regression":
        return None
    train_y, test_y = split.train_targets[0], split.test_targets[0]
    if not maps_alike(pictures, train_y) or not np.isfinite(train_y).all():
        return None
    if split.test_x is not split.train_x:
        kept = max(TINY, MAX_TEST_PIXELS // int(np.prod(pictures.shape[1:])))
        return score(tasks[0], test_y[:kept], predict_pixels(pictures, train_y, shown[:kept]))
    # Too few to hold any out: each half of them is predicted by the other.
    halves = np.arange(len(pictures)) % 2 == 0
    predictions = np.empty(train_y.shape)
    for half in (halves, ~halves):
        predictions[half] = predict_pixels(pictures[~half], train_y[~half], pictures[half])
    return score(tasks[0], train_y, predictions)


def _score_windows(split: _Split, tasks: Sequence[Task]) -> Score | None:
    """Of a single target with a class for each place, where rows can be held out."""
    if len(tasks) > 1 or tasks[0].kind not in ("binary", "multiclass") or split.test_x is split.train_x:
        return None
    trained = split.train_inputs, split.train_targets[0]
    return score_places(tasks[0], trained, (split.test_inputs, split.test_targets[0]))


def _score_linear_code(split: _Split, tasks: Sequence[Task]) -> Score | None:
    """Of targets that are the input: principal components of the training rows, the best linear code for any width."""
    from sklearn.decomposition import PCA

    if len(tasks) > 1 or tasks[0].kind != "regression" or len(split.train_x) < SMALL:
        return None
    train = split.train_targets[0].reshape(len(split.train_targets[0]), -1).astype(float)
    test = split.test_targets[0].reshape(len(split.test_targets[0]), -1).astype(float)
    if split.components >= min(train.shape):
        return None
    code = PCA(split.components, random_state=0).fit(train)
    rebuilt = code.inverse_transform(code.transform(test))
    return score(tasks[0], split.test_targets[0], rebuilt.reshape(split.test_targets[0].shape))


def _is_map(task: Task, target: np.ndarray) -> bool:
    """A value per place: pooled responses have lost the places."""
    labels = task.kind in ("binary", "multiclass")
    return target.ndim > 2 or (not labels and target.size > MAX_OUTPUTS * len(target))


def _score_output(name: str, split: _Split, task: Task, train_y: np.ndarray, test_y: np.ndarray) -> Score | None:
    if task.kind == "unknown":
        return Score(None, "accuracy", None, None, 0)
    kept = np.isfinite(train_y.reshape(len(train_y), -1).astype(float)).all(axis=1)
    train_x, train_y = split.train_x[kept], train_y[kept]
    if task.kind in ("binary", "multiclass"):
        return _classify(name, split, train_x, task, train_y, test_y)
    return _regress(name, split, train_x, task, train_y, test_y)


def _classify(  # noqa: PLR0917
    name: str, split: _Split, train_x: np.ndarray, task: Task, train_y: np.ndarray, test_y: np.ndarray
) -> Score | None:
    classes = classes_of(task, train_y)
    if classes.ndim > 1:  # a class per place (segmentation, tagging): see ``_score_windows``
        return None
    ids, codes = np.unique(classes, return_inverse=True)
    if len(ids) < 2:
        return None
    learner = classifier(name, len(train_x), len(ids), _uneven(codes))
    if learner is None:
        return None
    decided = ids[_predict(learner, train_x, codes, split)]
    if test_y.ndim > 1 and test_y.shape[-1] > 1:
        predictions = np.zeros((len(decided), test_y.shape[-1]))
        predictions[np.arange(len(decided)), decided.astype(int)] = 1
        return score(task, test_y, predictions)
    return score(task, test_y, decided)


def _uneven(codes: np.ndarray) -> bool:
    counts = np.bincount(codes)
    return bool(counts.max() >= 1.5 * counts.min())  # skill is then measured by balanced accuracy


def _regress(  # noqa: PLR0917
    name: str, split: _Split, train_x: np.ndarray, task: Task, train_y: np.ndarray, test_y: np.ndarray
) -> Score | None:
    flat = train_y.reshape(len(train_y), -1).astype(float)
    low, spread = flat.mean(axis=0), flat.std(axis=0)
    spread = np.where(spread > 0, spread, 1.0)
    learner = regressor(name, len(train_x), flat.shape[1])
    if learner is None:
        return None
    given = (flat - low) / spread
    raw = np.asarray(_predict(learner, train_x, given if given.shape[1] > 1 else given.ravel(), split))
    predictions = raw.reshape(len(raw), -1) * spread + low
    if predictions.shape[1] == int(np.prod(test_y.shape[1:])):
        return score(task, test_y, predictions.reshape(test_y.shape))
    return None


def _predict(learner: Any, train_x: np.ndarray, train_y: np.ndarray, split: _Split) -> np.ndarray:
    from sklearn.base import clone
    from sklearn.model_selection import KFold, cross_val_predict

    if split.test_x is split.train_x and TINY <= len(train_x) < SMALL:
        return np.asarray(cross_val_predict(clone(learner), train_x, train_y, cv=KFold(FOLDS)))
    return np.asarray(learner.fit(train_x, train_y).predict(split.test_x))


def _split(sample: DataSample, tokens: bool) -> _Split | None:
    targets = [np.asarray(target) for target in sample.targets]
    rows = min(len(part) for part in (*sample.inputs, *targets))
    if rows < 4 or any(target.dtype.kind not in "biuf" for target in targets):
        return None
    if sample.validation_inputs and sample.validation_targets and len(sample.validation_targets[0]) >= 4:
        train = _thin(np.arange(rows), MAX_ROWS)
        test_rows = min(len(part) for part in (*sample.validation_inputs, *sample.validation_targets))
        test = _thin(np.arange(test_rows), MAX_TEST_ROWS)
        test_inputs, test_targets = sample.validation_inputs, sample.validation_targets
    else:
        order = np.random.default_rng(0).permutation(rows)
        held = 0 if rows < SMALL else max(TINY, rows // 4)
        test, train = _thin(order[:held], MAX_TEST_ROWS), _thin(order[held:], MAX_ROWS)
        test_inputs, test_targets = sample.inputs, sample.targets
    fit_features = Features(sample.inputs, train, tokens)
    train_x = fit_features.of(sample.inputs, train)
    # With nothing held out both sides are one object, which asks for cross-validation.
    same = len(test) == 0
    pictures = None if tokens else picture_input(sample.inputs)
    test_x = train_x if same else fit_features.of(test_inputs, test)
    return _Split(
        train_x,
        test_x,
        tuple(target[train] for target in targets),
        tuple(target[train] for target in targets) if same else tuple(np.asarray(part)[test] for part in test_targets),
        None if pictures is None else np.asarray(sample.inputs[pictures])[train],
        None if pictures is None else np.asarray(test_inputs[pictures])[train if same else test],
        tuple(np.asarray(part)[train] for part in sample.inputs),
        tuple(np.asarray(part)[train if same else test] for part in test_inputs),
    )


def _thin(rows: np.ndarray, limit: int) -> np.ndarray:
    return rows if len(rows) <= limit else rows[np.linspace(0, len(rows) - 1, limit).astype(int)]
