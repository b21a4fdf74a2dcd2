"""Every way of training with ``fit``: what is recorded of each."""

import importlib.util
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from dlfix.diagnose.diagnosis import diagnose
from dlfix.diagnose.structure import effective_activation, output_heads
from dlfix.diagnose.trace import FitTrace, Trace

pytestmark = pytest.mark.slow


def observed(fit: FitTrace) -> bool:
    return bool(np.isfinite(fit.statistics.layers["activation_mean"]).any())


def test_kinds_of_data_and_their_edges(watch: Callable[..., Trace]) -> None:
    trace = watch(
        """\
        def fit(*data, inputs=None, **more):
            m = keras.Sequential([L.Dense(1, "sigmoid")]) if inputs is None else inputs
            m.compile("sgd", "binary_crossentropy")
            m.fit(*data, verbose=0, **more)
        pairs = tf.data.Dataset.from_tensor_slices((x, y))
        def endless():
            while True:
                yield x[:32], y[:32], np.ones(32)
        fit(endless(), steps_per_epoch=4, epochs=2)
        fit(pairs.batch(32).repeat(), steps_per_epoch=5, epochs=2)
        fit(pairs.filter(lambda a, b: a[0] > 0).batch(32), epochs=2)  # of unknown cardinality
        fit(tf.data.Dataset.from_generator(lambda: (((r, t)) for r, t in zip(x, y)), output_signature=(
            tf.TensorSpec([6]), tf.TensorSpec([1]))).batch(64), epochs=2)
        def named():
            i, j = keras.Input((6,), name="i"), keras.Input((6,), name="j")
            h = L.concatenate([i, j])
            return keras.Model({"i": i, "j": j}, {"p": L.Dense(1, name="p")(h), "q": L.Dense(1, name="q")(h)})
        fit(tf.data.Dataset.from_tensor_slices(({"i": x, "j": x}, {"p": y, "q": y})).batch(40), inputs=named())
        fit({"i": x, "j": x}, {"p": y, "q": y}, inputs=named(), sample_weight={"p": np.ones(320), "q": np.ones(320)})
        """
    )
    assert trace.notes == ()
    assert [fit.updates for fit in trace.fits][:2] == [8, 10]
    assert trace.fits[0].data.has_sample_weight
    assert trace.fits[3].updates == 10
    assert [facts.name for facts in trace.fits[4].data.inputs] == ["i", "j"]
    assert len(trace.fits[5].data.targets) == 2
    for fit in trace.fits:
        assert observed(fit)
        assert fit.evaluation
        assert len(fit.learning_rates) == len(fit.epoch_seconds)


def test_models_and_settings(watch: Callable[..., Trace]) -> None:
    trace = watch(
        """\
        class Own(keras.Model):
            def __init__(self, inner):
                super().__init__()
                self.a, self.b, self.inner = L.Dense(8, "relu"), L.Dense(1), inner
            def call(self, t, training=None):
                h = self.a(t)
                self.add_loss(1e-3 * keras.ops.mean(h ** 2))
                return self.b(h)
            def train_step(self, data):
                a, b = data
                with tf.GradientTape() as tape:
                    p = self(a, training=True)
                    loss = self.compute_loss(y=b, y_pred=p) if self.inner else tf.reduce_mean((p - b) ** 2)
                self.optimizer.apply(tape.gradient(loss, self.trainable_variables), self.trainable_variables)
                self._loss_tracker.update_state(loss)
                return {"loss": loss}
        for inner in (True, False):
            m = Own(inner)
            m.compile("adam", "mse")
            m.fit(x, y, epochs=2, verbose=0)
        def fit(m=None, optimizer="adam", callbacks=(), epochs=2, **options):
            m = m or keras.Sequential([L.Dense(8, "relu"), L.Dense(1, "sigmoid")])
            m.compile(optimizer, "binary_crossentropy", **options)
            m.fit(x, y, epochs=epochs, verbose=0, callbacks=list(callbacks))
            return m
        fit(jit_compile=True)
        fit(run_eagerly=True, epochs=1)
        fit(steps_per_execution=4)
        fit(optimizer=keras.optimizers.SGD(0.1, gradient_accumulation_steps=2))
        m = fit()
        m.layers[0].trainable = False
        fit(m)
        schedule = keras.callbacks.LearningRateScheduler(lambda epoch: 0.1 / (epoch + 1))
        fit(optimizer="sgd", callbacks=[schedule], epochs=3)
        plateau = keras.callbacks.ReduceLROnPlateau(monitor="loss", factor=0.5, patience=1, min_delta=10.0)
        fit(optimizer=keras.optimizers.SGD(0.1), callbacks=[plateau], epochs=4)
        for policy in ("mixed_float16", "mixed_bfloat16"):
            keras.mixed_precision.set_global_policy(policy)
            fit()
        keras.mixed_precision.set_global_policy("float32")
        """
    )
    own, custom, *others = trace.fits
    assert own.model.kind == "subclassed"
    assert np.isfinite(own.statistics.gradient_norm).all()
    assert len(custom.statistics.loss) > 0
    assert observed(custom)
    assert [fit.state for fit in others] == ["completed"] * 10
    assert all(observed(fit) and fit.evaluation for fit in others)
    frozen = others[5]
    assert frozen.model.layers[0].trainable_parameters == 0
    assert np.isnan(frozen.statistics.layers["update_norm"][:, 0]).all()
    np.testing.assert_allclose(others[6].learning_rates, [0.1, 0.05, 0.1 / 3], rtol=1e-5)
    assert others[7].learning_rates[0] == pytest.approx(0.1)
    assert others[7].learning_rates[-1] < 0.06
    assert others[8].compile.optimizer.class_name == "Adam"
    assert np.isfinite(others[8].statistics.layers["weight_norm"]).all()


