# ruff: noqa: E501  (one case per line reads best)
"""Edits of data, proven by running the scripts before and after with a stand-in for Keras."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from dlfix.repair.patch import EditContext, EditRequest
from dlfix.repair.patching import EditNotApplicable, SourceFiles, make_patch
from edit_testing import changed, lines_changed, patch_of
from facts_from_source import fit_from_source
from stub_keras import run, to_categorical

HEAD = "import numpy as np\nfrom keras import layers, models\nrng = np.random.default_rng(0)\n"
DATA = "X = rng.normal(50, 9, (40, 3)) * [1, 100, 0] + [0, 0, 7]\ny = X[:, 0] * 1000 + 5\n"
MODEL = (
    "model = models.Sequential([layers.Dense(4, input_shape=(3,)), layers.Dense(1)])\nmodel.compile('adam', 'mse')\n"
)

#: Programs as people write them. All of them fit on some rows and use the model on others.
PROGRAMS = {
    "flat with split names": HEAD + DATA + "X_train, X_test = X[:30], X[30:]\ny_train, y_test = y[:30], y[30:]\n" + MODEL
    + "model.fit(X_train, y_train, validation_data=(X_test, y_test), epochs=2)\nmodel.evaluate(X_test, y_test)\np = model.predict(X_test)\n",
    "slices of one array": HEAD + DATA + MODEL + "model.fit(X[:30], y[:30], validation_data=(X[30:], y[30:]))\np = model.predict(X[30:])\n",
    "train_test_split": HEAD + "from sklearn.model_selection import train_test_split\n" + DATA
    + "X_tr, X_te, y_tr, y_te = train_test_split(X, y, test_size=0.25, random_state=1)\n" + MODEL
    + "hist = model.fit(X_tr, y_tr, validation_data=(X_te, y_te))\np = model.predict(X_te).flatten()\nprint(y_te - p)\n",
    "keywords and model first": HEAD + MODEL + DATA + "model.fit(x=X, y=y, epochs=1)\np = model.predict(X)\n",
    "test data bound after training": HEAD + DATA + MODEL + "model.fit(X, y)\nnew = np.array([[50.0, 4000.0, 7.0]])\np = model.predict(new)\n",
    "test data taken from changed data": HEAD + DATA + MODEL + "model.fit(X, y)\nfirst = X[:5]\np = model.predict(first)\nq = model.predict(X[0].reshape(1, -1))\n",
    "literal in predict": HEAD + DATA + MODEL + "model.fit(X, y)\np = model.predict([[50.0, 4000.0, 7.0]])\nq = model.predict(np.array([[1.0, 2.0, 3.0]]))[0]\n",
    "data in main": HEAD + "def main():\n    global p\n" + "".join("    " + line + "\n" for line in (DATA + MODEL).splitlines())
    + "    model.fit(X, y, validation_data=(X, y))\n    p = model.predict(X)\n\nif __name__ == '__main__':\n    main()\n",
    "loader function": HEAD + "def load():\n    X = rng.normal(50, 9, (40, 3))\n    return X[:30], X[:30, 0], X[30:], X[30:, 0]\n"
    + "a, b, c, d = load()\n" + MODEL + "model.fit(a, b)\nmodel.evaluate(c, d)\np = model.predict(c)\n",
    "training function": HEAD + DATA + "def train(model, inputs, targets):\n    model.fit(inputs, targets)\n" + MODEL + "train(model, X, y)\np = model.predict(X)\n",
    "cross-validation": HEAD + DATA + "for k in range(4):\n    test = np.arange(40) % 4 == k\n    train = ~test\n"
    + "".join("    " + line + "\n" for line in MODEL.splitlines())
    + "    model.fit(X[train], y[train], validation_data=(X[test], y[test]))\n    p = model.predict(X[test])\n",
    "one table for inputs and targets": HEAD + "data = rng.normal(50, 9, (40, 4))\n" + MODEL + "model.fit(data[:, :3], data[:, 3])\np = model.predict(data[:, :3])\n",
    "bound in a branch": HEAD + "if True:\n    X = rng.normal(50, 9, (40, 3))\nelse:\n    X = None\ny = X[:, 0]\n" + MODEL + "model.fit(X, y)\np = model.predict(X)\n",
    "training in a loop": HEAD + DATA + MODEL + "for epoch in range(3):\n    model.fit(X, y, epochs=1)\n    model.evaluate(X, y)\np = model.predict(X)\n",
    "changed in place": HEAD + DATA + "X[:, 0] += 5\nX -= 1\n" + MODEL + "model.fit(X, y)\np = model.predict(X)\n",
    "statements on one line": HEAD + DATA + "X_train = X[:30]; y_train = y[:30]\n" + MODEL + "model.fit(X_train, y_train); p = model.predict(X_train)\n",
    "validation packed first": HEAD + DATA + "X_val = X[:9]\ny_val = y[:9]\nval = (X_val, y_val)\nX_tr = X[9:]\ny_tr = y[9:]\n" + MODEL
    + "model.fit(X_tr, y_tr, validation_data=val)\np = model.predict(X_val)\n",
    "validation packed last": HEAD + DATA + "X_val = X[:9]\ny_val = y[:9]\nX_tr = X[9:]\ny_tr = y[9:]\nval = (X_val, y_val)\n" + MODEL
    + "model.fit(X_tr, y_tr, validation_data=val)\np = model.predict(X_val)\n",
    "target used by numpy": HEAD + DATA + MODEL + "model.fit(X, y)\np = model.predict(X)\nerror = np.abs(p[:, 0] - y).mean()\n",
}  # fmt: skip


def facts(text: str) -> dict:
    log, _ = run(text)
    _, x, y = log[0]
    return {"x": x, "y": y}


#: The validation arrays are packed into a tuple before the training arrays exist: no place to scale both.
NOT_STANDARDIZED = {"validation packed first"}


@pytest.mark.parametrize("name", [name for name in PROGRAMS if name not in NOT_STANDARDIZED])
def test_standardize_is_consistent_at_every_use(name: str) -> None:
    program = PROGRAMS[name]
    before, _ = run(program)
    patched = changed("scale-inputs", program, None, facts(program), method="standardize")
    after, _ = run(patched)
    assert len(after) == len(before)
    mean = std = None
    for (what, x, y), (_, new_x, new_y) in zip(before, after, strict=True):
        if what == "fit":  # statistics are those of the rows that are trained on
            mean, std = x.mean(axis=0), x.std(axis=0)
            std[std == 0] = 1
        np.testing.assert_allclose(new_x, (x - mean) / std, atol=1e-9)
        if y is not None:
            np.testing.assert_array_equal(new_y, y)


@pytest.mark.parametrize("program", PROGRAMS.values(), ids=PROGRAMS)
def test_divide_is_consistent_at_every_use(program: str) -> None:
    before, _ = run(program)
    after, _ = run(changed("scale-inputs", program, None, facts(program), method="divide", divisor=255))
    for (_, x, y), (_, new_x, new_y) in zip(before, after, strict=True):
        np.testing.assert_allclose(new_x, x / 255)
        if y is not None:
            np.testing.assert_array_equal(new_y, y)


@pytest.mark.parametrize("name", ["flat with split names", "train_test_split", "data in main", "cross-validation"])
def test_scaling_targets_twice_changes_nothing(name: str) -> None:
    patched = changed("scale-targets", PROGRAMS[name], None, facts(PROGRAMS[name]))
    with pytest.raises(EditNotApplicable, match="already scaled"):
        patch_of("scale-targets", patched, None, facts(PROGRAMS[name]))


#: Where the model is trained in a function and used outside of it, the scale of the targets is not in reach.
NOT_FOR_TARGETS = {"training function", "validation packed first"}


@pytest.mark.parametrize("name", [name for name in PROGRAMS if name not in NOT_FOR_TARGETS])
def test_targets_are_scaled_and_predictions_scaled_back(name: str) -> None:
    program = PROGRAMS[name]
    before, variables = run(program)
    after, new_variables = run(changed("scale-targets", program, None, facts(program)))
    mean = std = None
    for (what, x, y), (_, new_x, new_y) in zip(before, after, strict=True):
        np.testing.assert_array_equal(new_x, x)
        if what == "fit":
            mean, std = y.mean(axis=0), y.std(axis=0)
        if y is not None:
            np.testing.assert_allclose(new_y, (y - mean) / std, atol=1e-9)
    for variable in ("p", "q"):
        if variable in variables:
            np.testing.assert_allclose(new_variables[variable], variables[variable] * std + mean)
    for variable in ("y", "y_train", "y_test", "y_te"):
        if variable in variables:
            np.testing.assert_array_equal(new_variables[variable], variables[variable])


@pytest.mark.parametrize(
    ("name", "reason"), [("training function", "does not see"), ("validation packed first", "before the training data")]
)
def test_targets_out_of_reach(name: str, reason: str) -> None:
    program = PROGRAMS[name]
    with pytest.raises(EditNotApplicable, match=reason):
        patch_of("scale-targets", program, None, facts(program))


@pytest.mark.parametrize("program", PROGRAMS.values(), ids=PROGRAMS)
@pytest.mark.parametrize("method", ["standardize", "divide", "normalization-layer", "rescaling-layer"])
def test_scaling_twice_changes_nothing(program: str, method: str) -> None:
    if method == "standardize" and program in {PROGRAMS[name] for name in NOT_STANDARDIZED}:
        with pytest.raises(EditNotApplicable, match="before the training data are complete"):
            patch_of("scale-inputs", program, None, facts(program), method=method)
        return
    patched = changed("scale-inputs", program, None, facts(program), method=method)
    with pytest.raises(EditNotApplicable, match="already"):
        patch_of("scale-inputs", patched, None, facts(program), method=method)


@pytest.mark.parametrize("program", PROGRAMS.values(), ids=PROGRAMS)
def test_normalization_layer_adapts_to_the_training_rows(program: str) -> None:
    patched = changed("scale-inputs", program, None, facts(program), method="normalization-layer")
    assert "layers.Normalization(name=" in patched
    assert ", input_shape=(3,)), layers.Dense(4), " in patched
    before, _ = run(program)
    after, variables = run(patched)
    assert [item[0] for item in after] == [item[0] for item in before]
    if "model" in variables:
        assert variables["model"].named["input_normalization"].adapted is not None


def test_standard_scaler_when_the_script_has_it() -> None:
    program = PROGRAMS["train_test_split"].replace(
        "from sklearn.model", "from sklearn.preprocessing import StandardScaler\nfrom sklearn.model"
    )
    patched = changed("scale-inputs", program, None, facts(program), method="standardize")
    assert lines_changed(program, patched)[1] == [
        "scaler = StandardScaler().fit(X_tr)",
        "X_tr = scaler.transform(X_tr)",
        "X_te = scaler.transform(X_te)",
    ]
    before, after = run(program)[0], run(patched)[0]
    mean, std = before[0][1].mean(axis=0), before[0][1].std(axis=0)
    std[std == 0] = 1
    for (_, x, _), (_, new_x, _) in zip(before, after, strict=True):
        np.testing.assert_allclose(new_x, (x - mean) / std)


def test_standardize_as_it_reads() -> None:
    program = PROGRAMS["flat with split names"]
    patched = changed("scale-inputs", program, None, facts(program), method="standardize")
    assert lines_changed(program, patched) == (
        [],
        [
            "x_mean, x_std = np.mean(X_train, axis=0), np.std(X_train, axis=0)",
            "x_std = np.where(x_std == 0, 1.0, x_std)",
            "X_train = (X_train - x_mean) / x_std",
            "X_test = (X_test - x_mean) / x_std",
        ],
    )


def test_pixels_are_cast() -> None:
    program = HEAD + "X = rng.integers(0, 256, (9, 4)).astype('uint8')\ny = X[:, 0]\n" + MODEL + "model.fit(X, y)\n"
    x = np.arange(9, dtype="uint8").reshape(3, 3)
    patched = changed("scale-inputs", program, None, {"x": x, "y": x[:, 0]}, method="divide", divisor=255)
    assert "X = X.astype('float32') / 255.0\n" in patched


def test_images_are_standardized_per_channel() -> None:
    program = HEAD + "X = rng.normal(50, 9, (6, 4, 4, 2))\ny = X[:, 0, 0, 0]\n" + MODEL + "model.fit(X, y)\n"
    patched = changed("scale-inputs", program, None, facts(program), method="standardize")
    assert "np.mean(X, axis=(0, 1, 2))" in patched
    (_, x, _), (_, new, _) = run(program)[0][0], run(patched)[0][0]
    np.testing.assert_allclose(new, (x - x.mean((0, 1, 2))) / x.std((0, 1, 2)))


def test_rescaling_layer_in_another_module() -> None:
    texts = {
        "train.py": "from model import build\nm = build()\nm.compile('sgd')\nm.fit(X, y)\n",
        "model.py": "import tensorflow as tf\n\ndef build():\n    return tf.keras.Sequential([\n        tf.keras.layers.Dense(3, input_shape=(4,)),\n    ])\n",
    }
    x = {"x": np.ones((3, 4)), "y": np.ones(3)}
    after = changed("scale-inputs", texts, None, x, method="rescaling-layer", divisor=255)
    assert "tf.keras.layers.Rescaling(1.0 / 255, input_shape=(4,)),\n        tf.keras.layers.Dense(3)," in after
    patch = patch_of("scale-inputs", texts, None, x, method="normalization-layer")
    assert [change.path for change in patch.files] == ["model.py", "train.py"]
    assert b"m.get_layer('input_normalization').adapt(X)\nm.fit" in patch.files[1].after


def test_functional_and_loop_models() -> None:
    functional = (
        HEAD
        + DATA
        + "i = Input((3,))\nh = layers.Dense(4)(i)\nout = layers.Dense(1)(h)\nmodel = models.Model(i, out)\nmodel.compile('sgd')\nmodel.fit(X, y)\n"
    )
    x = {"x": np.ones((3, 4)), "y": np.ones(3)}
    after = changed("scale-inputs", functional, None, x, method="rescaling-layer", divisor=10)
    assert "h = layers.Dense(4)(layers.Rescaling(1.0 / 10)(i))" in after
    loop = (
        HEAD
        + DATA
        + "model = models.Sequential()\nfor n in (4, 4):\n    model.add(layers.Dense(n))\nmodel.compile('sgd')\nmodel.fit(X, y)\n"
    )
    after = changed("scale-inputs", loop, None, x | {"repeats": {0: 2}}, method="rescaling-layer", divisor=10)
    assert "Sequential()\nmodel.add(layers.Rescaling(1.0 / 10))\nfor n in" in after


def test_datasets() -> None:
    program = "import tensorflow as tf\nfrom keras import layers\nmodel.add(layers.Dense(1))\nmodel.compile('sgd')\nmodel.fit(train_ds, validation_data=val_ds, epochs=2)\nmodel.evaluate(val_ds)\n"
    x = {"x": np.ones((3, 4)), "y": np.ones(3), "kind": "tf.data"}
    after = changed("scale-inputs", program, None, x, method="divide", divisor=255)
    assert (
        "model.fit(train_ds.map(lambda x, y: (x / 255.0, y)), validation_data=val_ds.map(lambda x, y: (x / 255.0, y)), epochs=2)"
        in after
    )
    after = changed("scale-inputs", program, None, x, method="normalization-layer")
    assert "model.get_layer('input_normalization').adapt(train_ds.map(lambda x, y: x))\n" in after
    with pytest.raises(EditNotApplicable, match="batch by batch"):
        patch_of("scale-inputs", program, None, x, method="standardize")


LABELS = {
    "one-hot": (np.array([0, 1, 2, 1]), {"to": "one-hot", "classes": 3}, lambda y: to_categorical(y, 3)),
    "integer": (np.eye(3), {"to": "integer", "classes": 3}, lambda y: y.argmax(1)),
    "zero-based": (np.array([1, 2, 3, 4]), {"to": "zero-based"}, lambda y: y - 1),
    "zero-based with gaps": (np.array([1, 5, 9, 5]), {"to": "zero-based"}, lambda y: np.searchsorted([1, 5, 9], y)),
    "zero-one from signed": (np.array([-1, 1, 1]), {"to": "zero-one"}, lambda y: (y + 1) / 2),
    "zero-one from one-two": (np.array([1, 2, 1]), {"to": "zero-one"}, lambda y: y - 1),
    "zero-one from 0/255": (np.array([0, 255, 0]), {"to": "zero-one"}, lambda y: y / 255),
    "signed": (np.array([0, 1, 1]), {"to": "signed"}, lambda y: 2 * y - 1),
    "signed from one-two": (np.array([1, 2, 1]), {"to": "signed"}, lambda y: 2 * (y - 1) - 1),
    "divided": (np.array([0, 1, 2]) / 255, {"to": "integer", "multiplier": 255.0}, lambda y: np.rint(y * 255)),
    "divided to one-hot": (np.array([0, 1, 2]) / 255, {"to": "one-hot", "classes": 3, "multiplier": 255.0}, lambda y: to_categorical(np.rint(y * 255), 3)),
}  # fmt: skip


@pytest.mark.parametrize("case", LABELS.values(), ids=LABELS)
def test_labels_are_encoded_at_every_use(case) -> None:
    labels, parameters, expected = case
    program = (
        HEAD + f"X = rng.normal(size=({len(labels)}, 3))\ny = np.array({labels.tolist()!r})\nt = y[:-1]\n" + MODEL
        + "model.fit(X, y, validation_data=(X[:-1], t))\nmodel.evaluate(X, y)\np = model.predict(X)\nmean = np.mean(y)\n"
    )  # fmt: skip
    before, variables = run(program)
    after, new_variables = run(changed("encode-labels", program, None, {"x": before[0][1], "y": labels}, **parameters))
    for (_, x, y), (_, new_x, new_y) in zip(before, after, strict=True):
        np.testing.assert_array_equal(new_x, x)
        if y is not None:
            np.testing.assert_allclose(new_y, expected(y))
    assert variables["mean"] == new_variables["mean"]


def test_labels_that_are_right_already() -> None:
    program = HEAD + MODEL + "model.fit(X, y)\n"
    for labels, parameters in (
        (np.eye(3), {"to": "one-hot", "classes": 3}),
        (np.array([0, 1, 2]), {"to": "integer"}),
        (np.array([0, 1, 2]), {"to": "zero-based"}),
        (np.array([0, 1]), {"to": "zero-one"}),
        (np.array([-1, 1]), {"to": "signed"}),
    ):
        with pytest.raises(EditNotApplicable, match="already"):
            patch_of("encode-labels", program, None, {"x": np.ones((2, 2)), "y": labels}, **parameters)


def test_encoding_is_edited_where_it_is_written() -> None:
    program = "from keras.utils import to_categorical\nY = to_categorical(labels, 9)\nmodel.add(Dense(9))\nmodel.compile('sgd')\nmodel.fit(X, Y)\n"
    one_hot = {"x": np.ones((9, 2)), "y": np.eye(9)}
    assert changed("encode-labels", program, None, one_hot, to="one-hot", classes=10) == program.replace(
        "labels, 9", "labels, 10"
    )
    assert changed("encode-labels", program, None, one_hot, to="integer") == program.replace(
        "to_categorical(labels, 9)", "labels"
    )
    used = program + "print(np.argmax(Y, axis=1))\n"
    assert "model.fit(X, np.argmax(Y, axis=1))" in changed("encode-labels", used, None, one_hot, to="integer")
    for statement in ("Y = labels / 255", "Y = labels\nY /= 255"):
        divided = program.replace("Y = to_categorical(labels, 9)", statement)
        after = changed(
            "encode-labels",
            divided,
            None,
            {"x": np.ones((3, 2)), "y": np.arange(3) / 255},
            to="integer",
            multiplier=255.0,
        )
        assert "255" not in after
        assert "Y = labels\n" in after
    inline = "model.add(Dense(1))\nmodel.compile('sgd')\nmodel.fit(X, (labels / 255.0))\n"
    after = changed(
        "encode-labels", inline, None, {"x": np.ones((3, 2)), "y": np.arange(3) / 255}, to="integer", multiplier=255.0
    )
    assert "model.fit(X, (labels))" in after


def test_class_ids_go_back_to_the_users_numbering() -> None:
    program = (
        HEAD
        + "X = np.eye(4)[:, :3]\ny = np.array([1, 2, 3, 3])\n"
        + MODEL
        + (
            "model.fit(X, y)\np = model.predict(X)\na = np.argmax(p, axis=1)\nb = model.predict(X).argmax(axis=1)[0]\nc = np.argmax(model.predict(X), axis=1)\n"
        )
    )
    _, before = run(program)
    _, after = run(
        changed("encode-labels", program, None, {"x": np.ones((4, 3)), "y": np.array([1, 2, 3, 3])}, to="zero-based")
    )
    for name in "abc":
        np.testing.assert_array_equal(after[name], before[name] + 1)


def test_inputs_that_enter_several_layers() -> None:
    program = (
        HEAD
        + DATA
        + "i = Input((3,))\na = layers.Dense(4)(i)\nb = layers.Dense(4)(i)\nmodel.compile('sgd')\nmodel.fit(X, y)\n"
    )
    request_facts = {"x": np.ones((4, 3)), "y": np.ones(4)}
    fit = fit_from_source(program, **request_facts)
    both_first = replace(
        fit, model=replace(fit.model, layers=tuple(replace(layer, inbound=()) for layer in fit.model.layers))
    )
    request = EditRequest("scale-inputs", {"method": "rescaling-layer"}, EditContext(both_first, None, "train.py"))
    with pytest.raises(EditNotApplicable, match="several layers"):
        make_patch([request], SourceFiles.from_texts({"train.py": program}), title="t")


def test_labels_of_a_dataset() -> None:
    program = "import tensorflow as tf\nmodel.add(Dense(1))\nmodel.compile('sgd')\nmodel.fit(ds, validation_data=val)\n"
    data = {"x": np.ones((3, 2)), "y": np.array([0, 1, 2]), "kind": "tf.data"}
    after = changed("encode-labels", program, None, data, to="one-hot", classes=3)
    assert "ds.map(lambda x, y: (x, tf.one_hot(tf.cast(y, 'int32'), 3)))" in after
    assert after.count(".map(") == 2


@pytest.mark.parametrize("name", ["flat with split names", "train_test_split", "data in main", "training in a loop"])
def test_cleaning(name: str) -> None:
    program = PROGRAMS[name].replace(
        "y = X[:, 0] * 1000 + 5\n", "y = X[:, 0] * 1000 + 5; X[3, 1] = X[34, 0] = np.nan; X[5, 0] = np.inf\n"
    )
    log, _ = run(program)
    data = {"x": log[0][1], "y": log[0][2]}
    after, _ = run(changed("clean-data", program, None, data, method="drop-rows"))
    for what, x, y in after:
        if what != "predict":
            assert np.isfinite(x).all()
            assert len(x) == len(y)
    after, _ = run(changed("clean-data", program, None, data, method="impute-mean"))
    for (_, x, _), (_, new, _) in zip(log, after, strict=True):
        assert np.isfinite(new).all()
        np.testing.assert_array_equal(new[np.isfinite(x)], x[np.isfinite(x)])


@pytest.mark.parametrize("number", [-999, -9.75])
@pytest.mark.parametrize("name", ["flat with split names", "train_test_split", "data in main", "training in a loop"])
def test_filling_in_placeholders(name: str, number: float) -> None:
    program = PROGRAMS[name].replace(
        "y = X[:, 0] * 1000 + 5\n", f"y = X[:, 0] * 1000 + 5; X[3, 1] = X[34, 0] = X[::7, 0] = {number}\n"
    )
    log, _ = run(program)
    data = {"x": log[0][1], "y": log[0][2]}
    arguments = {"method": "impute-placeholder", "placeholder": float(number)}
    after, _ = run(changed("clean-data", program, None, data, **arguments))
    (_, first, _), missing = log[0], log[0][1] == number
    means = np.where(missing, np.nan, first)
    for (_, x, _), (_, new, _) in zip(log, after, strict=True):
        assert not np.isclose(new, number).any()
        np.testing.assert_array_equal(new[x != number], x[x != number])
        np.testing.assert_allclose(new[x == number], np.broadcast_to(np.nanmean(means, axis=0), x.shape)[x == number])


def test_a_placeholder_has_to_be_known() -> None:
    program = PROGRAMS["data in main"]
    with pytest.raises(EditNotApplicable, match="not known"):
        patch_of("clean-data", program, None, facts(program), method="impute-placeholder")


def test_clean_data_is_already_clean() -> None:
    program = PROGRAMS["data in main"]
    with pytest.raises(EditNotApplicable, match="already"):
        patch_of("clean-data", program, None, facts(program), method="drop-rows")


def test_what_cannot_be_done_says_why() -> None:
    inline = HEAD + MODEL + "model.fit(load(), y)\n"
    data = {"x": np.ones((3, 3)), "y": np.ones(3)}
    with pytest.raises(EditNotApplicable, match="inside of the fit call"):
        patch_of("scale-inputs", inline, None, data, method="standardize")
    embedding = HEAD + "model.add(layers.Embedding(9, 3))\nmodel.compile('sgd')\nmodel.fit(X, y)\n"
    with pytest.raises(EditNotApplicable, match="Embedding"):
        patch_of("scale-inputs", embedding, None, data, method="standardize")
    unknown = HEAD + MODEL + "model.fit(X, y, validation_data=make())\n"
    with pytest.raises(EditNotApplicable, match="not a pair"):
        patch_of("scale-inputs", unknown, None, data, method="standardize")


def test_scaler_and_foreign_estimators_are_left_alone() -> None:
    program = (
        HEAD
        + "from sklearn.linear_model import LinearRegression\n"
        + DATA
        + MODEL
        + (
            "model.fit(X, y)\np = model.predict(X)\nbaseline = LinearRegression()\nbaseline.fit(X, y)\nb = baseline.predict(X)\n"
        )
    )
    after = changed("scale-targets", program, None, facts(program))
    assert "b = baseline.predict(X)\n" in after
    assert "baseline.fit(X, y)\n" in after


def test_facts_helper_reads_programs() -> None:
    fit = fit_from_source(PROGRAMS["flat with split names"])
    assert [layer.class_name for layer in fit.model.layers] == ["Dense", "Dense"]
    assert fit.fit.site is not None
    assert fit.compile.optimizer.from_string
