"""What a script gives a model after its training."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from dlfix.diagnose.trace import FitTrace, Trace

pytestmark = pytest.mark.slow

#: A trained model and 96 rows.
TRAINED = """\
x, y = x[:96], y[:96]
m = keras.Sequential([L.Dense(4, "relu"), L.Dense(1, "sigmoid")])
m.compile("adam", "binary_crossentropy", metrics=["accuracy"])
m.fit(x, y, epochs=1, verbose=0)
"""


def called(fit: FitTrace) -> list[tuple[str, int | None, int]]:
    return [(c.method, c.inputs[0].shape[0], round(c.inputs[0].std)) for c in fit.later_calls]


def test_arrays_of_evaluate_and_predict(watch: Callable[..., Trace]) -> None:
    trace = watch(
        TRAINED
        + """\
m.evaluate(10 * x[:50], y[:50], verbose=0)
m.predict(tf.constant(x), verbose=0)
m.predict(x[:3], verbose=0)
m.predict_on_batch(x)
keras.Sequential([m]).predict(x, verbose=0)
for _ in range(20):
    m.predict(x, verbose=0)
"""
    )
    (fit,) = trace.fits
    assert called(fit) == [("evaluate", 50, 10), *[("predict", 96, 1)] * 3]
    evaluated, predicted = fit.later_calls[:2]
    assert evaluated.site is not None
    assert "m.evaluate(10" in Path(trace.script).read_text(encoding="utf-8").splitlines()[evaluated.site.span.line - 1]
    assert evaluated.targets[0].unique == (0.0, 1.0)
    assert not predicted.targets


def test_each_call_belongs_to_the_last_fit_of_its_model(watch: Callable[..., Trace]) -> None:
    trace = watch(
        TRAINED
        + "first = m\n"
        + TRAINED
        + "m.evaluate(5 * x, y, verbose=0)\nfirst.evaluate(2 * x, y, verbose=0)\n"
        + "m.fit(x, y, epochs=1, verbose=0, validation_data=(x, y))\nm.evaluate(3 * x, y, verbose=0)\n"
    )
    assert [called(fit) for fit in trace.fits] == [
        [("evaluate", 96, 2)],
        [("evaluate", 96, 5)],
        [("evaluate", 96, 3)],
    ]


@pytest.mark.parametrize("data", ["dataset", "generator", "sequence"])
def test_pipelines_are_looked_at_as_they_pass(watch: Callable[..., Trace], data: str) -> None:
    """What is evaluated comes out as without the probe, and nothing is taken from the pipeline twice."""
    source = (
        TRAINED
        + f"""\
asked = 0
def batches():
    global asked
    for i in range(0, 96, 16):
        asked += 1
        yield 7 * x[i:i + 16], y[i:i + 16]
class Batches(keras.utils.PyDataset):
    def __len__(self): return 6
    def __getitem__(self, i): return 7 * x[16 * i:16 * i + 16], y[16 * i:16 * i + 16]
given = dict(dataset=tf.data.Dataset.from_tensor_slices((7 * x, y)).batch(16), generator=batches(), sequence=Batches())
scores = m.evaluate(given[{data!r}], verbose=0)
np.testing.assert_allclose(scores, keras.Sequential.evaluate(m, 7 * x, y, batch_size=16, verbose=0), rtol=1e-5)
assert asked == (6 if {data!r} == "generator" else 0), asked
"""
    )
    trace = watch(source)
    assert trace.state == "completed", trace.exception
    (fit,) = trace.fits
    assert called(fit)[0] == ("evaluate", None, 7)
    assert fit.later_calls[0].targets[0].unique == (0.0, 1.0)


def test_wrong_calls_raise_what_keras_raises(watch: Callable[..., Trace]) -> None:
    trace = watch(
        TRAINED
        + """\
for call, error in [
    (lambda: m.evaluate(rows=1), ValueError),
    (lambda: m.predict(), TypeError),
    (lambda: m.evaluate(None, y), ValueError),
]:
    try:
        call()
    except error:
        pass
    else:
        raise SystemExit("nothing raised")
