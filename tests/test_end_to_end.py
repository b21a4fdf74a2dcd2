"""The whole path with the real parts: a script goes in, a proven patch comes out, is applied and taken back."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys

import pytest

FAULTY = """\
import numpy as np
from tensorflow import keras

rng = np.random.default_rng(0)
x = rng.normal(size=(400, 6)).astype("float32")
y = (x[:, 0] - x[:, 1] + 0.5 * x[:, 2] > 0).astype("float32")

model = keras.Sequential()
model.add(keras.layers.Dense(16, activation="relu"))
model.add(keras.layers.Dense(1, activation="softmax"))
model.compile(optimizer="adam", loss="binary_crossentropy", metrics=["accuracy"])
model.fit(x, y, epochs=15, batch_size=16, validation_split=0.25, verbose=0)
model.save("model.keras")
np.savetxt("notes.txt", model.predict(x, verbose=0)[:3])
"""

RAISES = """\
import keras

def load():
    raise ValueError("the data are not there")

data = load()
"""


def dlfix(*arguments, folder):
    command = [sys.executable, "-m", "dlfix", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=400, check=False)


def contents(folder):
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file() and ".dlfix" not in path.parts
    }


@pytest.mark.slow
def test_from_a_faulty_script_to_a_patch_and_back(tmp_path):
    script = tmp_path / "my train.py"
    script.write_bytes(FAULTY.replace("\n", "\r\n").encode())
    (tmp_path / "notes.txt").write_text("mine")
    before = contents(tmp_path)

    done = dlfix("suggest", script.name, "--budget", "150s", "--format", "json", folder=tmp_path)
    assert done.returncode == 1, done.stderr
    result = json.loads(done.stdout)
    first = result["suggestions"][0]
    assert result["faults"][0]["kind"] == "output_activation"
    assert result["faults"][0]["location"]["line"] == 10
    assert first["verdict"] == "fixed"
    assert first["skill"]["interval"][0] > 0
    assert len({trial["seed"] for trial in first["trials"]}) >= 3
    assert result["cost"]["wall_seconds"] <= 150 * 1.1
    assert contents(tmp_path) == before

    applied = dlfix("apply", "1", folder=tmp_path)
    assert applied.returncode == 0, applied.stderr
    patched = script.read_bytes()
    assert hashlib.sha256(patched).hexdigest() == first["files"][0]["sha256_after"]
    assert patched.count(b"\r\n") == patched.count(b"\n")
    assert dlfix("apply", "--undo", folder=tmp_path).returncode == 0
    assert contents(tmp_path) == before


@pytest.mark.slow
def test_a_script_that_raises_shows_its_own_traceback(tmp_path):
    (tmp_path / "train.py").write_text(RAISES)
    done = dlfix("suggest", "train.py", "--budget", "120s", "-q", folder=tmp_path)
    assert done.returncode == 3, done.stderr
    assert "train.py:4" in done.stdout
    assert "in load" in done.stdout
    assert "site-packages" not in done.stdout
    assert done.stderr == ""
