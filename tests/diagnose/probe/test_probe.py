"""The probe on real training. One process, small models."""

import runpy
import sys
import textwrap
from collections.abc import Callable, Iterator
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from dlfix.diagnose.execution.job import Job, Limits
from dlfix.diagnose.trace import LAYER_STATISTICS, Trace
from dlfix.diagnose.trace_io import load_trace

pytestmark = pytest.mark.slow


@pytest.fixture
def record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Trace]:
    """Record a script (and modules beside it) in this process."""
    from dlfix.diagnose.probe.agent import record as agent

    def run(source: str, parameters: dict[str, Any] | None = None, **modules: str) -> Trace:
        script = tmp_path / "train.py"
        script.write_text(HEAD + textwrap.dedent(source))
        for name, text in modules.items():
            (tmp_path / f"{name}.py").write_text(textwrap.dedent(text))
        monkeypatch.syspath_prepend(str(tmp_path))
        job = Job(
            agent="",
            script=str(script),
            project_root=str(tmp_path),
            output=str(tmp_path / "out"),
            limits=Limits(60, 2**32),
            parameters={"seed": 1} | (parameters or {}),
        )
        with suppress(BaseException):  # what the script raised is in the trace
            agent(job, lambda: runpy.run_path(str(script), run_name="__main__"))
        for name in modules:
            sys.modules.pop(name, None)
        return load_trace(tmp_path / "out")

    return run


HEAD = """\
import numpy as np, keras, tensorflow as tf
from keras import layers as L
rng = np.random.default_rng(0)
x = rng.normal(size=(96, 6)).astype("float32"); y = (x.sum(1) > 0).astype(int)
"""
HEAD_LINES = HEAD.count("\n")
COMPILE = 'm.compile("sgd", "binary_crossentropy")\n'


def sites(trace: Trace, fit: int = 0) -> list[str | None]:
    return [str(layer.site.span) if layer.site else None for layer in trace.fits[fit].model.layers]


def at(line: int, column: int, file: str = "train.py") -> str:
    """A place in the script, lines counted behind HEAD."""
    return f"{file}:{line + (HEAD_LINES if file == 'train.py' else 0)}:{column}"


def test_call_sites(record: Callable[..., Trace]) -> None:
    trace = record(
        """\
        import net
        m = keras.Sequential([L.Dense(4, "relu"),
                              tf.keras.layers.Dense(1, "sigmoid")])
        m.compile(keras.optimizers.Adam(1e-2), loss=keras.losses.BinaryCrossentropy()); m.fit(x, y, epochs=1, verbose=0)
        m = keras.Sequential()
        for n in (5, 3):
            m.add(L.Dense(n))
        m.add(net.head(1))
        m.compile("sgd", "mse"); m.fit(x, y, epochs=1, verbose=0)
        class Net(keras.Model):
            def __init__(self):
                super().__init__()
                self.a = L.Dense(6); self.b = [L.Dense(1) for _ in range(1)]
            def call(self, t):
                return self.b[0](self.a(t) + t)
        m = Net()
        m.compile("sgd", "mse"); m.fit(x, y, epochs=1, verbose=0)
        i = keras.Input((6,)); h = keras.Sequential([L.Dense(6)], name="inner")(i)
        m = keras.Model(i, L.Dense(1)(L.add([h, i])))
        m.compile("sgd", "mse"); m.fit(x, y, epochs=1, verbose=0)
        """,
        net="import keras\ndef head(n):\n    return keras.layers.Dense(n)\n",
    )
    first, second, third, fourth = trace.fits
    assert trace.state == "completed"
    assert trace.models_built == 5
    assert sites(trace, 0) == [at(2, 23), at(3, 23)]
    assert str(first.compile.optimizer.site.span) == at(4, 11)
    assert str(first.compile.losses[0].site.span) == at(4, 45)
    assert (first.compile.optimizer.from_string, second.compile.optimizer.from_string) == (False, True)
    assert second.compile.optimizer.site == second.compile.site
    assert sites(trace, 1) == [at(7, 11), at(7, 11), at(3, 12, "net.py")]
    assert [str(c) for c in second.model.layers[2].site.callers][:1] == [at(8, 7)]
    assert sites(trace, 2) == [at(13, 18), at(13, 40)]
    assert third.model.kind == "subclassed"
    assert [layer.inbound for layer in third.model.layers] == [(), (0,)]
    names = [layer.name.split("_")[0] for layer in fourth.model.layers]  # Keras counts names per process
    assert names == ["inner/dense", "add", "dense"]
    assert [layer.inbound for layer in fourth.model.layers] == [(), (0,), (1,)]
    assert fourth.model.output_layers == (2,)
    assert all(fit.fit.site is not None and fit.fit.site.span.line > HEAD_LINES for fit in trace.fits)


