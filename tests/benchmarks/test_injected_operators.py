"""Planting on source alone: what is changed, where the fault then lies, and that nothing else moves."""

from __future__ import annotations

import ast

import pytest
from dlfix.diagnose.fact_vocabulary import FAULT_KINDS

from benchmarks.injected.anatomy import Program
from benchmarks.injected.equivalents import EQUIVALENTS
from benchmarks.injected.families import programs
from benchmarks.injected.operators.registry import operators, plantings
from benchmarks.injected.planting import Incompatible, Planting, Replacement, compatible, plant
from benchmarks.injected.script import Interval

LISTED = """import keras
from keras import layers

model = keras.Sequential(
    [
        keras.Input((4,)),
        layers.Dense(16, activation="relu"),
        layers.Dropout(0.2),
        layers.Dense(3, activation="softmax"),
    ]
)
model.compile(optimizer=keras.optimizers.Adam(0.01), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
model.fit(x[:80], y[:80], epochs=40, batch_size=8, validation_data=(x[80:], y[80:]))
"""

ADDED = """from tensorflow.keras.layers import Dense
from tensorflow.keras.models import Sequential

model = Sequential()
model.add(Dense(16, activation='relu', input_shape=(4,)))
model.add(Dense(1))
model.compile('sgd', 'mse')
model.fit(X, y, epochs=40)
"""

FUNCTIONAL = """import tensorflow as tf
from tensorflow.keras.layers import Bidirectional, Dense, Input, LSTM

inputs = Input((10, 2))
h = Bidirectional(LSTM(16))(inputs)
h = Dense(8, activation="relu")(h)
outputs = Dense(1, activation="sigmoid")(h)
model = tf.keras.Model(inputs, outputs)
model.compile(loss="binary_crossentropy", optimizer="adam")
model.fit(x, y, epochs=20, verbose=0)
"""

HEALTHY = programs()


def the(text: str, key: str) -> tuple[Program, Planting]:
    """The first planting whose key begins so."""
    program = Program.read("program", text)
    return program, next(one for one in plantings(program) if one.key.startswith(key))


def called(source: str, place: object) -> str:
    """The text at a place."""
    lines = source.splitlines(keepends=True)
    start = sum(map(len, lines[: place.line - 1])) + place.column - 1
    end = sum(map(len, lines[: place.end_line - 1])) + place.end_column - 1
    return source[start:end]


@pytest.mark.parametrize(
    ("text", "key", "before", "after"),
    [
        (LISTED, "hlr-high:x30", "Adam(0.01)", "Adam(0.3)"),
        (ADDED, "hlr-low:/100", "'sgd'", "keras.optimizers.SGD(0.0001)"),
        (FUNCTIONAL, "och:SGD", '"adam"', "tf.keras.optimizers.SGD()"),
        (LISTED, "lch-form", '"sparse_categorical_crossentropy"', '"categorical_crossentropy"'),
        (LISTED, "hne:1", "epochs=40", "epochs=1"),
        (LISTED, "hbs:1024", "batch_size=8", "batch_size=1024"),
        (LISTED, "class-weight:200", "y[80:]))", "y[80:]), class_weight={0: 200.0, 1: 1.0, 2: 1.0})"),
        (ADDED, "hbs:1024", "epochs=40)", "epochs=40, batch_size=1024)"),
        (ADDED, "ach-output:sigmoid", "Dense(1)", 'Dense(1, activation="sigmoid")'),
        (LISTED, "arm-hidden", '16, activation="relu"', '16, activation="linear"'),
        (LISTED, "rcd:0.95", "Dropout(0.2)", "Dropout(0.95)"),
        (LISTED, "output-units:1", "Dense(3,", "Dense(1,"),
        (FUNCTIONAL, "units:1", "LSTM(16)", "LSTM(1)"),
        (LISTED, "input-scale:* 255", "fit(x[:80], y[:80]", "fit((x[:80]) * 255.0, y[:80]"),
        (LISTED, "input-scale:* 255", "(x[80:], y[80:])", "((x[80:]) * 255.0, y[80:])"),
        (LISTED, "validation-scale", "(x[80:], y[80:])", "((x[80:]) * 255.0, y[80:])"),
        (ADDED, "target-scale:* 1000.0", "fit(X, y,", "fit(X, (y) * 1000.0,"),
        (LISTED, "label-values:+ 1", "x[:80], y[:80]", "x[:80], (y[:80]) + 1"),
        (LISTED, "label-form", "x[:80], y[:80]", "x[:80], np.eye(3)[y[:80]]"),
        (LISTED, "trd:1/50", "x[:80], y[:80]", "(x[:80])[::50], (y[:80])[::50]"),
        (LISTED, "missing-inputs:0.05", "fit(x[:80]", "fit(with_gaps(x[:80], 0.05)"),
        (LISTED, "frozen:output", '"softmax")', '"softmax", trainable=False)'),
    ],
)
def test_an_operator_changes_what_it_says(text, key, before, after):
    program, planting = the(text, key)
    planted = plant(text, [planting])
    assert before in text
    assert after in planted.source
    assert len(planted.truths) == 1
    assert planted.truths[0].kind == planting.kind
    # Without what was put in, the text is the old one.
    assert planted.source.count("\n") >= text.count("\n")
    assert program.script.text == text


