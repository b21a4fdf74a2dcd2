"""Edits that give inputs another meaning: logarithms, columns for categories, forgotten scaling, and plain advice."""

from __future__ import annotations

import numpy as np
import pytest
from dlfix.repair.patch import Applicability
from dlfix.repair.patching import EditNotApplicable
from edit_testing import changed, lines_changed, patch_of
from stub_keras import run
from test_data_edits import NOT_STANDARDIZED, PROGRAMS, facts

TABLE = """\
import numpy as np
import keras
rng = np.random.default_rng(0)
X = np.column_stack([np.arange(40), rng.integers(0, 3, 40), rng.normal(50, 9, 40)])
y = X[:, 2] * 2
X_train, X_test = X[:30], X[30:]
y_train, y_test = y[:30], y[30:]
"""
TRAINING = """\
model.compile("adam", "mse")
model.fit(X_train, y_train, validation_data=(X_test, y_test))
model.evaluate(X_test, y_test)
p = model.predict(X_test)
"""
BUILT = {
    "input_dim": "model = keras.Sequential([keras.layers.Dense(4, input_dim=3), keras.layers.Dense(1)])\n",
    "Input in the list": (
        "model = keras.Sequential([keras.Input(shape=(3,)), keras.layers.Dense(4), keras.layers.Dense(1)])\n"
    ),
    "Input added": (
        "model = keras.Sequential()\nmodel.add(keras.Input(shape=(3,)))\n"
        "model.add(keras.layers.Dense(4))\nmodel.add(keras.layers.Dense(1))\n"
    ),
    "no shape": "model = keras.Sequential([keras.layers.Dense(4), keras.layers.Dense(1)])\n",
}


@pytest.mark.parametrize("name", [name for name in PROGRAMS if name not in NOT_STANDARDIZED])
def test_logarithms_are_standardized_at_every_use(name: str) -> None:
    program = PROGRAMS[name]
    before, _ = run(program)
    after, _ = run(changed("scale-inputs", program, None, facts(program), method="log-standardize"))
    mean = std = None
    for (what, x, _), (_, new_x, _) in zip(before, after, strict=True):
        logs = np.sign(x) * np.log1p(np.abs(x))
        if what == "fit":
            mean, std = logs.mean(axis=0), logs.std(axis=0)
            std[std == 0] = 1
        np.testing.assert_allclose(new_x, (logs - mean) / std, atol=1e-9)


def test_the_sign_is_kept_only_where_there_is_one() -> None:
    program = PROGRAMS["flat with split names"]
    assert "np.sign" not in changed("scale-inputs", program, None, facts(program), method="log-standardize")
    moved = program.replace("[0, 0, 7]", "[-500, 0, 7]")
    assert "np.sign" in changed("scale-inputs", moved, None, facts(moved), method="log-standardize")


@pytest.mark.parametrize("built", BUILT.values(), ids=BUILT)
def test_categories_get_columns_and_identifiers_go(built: str) -> None:
    program = TABLE + built + TRAINING
    before, _ = run(program)
    patched = changed("encode-inputs", program, None, facts(program), one_hot=[1], drop=[0])
    after, _ = run(patched)
    assert "input_dim" not in patched
    assert "Input(" not in patched
    train = before[0][1]
    mean, std = train[:, 2].mean(), train[:, 2].std()
    for (_, x, y), (_, new_x, new_y) in zip(before, after, strict=True):
        np.testing.assert_array_equal(new_x[:, :3], np.eye(3)[x[:, 1].astype(int)])
        np.testing.assert_allclose(new_x[:, 3], (x[:, 2] - mean) / std, atol=1e-9)
        assert new_x.shape[1] == 4
        if y is not None:
            np.testing.assert_array_equal(new_y, y)
    with pytest.raises(EditNotApplicable, match="already transformed"):
        patch_of("encode-inputs", patched, None, facts(program), one_hot=[1], drop=[0])


def test_columns_of_a_functional_model_are_left_alone() -> None:
    built = "a = keras.Input(shape=(3,))\nb = keras.layers.Dense(1)(a)\nmodel = keras.Model(a, b)\n"
    program = TABLE + built + TRAINING
    known = {"x": np.ones((30, 3)), "y": np.ones(30)}
    with pytest.raises(EditNotApplicable, match="declares the number of its inputs"):
        patch_of("encode-inputs", program, None, known, one_hot=[1])
    with pytest.raises(EditNotApplicable, match="no column is named"):
        patch_of("encode-inputs", TABLE + BUILT["no shape"] + TRAINING, None, known, one_hot=[], drop=[])


def standardized(x: np.ndarray, train: np.ndarray) -> np.ndarray:
    return (x - train.mean(axis=0)) / train.std(axis=0)


