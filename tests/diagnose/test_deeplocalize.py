"""The procedure of DeepLocalize on real small models: what it finds, and its known alarms for nothing."""

from __future__ import annotations

import numpy as np
import pytest

keras = pytest.importorskip("keras")

from dlfix.diagnose import DeepLocalize  # noqa: E402
from dlfix.diagnose.deeplocalize import DeepLocalizeError  # noqa: E402

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def _seed():
    keras.utils.set_random_seed(3)


def blobs(rows=96, classes=3):
    """Rows of three well separated classes."""
    generator = np.random.default_rng(0)
    labels = generator.integers(0, classes, rows)
    return (generator.normal(size=(rows, 4)) + 3 * np.eye(classes, 4)[labels]).astype("float32"), labels


def regression_rows(rows=96):
    generator = np.random.default_rng(0)
    x = generator.normal(size=(rows, 4)).astype("float32")
    return x, (x @ np.array([1.0, -2.0, 0.5, 0.3], "float32"))[:, None] + 1


def trained(model, x, y, *, epochs=2, batch_size=8, loss="mse", optimizer="adam", metrics=(), shuffle=True):
    """The verdict on a model, and how many batches it trained."""
    model.compile(optimizer=optimizer, loss=loss, metrics=list(metrics))
    localizer = DeepLocalize(x, y, batch_size)
    fitted = {"epochs": epochs, "batch_size": batch_size, "shuffle": shuffle, "verbose": 0}
    model.fit(x, y, callbacks=[localizer], **fitted)
    return localizer.verdict, int(model.optimizer.iterations.numpy())


def dense(units, activation=None, **options):
    return keras.layers.Dense(units, activation=activation, **options)


def test_a_regression_that_learns_is_left_alone():
    x, y = regression_rows()
    model = keras.Sequential([keras.Input((4,)), dense(8, "tanh"), dense(1)])
    verdict, batches = trained(model, x, y, epochs=3)
    assert verdict is None
    assert batches == 36


def test_a_kernel_with_nan_is_found_at_the_first_layer_whose_output_has_it():
    x, y = regression_rows()
    model = keras.Sequential([keras.Input((4,)), dense(8, "tanh"), dense(8, "tanh"), dense(1)])
    kernel, bias = model.layers[1].get_weights()
    model.layers[1].set_weights([kernel * np.nan, bias])
    model.layers[0].trainable = False  # or the update would carry the NaN there
    verdict, batches = trained(model, x, y)
    assert (verdict.layer, verdict.phase, verdict.batch, batches) == (1, "forward", 0, 1)
    assert verdict.message == "Batch 0 layer 1: Error in forward"


def test_separate_activation_layers_and_the_input_layer_of_a_functional_model_have_indices():
    x, y = regression_rows()
    inputs = keras.Input((4,))
    hidden = keras.layers.Activation("tanh")(dense(8)(inputs))
    outputs = keras.layers.Activation(lambda t: t * np.float32("nan"))(dense(1)(hidden))
    model = keras.Model(inputs, outputs)
    verdict, _ = trained(model, x, y)
    # input, dense and its activation come first: after the update by NaN the first dense layer is the first broken one.
    assert verdict.layer == 1


def test_dead_units_are_an_exact_zero_in_the_first_batch():
    x, y = regression_rows()
    dead = {"kernel_initializer": "zeros", "bias_initializer": keras.initializers.Constant(-1.0)}
    model = keras.Sequential([keras.Input((4,)), dense(8, "tanh"), dense(8, "relu", **dead), dense(1)])
    verdict, _ = trained(model, x, y)
    assert (verdict.layer, verdict.phase, verdict.batch) == (1, "forward", 0)


