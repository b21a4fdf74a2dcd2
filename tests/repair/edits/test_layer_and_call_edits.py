# ruff: noqa: E501  (one case per line reads best)
"""Before and after of the edits of layer, compile, optimizer and fit calls, in the styles that people write."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from dlfix.repair.edits.base import Draft
from dlfix.repair.patching import EditNotApplicable, SourceFiles
from edit_testing import assert_idempotent, changed, lines_changed, patch_of, request

HEAD = "from keras import layers, models\nfrom tensorflow import keras\nimport tensorflow as tf\n"
TAIL = "model.compile(loss='mse', optimizer='adam')\nmodel.fit(X, y, epochs=3)\n"

# (id, edit, parameters, layer, line before, line after); the line stands between HEAD and TAIL
LINES = [
    ("string", "set-activation", {"activation": "sigmoid"}, 0, "m = models.Sequential([layers.Dense(1, activation='relu')])", "m = models.Sequential([layers.Dense(1, activation='sigmoid')])"),
    ("double quotes stay", "set-activation", {"activation": "sigmoid"}, 0, 'm.add(Dense(1, activation="relu"))', 'm.add(Dense(1, activation="sigmoid"))'),
    ("tf.nn stays tf.nn", "set-activation", {"activation": "sigmoid"}, 0, "m.add(layers.Dense(1, activation=tf.nn.relu))", "m.add(layers.Dense(1, activation=tf.nn.sigmoid))"),
    ("tf.nn lacks it", "set-activation", {"activation": "exponential"}, 0, "m.add(layers.Dense(1, activation=tf.nn.relu))", "m.add(layers.Dense(1, activation='exponential'))"),
    ("activations module", "set-activation", {"activation": "tanh"}, 0, "m.add(layers.Dense(1, activation=keras.activations.relu))", "m.add(layers.Dense(1, activation=keras.activations.tanh))"),
    ("layer object", "set-activation", {"activation": "relu"}, 0, "m.add(layers.Dense(1, activation=layers.LeakyReLU(0.1)))", "m.add(layers.Dense(1, activation='relu'))"),
    ("positional", "set-activation", {"activation": "softmax"}, 0, "m.add(layers.Dense(3, 'relu'))", "m.add(layers.Dense(3, 'softmax'))"),
    ("added", "set-activation", {"activation": "softmax"}, 0, "m.add(layers.Dense(3))", "m.add(layers.Dense(3, activation='softmax'))"),
    ("added to units=", "set-activation", {"activation": "softmax"}, 0, "m.add(layers.Dense(units = 3))", "m.add(layers.Dense(units = 3, activation='softmax'))"),
    ("linear removes", "set-activation", {"activation": "linear"}, 0, "m.add(layers.Dense(1, activation='relu', use_bias=False))", "m.add(layers.Dense(1, use_bias=False))"),
    ("linear removes last", "set-activation", {"activation": "linear"}, 0, "m.add(layers.Dense(1, activation='relu'))", "m.add(layers.Dense(1))"),
    ("linear removes positional", "set-activation", {"activation": "linear"}, 0, "m.add(layers.Dense(1, 'relu'))", "m.add(layers.Dense(1))"),
    ("linear positional in the middle", "set-activation", {"activation": "linear"}, 0, "m.add(layers.Dense(1, 'relu', False))", "m.add(layers.Dense(1, 'linear', False))"),
    ("LSTM linear is spelled", "set-activation", {"activation": "linear"}, 0, "m.add(layers.LSTM(1))", "m.add(layers.LSTM(1, activation='linear'))"),
    ("parentheses", "set-activation", {"activation": "tanh"}, 0, "m.add((layers.Dense(1, activation=('relu'))))", "m.add((layers.Dense(1, activation=('tanh'))))"),
    ("separate in list", "set-activation", {"activation": "softmax"}, 0, "m = models.Sequential([layers.Dense(3), layers.Activation('relu')])", "m = models.Sequential([layers.Dense(3), layers.Activation('softmax')])"),
    ("separate by keyword", "set-activation", {"activation": "softmax"}, 0, "m = models.Sequential([layers.Dense(3), layers.Activation(activation='relu')])", "m = models.Sequential([layers.Dense(3), layers.Activation(activation='softmax')])"),
    ("separate ReLU", "set-activation", {"activation": "softmax"}, 0, "m = models.Sequential([layers.Dense(3), layers.ReLU()])", "m = models.Sequential([layers.Dense(3), layers.Activation('softmax')])"),
    ("separate behind batchnorm", "set-activation", {"activation": "tanh"}, 0, "m = models.Sequential([layers.Dense(3), layers.BatchNormalization(), layers.Activation('relu')])", "m = models.Sequential([layers.Dense(3), layers.BatchNormalization(), layers.Activation('tanh')])"),
    ("separate removed", "set-activation", {"activation": "linear"}, 0, "m = models.Sequential([layers.Dense(3), layers.Activation('relu')])", "m = models.Sequential([layers.Dense(3)])"),
    ("own and separate", "set-activation", {"activation": "sigmoid"}, 0, "m = models.Sequential([layers.Dense(3, activation='relu'), layers.Activation('softmax')])", "m = models.Sequential([layers.Dense(3), layers.Activation('sigmoid')])"),
    ("asked of the activation layer", "set-activation", {"activation": "sigmoid"}, 1, "m = models.Sequential([layers.Dense(3), layers.Activation('softmax')])", "m = models.Sequential([layers.Dense(3), layers.Activation('sigmoid')])"),
    ("units", "set-units", {"units": 10}, 0, "m.add(layers.Dense(3, activation='relu'))", "m.add(layers.Dense(10, activation='relu'))"),
    ("filters", "set-units", {"units": 10}, 0, "m.add(layers.Conv2D(filters=3, kernel_size=2))", "m.add(layers.Conv2D(filters=10, kernel_size=2))"),
    ("set-argument adds", "set-argument", {"target": "layer", "name": "kernel_initializer", "value": "he_normal"}, 0, "m.add(layers.Dense(3))", "m.add(layers.Dense(3, kernel_initializer='he_normal'))"),
    ("set-argument dropout", "set-argument", {"target": "layer", "name": "rate", "value": 0.2}, 0, "m.add(layers.Dropout(0.9))", "m.add(layers.Dropout(0.2))"),
    ("set-argument tuple", "set-argument", {"target": "layer", "name": "kernel_size", "value": [3, 3]}, 0, "m.add(layers.Conv2D(8, (11, 11)))", "m.add(layers.Conv2D(8, [3, 3]))"),
    ("remove-argument", "remove-argument", {"target": "layer", "name": "kernel_initializer"}, 0, "m.add(layers.Dense(3, kernel_initializer='zeros', activation='relu'))", "m.add(layers.Dense(3, activation='relu'))"),
    ("insert in list", "insert-layer", {"position": "after", "layer": "BatchNormalization"}, 0, "m = models.Sequential([layers.Dense(3), layers.Dense(1)])", "m = models.Sequential([layers.Dense(3), layers.BatchNormalization(), layers.Dense(1)])"),
    ("insert at the end", "insert-layer", {"position": "after", "layer": "Dropout", "arguments": {"rate": 0.5}}, 0, "m = models.Sequential([layers.Dense(3)])", "m = models.Sequential([layers.Dense(3), layers.Dropout(0.5)])"),
    ("insert first moves input_shape", "insert-layer", {"position": "before", "layer": "BatchNormalization"}, 0, "m = models.Sequential([layers.Dense(3, input_shape=(4,), activation='relu')])", "m = models.Sequential([layers.BatchNormalization(input_shape=(4,)), layers.Dense(3, activation='relu')])"),
    ("insert functional after, nested", "insert-layer", {"position": "after", "layer": "BatchNormalization"}, 0, "out = layers.Dense(1)(layers.Flatten()(i)) if False else keras.layers.Dense(2)(i)", "out = layers.BatchNormalization()(layers.Dense(1)(layers.Flatten()(i))) if False else keras.layers.Dense(2)(i)"),
    ("insert functional before", "insert-layer", {"position": "before", "layer": "BatchNormalization"}, 0, "h = layers.Dense(1)(inputs)", "h = layers.Dense(1)(layers.BatchNormalization()(inputs))"),
    ("replace", "replace-layer", {"layer": "GlobalAveragePooling2D"}, 0, "m = models.Sequential([layers.Flatten(input_shape=(8, 8, 1)), layers.Dense(1)])", "m = models.Sequential([layers.GlobalAveragePooling2D(input_shape=(8, 8, 1)), layers.Dense(1)])"),
    ("replace with arguments", "replace-layer", {"layer": "Dense", "arguments": {"units": 4, "activation": "relu"}}, 0, "m.add(layers.Dropout(0.9))", "m.add(layers.Dense(4, activation='relu'))"),
    ("remove in list", "remove-layer", {}, 0, "m = models.Sequential([layers.Dropout(0.9), layers.Dense(1)])", "m = models.Sequential([layers.Dense(1)])"),
    ("remove last in list", "remove-layer", {}, 1, "m = models.Sequential([layers.Dense(1), layers.Dropout(0.9)])", "m = models.Sequential([layers.Dense(1)])"),
    ("remove first keeps the shape", "remove-layer", {}, 0, "m = models.Sequential([layers.Dropout(0.9, input_shape=(4,)), layers.Dense(1)])", "m = models.Sequential([keras.Input(shape=(4,)), layers.Dense(1)])"),
    ("remove first keeps input_dim", "remove-layer", {}, 0, "m = models.Sequential([layers.Dropout(0.9, input_dim=4), layers.Dense(1)])", "m = models.Sequential([keras.Input(shape=(4,)), layers.Dense(1)])"),
    ("remove functional", "remove-layer", {}, 0, "h = layers.Dropout(0.9)(inputs)", "h = inputs"),
]  # fmt: skip


@pytest.mark.parametrize("row", LINES, ids=[row[0] for row in LINES])
def test_one_line(row) -> None:
    _, edit, parameters, layer, before, after = row
    result = changed(edit, HEAD + before + "\n" + TAIL, layer, **parameters)
    assert result == HEAD + after + "\n" + TAIL


#: Edits that find nothing to do in their own result. Removing and inserting are relative to layers that have moved.
SETTING = {"set-activation", "set-units", "set-argument", "remove-argument"}


@pytest.mark.parametrize("row", [row for row in LINES if row[1] in SETTING], ids=lambda row: row[0])
def test_twice_changes_nothing(row) -> None:
    _, edit, parameters, layer, _, after = row
    layer = 0 if after.count("layers.") <= (layer or 0) + 1 else layer
    assert_idempotent(edit, HEAD + after + "\n" + TAIL, layer, **parameters)


def test_insert_twice_changes_nothing() -> None:
    text = HEAD + "m = models.Sequential([layers.Dense(3), layers.Dense(1)])\n" + TAIL
    after = changed("insert-layer", text, 0, position="after", layer="BatchNormalization")
    assert_idempotent("insert-layer", after, 0, position="after", layer="BatchNormalization")


COMPILE_LINES = [
    ("string", "set-loss", {"loss": "binary_crossentropy"}, "loss='mse', optimizer='adam'", "loss='binary_crossentropy', optimizer='adam'"),
    ("positional", "set-loss", {"loss": "mae"}, "'adam', 'mse'", "'adam', 'mean_absolute_error'"),
    ("object", "set-loss", {"loss": "binary_crossentropy"}, "loss=keras.losses.MeanSquaredError()", "loss=keras.losses.BinaryCrossentropy()"),
    ("logits", "set-loss", {"loss": "binary_crossentropy", "from_logits": True}, "loss='mse'", "loss=keras.losses.BinaryCrossentropy(from_logits=True)"),
    ("no more logits", "set-loss", {"loss": "binary_crossentropy"}, "loss=tf.keras.losses.BinaryCrossentropy(from_logits=True)", "loss=tf.keras.losses.BinaryCrossentropy()"),
    ("function", "set-loss", {"loss": "binary_crossentropy"}, "loss=keras.losses.mean_squared_error", 'loss="binary_crossentropy"'),
    ("list of one", "set-loss", {"loss": "binary_crossentropy"}, "loss=['mse']", "loss=['binary_crossentropy']"),
    ("missing", "set-loss", {"loss": "mse"}, "optimizer='adam'", "optimizer='adam', loss='mean_squared_error'"),
    ("loss_weights is not metrics", "set-argument", {"target": "compile", "name": "metrics", "value": ["accuracy"]}, "'adam', 'mse', [1.0]", "'adam', 'mse', [1.0], metrics=['accuracy']"),
    ("string optimizer", "set-optimizer", {"optimizer": "Adam"}, "'sgd', 'mse'", "'adam', 'mse'"),
    ("string to object", "set-optimizer", {"optimizer": "Adam", "learning_rate": 0.01}, "loss='mse', optimizer=\"sgd\"", "loss='mse', optimizer=keras.optimizers.Adam(learning_rate=0.01)"),
    ("object", "set-optimizer", {"optimizer": "Adam", "learning_rate": 0.001}, "tf.keras.optimizers.SGD(3.0, momentum=0.9), 'mse'", "tf.keras.optimizers.Adam(learning_rate=0.001), 'mse'"),
    ("missing optimizer", "set-optimizer", {"optimizer": "Adam", "learning_rate": 0.001}, "loss='mse'", "loss='mse', optimizer=keras.optimizers.Adam(learning_rate=0.001)"),
    ("rate keyword", "set-learning-rate", {"learning_rate": 0.001}, "keras.optimizers.SGD(learning_rate=3.0), 'mse'", "keras.optimizers.SGD(learning_rate=0.001), 'mse'"),
    ("rate old keyword", "set-learning-rate", {"learning_rate": 0.001}, "keras.optimizers.SGD(lr=3.0), 'mse'", "keras.optimizers.SGD(lr=0.001), 'mse'"),
    ("rate positional", "set-learning-rate", {"learning_rate": 0.5}, "keras.optimizers.SGD(3.0, 0.9), 'mse'", "keras.optimizers.SGD(0.5, 0.9), 'mse'"),
    ("rate missing", "set-learning-rate", {"learning_rate": 0.5}, "keras.optimizers.SGD(), 'mse'", "keras.optimizers.SGD(learning_rate=0.5), 'mse'"),
    ("rate of a string", "set-learning-rate", {"learning_rate": 0.5}, "'sgd', 'mse'", "keras.optimizers.SGD(learning_rate=0.5), 'mse'"),
    ("rate of a schedule", "set-learning-rate", {"learning_rate": 0.5}, "keras.optimizers.SGD(keras.optimizers.schedules.ExponentialDecay(9.0, 100, 0.9))", "keras.optimizers.SGD(keras.optimizers.schedules.ExponentialDecay(0.5, 100, 0.9))"),
    ("rate of a piecewise schedule", "set-learning-rate", {"learning_rate": 0.5}, "keras.optimizers.SGD(keras.optimizers.schedules.PiecewiseConstantDecay([1], [2, 3]))", "keras.optimizers.SGD(0.5)"),
    ("rate computed", "set-learning-rate", {"learning_rate": 0.5}, "keras.optimizers.SGD(learning_rate=10 * 3)", "keras.optimizers.SGD(learning_rate=0.5)"),
    ("clipnorm", "set-optimizer-argument", {"name": "clipnorm", "value": 1.0}, "keras.optimizers.SGD(3.0), 'mse'", "keras.optimizers.SGD(3.0, clipnorm=1.0), 'mse'"),
    ("clipnorm of a string", "set-optimizer-argument", {"name": "clipnorm", "value": 1.0}, "'rmsprop', 'mse'", "keras.optimizers.RMSprop(clipnorm=1.0), 'mse'"),
    ("momentum removed", "remove-argument", {"target": "optimizer", "name": "momentum"}, "keras.optimizers.SGD(3.0, momentum=0.9), 'mse'", "keras.optimizers.SGD(3.0), 'mse'"),
]  # fmt: skip


@pytest.mark.parametrize("row", COMPILE_LINES, ids=[f"{row[1]} {row[0]}" for row in COMPILE_LINES])
def test_compile_line(row) -> None:
    _, edit, parameters, before, after = row
    frame = HEAD + "m.add(layers.Dense(1))\nm.compile({})\nm.fit(X, y)\n"
    result = changed(edit, frame.replace("{}", before), **parameters)
    assert result == frame.replace("{}", after)
    assert_idempotent(edit, result, **parameters)


FIT_LINES = [
    ("keyword", {"name": "epochs", "value": 50}, "X, y, epochs=3, batch_size=8", "X, y, epochs=50, batch_size=8"),
    ("positional", {"name": "epochs", "value": 50}, "X, y, 8, 3", "X, y, 8, 50"),
    ("added", {"name": "batch_size", "value": 16}, "X, y, epochs=3", "X, y, epochs=3, batch_size=16"),
    ("bool", {"name": "shuffle", "value": True}, "X, y, shuffle=False", "X, y, shuffle=True"),
]


@pytest.mark.parametrize("row", FIT_LINES, ids=[row[0] for row in FIT_LINES])
def test_fit_line(row) -> None:
    _, parameters, before, after = row
    frame = HEAD + "m.add(layers.Dense(1))\nm.compile('sgd')\nm.fit({})\n"
    result = changed("set-argument", frame.replace("{}", before), target="fit", **parameters)
    assert result == frame.replace("{}", after)
    assert_idempotent("set-argument", result, target="fit", **parameters)


#: The learning rate stands somewhere else: (id, program, what changes from, to)
ELSEWHERE = [
    ("constant", "LR = 3.0\n{compile}(learning_rate=LR)", "LR = 3.0", "LR = 0.01"),
    ("constant that is printed", "LR = 3.0\nprint('rate', LR)\n{compile}(learning_rate=LR)", "LR = 3.0", "LR = 0.01"),
    ("constant with two uses", "LR = 3.0\nother(LR)\n{compile}(learning_rate=LR)", "SGD(learning_rate=LR)", "SGD(learning_rate=0.01)"),
    ("constant bound twice", "LR = 3.0\nLR = 2.0\n{compile}(learning_rate=LR)", "SGD(learning_rate=LR)", "SGD(learning_rate=0.01)"),
    ("dictionary", "CFG = {'lr': 3.0, 'n': 2}\n{compile}(learning_rate=CFG['lr'])", "'lr': 3.0", "'lr': 0.01"),
    ("dict call", "CFG = dict(lr=3.0, n=2)\n{compile}(learning_rate=CFG['lr'])", "lr=3.0", "lr=0.01"),
    ("dictionary that changes", "CFG = {'lr': 3.0}\nCFG['lr'] = 4.0\n{compile}(learning_rate=CFG['lr'])", "SGD(learning_rate=CFG['lr'])", "SGD(learning_rate=0.01)"),
    ("unpacked dictionary", "ARGS = {'learning_rate': 3.0}\n{compile}(**ARGS)", "'learning_rate': 3.0", "'learning_rate': 0.01"),
    ("argparse", "p = ArgumentParser()\np.add_argument('--lr', type=float, default=3.0)\nargs = p.parse_args()\n{compile}(learning_rate=args.lr)", "default=3.0", "default=0.01"),
    ("dataclass", "@dataclass\nclass C:\n    lr: float = 3.0\nc = C()\n{compile}(learning_rate=c.lr)", "lr: float = 3.0", "lr: float = 0.01"),
    ("dataclass keyword", "@dataclass\nclass C:\n    lr: float = 1.0\nc = C(lr=3.0)\n{compile}(learning_rate=c.lr)", "C(lr=3.0)", "C(lr=0.01)"),
    ("class attribute", "class C:\n    LR = 3.0\n{compile}(learning_rate=C.LR)", "LR = 3.0", "LR = 0.01"),
    ("schedule behind a name", "S = keras.optimizers.schedules.ExponentialDecay(3.0, 9, 0.5)\n{compile}(S)", "Decay(3.0,", "Decay(0.01,"),
    ("default", "def f(lr=3.0):\n    {compile}(learning_rate=lr)\nf()", "lr=3.0", "lr=0.01"),
    ("keyword of a caller", "def f(lr=1.0):\n    {compile}(learning_rate=lr)\nf(lr=3.0)", "f(lr=3.0)", "f(lr=0.01)"),
    ("position of a caller", "def f(n, lr):\n    {compile}(learning_rate=lr)\nf(7, 3.0)", "f(7, 3.0)", "f(7, 0.01)"),
    ("constant of a caller", "RATE = 3.0\ndef f(n, lr):\n    {compile}(learning_rate=lr)\nf(7, RATE)", "RATE = 3.0", "RATE = 0.01"),
]  # fmt: skip


@pytest.mark.parametrize("row", ELSEWHERE, ids=[row[0] for row in ELSEWHERE])
def test_value_written_elsewhere(row) -> None:
    _, program, old, new = row
    indent = "    " if "    {compile}" in program else ""
    body = program.replace("{compile}", "opt = keras.optimizers.SGD")
    text = HEAD + body + f"\n{indent and ''}m.add(layers.Dense(1))\nm.compile(opt, 'mse')\nm.fit(X, y)\n"
    result = changed("set-learning-rate", text, learning_rate=0.01)
    assert result == text.replace(old, new)
    assert_idempotent("set-learning-rate", result, learning_rate=0.01)


def test_constant_of_another_module() -> None:
    texts = {
        "train.py": "from tensorflow import keras\nfrom settings import LR\nopt = keras.optimizers.SGD(LR)\nm.compile(opt)\nm.fit(x)\n",
        "settings.py": "LR = 3.0\n",
    }
    assert changed("set-learning-rate", texts, learning_rate=0.01) == "LR = 0.01\n"


def test_arguments_that_cannot_be_followed() -> None:
    text = HEAD + "m.compile(keras.optimizers.SGD(*args), 'mse')\nm.fit(X, y, **options)\n"
    with pytest.raises(EditNotApplicable, match=r"\*args"):
        patch_of("set-learning-rate", text, learning_rate=0.01)
    with pytest.raises(EditNotApplicable, match=r"\*\*options"):
        patch_of("set-argument", text, target="fit", name="epochs", value=3)


def test_optimizer_made_elsewhere() -> None:
    text = "from keras.optimizers import SGD\nfrom keras.layers import Dense\nopt = SGD(lr=1.0)\nm.add(Dense(1))\nm.compile(optimizer=opt)\nm.fit(X, y)\n"
    gone, came = lines_changed(text, changed("set-optimizer", text, optimizer="Adam", learning_rate=0.01))
    assert gone == ["from keras.optimizers import SGD", "opt = SGD(lr=1.0)"]
    assert came == ["from keras.optimizers import SGD, Adam", "opt = Adam(learning_rate=0.01)"]


IMPORT_STYLES = [
    ("from keras.layers import Dense", "m.add(Dense(4))", ["from keras.layers import Dense, BatchNormalization", "m.add(BatchNormalization())"]),
    ("from tensorflow.keras.layers import (\n    Dense,\n    Flatten,\n)", "m.add(Dense(4))", ["    BatchNormalization,", "m.add(BatchNormalization())"]),
    ("from keras.layers import *", "m.add(Dense(4))", ["m.add(BatchNormalization())"]),
    ("import tensorflow as tf", "m.add(tf.keras.layers.Dense(4))", ["m.add(tf.keras.layers.BatchNormalization())"]),
    ("import keras", "m.add(keras.layers.Dense(4))", ["m.add(keras.layers.BatchNormalization())"]),
    ("import keras.layers as L", "m.add(L.Dense(4))", ["m.add(L.BatchNormalization())"]),
    ("from tensorflow.keras import layers as kl", "m.add(kl.Dense(4))", ["m.add(kl.BatchNormalization())"]),
    ("from keras.layers import Dense, BatchNormalization as BN", "m.add(Dense(4))", ["m.add(BN())"]),
    ("from tensorflow.keras.layers import Dense as D  # dense", "m.add(D(4))", ["from tensorflow.keras.layers import Dense as D, BatchNormalization  # dense", "m.add(BatchNormalization())"]),
    ("from tensorflow.python.keras.layers import Dense", "m.add(Dense(4))", ["from tensorflow.python.keras.layers import Dense, BatchNormalization", "m.add(BatchNormalization())"]),
    ("import tensorflow.keras.layers", "m.add(tensorflow.keras.layers.Dense(4))", ["m.add(tensorflow.keras.layers.BatchNormalization())"]),
]  # fmt: skip


@pytest.mark.parametrize("row", IMPORT_STYLES, ids=[row[0][:40] for row in IMPORT_STYLES])
def test_import_styles(row) -> None:
    head, line, came = row
    text = f"{head}\n{line}\nm.compile('sgd')\nm.fit(X, y)\n"
    after = changed("insert-layer", text, 0, position="after", layer="BatchNormalization")
    assert lines_changed(text, after)[1] == came


def test_import_is_added_behind_relatives() -> None:
    text = '"""Doc."""\nfrom __future__ import annotations\nimport numpy as np\nfrom tensorflow.keras.models import Sequential\nfrom tensorflow.keras.layers import Dense\nimport os\n\nm = Sequential()\nm.add(Dense(4))\nm.compile(optimizer="sgd")\nm.fit(X, y)\n'
    after = changed("set-learning-rate", text, learning_rate=0.5)
    assert "layers import Dense\nfrom tensorflow.keras.optimizers import SGD\nimport os\n" in after
    assert "optimizer=SGD(learning_rate=0.5)" in after


def test_import_without_relatives_goes_behind_docstring_and_future() -> None:
    text = '"""Doc."""\nfrom __future__ import annotations\nfrom model import build\nm = build()\nm.compile(optimizer="sgd")\nm.fit(X, y)\n'
    after = changed("set-learning-rate", text, learning_rate=0.5)
    assert "annotations\nfrom model import build\nfrom keras.optimizers import SGD\nm = " in after


def test_multi_line_layouts() -> None:
    text = """from tensorflow.keras import layers, Sequential

