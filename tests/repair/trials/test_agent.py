"""The agent on real scripts in real child processes: every kind of data, seeds, epochs, and that the script is left."""

from __future__ import annotations

import textwrap

import numpy as np
import pytest
from dlfix.diagnose.execution import Executor
from dlfix.diagnose.recording import record_script
from dlfix.repair.patch import FileChange, Patch, TrialState
from dlfix.repair.trials import files
from dlfix.repair.trials.runner import ScriptRun, TrialRequest, TrialRunner

pytestmark = pytest.mark.slow

HEAD = """
import random
import numpy as np
import tensorflow as tf
import keras

random.seed(0); np.random.seed(0); tf.random.set_seed(0)
generator = np.random.default_rng(0)
x = generator.normal(size=(200, 4)).astype("float32")
y = (x[:, 0] + x[:, 1] > 0).astype("int32")
reals = (100 * x[:, 0] + 500).astype("float32")

def build(units=1, activation="sigmoid", loss="binary_crossentropy"):
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(8, "relu"), keras.layers.Dense(units, activation)])
    model.compile(keras.optimizers.Adam(0.03), loss, metrics=["accuracy"])
    return model
"""


@pytest.fixture(scope="module")
def executor():
    with Executor() as one:
        one.start()
        yield one


@pytest.fixture
def trial(executor, tmp_path):
    """Run a script body, and return the trial and the folder it wrote to."""
    project = tmp_path / "project"
    project.mkdir()
    script = project / "train.py"
    runners = {}

    def run(body, *, before=None, seed=0, fraction=1.0, **settings):
        source = (HEAD + textwrap.dedent(body)).encode()
        script.write_bytes((HEAD + textwrap.dedent(before)).encode() if before else source)
        settings.setdefault("watched_fit", 0)
        where = ScriptRun(script, project, project, **settings)
        folder = tmp_path / f"trials-{len(runners)}"
        runner = runners[len(runners)] = TrialRunner(executor, where, folder)
        patch = None
        if before is not None:
            runner.submit(TrialRequest(None, seed, fraction), 120).result()
            change = FileChange("train.py", script.read_bytes(), source, "0", "1")
            patch = Patch("p", "p", (), (change,), "", (), (), ())
        result = runner.submit(TrialRequest(patch, seed, fraction), 120).result()
        return result, sorted(folder.iterdir())[-1]

    return run


PLAIN = "build().fit(x, y, epochs=8)"


def test_the_script_is_left_after_the_watched_fit(trial, tmp_path):
    result, _ = trial(PLAIN + "\nopen('after.txt', 'w').write('x')\nraise RuntimeError('never reached')")
    assert result.state is TrialState.COMPLETED, result.reason
    assert (result.epochs, result.split) == (8, "holdout")
    assert result.skill > 0.5
    assert len(result.metrics["loss"]) == 8
    assert not (tmp_path / "project" / "after.txt").exists()


def test_seeds_are_ours_though_the_script_fixes_its_own(trial):
    first, one = trial(PLAIN, seed=1)
    again, two = trial(PLAIN, seed=1)
    other, three = trial(PLAIN, seed=2)
    predictions = [files.read_predictions(folder)[0] for folder in (one, two, three)]
    assert np.array_equal(predictions[0], predictions[1])
    assert not np.array_equal(predictions[0], predictions[2])
    assert first.skill == again.skill
    assert first.metrics["loss"] != other.metrics["loss"]


@pytest.mark.parametrize("seed", [1, 2])
def test_a_diagnosis_can_see_the_very_training_of_a_trial(trial, executor, tmp_path, seed):
    one, _ = trial("build().fit(x[:150], y[:150], epochs=2, validation_data=(x[150:], y[150:]))", seed=seed)
    project = tmp_path / "project"
    seen = record_script(
        executor,
        project / "train.py",
        (),
        project_root=project,
        working_directory=project,
        seconds=60.0,
        memory_bytes=2**32,
        seed=seed,
        seeded_as_trial=True,
        output=tmp_path / "trace",
    )
    assert seen.fits[0].epoch_metrics["loss"] == pytest.approx(one.metrics["loss"], rel=1e-6)