def test_statistics_against_a_slow_computation(record: Callable[..., Trace], tmp_path: Path) -> None:
    """One full-batch SGD step: everything can be computed by hand."""
    trace = record(
        """\
        m = keras.Sequential([keras.Input((6,)), L.Dense(5, "relu"), L.Dense(4, "tanh"), L.Dense(1, "sigmoid")])
        m.layers[1].kernel.assign(m.layers[1].kernel * 3)
        np.savez("weights.npz", *m.get_weights())
        m.compile(keras.optimizers.SGD(0.5), "binary_crossentropy")
        m.fit(x, y, batch_size=96, epochs=1, shuffle=False, verbose=0)
        """.replace('"weights.npz"', repr(str(tmp_path / "weights.npz")))
    )
    saved = np.load(tmp_path / "weights.npz")
    w = [saved[f"arr_{i}"].astype(np.float64) for i in range(6)]
    sample = trace.fits[0].sample
    assert sample is not None
    x, y = sample.inputs[0].astype(np.float64), sample.targets[0].astype(np.float64)[:, None]
    z1 = x @ w[0] + w[1]
    a1 = np.maximum(z1, 0)
    a2 = np.tanh(a1 @ w[2] + w[3])
    p = 1 / (1 + np.exp(-(a2 @ w[4] + w[5])))
    d3 = (p - y) / len(x)  # Keras takes the gradient at the logits
    d2 = d3 @ w[4].T
    dz2 = d2 * (1 - a2**2)
    d1 = dz2 @ w[2].T
    dz1 = d1 * (z1 > 0)
    outputs, output_gradients = [a1, a2, p], [d1, d2, d3]
    gradients = [(x.T @ dz1, dz1.sum(0)), (a1.T @ dz2, dz2.sum(0)), (a2.T @ d3, d3.sum(0))]
    found = {name: values[0] for name, values in trace.fits[0].statistics.layers.items()}
    assert set(found) == set(LAYER_STATISTICS)

    def expect(name: str, values: list[float]) -> None:
        np.testing.assert_allclose(found[name], values, rtol=2e-4, atol=1e-6, err_msg=name)

    expect("activation_mean", [a.mean() for a in outputs])
    expect("activation_std", [a.std() for a in outputs])
    expect("activation_min", [a.min() for a in outputs])
    expect("activation_max", [a.max() for a in outputs])
    expect("activation_nonfinite", [0, 0, 0])
    expect("zero_fraction", [(a == 0).mean() for a in outputs])
    expect("dead_fraction", [(a1 <= 0).all(0).mean(), np.nan, np.nan])
    expect("saturated_fraction", [np.nan, (np.abs(a2) >= 0.99).mean(), ((p <= 0.01) | (p >= 0.99)).mean()])
    expect("batch_std", [a.std(0).mean() for a in outputs])
    expect("output_gradient_norm", [np.sqrt((d**2).sum() / len(x)) for d in output_gradients])
    norms = [np.sqrt(sum((g**2).sum() for g in pair)) for pair in gradients]
    expect("gradient_norm", norms)
    expect("update_norm", [0.5 * n for n in norms])
    expect("weight_norm", [np.sqrt((w[i] ** 2).sum() + (w[i + 1] ** 2).sum()) for i in (0, 2, 4)])
    expect("weight_max", [max(abs(w[i]).max(), abs(w[i + 1]).max()) for i in (0, 2, 4)])
    statistics = trace.fits[0].statistics
    assert statistics.gradient_norm[0] == pytest.approx(np.sqrt(sum(n**2 for n in norms)), rel=1e-4)
    loss = -(y * np.log(p) + (1 - y) * np.log(1 - p)).mean()
    assert statistics.loss[0] == pytest.approx(loss, rel=1e-4)


def make_mlp(keras: Any, layers: Any) -> tuple[Any, tuple[int, ...]]:
    model = keras.Sequential([layers.Dense(16, "relu"), layers.Dropout(0.3), layers.Dense(1, "sigmoid")])
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"], steps_per_execution=3)
    return model, (100, 6)


