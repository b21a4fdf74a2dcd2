"""The table of positional parameters agrees with the installed Keras."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from dlfix.repair.edits.signatures import _LAYERS, _METHODS, _OPTIMIZERS, _SCHEDULES, accepts, positional_parameters

_PROGRAM = """
import inspect, json, keras
def names(function, skip=1):
    kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD,)
    return [p.name for p in inspect.signature(function).parameters.values() if p.kind in kinds][skip:]
found = {}
for space in (keras.layers, keras.optimizers, keras.optimizers.schedules):
    for name in dir(space):
        item = getattr(space, name)
        if inspect.isclass(item):
            found[name] = names(item.__init__)
for name in ("compile", "fit", "evaluate", "predict", "train_on_batch", "test_on_batch"):
    found[name] = names(getattr(keras.Model, name))
print(json.dumps(found))
"""


@pytest.mark.slow
def test_table_agrees_with_keras() -> None:
    environment = os.environ | {"CUDA_VISIBLE_DEVICES": "", "TF_CPP_MIN_LOG_LEVEL": "3"}
    outcome = subprocess.run([sys.executable, "-P", "-c", _PROGRAM], capture_output=True, check=True, env=environment)
    keras = json.loads(outcome.stdout.decode().splitlines()[-1])
    for name in [*_LAYERS, *_OPTIMIZERS, *_SCHEDULES, *_METHODS]:
        if name in keras and name not in {"Sequential", "Model"}:
            known = positional_parameters(name) or ()
            # What an author writes by position stands in the first few; later ones come and go with versions.
            assert list(known)[:6] == keras[name][: min(6, len(known))], name


def test_what_is_known_without_keras() -> None:
    assert (positional_parameters("compile") or ())[2] == "loss_weights"
    assert positional_parameters("Convolution2D") == positional_parameters("Conv2D")
    assert accepts("Dense", "input_shape")
    assert not accepts("Dense", "momentum")
    assert accepts("SomebodysLayer", "anything")