model = Sequential(
    [
        layers.Dense(
            64,  # units
            input_shape=(4,),
        ),  # first
        layers.Dense(
            10
        ),
    ]
)
model.compile(
    optimizer="adam",
    loss="mse",  # why not
)
model.fit(X, y)
"""
    after = changed("set-activation", text, 0, activation="relu")
    assert lines_changed(text, after) == ([], ['            activation="relu",'])
    after = changed("set-argument", text, target="compile", name="metrics", value=["mae"])
    assert lines_changed(text, after) == ([], ['    metrics=["mae"],'])
    after = changed("insert-layer", text, 0, position="before", layer="BatchNormalization")
    assert lines_changed(text, after) == (
        ["            input_shape=(4,),"],
        ["        layers.BatchNormalization(input_shape=(4,)),"],
    )
    after = changed("insert-layer", text, 0, position="after", layer="BatchNormalization")
    assert lines_changed(text, after) == ([], ["        layers.BatchNormalization(),"])
    after = changed("remove-layer", text, 1)
    assert "layers.Dense(\n            10" not in after


def test_add_chain_and_statements_on_one_line() -> None:
    text = "from keras.layers import *\nm = Sequential(); m.add(Dense(8, input_dim=4)); m.add(Activation('relu')); m.add(Dense(1))\nm.compile('sgd')\nm.fit(X, y)\n"
    assert "m.add(Dense(8, input_dim=4)); m.add(BatchNormalization()); m.add(Activation" in changed(
        "insert-layer", text, 0, position="after", layer="BatchNormalization"
    )
    assert "m = Sequential(); m.add(BatchNormalization(input_dim=4)); m.add(Dense(8)); m.add(Act" in changed(
        "insert-layer", text, 0, position="before", layer="BatchNormalization"
    )
    assert "input_dim=4)); m.add(Dense(1))\n" in changed("set-activation", text, 0, activation="linear")


def test_functional_chain() -> None:
    text = "from keras import layers\ninp = Input((4,))\nx = layers.Dense(8, activation='relu')(inp)\nx = layers.Dense(8)(x)\nout = layers.Dense(1)(x)\nm.compile('sgd')\nm.fit(X, y)\n"
    assert "(inp)\nx = layers.BatchNormalization()(x)\nx = layers.Dense(8)(x)" in changed(
        "insert-layer", text, 0, position="after", layer="BatchNormalization"
    )
    assert "(inp)\nx = layers.BatchNormalization()(x)\nx = layers.Dense(8)(x)" in changed(
        "insert-layer", text, 1, position="before", layer="BatchNormalization"
    )
    assert lines_changed(text, changed("remove-layer", text, 1)) == (["x = layers.Dense(8)(x)"], [])


def test_named_layers_and_subclassed_model() -> None:
    text = """import keras
