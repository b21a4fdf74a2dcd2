"""The quick scikit-learn models whose skill says what the data allows.

Each kind of structure has one that finds it: sums (linear), likeness (nearest neighbours), thresholds and products
(trees), smooth functions (a kernel machine: support vectors for classes; for numbers, ridge regression on Nyström's
approximation of the same kernel, Williams & Seeger 2001), and whatever a plain network of two layers finds. All take
the settings that scikit-learn comes with, except where a comment says why not.
"""

from __future__ import annotations

from typing import Any

import numpy as np

KERNEL = "kernel machine"
PERCEPTRON = "multilayer perceptron"
MAX_OUTPUTS = 64
TREES = 50
#: Below this many rows too few can be held out: cross-validated down to the second number, on the training rows below.
SMALL = 40
TINY = 10
#: Boosting grows a tree per class and round, which takes seconds with more.
MAX_BOOSTED_CLASSES = 5
#: Rows that the kernel is approximated by, a third of those that are looked at.
LANDMARKS = 500
#: Two layers, since functions of products take many units in one; passes for a second on 1,500 rows.
HIDDEN, PASSES = (64, 64), 150


def classifier(name: str, rows: int, classes: int, uneven: bool) -> Any:
    """The learner of this name for class ids, None where it has no use.

    Args:
        name: ``linear``, ``nearest neighbours``, ``randomized trees``, ``boosted trees``, ``KERNEL`` or ``PERCEPTRON``.
        rows: Number of training rows.
        uneven: Skill is measured by balanced accuracy, so classes are to weigh the same.
    """
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
    if rows < SMALL:
        return None
    if name == KERNEL:
        from sklearn.svm import SVC

        return SVC(class_weight=weight)
    if name == PERCEPTRON:
        from sklearn.neural_network import MLPClassifier

        return MLPClassifier(hidden_layer_sizes=HIDDEN, max_iter=PASSES, random_state=0)
    if classes > MAX_BOOSTED_CLASSES:
        return None
    from sklearn.ensemble import HistGradientBoostingClassifier

    return HistGradientBoostingClassifier(max_iter=60, early_stopping=False, class_weight=weight, random_state=0)


def regressor(name: str, rows: int, outputs: int) -> Any:
    """The learner of this name for ``outputs`` standardised numbers per row, None where it has no use."""
    if name == "linear":
        from sklearn.linear_model import RidgeCV

        return RidgeCV(alphas=np.logspace(-2, 3, 11))
    if name == "nearest neighbours":
        from sklearn.neighbors import KNeighborsRegressor

        return KNeighborsRegressor(n_neighbors=1 if rows < TINY else 3 if rows < SMALL else 5)
    if name == KERNEL and rows >= SMALL:
        from sklearn.kernel_approximation import Nystroem
        from sklearn.linear_model import RidgeCV
        from sklearn.pipeline import make_pipeline

        landmarks = Nystroem(n_components=min(LANDMARKS, rows), random_state=0)
        return make_pipeline(landmarks, RidgeCV(alphas=np.logspace(-4, 3, 15)))
    if outputs > MAX_OUTPUTS:
        return None
    if name == PERCEPTRON and rows >= SMALL:
        from sklearn.neural_network import MLPRegressor

        return MLPRegressor(hidden_layer_sizes=HIDDEN, max_iter=PASSES, random_state=0)
    if name == "randomized trees":
        from sklearn.ensemble import ExtraTreesRegressor

        return ExtraTreesRegressor(TREES, min_samples_leaf=2 if rows >= SMALL else 1, random_state=0)
    if name != "boosted trees" or rows < SMALL or outputs > 1:
        return None
    from sklearn.ensemble import HistGradientBoostingRegressor

    return HistGradientBoostingRegressor(max_iter=60, early_stopping=False, random_state=0)