def make_cnn(keras: Any, layers: Any) -> tuple[Any, tuple[int, ...]]:
    parts = [layers.Conv2D(4, 3, activation="relu"), layers.BatchNormalization(), layers.Flatten(), layers.Dropout(0.5)]
    model = keras.Sequential([keras.Input((8, 8, 1)), *parts, layers.Dense(1, "sigmoid", kernel_regularizer="l2")])
    model.compile(keras.optimizers.SGD(0.05, momentum=0.9), "binary_crossentropy")
    return model, (100, 8, 8, 1)


def make_lstm(keras: Any, layers: Any) -> tuple[Any, tuple[int, ...]]:
    inputs = keras.Input((5, 4))
    model = keras.Model(inputs, layers.Dense(1, "sigmoid")(layers.LSTM(8, dropout=0.2)(inputs)))
    model.compile("rmsprop", "binary_crossentropy")
    return model, (100, 5, 4)


def make_embedding(keras: Any, layers: Any) -> tuple[Any, tuple[int, ...]]:
    inputs = keras.Input((6,))
    ids = keras.ops.cast(keras.ops.clip(keras.ops.abs(inputs) * 4, 0, 9), "int32")
    seen = layers.GlobalAveragePooling1D()(layers.Embedding(10, 4, embeddings_regularizer="l2")(ids))
    model = keras.Model(inputs, layers.Dense(1, "sigmoid")(layers.concatenate([seen, layers.Dense(4)(inputs)])))
    schedule = keras.optimizers.schedules.ExponentialDecay(0.05, 2, 0.9)
    model.compile(keras.optimizers.Adam(schedule, clipnorm=1.0), "binary_crossentropy")
    return model, (100, 6)


def make_subclassed(keras: Any, layers: Any) -> tuple[Any, tuple[int, ...]]:
    class Net(keras.Model):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.hidden = layers.Dense(8, "gelu", dtype="mixed_bfloat16")
            self.normal = layers.LayerNormalization()
            self.head = layers.Dense(1, "sigmoid")

        def call(self, x: Any, training: bool = False) -> Any:
            hidden = self.normal(keras.ops.cast(self.hidden(x), "float32"))
            return self.head(hidden + keras.random.normal(keras.ops.shape(hidden)) * 0.1 if training else hidden)

    model = Net()
    model.compile(keras.optimizers.AdamW(0.01, gradient_accumulation_steps=2), "binary_crossentropy")
    return model, (100, 6)


@pytest.mark.parametrize("make", [make_mlp, make_cnn, make_lstm, make_embedding, make_subclassed])
@pytest.mark.parametrize("kind", ["arrays", "tf.data"])
def test_training_is_unchanged_bit_for_bit(make: Callable[..., Any], kind: str, tmp_path: Path) -> None:
    import keras
    import tensorflow as tf
    from dlfix.diagnose.probe.hooks import Hooks
    from dlfix.diagnose.probe.session import ProbeSession
    from dlfix.diagnose.probe.sites import SiteFinder

    def train(probed: bool) -> tuple[list[np.ndarray], dict[str, list[float]], float, ProbeSession]:
        keras.backend.clear_session()
        keras.utils.set_random_seed(5)
        session = ProbeSession(SiteFinder(tmp_path))
        with Hooks(session) if probed else nullcontext():
            model, shape = make(keras, keras.layers)
            generator = np.random.default_rng(1)
            x = generator.normal(size=shape).astype("float32")
            y = generator.integers(0, 2, shape[0])
            if kind == "tf.data":
                data = tf.data.Dataset.from_tensor_slices((x, y)).shuffle(100).batch(32)
                history = model.fit(data, epochs=3, verbose=0, validation_data=data.take(2))
            else:
                history = model.fit(x, y, epochs=3, verbose=0, validation_split=0.2)
        weights = [v.numpy() for v in [*model.variables, *model.optimizer.variables]]
        return weights, history.history, float(np.random.rand()), session

    plain, probed = train(False), train(True)
    assert probed[3].notes == []
    fit = probed[3].fits[0]()
    assert fit is not None
    assert len(fit.statistics.steps) >= 3
    assert len(plain[0]) == len(probed[0])
    for a, b in zip(plain[0], probed[0], strict=True):
        np.testing.assert_array_equal(a, b)
    assert plain[1:3] == probed[1:3]


