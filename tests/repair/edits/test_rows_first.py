"""Tables with their rows last, reshaped as if they came first."""

from __future__ import annotations

import numpy as np
import pytest
from dlfix.repair.patching import EditNotApplicable
from edit_testing import changed, lines_changed, patch_of
from stub_keras import run
from test_data_edits import facts

HEAD = "import numpy as np\nfrom keras import layers, models\nrng = np.random.default_rng(0)\n"
#: Three features of forty rows, as a file that is written column by column holds them.
TABLE = "raw = rng.normal(size=(3, 40))\ny = raw[0] * 2 + 1\n"
MODEL = "model = models.Sequential([layers.Dense(4), layers.Dense(1)])\nmodel.compile('adam', 'mse')\n"
TRAINED = {
    "method": "x = raw.reshape(40, 3)\n" + MODEL + "model.fit(x, y)\n",
    "function": "x = np.reshape(raw, (-1, 3))\n" + MODEL + "model.fit(x, y)\n",
    "in the call": MODEL + "model.fit(raw.reshape(-1, 3), y)\n",
    "steps between": "raw = raw.astype('float32')\nx = raw.reshape(-1, 3)\nx = x - x.mean()\nmodel_input = x.copy()\n"
    + MODEL
    + "model.fit(model_input, y)\n",
    "twice": "x = raw.reshape(40, 3)\nx = x.reshape(-1, 3)\n" + MODEL + "model.fit(x, y)\n",
}


@pytest.mark.parametrize("way", TRAINED)
def test_rows_come_first(way: str) -> None:
    program = HEAD + TABLE + TRAINED[way]
    patched = changed("rows-first", program, None, facts(program))
    assert [len(lines) for lines in lines_changed(program, patched)] == [1, 1]
    assert "np.moveaxis(raw, -1, 0)" in patched
    log, names = run(patched)
    given = np.asarray(log[0][1], dtype=float)
    centre = names["raw"].mean() if way == "steps between" else 0.0
    np.testing.assert_allclose(given, names["raw"].T - centre, rtol=1e-5, atol=1e-6)


def test_training_and_test_rows_alike() -> None:
    program = (
        HEAD
        + TABLE
        + (
            "test = rng.normal(size=(3, 9))\nx, x_test = raw.reshape(40, 3), test.reshape(9, 3)\n"
            + MODEL
            + "model.fit(x, y)\np = model.predict(x_test)\n"
        )
    )
    patched = changed("rows-first", program, None, facts(program))
    assert "np.moveaxis(raw, -1, 0).reshape(40, 3), np.moveaxis(test, -1, 0).reshape(9, 3)" in patched


@pytest.mark.parametrize(
    ("made", "message"),
    [
        ("x = raw.T.reshape(40, 3)\n", "already"),
        ("x = np.moveaxis(raw, -1, 0).reshape(40, 3)\n", "already"),
        ("x = raw.T\n", "not plain where the inputs are reshaped"),
    ],
)
def test_what_is_in_order_stays(made: str, message: str) -> None:
    program = HEAD + TABLE + made + MODEL + "model.fit(x, y)\n"
    with pytest.raises(EditNotApplicable, match=message):
        patch_of("rows-first", program, None, facts(program))
