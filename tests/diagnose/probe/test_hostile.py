"""Programs that nobody wrote this for: no crash of ours, a clear result, and the training undisturbed."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from dlfix.diagnose.diagnosis import diagnose
from dlfix.diagnose.trace import Trace

pytestmark = pytest.mark.slow


def test_strange_models(watch: Callable[..., Trace]) -> None:
    trace = watch(
        """\
        def fit(m, a=x, b=y, optimizer="sgd", loss="mse", **more):
            m.compile(optimizer, loss)
            m.fit(a, b, verbose=0, **({"epochs": 2} | more))
        fit(keras.Sequential([L.Dense(1)]), x[:1], y[:1], batch_size=1)
        m = keras.Sequential([keras.Input((6,)), L.Dense(3), L.Dense(1)])
        m.layers[0].kernel.assign(np.full((6, 3), np.nan))
        fit(m)
        fit(keras.Sequential([keras.Input((6,)), L.Rescaling(2.0)]), x, x)
        class Odd(L.Layer):
            def __init__(self, function):
                super().__init__()
                self.function = function
            def call(self, t):
                return self.function(t)
            def get_config(self):
                raise NotImplementedError("not to be saved")
        k = 2.0
        odd = keras.Sequential([Odd(lambda t: t * k), L.Dense(1, activation=lambda t: t)])
        fit(odd, loss=lambda a, b: (a - b) ** 2)
        name = "b>i-" + "x" * 500  # TensorFlow itself refuses anything but A-Za-z0-9_.>-
        fit(keras.Sequential([L.Dense(2, name=name), L.Dense(1)], name="script>a"))
        """,
        name="Übung mit <Leer> zeichen.py",
    )
    assert trace.state == "completed", trace.exception
    assert len(trace.fits) == 5
    assert all(fit.state == "completed" and fit.updates for fit in trace.fits)
    single, nan, frozen, odd, named = trace.fits
    assert single.updates == 2
    assert np.nanmax(nan.statistics.layers["weight_nonfinite"]) > 0
    assert nan.model.layers[0].initial["kernel_max"] != nan.model.layers[0].initial["kernel_max"]
    assert frozen.model.trainable_parameters == 0
    assert odd.compile.losses[0].is_custom
    assert np.isfinite(odd.statistics.layers["activation_mean"]).all()
    assert "b>i-xxx" in named.model.layers[0].name
    assert named.fit.site is not None
    assert named.fit.site.span.file == "Übung mit <Leer> zeichen.py"
    assert {"nonfinite-loss", "nonfinite-weight"} & {
        symptom.check for symptom in diagnose(replace(trace, fits=(nan,))).symptoms
    }


def test_three_hundred_layers(watch: Callable[..., Trace]) -> None:
    trace = watch(
        """\
        i = keras.Input((6,)); h = i
        for _ in range(300):
            h = L.Dense(4, "relu")(h)
        m = keras.Model(i, L.Dense(1)(h))
        m.compile("sgd", "mse")
        m.fit(x, y, epochs=1, verbose=0)
        """
    )
    (deep,) = trace.fits
    assert len(deep.model.layers) == 301
    assert np.isfinite(deep.statistics.layers["activation_mean"][:, -1]).all()


@pytest.mark.parametrize("when", ["build", "call", "step"])
def test_a_layer_that_raises_is_named(when: str, watch: Callable[..., Trace]) -> None:
    trace = watch(
        f"""\
        class Broken(L.Layer):
            def build(self, shape):
                if {when!r} == "build":
                    raise RuntimeError("broken")
            def call(self, t):
                if {when!r} == "call":
                    raise RuntimeError("broken")
                return t
        class Late(keras.callbacks.Callback):
            def on_train_batch_end(self, batch, logs=None):
                if batch == 4 and {when!r} == "step":
                    raise RuntimeError("broken")
        m = keras.Sequential([Broken(), L.Dense(1)])
        m.compile("sgd", "mse")
        m.fit(x, y, verbose=0, callbacks=[Late()])
        """
    )
    assert trace.state == "raised"
    assert trace.exception is not None
    assert "broken" in trace.exception.message
    (fit,) = trace.fits
    assert fit.state == "raised"
    assert fit.updates == (5 if when == "step" else 0)
    assert diagnose(trace).verdict in ("error", "faulty")


def test_text_ragged_and_sparse_inputs(watch: Callable[..., Trace]) -> None:
    trace = watch(
        """\
        words = np.array([["good day"], ["bad night"]] * 160, dtype=object)
        labels = np.array([1.0, 0.0] * 160)
        turn = L.TextVectorization(max_tokens=20, output_sequence_length=4)
        turn.adapt(words[:, 0])
        m = keras.Sequential([keras.Input((1,), dtype="string"), turn, L.Embedding(20, 4), L.Flatten(),
                              L.Dense(1, "sigmoid")])
        m.compile("adam", "binary_crossentropy")
        m.fit(tf.constant(words.astype(str)), labels, epochs=3, verbose=0)
        ragged = tf.ragged.constant([[1, 2], [3], [1, 2, 3, 4]] * 20)
        m = keras.Sequential([keras.Input((None,), dtype="int32"), L.Embedding(9, 3), L.GlobalAveragePooling1D(),
                              L.Dense(1)])
        m.compile("adam", "mse")
        try:
            m.fit(tf.data.Dataset.from_tensor_slices((ragged, np.zeros(60))).map(
                lambda a, b: (a.to_tensor() if hasattr(a, "to_tensor") else a, b)).batch(1), epochs=1, verbose=0)
        except Exception as error:
            print("keras refuses:", error)
        import scipy.sparse
        m = keras.Sequential([keras.Input((6,), sparse=True), L.Dense(1)])
        m.compile("adam", "mse")
        m.fit(tf.sparse.from_dense(x), y, epochs=2, verbose=0)
        m = keras.Sequential([keras.Input((6,)), L.Dense(1)])
        m.compile("adam", "mse")
        m.fit(scipy.sparse.csr_matrix(x), y, epochs=2, verbose=0)
        """
    )
    assert trace.state == "completed", trace.exception
    text, *_, sparse, _scipy = trace.fits
    assert text.updates == 30
    assert text.evaluation["skill"] > 0.5
    assert sparse.state == "completed"
    assert len(sparse.statistics.loss) > 0


def test_a_hundred_fits(watch: Callable[..., Trace]) -> None:
    trace = watch(
        """\
        for n in range(100):
            if n % 20 == 0:
                m = keras.Sequential([keras.Input((6,)), L.Dense(1)])
                m.compile("sgd", "mse")
            m.fit(x[:32], y[:32], verbose=0)
        """
    )
    assert trace.state == "completed"
    assert len(trace.fits) == 100
    assert all(fit.updates == 1 for fit in trace.fits)
    assert diagnose(trace).verdict in ("healthy", "faulty")


def test_endings_that_nobody_expects(watch: Callable[..., Trace]) -> None:
    model = "m = keras.Sequential([keras.Input((6,)), L.Dense(1)])\nm.compile('sgd', 'mse')\n"
    leave = "class Leave(keras.callbacks.Callback):\n    def on_epoch_end(self, epoch, logs=None):\n        {}\n"
    fit = "m.fit(x, y, epochs=3, verbose=0, callbacks=[Leave()])\n"
    trace = watch(model + leave.format("import sys; sys.exit(3)") + fit)
    assert (trace.state, trace.fits[0].state) == ("raised", "raised")
    assert trace.fits[0].updates == 10
    trace = watch(model + leave.format("raise ZeroDivisionError('mine')") + fit)
    assert trace.exception is not None
    assert trace.exception.type_name.endswith("ZeroDivisionError")
    trace = watch(
        model
        + "import threading, gc\n"
        + "thread = threading.Thread(target=lambda: m.fit(x, y, epochs=2, verbose=0))\n"
        + "thread.start(); thread.join()\n"
        + "del m; gc.collect()\n"
    )
    assert trace.state == "completed"
    assert trace.fits[0].updates == 20
    assert trace.fits[0].evaluation