def test_known_false_alarm_softmax_outputs_average_to_a_constant():
    x, y = blobs()
    model = keras.Sequential([keras.Input((4,)), dense(8, "tanh"), dense(4, "softmax")])
    verdict, _ = trained(model, x, y, loss="sparse_categorical_crossentropy")
    # Four classes: each mean is a quarter, exactly, as sums of a row are off by no more than what rounding mends.
    assert verdict is not None
    assert (verdict.layer, verdict.phase) == (1, "forward")
    assert verdict.message.endswith("layer 1: Error in forward")
    assert (verdict.epoch * 12 + verdict.batch + 1) % 5 == 0


def test_known_false_alarm_gradients_before_softmax_sum_to_zero():
    x, y = blobs()
    # The name keeps softmax from counting as unchanged, so that the gradient's turn comes.
    model = keras.Sequential(
        [keras.Input((4,)), dense(8, "tanh"), dense(3), keras.layers.Activation("softmax", name="flatten_softmax")]
    )
    verdict, batches = trained(model, x, y, epochs=60, loss="sparse_categorical_crossentropy")
    assert verdict is not None
    assert batches < 60 * 12
    assert verdict.layer == 1
    assert verdict.phase in ("weight gradient", "output gradient")


def test_five_equal_accuracies_mean_that_the_model_does_not_learn():
    x, y = np.array([[0.0, 0.1], [1.0, 0.2]], "float32"), np.array([0.0, 1.0], "float32")
    model = keras.Sequential([keras.Input((2,)), dense(4, "tanh"), dense(1, "sigmoid")])
    verdict, batches = trained(
        model, x, y, epochs=9, batch_size=2, loss="binary_crossentropy", optimizer="sgd", metrics=["accuracy"]
    )
    assert (verdict.layer, verdict.phase, verdict.message) == (None, "learning", "Batch 0: MDL")
    assert (verdict.epoch, batches) == (4, 5)


def test_accuracies_are_those_of_the_batches_not_the_running_average():
    x, y = regression_rows(80)
    y = np.tile([1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0], 10).astype("float32")  # 3 of 8 in each batch are 1
    model = keras.Sequential([keras.Input((4,)), dense(1, "sigmoid", name="last", bias_initializer="ones")])
    verdict, _ = trained(
        model, 0.001 * x, y, loss="binary_crossentropy", metrics=["acc"], optimizer=keras.optimizers.SGD(1e-4),
        shuffle=False,
    )  # fmt: skip
    assert (verdict.batch, verdict.epoch, verdict.phase) == (4, 0, "learning")


def test_a_loss_that_is_not_a_number_is_invalid_where_no_layer_is():
    x, y = regression_rows()

    def broken(y_true, y_pred):
        return keras.ops.mean(keras.ops.stop_gradient(y_pred * np.float32("nan")) + 0 * y_pred, axis=-1)

    model = keras.Sequential([keras.Input((4,)), dense(1)])
    verdict, _ = trained(model, x, y, loss=broken, optimizer=keras.optimizers.SGD(0.0))
    assert verdict.message == "Batch 0: Invalid loss"


def test_the_rows_probed_are_those_in_stored_order():
    x, y = regression_rows(40)
    broken = x.copy()
    broken[16:24] = np.nan  # the third batch as stored, of the probed rows alone: what is trained is shuffled and whole
    model = keras.Sequential([keras.Input((4,)), dense(8, "tanh"), dense(1)])
    model.compile("sgd", "mse")
    localizer = DeepLocalize(broken, y, 8)
    model.fit(x, y, batch_size=8, verbose=0, callbacks=[localizer])
    assert (localizer.verdict.batch, localizer.verdict.layer, localizer.verdict.phase) == (2, 0, "forward")


def test_layers_without_a_kernel_or_a_bias_are_no_obstacle():
    x, y = regression_rows()
    model = keras.Sequential(
        [keras.Input((4,)), dense(8, "tanh", use_bias=False), keras.layers.BatchNormalization(), dense(1)]
    )
    before = [layer.name for layer in model.layers]
    verdict, batches = trained(model, x, y)
    assert batches >= 1
    assert verdict is None or verdict.layer is not None
    assert [layer.name for layer in model.layers] == before