@pytest.mark.parametrize(
    ("body", "split"),
    [
        pytest.param("build().fit(x, y, epochs=8, validation_split=0.2)", "validation", id="validation split"),
        pytest.param(
            "build().fit(x[:150], y[:150], epochs=8, validation_data=(x[150:], y[150:]))", "validation", id="data"
        ),
        pytest.param(
            "build().fit(x, y, epochs=8, validation_data=(x, y))", "holdout", id="its own data for validation"
        ),
        pytest.param("build().fit(x[:30], y[:30], epochs=20)", "training", id="too few rows"),
        pytest.param(
            "d = tf.data.Dataset.from_tensor_slices((x, y)).shuffle(200).batch(16)\nbuild().fit(d, epochs=8)",
            "holdout",
            id="dataset",
        ),
        pytest.param(
            """
            d = tf.data.Dataset.from_tensor_slices((x, y)).repeat().batch(16)
            build().fit(d, epochs=8, steps_per_epoch=12)
            """,
            "training",
            id="endless dataset",
        ),
        pytest.param(
            """
            def stream():
                while True:
                    rows = np.random.randint(0, 200, 16)
                    yield x[rows], y[rows]
            build().fit(stream(), epochs=8, steps_per_epoch=12)
            """,
            "training",
            id="generator",
        ),
        pytest.param(
            """
            class Batches(keras.utils.PyDataset):
                def __len__(self):
                    return 10
                def __getitem__(self, index):
                    return x[20 * index : 20 * index + 20], y[20 * index : 20 * index + 20]
            build().fit(Batches(), epochs=8)
            """,
            "holdout",
            id="PyDataset",
        ),
        pytest.param(
            "import pandas\nbuild().fit(pandas.DataFrame(x), pandas.Series(y), epochs=8)", "holdout", id="pandas"
        ),
        pytest.param(
            "build().fit(tf.constant(x), tf.constant(y), epochs=8, sample_weight=np.ones(200))", "holdout", id="tensors"
        ),
    ],
)
def test_every_kind_of_data(trial, body, split):
    if "pandas" in body:
        pytest.importorskip("pandas")
    result, _ = trial(body)
    assert result.state is TrialState.COMPLETED, result.reason
    assert result.split == split
    assert result.skill > 0.4


def test_several_inputs_and_outputs_by_name(trial):
    result, _ = trial(
        """
        a, b = keras.Input((2,), name="a"), keras.Input((2,), name="b")
        joined = keras.layers.Dense(8, "relu")(keras.layers.Concatenate()([a, b]))
        sign = keras.layers.Dense(1, "sigmoid", name="sign")(joined)
        size = keras.layers.Dense(1, name="size")(joined)
        model = keras.Model({"a": a, "b": b}, {"size": size, "sign": sign})
        model.compile("adam", {"sign": "binary_crossentropy", "size": "mse"})
        model.fit({"a": x[:, :2], "b": x[:, 2:]}, {"sign": y, "size": x[:, 0]}, epochs=30)
        """
    )
    assert result.state is TrialState.COMPLETED, result.reason
    assert result.metric == "mean"
    assert result.skill > 0.4


def test_a_share_of_the_epochs(trial):
    result, _ = trial("build().fit(x, y, epochs=20)", fraction=0.25)
    assert result.epochs == 5
    assert result.evaluation["own_epochs"] == 20


def test_less_than_one_epoch(trial):
    body = "many = np.tile(np.arange(200), 100)\nbuild().fit(x[many], y[many], epochs=1, batch_size=10)"
    result, _ = trial(body, fraction=0.1)
    assert result.state is TrialState.COMPLETED, result.reason
    assert result.evaluation["fit_seconds"] < 20