SCALED = {
    "divided": ("X_train = X_train / 255.0\n", lambda x, _: x / 255),
    "divided in place": ("X_train /= 255.0\n", lambda x, _: x / 255),
    "in a longer expression": ("X_train = X_train.reshape(30, 3).astype(float) / 255.0\n", lambda x, _: x / 255),
    "by a scaler": (
        "from sklearn.preprocessing import StandardScaler\nscaler = StandardScaler()\n"
        "X_train = scaler.fit_transform(X_train)\n",
        standardized,
    ),
    "by a scaler without a name": (
        "from sklearn.preprocessing import StandardScaler\nX_train = StandardScaler().fit_transform(X_train)\n",
        standardized,
    ),
    "by a scaler whose name is used again": (
        "from sklearn.preprocessing import StandardScaler\nscaler = StandardScaler()\n"
        "X_train = scaler.fit_transform(X_train)\nscaler = None\n",
        standardized,
    ),
    "by numbers that have names": (
        "mean, std = X_train.mean(axis=0), X_train.std(axis=0)\nX_train = (X_train - mean) / std\n",
        standardized,
    ),
    "by numbers measured on the spot": (
        "X_train = (X_train - X_train.mean(axis=0)) / X_train.std(axis=0)\n",
        standardized,
    ),
    "in two steps, in place": ("X_train -= X_train.mean(axis=0)\nX_train /= X_train.std(axis=0)\n", standardized),
    "in two statements": ("X_train = X_train - 3\nX_train = X_train / 255.0 * 2\n", lambda x, _: (x - 3) / 255 * 2),
    "to -1 .. 1": ("X_train = X_train / 127.5 - 1\n", lambda x, _: x / 127.5 - 1),
    "beside the labels": ("X_train, y_train = X_train / 255.0, y_train\n", lambda x, _: x / 255),
}


@pytest.mark.parametrize("scaling", SCALED.values(), ids=SCALED)
def test_held_out_inputs_get_the_forgotten_scaling(scaling: tuple) -> None:
    lines, expected = scaling
    table = TABLE.replace("X[:30], X[30:]", "X[:30].copy(), X[30:].copy()")
    program = table + lines + BUILT["no shape"] + TRAINING
    original, _ = run(table + BUILT["no shape"] + TRAINING)
    before, _ = run(program)
    patched = changed("match-scaling", program, None, facts(program))
    after, _ = run(patched)
    train = original[0][1]
    for (what, x, _), (_, now, _), (_, new_x, _) in zip(original, before, after, strict=True):
        np.testing.assert_allclose(new_x, now if what == "fit" else expected(x, train), atol=1e-9)


FITTED = "model.compile('adam', 'mse')\nmodel.fit(X_train, y_train)\nmodel.evaluate(X_test, y_test)\n"


@pytest.mark.parametrize(
    ("lines", "after"),
    [  # the test rows come by the same way as the training rows, up to the scaling that they miss
        (
            "(X_train, y_train), (X_test, y_test) = arrays()\nX_train = X_train / 255\n",
            "evaluate(X_test / 255,",
        ),
        (
            "X = load() / 255\nX_train, X_test = X[:80], X[80:]\nX_train = scaler.fit_transform(X_train)\n",
            "evaluate(scaler.transform(X_test),",
        ),
    ],
)
def test_what_all_rows_have_in_common_is_not_done_twice(lines: str, after: str) -> None:
    program = lines + BUILT["no shape"] + FITTED
    patched = changed("match-scaling", program, None, {"x": np.ones((30, 3))})
    assert patched == program.replace("evaluate(X_test,", after)


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        ("X_train = X_train / 255\nX_test = X_test / 255\n", "no held-out inputs miss the scaling"),
        ("X_train = X_train / 255\nX_test = prepare(X_test)\n", "no held-out inputs miss the scaling"),
        ("X_train = prepare(X_train)\n", "not plain how"),
        ("", "not plain how"),
    ],
)
def test_scaling_that_is_there_or_unknown_is_left_alone(lines: str, reason: str) -> None:
    with pytest.raises(EditNotApplicable, match=reason):
        patch_of("match-scaling", TABLE + lines + BUILT["no shape"] + TRAINING, None, {"x": np.ones((30, 3))})


def test_advice_is_a_comment_that_is_never_applied() -> None:
    program = TABLE + BUILT["no shape"] + TRAINING
    text = "All labels are the same: nothing can be learned from them. " * 2
    patch = patch_of("add-comment", program, None, {}, text=text)
    assert patch.applicability is Applicability.DISPLAY_ONLY
    after = patch.files[0].after.decode()
    gone, came = lines_changed(program, after)
    assert gone == []
    assert all(line.startswith("# ") and len(line) <= 102 for line in came)
    assert " ".join(line[2:] for line in came) == text.strip()
    assert after.splitlines()[after.splitlines().index(came[-1]) + 1].startswith("model.fit(")
    with pytest.raises(EditNotApplicable, match="already stands there"):
        patch_of("add-comment", after, None, {}, text=text)
