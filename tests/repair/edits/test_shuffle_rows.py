"""Rows that are put in a random order before fit holds the last of them out."""

from __future__ import annotations

import numpy as np
import pytest
from dlfix.repair.patching import EditNotApplicable
from edit_testing import assert_idempotent, changed, patch_of
from stub_keras import run
from test_data_edits import facts

HEAD = "import numpy as np\nfrom keras import layers, models\n"
DATA = "x = np.arange(80.0).reshape(40, 2)\nlabels = np.arange(40) // 20\n"
MODEL = "model = models.Sequential([layers.Dense(1, 'sigmoid')])\nmodel.compile('adam', 'binary_crossentropy')\n"
TRAINED = {
    "names": "model.fit(x, labels, epochs=2, validation_split=0.2)\n",
    "keywords": "model.fit(y=labels, x=x, validation_split=0.2)\n",
    "expressions": "h = model.fit(x / 2 - 1, labels.astype('float32'), validation_split=0.2)\n",
    "parts of one": "d = {'x': x, 'y': labels}\nmodel.fit(d['x'], d['y'], validation_split=0.2)\n",
    "slices": "t = np.column_stack([x, labels])\nmodel.fit(t[:, :2], t[:, 2], validation_split=0.2)\n",
    "function": "def train(a, b):\n    return model.fit(a, b, validation_split=0.2)\n\n\ntrain(x, labels)\n",
}


@pytest.mark.parametrize("way", TRAINED)
def test_rows_and_labels_move_together(way: str) -> None:
    program = HEAD + DATA + MODEL + TRAINED[way]
    patched = changed("shuffle-rows", program, None, facts(program))
    (_, before, labels), (_, after, moved) = run(program)[0][0], run(patched)[0][0]
    order = [int(np.flatnonzero((before == row).all(axis=1))[0]) for row in after]
    assert sorted(order) == list(range(40))
    assert order != sorted(order)
    np.testing.assert_array_equal(moved, np.asarray(labels)[order])
    assert_idempotent("shuffle-rows", patched, None, facts(program))


def test_what_moves_with_the_rows_elsewhere_stays() -> None:
    program = HEAD + DATA + MODEL + TRAINED["names"] + "p = model.predict(x)\nmodel.evaluate(x, labels)\n"
    log, _ = run(changed("shuffle-rows", program, None, facts(program)))
    np.testing.assert_array_equal(log[1][1], np.arange(80.0).reshape(40, 2))
    np.testing.assert_array_equal(log[2][2], np.arange(40) // 20)


def test_a_name_that_is_taken_is_refused() -> None:
    program = HEAD + DATA + "shuffle = True\n" + MODEL + TRAINED["names"]
    with pytest.raises(EditNotApplicable, match="shuffle"):
        patch_of("shuffle-rows", program, None, facts(program))


def test_weights_of_rows_would_have_to_move_too() -> None:
    program = HEAD + DATA + MODEL + "model.fit(x, labels, sample_weight=labels + 1, validation_split=0.2)\n"
    with pytest.raises(EditNotApplicable, match="weight"):
        patch_of("shuffle-rows", program, None, facts(program))