def test_the_watched_fit_among_several(trial):
    body = """
        for fold in range(5):
            model = build()
            model.fit(x, y, epochs=2 + fold)
        """
    assert trial(body, watched_fit=1)[0].epochs == 3


def test_fits_that_are_epochs_of_a_loop(trial):
    body = "model = build()\nfor epoch in range(8):\n    model.fit(x, y, epochs=1)"
    _, folder = trial(body, watched_fit=7, single_epoch_fits=True, fraction=0.5)
    assert files.read_report(folder).fits == 4


def test_own_callbacks_work(trial):
    body = "build().fit(x, y, epochs=50, callbacks=[keras.callbacks.EarlyStopping('loss', min_delta=10.0, patience=2)])"
    assert trial(body)[0].epochs == 3


@pytest.mark.parametrize("callbacks", ["None", "keras.callbacks.CallbackList(model=model, add_history=True)"])
def test_a_loss_that_is_not_a_number_ends_the_trial(trial, callbacks):
    body = f"reals[0] = np.nan\nmodel = build(1, None, 'mse')\nmodel.fit(x, reals, epochs=50, callbacks={callbacks})"
    result, _ = trial(body)
    assert (result.state, result.skill) == (TrialState.DIVERGED, -1.0)
    assert result.epochs < 50


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("x = undefined", "NameError"),
        ("build().fit(x, y[:10])", "ValueError"),
        ("print('no training')", "without a call of fit"),
        ("raise SystemExit(3)", "3"),
    ],
)
def test_scripts_that_fail(trial, body, reason):
    result, _ = trial(body)
    assert result.state is TrialState.CRASHED
    assert reason in result.reason


REGRESSION = "build(1, None, 'mse').fit(x, reals, epochs=30)"
SCALED = "reals = (reals - reals.mean()) / reals.std()\n" + REGRESSION


def test_scaled_targets_are_scored_in_the_original_units(trial):
    """Its loss is ten thousand times smaller; its skill is what its predictions are worth."""
    scaled, folder = trial(SCALED, before=REGRESSION)
    assert scaled.state is TrialState.COMPLETED, scaled.reason
    assert scaled.skill > 0.8
    assert np.abs(files.read_predictions(folder)[0]).max() < 10
    assert scaled.metrics["loss"][-1] < 1


ONE_HOT = """
    labels = np.eye(10)[np.arange(200) % 10]
    build(10, "softmax", "categorical_crossentropy").fit(x, labels, epochs=3)
"""


def test_one_hot_with_sigmoid_and_binary_cross_entropy_does_not_win(trial):
    """Labels that cannot be learned: nine in ten entries are predicted right, but the decisions are trivial."""
    gaming = ONE_HOT.replace("softmax", "sigmoid").replace("categorical_crossentropy", "binary_crossentropy")
    gaming = gaming.replace("epochs=3", "epochs=30")
    result, folder = trial(gaming, before=ONE_HOT)
    predicted, labels = files.read_predictions(folder)[0], files.read_rows(folder).scored_labels[0]
    assert ((predicted > 0.5) == (labels > 0.5)).mean() > 0.8
    assert result.skill < 0.2


def test_encoded_labels_are_scored_as_the_original_ones(trial):
    before = "build(2, 'softmax', 'sparse_categorical_crossentropy').fit(x, y + 1, epochs=8)"
    after = "build(2, 'softmax', 'categorical_crossentropy').fit(x, np.eye(2)[y], epochs=8)"
    result, _ = trial(after, before=before)
    assert result.state is TrialState.COMPLETED, result.reason
    assert result.skill > 0.5


