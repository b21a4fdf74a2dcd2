"""Reference learners: what quick scikit-learn models reach on the arrays that reached ``fit``.

They say what the data allows. All work on a small sample within a few seconds, on features made comparable first
(missing values filled in, columns standardised and cut at ten standard deviations), so that huge or mixed scales, which
are a frequent fault of the network's inputs, do not lower the bar. Pictures are also shown to the linear learner as
pooled responses to random patches, since what tells them apart may be anywhere in them; where the targets are pictures,
too, it predicts each pixel from its neighbourhood. A class for each place of a sequence or a picture is told by trees
that see the places around it.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .findings import ReferenceScores, Task
from .neighbourhoods import maps_alike, predict_pixels
from .places import score_places
from .random_patches import RandomPatches, picture_input
from .skill import Score, classes_of, combine, score
from .task import array_facts, infer_task
from .trace import DataSample

SECONDS = 5.0
MAX_ROWS = 1500
MAX_TEST_ROWS = 1000
MAX_COLUMNS = 4096
#: Wider inputs (images, sequences) are reduced to this many principal components, 95 % of the variance of most images.
COMPONENTS = 64
WIDE = 128
ON_PATCHES = "linear on random patches"
ON_NEIGHBOURHOODS = "linear on neighbourhoods"
ON_WINDOWS = "randomized trees on windows"
#: Test pixels that neighbourhoods are scored on.
MAX_TEST_PIXELS = 400_000
MAX_OUTPUTS = 64
MAX_TOKENS = 500
TREES = 50
#: Below this many rows too few can be held out: cross-validated down to the second number, on the training rows below.
SMALL = 40
TINY = 10
FOLDS = 10

#: In the order in which they are tried while time lasts.
LEARNERS = (
    *("linear", "nearest neighbours", ON_PATCHES, ON_NEIGHBOURHOODS, ON_WINDOWS),
    *("randomized trees", "boosted trees"),
)


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

    def on_patches(self) -> _Split | None:
        """The same rows with responses to random patches as features, None where there are no pictures to speak of."""
        if self.train_pictures is None or self.test_pictures is None or len(self.train_pictures) < SMALL:
            return None
        bank = RandomPatches(self.train_pictures)
        train, test = bank.of(self.train_pictures), bank.of(self.test_pictures)
        features = _Features((train,), np.arange(len(train)), tokens=False)
        return replace(
            self,
            train_x=features.of((train,), np.arange(len(train))),
            test_x=features.of((test,), np.arange(len(test))),
        )


def reference_scores(
    sample: DataSample | None, task: Task, *, seconds: float = SECONDS, tokens: bool = False, bottleneck: bool = False
) -> ReferenceScores:
    """Skill of a trivial, a linear and a flexible learner on the script's validation rows, else on a fixed split.

    Args:
        sample: The arrays; None gives no scores.
        task: What is to be learned, of the first target.
        seconds: Time to stop starting further learners at.
        tokens: The inputs are whole numbers that stand for words: they are counted instead of measured.
        bottleneck: The network squeezes its input through fewer numbers on purpose, so that it cannot be blamed for
            reproducing pictures worse than a learner which sees every pixel.

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
            split = None if _copies_its_input(sample) else _split(sample, tokens)
            if split is None:
                return nothing
            kept = [name for name in LEARNERS if not (bottleneck and name == ON_NEIGHBOURHOODS)]
            return _scores(split, task, kept, started, seconds)
    except (ValueError, TypeError, IndexError, MemoryError, np.linalg.LinAlgError):
        return nothing  # data that no learner takes says nothing about the network


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
    import sklearn.linear_model
    import sklearn.model_selection
    import sklearn.neighbors  # noqa: F401


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
    learner = _classifier(name, len(train_x), len(ids), _uneven(codes))
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


def _classifier(name: str, rows: int, classes: int, uneven: bool) -> Any:
    weight = "balanced" if uneven else None
    if name == "linear":
        from sklearn.linear_model import LogisticRegression

        return LogisticRegression(max_iter=200, class_weight=weight)
    if name == "nearest neighbours":
        from sklearn.neighbors import KNeighborsClassifier

        return KNeighborsClassifier(n_neighbors=1 if rows < SMALL else 5)
    if name == "randomized trees":
        from sklearn.ensemble import ExtraTreesClassifier

        return ExtraTreesClassifier(
            TREES, min_samples_leaf=2 if rows >= SMALL else 1, class_weight=weight, random_state=0
        )
    if rows < SMALL or classes > 5:
        return None
    from sklearn.ensemble import HistGradientBoostingClassifier

    return HistGradientBoostingClassifier(max_iter=60, early_stopping=False, class_weight=weight, random_state=0)


def _regress(  # noqa: PLR0917
    name: str, split: _Split, train_x: np.ndarray, task: Task, train_y: np.ndarray, test_y: np.ndarray
) -> Score | None:
    flat = train_y.reshape(len(train_y), -1).astype(float)
    low, spread = flat.mean(axis=0), flat.std(axis=0)
    spread = np.where(spread > 0, spread, 1.0)
    learner = _regressor(name, len(train_x), flat.shape[1])
    if learner is None:
        return None
    given = (flat - low) / spread
    raw = np.asarray(_predict(learner, train_x, given if given.shape[1] > 1 else given.ravel(), split))
    predictions = raw.reshape(len(raw), -1) * spread + low
    if predictions.shape[1] == int(np.prod(test_y.shape[1:])):
        return score(task, test_y, predictions.reshape(test_y.shape))
    return None