def test_kinds_of_data(record: Callable[..., Trace]) -> None:
    trace = record(
        """\
        def fit(data, **more):
            m = keras.Sequential([L.Dense(1, "sigmoid")])
            m.compile("sgd", "binary_crossentropy")
            m.fit(data, verbose=0, **more)
        t = y[:, None].astype("float32")
        fit(tf.data.Dataset.from_tensor_slices((x, t)).batch(32), epochs=3,
            validation_data=tf.data.Dataset.from_tensor_slices((x[:40], t[:40])).batch(16))
        def generate():
            while True:
                for i in range(0, 96, 32):
                    yield x[i:i + 32], t[i:i + 32]
        fit(generate(), epochs=2, steps_per_epoch=3)
        class Data(keras.utils.PyDataset):
            def __len__(self): return 3
            def __getitem__(self, i): return x[i * 32:(i + 1) * 32], t[i * 32:(i + 1) * 32], np.ones(32)
        fit(Data(), epochs=2)
        fit(x, y=y, epochs=1, validation_split=0.25, class_weight={0: 1.0, 1: 2.0}, batch_size=8)
        fit(x, y=y, epochs=1, sample_weight=np.arange(96) / 95)
        i, j = keras.Input((6,), name="i"), keras.Input((6,), name="j")
        h = L.concatenate([i, j])
        m = keras.Model({"i": i, "j": j}, [L.Dense(1, name="p")(h), L.Dense(1, name="q")(h)])
        m.compile("sgd", ["mse", "mae"])
        m.fit({"i": x, "j": x * 2}, [y, y], epochs=1, verbose=0)
        """
    )
    assert trace.notes == ()
    assert [fit.data.kind for fit in trace.fits] == ["tf.data", "generator", "PyDataset", *["arrays"] * 3]
    from_dataset, _, from_sequence, split, weighed, several = trace.fits
    assert from_dataset.sample is not None
    assert from_dataset.sample.inputs[0].shape == (96, 6)  # each row once although there were three epochs
    assert from_dataset.sample.validation_inputs[0].shape == (40, 6)
    assert from_dataset.data.inputs[0].shape == (None, 6)
    assert from_dataset.fit.batch_size == 32
    assert from_dataset.fit.steps_per_epoch == 3
    assert from_sequence.data.has_sample_weight
    assert (split.data.rows, split.data.validation_rows) == (72, 24)
    assert split.data.has_class_weight
    assert split.data.class_weights == {"0": 1.0, "1": 2.0}
    assert split.data.sample_weights is None
    assert weighed.data.sample_weights is not None
    assert (weighed.data.sample_weights.minimum, weighed.data.sample_weights.maximum) == (0.0, 1.0)
    assert {"confusion", "recalls"} <= set(weighed.evaluation)
    assert split.sample is not None
    assert from_dataset.sample.inputs[0].dtype == np.float32
    np.testing.assert_array_equal(split.sample.validation_inputs[0], several.sample.inputs[0][72:])
    assert [facts.name for facts in several.data.inputs] == ["i", "j"]
    assert len(several.data.targets) == 2
    assert [loss.name for loss in several.compile.losses] == ["mean_squared_error", "mean_absolute_error"]
    assert several.model.output_layers == (1, 2)
    for fit in trace.fits:
        assert fit.state == "completed"
        assert len(fit.statistics.steps) > 0
        assert fit.evaluation


def test_failures(record: Callable[..., Trace]) -> None:
    trace = record("m = keras.Sequential([keras.Input((5,)), L.Dense(1)])\n" + COMPILE + "m.fit(x, y, verbose=0)\n")
    assert trace.state == "raised"
    assert trace.exception is not None
    assert trace.exception.type_name == "ValueError"
    assert str(trace.exception.site.span) == at(3, 1)
    assert "site-packages" not in trace.exception.traceback
    assert trace.fits[0].state == "raised"
    assert [layer.units for layer in trace.fits[0].model.layers] == [1]

    trace = record("m = keras.Sequential([keras.Input((5,)), L.Dense(1)])\nraise SystemExit(3)\n")
    assert (trace.state, trace.fits, trace.models_built) == ("raised", (), 1)

    trace = record("m = keras.Sequential([L.Dense(1)])\n")
    assert (trace.state, trace.fits) == ("completed", ())
    assert any("never trained" in note for note in trace.notes)

    loop = "for _ in range(4): m.train_on_batch(x, y)\n"
    trace = record('m = keras.Sequential([L.Dense(1, "sigmoid")])\n' + COMPILE + loop)
    assert any("train_on_batch 4 times" in note for note in trace.notes)