def test_embeddings_and_recurrent_layers_can_be_probed():
    generator = np.random.default_rng(1)
    x, y = generator.integers(0, 20, (40, 6)), generator.normal(size=(40, 1)).astype("float32")
    model = keras.Sequential([keras.Input((6,)), keras.layers.Embedding(20, 5), keras.layers.LSTM(4), dense(1)])
    verdict, batches = trained(model, x, y)
    assert verdict is None
    assert batches == 10


def test_probing_changes_neither_weights_nor_history():
    x, y = regression_rows()

    def fit(callbacks):
        keras.utils.set_random_seed(5)
        model = keras.Sequential([keras.Input((4,)), dense(8, "tanh"), keras.layers.Dropout(0.3), dense(1)])
        model.compile("adam", "mse", metrics=["mae"])
        history = model.fit(x, y, epochs=2, batch_size=8, verbose=0, callbacks=callbacks)
        return model.get_weights(), history.history

    localizer = DeepLocalize(x, y, 8)
    (with_it, history), (without, plain) = fit([localizer]), fit([])
    assert localizer.verdict is None
    assert history == plain
    for one, other in zip(with_it, without, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_loop_of_single_epochs_is_one_training():
    x, y = np.array([[0.0, 0.1], [1.0, 0.2]], "float32"), np.array([0.0, 1.0], "float32")
    model = keras.Sequential([keras.Input((2,)), dense(4, "tanh"), dense(1, "sigmoid")])
    model.compile("sgd", "binary_crossentropy", metrics=["accuracy"])
    localizer = DeepLocalize(x, y, 2)
    for _ in range(5):
        model.fit(x, y, batch_size=2, verbose=0, callbacks=[localizer])
    assert localizer.verdict.message == "Batch 0: MDL"


@pytest.mark.parametrize(
    ("x", "y", "text"),
    [
        ([np.ones((4, 2)), np.ones((4, 2))], np.ones(4), "x is a list of 2"),
        (iter([]), np.ones(4), "x is of type list_iterator"),
        (np.ones((4, 2)), None, "y is missing"),
        (np.ones((4, 2)), np.array(["a"] * 4), "y is an array of <U1"),
        (np.ones((4, 2)), np.ones(5), "x has 4 rows and y has 5"),
    ],
)
def test_data_that_cannot_be_sliced_are_refused(x, y, text):
    with pytest.raises(DeepLocalizeError, match=text):
        DeepLocalize(x, y)


def test_other_batches_than_those_of_fit_are_refused():
    x, y = regression_rows(32)
    model = keras.Sequential([keras.Input((4,)), dense(1)])
    model.compile("sgd", "mse")
    with pytest.raises(DeepLocalizeError, match="fit trains 4 batches per epoch, and x holds 2 of 16 rows"):
        model.fit(x, y, batch_size=8, verbose=0, callbacks=[DeepLocalize(x, y, 16)])


def test_models_without_a_graph_of_single_tensors_are_refused():
    x, y = regression_rows(32)
    first, second = keras.Input((4,)), keras.Input((4,))
    several = keras.Model([first, second], dense(1)(keras.layers.Add()([first, second])))
    shared = dense(4)
    twice = keras.Model(first, dense(1)(shared(shared(first))))

    class OwnCode(keras.Model):
        def __init__(self):
            super().__init__()
            self.only = dense(1)

        def call(self, inputs):
            return self.only(inputs)

    for model, data, text in (
        (several, [x, x], "has 2 inputs"),
        (twice, x, "is used several times"),
        (OwnCode(), x, "code of its own"),
    ):
        model.compile("sgd", "mse")
        with pytest.raises(DeepLocalizeError, match=text):
            model.fit(data, y, batch_size=8, verbose=0, callbacks=[DeepLocalize(x, y, 8)])