def test_several_devices(tmp_path: Path) -> None:
    """In a process of its own: devices are chosen before TensorFlow begins."""

    script = tmp_path / "two.py"
    script.write_text(
        "import numpy as np, keras, tensorflow as tf\n"
        "tf.config.set_logical_device_configuration(tf.config.list_physical_devices('CPU')[0],\n"
        "    [tf.config.LogicalDeviceConfiguration()] * 2)\n"
        "rng = np.random.default_rng(0)\n"
        "x = rng.normal(size=(320, 6)).astype('float32'); y = (x[:, :1] > 0).astype('float32')\n"
        "with tf.distribute.MirroredStrategy(['CPU:0', 'CPU:1']).scope():\n"
        "    L = keras.layers\n"
        "    m = keras.Sequential([keras.Input((6,)), L.Dense(8, 'relu'), L.Dense(1, 'sigmoid')])\n"
        "    m.compile('adam', 'binary_crossentropy', metrics=['accuracy'])\n"
        "m.fit(x, y, epochs=6, batch_size=32, verbose=0, validation_split=0.25)\n"
    )
    code = (
        "import runpy, sys\nfrom pathlib import Path\n"
        "from dlfix.diagnose.execution.job import Job, Limits\n"
        "from dlfix.diagnose.probe.agent import record\n"
        "job = Job(agent='', script=sys.argv[1], project_root=sys.argv[2], output=sys.argv[3],\n"
        "          limits=Limits(60, 2**32), parameters={'seed': 1})\n"
        "record(job, lambda: runpy.run_path(sys.argv[1], run_name='__main__'))\n"
    )
    out = tmp_path / "out"
    subprocess.run([sys.executable, "-P", "-c", code, str(script), str(tmp_path), str(out)], check=True, timeout=300)
    from dlfix.diagnose.trace_io import load_trace

    (fit,) = load_trace(out).fits
    assert fit.updates == 48
    assert len(fit.epoch_metrics["val_accuracy"]) == 6
    assert fit.evaluation["split"] == "validation"
    assert fit.sample is not None
    assert len(fit.statistics.loss) > 0
    assert np.isfinite(fit.statistics.loss).all()
    norms = fit.statistics.layers["weight_norm"]
    assert len(norms) >= 6
    assert np.isfinite(norms).all()


def test_fits_inside_of_other_libraries(watch: Callable[..., Trace]) -> None:
    trace = watch(
        """\
        from sklearn.model_selection import GridSearchCV, cross_val_score
        from keras.wrappers import SKLearnClassifier, SKLearnRegressor
        def build(X, y, units=8, last="softmax", loss="categorical_crossentropy"):
            columns = y.shape[1] if y.ndim > 1 else 1
            m = keras.Sequential([keras.Input((6,)), L.Dense(units, "relu"), L.Dense(columns, last)])
            m.compile("adam", loss)
            return m
        labels = np.array(["no", "yes"])[y[:, 0].astype(int)]
        print(cross_val_score(SKLearnClassifier(build, fit_kwargs={"epochs": 3, "verbose": 0}), x, labels, cv=3))
        regressor = SKLearnRegressor(build, model_kwargs={"last": "linear", "loss": "mse"},
                                     fit_kwargs={"epochs": 2, "verbose": 0})
        regressor.fit(x, y)
        """
    )
    assert trace.state == "completed", trace.exception
    assert [fit.updates for fit in trace.fits] == [
        fit.fit.epochs * steps for fit, steps in zip(trace.fits, (7, 7, 7, 10), strict=True)
    ]
    assert all(observed(fit) and fit.evaluation and fit.fit.site for fit in trace.fits)
    assert diagnose(trace).verdict in ("healthy", "faulty")