@pytest.mark.parametrize(
    ("text", "key", "wanted"),
    [
        (LISTED, "arm-hidden", ['layers.Dense(16, activation="linear")']),
        (LISTED, "rcd:new 0.9@", ["keras.layers.Dropout(0.9)"]),
        (ADDED, "rcd:new 0.9@", ["keras.layers.Dropout(0.9)"]),
        (FUNCTIONAL, "units:1", ["LSTM(1)", "Bidirectional(LSTM(1))", "Bidirectional(LSTM(1))(inputs)"]),
        (ADDED, "wci:zeros", [
            "Dense(16, activation='relu', input_shape=(4,), kernel_initializer=\"zeros\")",
            "model.add(Dense(16, activation='relu', input_shape=(4,), kernel_initializer=\"zeros\"))",
        ]),
        (ADDED, "hlr-low:/100", [
            "keras.optimizers.SGD(0.0001)", "model.compile(keras.optimizers.SGD(0.0001), 'mse')"
        ]),
        (LISTED, "layers:30", ['layers.Dense(16, activation="relu")', 'layers.Dense(16, activation="relu")']),
        (ADDED, "layers:30", [
            'Dense(16, activation="relu")',
            "Dense(16, activation='relu', input_shape=(4,))",
            "model.add(Dense(16, activation='relu', input_shape=(4,)))",
        ]),
    ],
)  # fmt: skip
def test_places_are_those_of_the_edited_calls_in_the_new_text(text, key, wanted):
    _, planting = the(text, key)
    planted = plant(text, [planting])
    assert [called(planted.source, place) for place in planted.truths[0].places] == wanted


def test_two_faults_in_one_text_keep_their_places():
    program = Program.read("program", FUNCTIONAL)
    every = plantings(program)
    first = next(one for one in every if one.key.startswith("tcl:1.0"))
    second = next(one for one in every if one.key.startswith("units:1"))
    assert compatible(first, second)
    planted = plant(FUNCTIONAL, [first, second])
    assert [truth.kind for truth in planted.truths] == ["training_data", "units"]
    assert called(planted.source, planted.truths[0].places[0]).startswith("model.fit(x, mislabelled(y, 1.0)")
    assert called(planted.source, planted.truths[1].places[0]) == "LSTM(1)"


def test_faults_of_one_text_are_not_compatible():
    program = Program.read("program", LISTED)
    every = {one.key.split("@")[0]: one for one in plantings(program)}
    assert not compatible(every["units:1"], every["units:2"])
    assert not compatible(every["tcl:1.0"], every["label-order:rolled"])
    with pytest.raises(Incompatible):
        plant(LISTED, [every["units:1"], every["units:2"]])


def test_a_result_that_does_not_parse_is_refused():
    broken = Planting("x", "y", "loss", (Replacement(Interval(0, 6), "impor("),), "")
    with pytest.raises(Incompatible):
        plant(LISTED, [broken])


@pytest.mark.parametrize("name", sorted(HEALTHY))
def test_everything_that_can_be_planted_into_a_program_parses_and_has_its_truth(name):
    program = HEALTHY[name]
    every = plantings(program)
    if program.fit is not None:  # loops of a program's own have no settings of fit to spoil
        assert len({one.kind for one in every}) >= 8, "a program into which little can be planted tells little"
    assert len({one.key for one in every}) == len(every)
    for planting in every:
        planted = plant(program.script.text, [planting])
        calls = {
            (node.lineno, node.col_offset + 1)
            for node in ast.walk(ast.parse(planted.source))
            if isinstance(node, ast.Call)
        }
        truth = planted.truths[0]
        assert planted.source != program.script.text
        assert planting.kind in FAULT_KINDS
        assert {(place.line, place.column) for place in truth.places} <= calls, planting.key
        assert truth.places or not truth.at_layer, "a fault in a layer has a place"


def test_every_operator_has_somewhere_to_go_and_its_equivalents():
    used = {one.operator for program in HEALTHY.values() for one in plantings(program)}
    assert used == set(operators()) == set(EQUIVALENTS)


def test_equivalents_are_words_of_the_vocabulary_and_reasoned():
    for name, found in EQUIVALENTS.items():
        named = {*found.synonyms, *found.alternatives}
        assert named <= set(FAULT_KINDS), name
        assert bool(named) == bool(found.why), name
        assert not set(found.synonyms) & set(found.alternatives), name