def test_a_loss_that_becomes_nan_is_seen(record: Callable[..., Trace]) -> None:
    trace = record(
        """\
        m = keras.Sequential([L.Dense(8, "relu"), L.Dense(1)])
        m.compile(keras.optimizers.SGD(1e6), "mse")
        m.fit(x, y * 1e4, epochs=20, batch_size=8, verbose=0)
        """
    )
    fit = trace.fits[0]
    assert not np.isfinite(fit.statistics.loss).all()
    assert fit.statistics.layers["weight_nonfinite"][-1].max() > 0
    assert fit.state == "completed"


def test_soft_time_limit(record: Callable[..., Trace]) -> None:
    trace = record(
        """\
        m = keras.Sequential([L.Dense(8, "relu"), L.Dense(1)])
        m.compile("sgd", "mse")
        try:
            m.fit(x, y, epochs=100_000, verbose=0)
        except Exception:
            pass
        """,
        {"seconds": 6},
    )
    assert [fit.state for fit in trace.fits] == ["stopped"]
    assert trace.fits[0].evaluation
    assert len(trace.fits[0].epoch_seconds) >= 1


def test_a_finished_fit_is_saved_at_once(record: Callable[..., Trace], tmp_path: Path) -> None:
    record(
        """\
        m = keras.Sequential([L.Dense(1)])
        m.compile("sgd", "mse"); m.fit(x, y, epochs=1, verbose=0)
        import pathlib, shutil
        here = pathlib.Path(__file__).parent
        shutil.copytree(here / "out", here / "when the process ends here")
        """
    )
    saved = load_trace(tmp_path / "when the process ends here")
    assert saved.state == "killed"
    assert [fit.state for fit in saved.fits] == ["completed"]
    assert saved.fits[0].sample is not None


@pytest.fixture
def unhooked() -> Iterator[None]:
    import keras

    names = [(keras.layers.Layer, "__new__"), (keras.Model, "fit"), (keras.Model, "compile")]
    before = [getattr(owner, name) for owner, name in names]
    yield
    assert [getattr(owner, name) for owner, name in names] == before


@pytest.mark.usefixtures("unhooked")
def test_localizer_by_hand(capsys: pytest.CaptureFixture[str]) -> None:
    import keras
    from dlfix.diagnose.probe.callback import Localizer

    keras.utils.set_random_seed(0)
    generator = np.random.default_rng(0)
    x = generator.normal(size=(200, 4)).astype("float32")
    y = (x[:, 0] > 0).astype(int)
    model = keras.Sequential([keras.layers.Dense(8, "relu"), keras.layers.Dense(1, "softmax")])
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    localizer = Localizer(verbose=1)
    model.fit(x, y, epochs=5, verbose=0, validation_split=0.2, callbacks=[localizer])
    trace = localizer.trace
    assert trace is not None
    assert localizer.notes == ()
    fit = trace.fits[0]
    assert fit.state == "completed"
    assert len(fit.epoch_metrics["val_loss"]) == 5
    assert (fit.data.rows, fit.data.validation_rows, fit.fit.validation_split) == (160, 40, 0.2)
    assert len(fit.statistics.steps) > 5
    assert localizer.diagnosis is not None
    assert localizer.diagnosis.verdict == "faulty"
    assert "dlfix:" in capsys.readouterr().out
    steps = len(fit.statistics.steps)
    model.fit(x, y, epochs=1, verbose=0)
    assert len(localizer.trace.fits[0].statistics.steps) == steps  # a later fit without the callback is not watched


def test_class_ids_in_every_step_of_a_sequence_are_scored_as_classes(record: Callable[..., Trace]) -> None:
    """Rows of small whole numbers may be amounts; the loss and the size of the output say that they are not."""
    trace = record(
        """\
        ids = np.random.default_rng(0).integers(0, 3, (96, 12))
        m = keras.Sequential([keras.Input((12, 3)), L.Dense(3, "softmax")])
        m.compile(keras.optimizers.Adam(0.1), "sparse_categorical_crossentropy")
        m.fit(np.eye(3)[ids], ids, epochs=10, verbose=0)
        """
    )
    evaluation = trace.fits[0].evaluation
    assert evaluation["metric"] == "accuracy"
    assert evaluation["skill"] > 0.9