m.evaluate(x, y, callbacks=keras.callbacks.CallbackList([], model=m), verbose=0)
"""
    )
    assert trace.state == "completed", trace.exception
    assert not trace.notes
    assert np.isclose(trace.fits[0].later_calls[-1].inputs[0].std, 1, atol=0.1)


SPLIT = """\
train, test = slice(0, 96), slice(96, 320)
m = keras.Sequential([L.Dense(8, "relu"), L.Dense(1, "sigmoid")])
m.compile(keras.optimizers.Adam(0.05), "binary_crossentropy")
m.fit(x[train], y[train], epochs=20, verbose=0{more})
"""


@pytest.mark.parametrize(
    ("more", "later", "split"),
    [
        ("", "m.evaluate(x[test], y[test], verbose=0)", "test"),
        ("", "m.evaluate(tf.data.Dataset.from_tensor_slices((x[test], y[test])).batch(32), verbose=0)", "test"),
        ("", "m.evaluate(x[train], y[train], verbose=0)\nm.evaluate(x[test], y[test], verbose=0)", "test"),
        ("", "m.evaluate(x[train], y[train], verbose=0)", "training"),
        ("", "m.evaluate(x[train][::-1], y[train][::-1], verbose=0)", "training"),
        ("", "m.predict(x[test], verbose=0)", "training"),
        (", validation_split=0.3", "m.evaluate(x[test], y[test], verbose=0)", "validation"),
    ],
)
def test_rows_evaluated_later_judge_a_model_that_was_not_validated(
    watch: Callable[..., Trace], more: str, later: str, split: str
) -> None:
    (fit,) = watch(SPLIT.format(more=more) + later + "\n").fits
    assert fit.evaluation["split"] == split
    assert fit.evaluation["skill"] > 0.5
    sample = fit.sample
    assert sample is not None
    if split == "test":
        assert fit.evaluation["rows"] == len(sample.validation_inputs[0]) == len(sample.validation_targets[0]) == 224
        assert fit.data.validation_inputs[0].rows_seen == 224
        assert not fit.data.has_validation
    else:
        assert len(sample.validation_inputs) == (split == "validation")


def test_random_numbers_are_drawn_as_if_nobody_had_judged(watch: Callable[..., Trace]) -> None:
    source = SPLIT.format(more="") + (
        "m.evaluate(x[test], y[test], verbose=0)\n"
        "drawn = [float(np.random.rand()), float(keras.random.uniform(())), float(tf.random.uniform(()))]\n"
        "m.name = str(drawn)\nm.fit(x, y, verbose=0)\n"
    )
    judged = watch(source)
    left_alone = watch(source.replace("x[test], y[test]", "x[test][:4], y[test][:4]"))
    assert [trace.fits[0].evaluation["split"] for trace in (judged, left_alone)] == ["test", "training"]
    assert judged.fits[1].model.name == left_alone.fits[1].model.name
    assert judged.fits[1].model.name.startswith("[0.")


def test_inputs_given_by_name_in_another_order(watch: Callable[..., Trace]) -> None:
    (fit,) = watch(
        """\
a, b = keras.Input((3,), name="a"), keras.Input((3,), name="b")
m = keras.Model({"a": a, "b": b}, L.Dense(1, "sigmoid")(L.Concatenate()([a, b])))
m.compile(keras.optimizers.Adam(0.1), "binary_crossentropy")
left, right = x[:, :3], 5 + x[:, 3:]
m.fit({"a": left[:96], "b": right[:96]}, y[:96], epochs=20, verbose=0)
m.evaluate({"b": right[96:], "a": left[96:]}, y[96:], verbose=0)
"""
    ).fits
    assert [round(facts.mean) for facts in fit.later_calls[0].inputs] == [0, 5]
    assert fit.evaluation["split"] == "test"
    assert fit.evaluation["skill"] > 0.5