def test_rows_dropped_or_imputed_are_scored_on_the_same_clean_rows(trial):
    dirty = "x[[3, 50, 120], 0] = np.nan\n"
    fit = "build().fit(x, y, epochs=8)"
    dropped, one = trial(
        dirty + "kept = np.isfinite(x).all(axis=1)\nx, y = x[kept], y[kept]\n" + fit, before=dirty + fit
    )
    imputed, two = trial(dirty + "x = np.nan_to_num(x)\n" + fit, before=dirty + fit)
    assert dropped.skill > 0.5, dropped.reason
    assert imputed.skill > 0.5, imputed.reason
    labels = [files.read_rows(folder).scored_labels[0] for folder in (one, two)]
    assert np.array_equal(*labels)


def test_a_patch_that_adds_a_layer_leaves_the_data_alone(trial):
    """Keras draws the seeds of new layers; the script's own draws must not change for it."""
    before = "model = build()\norder = list(range(200)); random.shuffle(order)\nmodel.fit(x[order], y[order], epochs=8)"
    after = before.replace("build()", "build(); extra = keras.layers.Dense(3); extra.build((None, 4))")
    result, _ = trial(after, before=before)
    assert result.state is TrialState.COMPLETED, result.reason


def test_what_fails_behind_the_last_fit_costs_nothing(trial):
    result, _ = trial(PLAIN + "\nraise RuntimeError('a plot failed')", watched_fit=None)
    assert result.state is TrialState.COMPLETED, result.reason
    assert result.skill > 0.5


def test_many_short_epochs_are_run_as_fewer_longer_ones(trial):
    """What the script sees behind fit is as if each epoch had been run by itself."""
    watcher = """
        model = build()
        history = model.fit(x, y, epochs=103, validation_split=0.2)
        assert len(history.history["val_loss"]) == len(history.epoch) == 103, len(history.epoch)
        print(int(model.optimizer.iterations))
        model.fit(x, y, epochs=1)
    """
    result, folder = trial(watcher, watched_fit=1)
    assert result.state is TrialState.COMPLETED, result.reason
    long, _ = trial("build().fit(x, y, epochs=103)")
    assert (long.epochs, len(long.metrics["loss"])) == (103, 103)
    assert long.skill > 0.8
    assert len(set(long.metrics["loss"])) < 30
    assert folder.is_dir()


def test_epochs_that_callbacks_listen_to_are_run_one_by_one(trial):
    result, _ = trial("""
        class Count(keras.callbacks.Callback):
            def on_epoch_end(self, epoch, logs=None):
                if epoch == 44:
                    self.model.stop_training = True
        build().fit(x, y, epochs=60, callbacks=[Count()])
    """)
    assert result.epochs == 45
    assert len(set(result.metrics["loss"])) == 45


EVALUATED = """
    model = build()
    model.fit(x, y, epochs=8)
    model.evaluate(x[:20], y[:20])
    model.predict(x)
    model.evaluate({given}, y)
    raise RuntimeError('never reached')
    """


def test_rows_that_are_evaluated_behind_training(trial):
    raw, _ = trial(EVALUATED.format(given="1000 * x[:, ::-1]"), scored_evaluation=1)
    assert (raw.state, raw.split) == (TrialState.COMPLETED, "test")
    mended, folder = trial(
        EVALUATED.format(given="x"), before=EVALUATED.format(given="1000 * x[:, ::-1]"), scored_evaluation=1
    )
    assert mended.skill > 0.5 > raw.skill
    assert len(files.read_predictions(folder)[0]) == 200


def test_a_script_that_never_evaluates_is_scored_on_the_rows_held_out(trial):
    ended, _ = trial(PLAIN, scored_evaluation=0)
    failed, _ = trial(PLAIN + "\nraise RuntimeError('behind training')", scored_evaluation=0)
    broken, _ = trial(
        "model = build()\nmodel.fit(x, y)\nmodel.evaluate(nothing, y)",
        before=EVALUATED.format(given="x"),
        scored_evaluation=0,
    )
    assert broken.state is TrialState.CRASHED
    assert "name 'nothing' is not defined" in broken.reason
    for result in (ended, failed):
        assert (result.state, result.split) == (TrialState.COMPLETED, "holdout"), result.reason