from keras import layers
class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.hidden = layers.Dense(8)
        self.out = layers.Dense(1)
    def call(self, x):
        x = self.hidden(x)
        return self.out(x)
m = Net()
m.compile('sgd')
m.fit(X, y)
"""
    after = changed("insert-layer", text, 0, position="after", layer="BatchNormalization")
    assert lines_changed(text, after)[1] == [
        "        self.hidden_batchnormalization = layers.BatchNormalization()",
        "        x = self.hidden_batchnormalization(x)",
    ]
    assert "self.out = layers.Dense(1, activation='sigmoid')" in changed(
        "set-activation", text, 1, activation="sigmoid"
    )
    shared = text.replace("return self.out(x)", "return self.out(self.hidden(x))")
    with pytest.raises(EditNotApplicable, match="used in 2 places"):
        patch_of("insert-layer", shared, 0, position="after", layer="BatchNormalization")


LOOP = "from keras import layers\nfor n in [64, 32, 1]:\n    m.add(layers.Dense(n, activation='relu'))\nm.compile('sgd')\nm.fit(X, y)\n"


def test_loops() -> None:
    facts = {"repeats": {0: 3}}
    assert changed("set-units", LOOP, 1, facts, units=16) == LOOP.replace("32", "16")
    with pytest.raises(EditNotApplicable, match="several layers"):
        patch_of("set-activation", LOOP, 2, facts, activation="sigmoid")
    pairs = LOOP.replace("for n in [64, 32, 1]", "for n, a in [(64, 'relu'), (32, 'relu'), (1, 'relu')]")
    pairs = pairs.replace("activation='relu')", "activation=a)")
    after = changed("set-activation", pairs, 2, facts, activation="sigmoid")
    assert after == pairs.replace("(1, 'relu')", "(1, 'sigmoid')")
    hidden_only = LOOP.replace("[64, 32, 1]", "[64, 32]").replace("m.compile", "m.add(layers.Dense(1))\nm.compile")
    facts = {"repeats": {0: 2}}
    assert changed("set-activation", hidden_only, 0, facts, activation="tanh") == hidden_only.replace("relu", "tanh")
    assert "    m.add(layers.BatchNormalization())\n" in changed(
        "insert-layer", hidden_only, 0, facts, position="after", layer="BatchNormalization"
    )


def test_helper_functions() -> None:
    text = "from keras import layers\ndef dense(n, act='relu'):\n    return layers.Dense(n, activation=act)\nm.add(dense(8))\nm.add(dense(1))\nm.compile('sgd')\nm.fit(X, y)\n"
    facts = {"repeats": {0: 2}, "callers": {0: [("train.py", "dense(8)")], 1: [("train.py", "dense(1)")]}}
    assert changed("set-activation", text, 1, facts, activation="sigmoid") == text.replace(
        "dense(1)", "dense(1, act='sigmoid')"
    )
    assert changed("set-units", text, 1, facts, units=3) == text.replace("dense(1)", "dense(3)")
    assert "m.add(dense(8))\nm.add(layers.BatchNormalization())\n" in changed(
        "insert-layer", text, 0, facts, position="after", layer="BatchNormalization"
    )
    fixed = text.replace("activation=act", "activation='relu'")
    with pytest.raises(EditNotApplicable, match="several layers"):
        patch_of("set-activation", fixed, 1, facts, activation="sigmoid")


def test_wrong_parameters_are_named() -> None:
    text = HEAD + "m.add(layers.Dense(1))\n" + TAIL
    for parameters, message in (
        ({}, "needs the parameter"),
        ({"activation": 3}, "must be str"),
        ({"activatoin": "x"}, "no parameter"),
    ):
        with pytest.raises(EditNotApplicable, match=message):
            patch_of("set-activation", text, 0, **parameters)
    with pytest.raises(EditNotApplicable, match="there is no edit"):
        patch_of("set-everything", text, 0)
    with pytest.raises(EditNotApplicable, match="takes no argument"):
        patch_of("set-argument", text, 0, target="layer", name="momentum", value=1)


def test_there_is_no_fit_call_in_a_loop_of_the_scripts_own():
    text = "m = models.Sequential([layers.Dense(1)])\n"
    asked = request("set-argument", HEAD + text + TAIL, target="fit", name="epochs", value=9)
    loop = replace(asked.context.fit, origin="train_on_batch")
    draft = Draft(replace(asked, context=replace(asked.context, fit=loop)), SourceFiles(Path(), []))
    with pytest.raises(EditNotApplicable, match="a loop of its own"):
        draft.locate(loop.fit.site, "the fit call")


def test_the_call_of_another_library_is_not_taken_for_fit():
    text = HEAD + "m = models.Sequential([layers.Dense(1)])\n" + TAIL.replace("model.fit(", "cross_val_score(")
    with pytest.raises(EditNotApplicable):
        patch_of("set-argument", text, target="fit", name="epochs", value=9)
