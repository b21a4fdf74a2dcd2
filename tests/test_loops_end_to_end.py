"""Scripts that do not train with ``fit``, or train nothing, from the command line."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from loop_scripts import LOOP_HEAD

pytestmark = pytest.mark.slow

FAULTY_LOOP = (
    LOOP_HEAD
    + """\
model = keras.Sequential()
model.add(L.Dense(16, activation="relu"))
model.add(L.Dense(1, activation="softmax"))
model.compile("adam", "binary_crossentropy")
for epoch in range(12):
    for i in range(0, 320, 32):
        model.train_on_batch(x[i:i + 32], y[i:i + 32])
"""
)


def dlfix(*arguments, folder):
    command = [sys.executable, "-m", "dlfix", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=400, check=False)


def test_patches_for_a_loop_are_proposed_untested(tmp_path):
    (tmp_path / "train.py").write_text(FAULTY_LOOP)
    done = dlfix("suggest", "train.py", "--budget", "120s", "--format", "json", folder=tmp_path)
    assert done.returncode == 1, done.stderr
    result = json.loads(done.stdout)
    assert result["faults"][0]["kind"] == "output_activation"
    assert result["faults"][0]["location"]["line"] == LOOP_HEAD.count("\n") + 3
    assert {suggestion["verdict"] for suggestion in result["suggestions"]} == {"untested"}
    assert "sigmoid" in result["suggestions"][0]["diff"]
    assert "not tested: trials train with fit, and this script trains in a loop around" in result["summary"]
    assert result["cost"]["trials"] == 0


@pytest.mark.parametrize(
    ("files", "told"),
    [
        (
            {
                "train.py": "import numpy as np, keras\nm = keras.Sequential([keras.layers.Dense(1)])\n"
                "m.compile('sgd', 'mse')\nm.fit(np.zeros((0, 3)), np.zeros((0, 1)), epochs=3, verbose=0)\n"
            },
            "trained nothing: fit got no rows",
        ),
        (
            {
                "train.py": "import keras\nm = keras.Sequential([keras.layers.Dense(1)])\nm.compile('sgd', 'mse')\n"
                "def rows():\n    yield from ()\nm.fit(rows(), verbose=0)\n"
            },
            "trained nothing: fit got no rows",
        ),
        ({"train.py": "def main():\n    import tf_keras\nmain()\n", "tf_keras.py": ""}, "uses tf_keras"),
        ({"train.py": "def main():\n    import tf_keras\nmain()\n"}, "uses tf_keras"),
        ({"train.py": "from net import build\nbuild()\n", "net.py": "import tf_keras\n"}, "uses tf_keras"),
        ({"train.py": "from tf_keras import layers\n"}, "train.py:1 imports tf_keras"),
        (
            {"train.py": "import setup_env\n", "setup_env.py": "import os\nos.environ['TF_USE_LEGACY_KERAS'] = '1'\n"},
            "setup_env.py:2 sets TF_USE_LEGACY_KERAS",
        ),
    ],
    ids=["no rows", "empty generator", "in a function", "not installed", "in another file", "at the top", "variable"],
)
def test_what_cannot_be_diagnosed_is_said(files, told, tmp_path):
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    done = dlfix("diagnose", "train.py", "--budget", "60s", "-q", folder=tmp_path)
    assert done.returncode == 3, done.stdout + done.stderr
    assert told in " ".join(done.stdout.split())
    assert "No fault found" not in done.stdout