def _regressor(name: str, rows: int, outputs: int) -> Any:
    if name == "linear":
        from sklearn.linear_model import RidgeCV

        return RidgeCV(alphas=np.logspace(-2, 3, 11))
    if name == "nearest neighbours":
        from sklearn.neighbors import KNeighborsRegressor

        return KNeighborsRegressor(n_neighbors=1 if rows < TINY else 3 if rows < SMALL else 5)
    if outputs > MAX_OUTPUTS:
        return None
    if name == "randomized trees":
        from sklearn.ensemble import ExtraTreesRegressor

        return ExtraTreesRegressor(TREES, min_samples_leaf=2 if rows >= SMALL else 1, random_state=0)
    if rows < SMALL or outputs > 1:
        return None
    from sklearn.ensemble import HistGradientBoostingRegressor

    return HistGradientBoostingRegressor(max_iter=60, early_stopping=False, random_state=0)


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
    fit_features = _Features(sample.inputs, train, tokens)
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


class _Features:
    """Turns inputs of any shape into one comparable table, with statistics of the training rows only."""

    def __init__(self, inputs: Sequence[np.ndarray], rows: np.ndarray, tokens: bool) -> None:
        self._tokens = tokens
        self._columns = [_chosen_columns(np.asarray(part)) for part in inputs]
        self._words = [_frequent_words(np.asarray(part)[rows]) if tokens else None for part in inputs]
        table = self._table(inputs, rows)
        self._fill = np.nan_to_num(np.nanmedian(table, axis=0))
        table = np.where(np.isnan(table), self._fill, table)
        self._mean, deviation = table.mean(axis=0), table.std(axis=0)
        self._kept = deviation > 1e-12 * np.maximum(1.0, np.abs(self._mean))
        self._deviation = np.where(self._kept, deviation, 1.0)
        self._reduce: Any = None
        scaled = self._scale(table)
        if scaled.shape[1] > WIDE and not tokens:
            from sklearn.decomposition import PCA

            components = min(COMPONENTS, len(scaled) - 1, scaled.shape[1])
            self._reduce = PCA(components, svd_solver="randomized", random_state=0).fit(scaled)

    def of(self, inputs: Sequence[np.ndarray], rows: np.ndarray) -> np.ndarray:
        """The table of these rows."""
        table = self._table(inputs, rows)
        scaled = self._scale(np.where(np.isnan(table), self._fill, table))
        return scaled if self._reduce is None else np.asarray(self._reduce.transform(scaled), dtype=float)

    def _scale(self, table: np.ndarray) -> np.ndarray:
        if self._tokens:  # counts of words are comparable as they are; standardising would blow up the rare ones
            return table
        scaled = (table - self._mean) / self._deviation
        kept = scaled[:, self._kept] if self._kept.any() else scaled[:, :1]
        clipped: np.ndarray = np.clip(kept, -10.0, 10.0)
        return clipped

    def _table(self, inputs: Sequence[np.ndarray], rows: np.ndarray) -> np.ndarray:
        parts = list(self._parts(inputs, rows))
        table = np.concatenate(parts, axis=1) if parts else np.zeros((len(rows), 1))
        return np.where(np.isfinite(table), table, np.nan)

    def _parts(self, inputs: Sequence[np.ndarray], rows: np.ndarray) -> Iterator[np.ndarray]:
        for part, columns, words in zip(inputs, self._columns, self._words, strict=True):
            chosen = np.asarray(part)[rows]
            if chosen.dtype.kind not in "biuf":
                continue
            flat = chosen.reshape(len(chosen), -1)
            if words is not None:
                yield _counts(flat, words)
            else:
                yield flat[:, columns].astype(float)


def _chosen_columns(part: np.ndarray) -> np.ndarray | slice:
    width = int(np.prod(part.shape[1:]))
    if width <= MAX_COLUMNS:
        return slice(None)
    return np.sort(np.random.default_rng(0).choice(width, MAX_COLUMNS, replace=False))


def _frequent_words(part: np.ndarray) -> np.ndarray | None:
    """The most frequent whole numbers, None if there are others."""
    if part.dtype.kind not in "biuf" or not np.all(part == np.floor(part)):
        return None
    words, counts = np.unique(part, return_counts=True)
    chosen: np.ndarray = np.sort(words[np.argsort(-counts, kind="stable")[:MAX_TOKENS]])
    return chosen


def _counts(tokens: np.ndarray, words: np.ndarray) -> np.ndarray:
    """How often each of the chosen words occurs in a row, dampened."""
    found = np.zeros((len(tokens), len(words)))
    places = np.clip(np.searchsorted(words, tokens), 0, len(words) - 1)
    rows = np.broadcast_to(np.arange(len(tokens))[:, None], tokens.shape)
    known = words[places] == tokens
    np.add.at(found, (rows[known], places[known]), 1)
    return np.log1p(found)