@pytest.mark.skipif(importlib.util.find_spec("scikeras") is None, reason="scikeras is not installed")
def test_scikeras(watch: Callable[..., Trace]) -> None:
    trace = watch(
        """\
        from scikeras.wrappers import KerasClassifier
        from sklearn.model_selection import GridSearchCV
        def build(units=8):
            m = keras.Sequential([keras.Input((6,)), L.Dense(units, "relu"), L.Dense(1, "sigmoid")])
            m.compile("adam", "binary_crossentropy")
            return m
        GridSearchCV(KerasClassifier(build, epochs=2, verbose=0, units=8), {"units": [4, 8]}, cv=2).fit(x, y[:, 0])
        """
    )
    assert trace.state == "completed", trace.exception
    assert len(trace.fits) == 5


@pytest.mark.parametrize(
    "data",
    [
        "np.zeros((0, 6)), np.zeros((0, 1))",
        "tf.data.Dataset.from_tensor_slices((x, y)).filter(lambda a, b: a[0] > 99).batch(8)",
    ],
)
def test_training_on_nothing_is_no_training(data: str, watch: Callable[..., Trace]) -> None:
    trace = watch(f"m = keras.Sequential([keras.Input((6,)), L.Dense(1)])\nm.compile('sgd', 'mse')\nm.fit({data})\n")
    assert [fit.updates for fit in trace.fits] == [0]
    assert diagnose(trace).verdict == "error"


def test_targets_given_by_name_meet_their_outputs(watch: Callable[..., Trace]) -> None:
    """Keras sorts the names of outputs in a dict; whoever writes the targets in another order means the same."""
    trace = watch(
        """\
        far = (10 + 5 * x[:, :1]).astype("float32")
        class Both(keras.Model):
            def __init__(self):
                super().__init__()
                self.far, self.above = L.Dense(1), L.Dense(1, "sigmoid")
            def call(self, x):
                return {"far": self.far(x), "above": self.above(x)}
        def functional():
            i = keras.Input((6,))
            return keras.Model(i, {"far": L.Dense(1, name="far")(i), "above": L.Dense(1, "sigmoid", name="above")(i)})
        targets = {"far": far, "above": (x[:, :1] > 0).astype("float32")}
        for make in (functional, Both):
            for data in ((x, targets), (tf.data.Dataset.from_tensor_slices((x, targets)).batch(32),)):
                m = make()
                m.compile(keras.optimizers.Adam(0.2), {"far": "mse", "above": "binary_crossentropy"})
                m.fit(*data, epochs=30, verbose=0)
        """
    )
    assert len(trace.fits) == 4
    for fit in trace.fits:
        assert [facts.name for facts in fit.data.targets] == ["above", "far"]
        assert [loss.name for loss in fit.compile.losses] == ["binary_crossentropy", "mean_squared_error"]
        assert fit.evaluation["skill"] > 0.9
    assert diagnose(trace).verdict == "healthy"


def test_what_user_code_does_between_layers_is_part_of_the_structure(watch: Callable[..., Trace]) -> None:
    trace = watch(
        """\
        class Own(keras.Model):
            def __init__(self):
                super().__init__()
                self.first, self.norm, self.second, self.third, self.out = (
                    L.Dense(8), L.BatchNormalization(), L.Dense(8), L.Dense(8), L.Dense(2))
            def call(self, x):
                x = tf.nn.relu(self.norm(self.first(x)))
                x = tf.nn.silu(self.second(x))
                x = self.third(x)
                return tf.nn.softmax(self.out(keras.ops.reshape(x, (-1, 8))))
        class Distance(keras.Model):
            def __init__(self):
                super().__init__()
                self.left, self.right = L.Dense(8), L.Dense(8)
            def call(self, x):
                return tf.reduce_sum(self.left(x) * self.right(x), axis=-1)
        i = keras.Input((6,))
        functional = keras.Model(i, keras.ops.sigmoid(L.Dense(1)(keras.ops.tanh(L.Dense(8)(i)))))
        twin = L.Dense(8)
        norm = keras.Model(i, keras.ops.norm(twin(i) - twin(2 * i), axis=-1, keepdims=True))
        for m, loss in ((Own(), "sparse_categorical_crossentropy"), (Distance(), "mse"),
                        (functional, "binary_crossentropy"), (norm, "mse")):
            m.compile("sgd", loss)
            m.fit(x, y, verbose=0)
        """
    )
    own, distance, functional, norm = (fit.model for fit in trace.fits)
    assert [layer.activation for layer in own.layers] == ["linear", "relu", "custom", "linear", "softmax"]
    assert effective_activation(own, own.layers[0]) == "relu"
    assert [(head.activation, head.units) for head in output_heads(own)] == [("softmax", 2)]
    assert [(head.activation, head.units) for head in output_heads(distance)] == [(None, None)] * 2
    assert [layer.activation for layer in functional.layers] == ["tanh", "sigmoid"]
    assert [(head.activation, head.units) for head in output_heads(functional)] == [("sigmoid", 1)]
    assert [head.units for head in output_heads(norm)] == [None]
