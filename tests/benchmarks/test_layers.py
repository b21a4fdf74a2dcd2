"""Keras' layer numbers against those of the case file, on every rebuilt program whose source lists its layers."""

from __future__ import annotations

import ast
from itertools import pairwise
from types import SimpleNamespace

import pytest

from benchmarks.run.layers import logical_indices, to_case_layers
from benchmarks.run.programs import case_programs

LAYERS = ("Activation", "BatchNormalization", "Conv2D", "Dense", "Dropout", "Flatten", "Lambda", "LeakyReLU",
          "MaxPool2D", "MaxPooling2D", "ReLU", "ELU", "Rescaling", "Reshape", "Softmax")  # fmt: skip


def recorded(*layers):
    return [{"index": index, "class_name": name, "units": units} for index, (name, units) in enumerate(layers)]


def model(*layers):
    return [SimpleNamespace(index=index, type=name, units=units) for index, (name, units) in enumerate(layers)]


def test_activations_belong_to_the_layer_before_them():
    assert logical_indices(["Dense", "Activation", "Dense", "Softmax"]) == [0, 0, 1, 1]


def test_two_activations_in_a_row_belong_to_the_same_layer():
    assert logical_indices(["Dense", "Activation", "ReLU", "Dense"]) == [0, 0, 0, 1]


def test_an_activation_behind_a_layer_without_one_counts_by_itself():
    assert logical_indices(["Conv2D", "Dropout", "Activation", "Flatten"]) == [0, 1, 2, 3]


def test_inputs_do_not_count():
    assert logical_indices(["InputLayer", "Dense", "ReLU"]) == [None, 0, 0]


def test_layers_beyond_the_case_are_left_out():
    ours = recorded(("Reshape", None), ("Dense", 8), ("Activation", 8), ("Dense", 1))
    assert to_case_layers(ours, model(("Dense", 8), ("Dense", 1))) == {1: 0, 2: 0, 3: 1}


def test_a_layer_of_the_case_that_is_missing_shifts_what_follows():
    ours = recorded(("Dense", 8), ("Dense", 1))
    assert to_case_layers(ours, model(("Dense", 8), ("Dropout", None), ("Dense", 1))) == {0: 0, 1: 2}


def test_other_sizes_do_not_break_the_alignment():
    ours = recorded(("Dense", 100), ("Dropout", 100), ("Dense", 10))
    assert to_case_layers(ours, model(("Dense", 5000), ("Dropout", None), ("Dense", 10))) == {0: 0, 1: 1, 2: 2}


@pytest.mark.parametrize("program", case_programs(None), ids=lambda program: program.case.id)
def test_every_layer_of_a_rebuilt_program_has_its_place_in_the_case(program):
    layers = layers_in_source(program.script)
    if layers is None:
        pytest.skip("layers are made in a loop or a function")
    places = to_case_layers(layers, program.case.model)
    assert sorted(places) == [layer["index"] for layer in layers]
    assert sorted(set(places.values())) == [layer.index for layer in program.case.model]
    assert all(later - earlier in (0, 1) for earlier, later in pairwise(places[index] for index in sorted(places)))


def layers_in_source(script):
    """Layers in the order they are written; None where that need not be the order they are built in."""
    tree = ast.parse(script.read_bytes())
    repeated = [node for node in ast.walk(tree) if isinstance(node, ast.For | ast.comprehension | ast.While)]
    helpers = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    everywhere = _layer_calls(tree)
    inside = [calls for helper in helpers if (calls := _layer_calls(helper))]
    if any(_layer_calls(node) for node in repeated) or (inside and inside != [everywhere]):
        return None
    return recorded(*everywhere)


def _layer_calls(tree):
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    found = []
    for call in sorted(calls, key=lambda node: (node.lineno, node.col_offset)):
        name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", None)
        if name in LAYERS:
            sizes = [*call.args, *(word.value for word in call.keywords if word.arg in ("units", "filters"))]
            found.append((name, sizes[0].value if sizes and isinstance(sizes[0], ast.Constant) else None))
    return found
