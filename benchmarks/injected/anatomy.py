"""What a training program consists of, as far as its source shows: layers, compile and fit calls, and what feeds them.

Everything here is found by reading the source with rules of its own; nothing of dlfix's edits or checks is used, so
that the yardstick does not share their blind spots. What cannot be found is absent, and operators that need it do not
apply.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

import libcst as cst

from .script import Interval, Script, argument, last_name, number, string

DENSE = frozenset({"Dense"})
CONVOLUTIONS = frozenset(
    {"Conv1D", "Conv2D", "Conv3D", "SeparableConv1D", "SeparableConv2D", "DepthwiseConv2D", "Conv2DTranspose"}
)
RECURRENT = frozenset({"LSTM", "GRU", "SimpleRNN"})
WEIGHTED = DENSE | CONVOLUTIONS | RECURRENT
WRAPPERS = frozenset({"Bidirectional", "TimeDistributed"})
#: Layers that hand on what comes in, so that the output is what the layer before puts out.
PASSING = frozenset({"Activation", "Softmax", "ReLU", "Reshape", "Flatten", "Dropout", "UpSampling2D", "Cropping2D"})
MERGING = frozenset({"Add", "Subtract", "Multiply", "Average", "Concatenate"})
LAYERS = (
    WEIGHTED
    | WRAPPERS
    | PASSING
    | frozenset(
        {"BatchNormalization", "LayerNormalization", "Normalization", "Rescaling", "Embedding", "MultiHeadAttention"}
    )
)


@dataclass(frozen=True)
class LayerCall:
    """A call that makes a layer.

    Attributes:
        name: Keras class.
        is_output: Its result is what the model puts out (separate activations aside).
        form: How it gets into the model: ``list``, ``add``, ``functional`` or ``other``.
        places: Calls that may be named for it: its own, and those that only wrap or apply it.
    """

    call: cst.Call
    name: str
    is_output: bool
    form: str
    places: tuple[Interval, ...]


@dataclass(frozen=True)
class Feed:
    """Expressions handed to a fit. ``kind``: ``arrays``, or ``tf.data`` for datasets of pairs (then ``y`` is None)."""

    kind: str
    x: cst.BaseExpression
    y: cst.BaseExpression | None
    validation_x: cst.BaseExpression | None = None
    validation_y: cst.BaseExpression | None = None


#: Names of losses, in Keras's two spellings, by what is learned with them.
_TASKS = {
    "binarycrossentropy": "binary",
    "hinge": "margin",
    "squaredhinge": "margin",
    "categoricalcrossentropy": "one_hot",
    "categoricalfocalcrossentropy": "one_hot",
    "sparsecategoricalcrossentropy": "sparse",
    "mse": "regression",
    "meansquarederror": "regression",
    "mae": "regression",
    "meanabsoluteerror": "regression",
    "huber": "regression",
    "logcosh": "regression",
    "poisson": "regression",
}


@dataclass(frozen=True)
class Program:
    """One program and what was found in it.

    Attributes:
        name: File name without ending.
    """

    name: str
    script: Script
    _outputs: frozenset[int] = field(default=frozenset())

    @classmethod
    def read(cls, name: str, text: str) -> Program:
        """Parse a program."""
        return cls(name, Script(text))

    @cached_property
    def compile(self) -> cst.Call | None:
        """The last compile call: where there are several trainings, the last one is judged."""
        return self._last_method("compile")

    @cached_property
    def fit(self) -> cst.Call | None:
        """The last fit call of a model (those of scalers have neither epochs nor come behind compile)."""
        fits = [call for call in self._methods("fit") if self.compile is not None and self._is_training(call)]
        return fits[-1] if fits else None

    def compile_argument(self, name: str) -> cst.Arg | None:
        """``optimizer`` or ``loss``, however it is passed."""
        if self.compile is None:
            return None
        return argument(self.compile, name, ("optimizer", "loss").index(name))

    @cached_property
    def loss(self) -> str:
        """Name of the loss in small letters without underscores; empty for losses per output and the program's own."""
        given = self.compile_argument("loss")
        if given is None:
            return ""
        value = self.resolve(given.value)
        name = last_name(value.func) if isinstance(value, cst.Call) else string(value) or last_name(value)
        return name.replace("_", "").lower()

    @cached_property
    def loss_from_logits(self) -> bool:
        given = self.compile_argument("loss")
        return given is not None and "from_logits=True" in self.script.code(given.value)

    @cached_property
    def task(self) -> str:
        """``binary``, ``margin``, ``one_hot``, ``sparse`` or ``regression``, by the loss; ``unknown`` else."""
        task = _TASKS.get(self.loss, "unknown")
        if task == "regression" and any(last_name(call.func) == "to_categorical" for call in self.script.calls):
            return "one_hot"
        return task

    @cached_property
    def layers(self) -> tuple[LayerCall, ...]:
        """Every call that makes a layer, in the order of the source."""
        outputs = {id(call) for call in self._output_calls()}
        return tuple(
            LayerCall(call, last_name(call.func), id(call) in outputs, self._form(call), self._places(call))
            for call in self.script.calls
            if last_name(call.func) in LAYERS
        )

    @property
    def hidden(self) -> tuple[LayerCall, ...]:
        """Layers with kernels that are no output; none if the outputs are not known, as one could be among them."""
        if not any(layer.is_output for layer in self.layers):
            return ()
        return tuple(layer for layer in self.layers if layer.name in WEIGHTED and not layer.is_output)

    @property
    def output(self) -> LayerCall | None:
        """The output layer, if there is exactly one."""
        found = [layer for layer in self.layers if layer.is_output and layer.name in WEIGHTED]
        return found[0] if len(found) == 1 else None

    @property
    def has_embedding(self) -> bool:
        return any(layer.name == "Embedding" for layer in self.layers)

    @cached_property
    def feed(self) -> Feed | None:
        """What the last fit is given; None for generators and whatever else cannot be wrapped."""
        if self.fit is None:
            return None
        x, y = argument(self.fit, "x", 0), argument(self.fit, "y", 1)
        if x is None:
            return None
        validation = argument(self.fit, "validation_data")
        if y is None:
            if not any(name in self.script.text for name in ("from_tensor_slices", "timeseries_dataset_from_array")):
                return None
            return Feed("tf.data", x.value, None, None if validation is None else validation.value)
        if isinstance(self.resolve(x.value), cst.List | cst.Tuple | cst.Dict):
            return None
        pair = validation.value if validation is not None else None
        if isinstance(pair, cst.Tuple | cst.List) and len(pair.elements) == 2:
            return Feed("arrays", x.value, y.value, pair.elements[0].value, pair.elements[1].value)
        return Feed("arrays", x.value, y.value) if validation is None else None

    def resolve(self, value: cst.BaseExpression) -> cst.BaseExpression:
        """What a name was last given; anything else as it is."""
        return resolved(self.script, value)

    def keras_name(self) -> tuple[str, str]:
        """How this program says ``keras``, and the import that it lacks for that (empty if it has one)."""
        for line in self.script.module.body:
            text = self.script.code(line).strip()
            if text in ("import keras", "from tensorflow import keras"):
                return "keras", ""
            if text == "import tensorflow as tf":
                return "tf.keras", ""
        return "keras", "\nimport keras"

    def _methods(self, name: str) -> list[cst.Call]:
        return [
            call for call in self.script.calls if isinstance(call.func, cst.Attribute) and call.func.attr.value == name
        ]

    def _last_method(self, name: str) -> cst.Call | None:
        found = self._methods(name)
        return found[-1] if found else None

    def _is_training(self, call: cst.Call) -> bool:
        names = {given.keyword.value for given in call.args if given.keyword is not None}
        return bool(names & {"epochs", "batch_size", "validation_data", "verbose", "steps_per_epoch", "callbacks"})

    def _form(self, call: cst.Call) -> str:
        outer = self._wrapped(call)
        parent = self.script.parent(outer)
        if isinstance(parent, cst.Element):
            return "list"
        if isinstance(parent, cst.Arg):
            caller = self.script.parent(parent)
            if isinstance(caller, cst.Call) and last_name(caller.func) == "add":
                return "add"
        if isinstance(parent, cst.Call) and parent.func is outer:
            return "functional"
        return "other"

    def _wrapped(self, call: cst.Call) -> cst.Call:
        """The layer with the wrappers around it (``Bidirectional(LSTM(16))``)."""
        parent = self.script.parent(call)
        caller = self.script.parent(parent) if isinstance(parent, cst.Arg) else None
        if isinstance(caller, cst.Call) and last_name(caller.func) in WRAPPERS:
            return self._wrapped(caller)
        return call

    def _places(self, call: cst.Call) -> tuple[Interval, ...]:
        outer = self._wrapped(call)
        found = [call, *([outer] if outer is not call else [])]
        parent = self.script.parent(outer)
        if isinstance(parent, cst.Call):  # a functional application
            found.append(parent)
        if isinstance(parent, cst.Arg):
            caller = self.script.parent(parent)
            if isinstance(caller, cst.Call) and last_name(caller.func) == "add":
                found.append(caller)
        return tuple(self.script.interval(one) for one in found)

    def _output_calls(self) -> Iterator[cst.Call]:
        if self.compile is None or not isinstance(self.compile.func, cst.Attribute):
            return
        yield from _Outputs(self.script).of_model(self.compile.func.value)


class _Outputs:
    """Follows a model to the layer calls that make its outputs."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.depth = 0

    def of_model(self, model: cst.BaseExpression) -> Iterator[cst.Call]:
        self.depth += 1
        if self.depth > 30:
            return
        value = self._value(model)
        if not isinstance(value, cst.Call):
            return
        name = last_name(value.func)
        if name == "Sequential":
            yield from self._of_sequential(model, value)
        elif name == "Model":
            given = argument(value, "outputs", 1)
            if given is not None:
                yield from self.of_tensor(given.value)
        else:
            yield from self._of_definition(name)

    def of_tensor(self, tensor: cst.BaseExpression) -> Iterator[cst.Call]:
        self.depth += 1
        if self.depth > 30:
            return
        if isinstance(tensor, cst.Dict):
            for entry in tensor.elements:
                yield from self.of_tensor(entry.value)
        elif isinstance(tensor, cst.List | cst.Tuple):
            for element in tensor.elements:
                yield from self.of_tensor(element.value)
        elif isinstance(tensor, cst.Name):
            value = resolved(self.script, tensor, steps=1)
            if value is not tensor:
                yield from self.of_tensor(value)
        elif isinstance(tensor, cst.Call) and tensor.args:
            yield from self._of_application(tensor)

    def _of_application(self, applied: cst.Call) -> Iterator[cst.Call]:
        layer = self._value(applied.func)
        if not isinstance(layer, cst.Call):
            return
        if last_name(layer.func) in PASSING or last_name(layer.func) in MERGING:
            yield from self.of_tensor(applied.args[0].value)
        elif last_name(layer.func) == "Sequential":
            yield from self.of_model(applied.func)
        else:
            yield from self._layer(layer)

    def _of_sequential(self, model: cst.BaseExpression, value: cst.Call) -> Iterator[cst.Call]:
        steps: list[cst.BaseExpression] = []
        given = argument(value, "layers", 0)
        if given is not None and isinstance(given.value, cst.List):
            steps += [element.value for element in given.value.elements]
        if isinstance(model, cst.Name):
            steps += [
                call.args[0].value
                for call in self.script.calls
                if isinstance(call.func, cst.Attribute)
                and call.func.attr.value == "add"
                and isinstance(call.func.value, cst.Name)
                and call.func.value.value == model.value
                and call.args
            ]
        for step in reversed(steps):
            layer = self._value(step)
            name = last_name(layer.func) if isinstance(layer, cst.Call) else ""
            if name in PASSING:
                continue
            if name in ("Sequential", "Model"):
                yield from self.of_model(step)
            elif isinstance(layer, cst.Call):
                yield from self._layer(layer)
            return

    def _of_definition(self, name: str) -> Iterator[cst.Call]:
        """A function that returns a model, or a class of the program's own whose last layer made is the output."""
        for node in self.script.nodes:
            if isinstance(node, cst.FunctionDef) and node.name.value == name:
                for inner in self.script.nodes:
                    if isinstance(inner, cst.Return) and inner.value is not None and node in self._around(inner):
                        yield from self.of_model(inner.value)
                        return
            if isinstance(node, cst.ClassDef) and node.name.value == name:
                inside = [
                    call
                    for call in self.script.calls
                    if last_name(call.func) in WEIGHTED and node in self._around(call)
                ]
                yield from inside[-1:]
                return

    def _layer(self, layer: cst.Call) -> Iterator[cst.Call]:
        name = last_name(layer.func)
        if name in WRAPPERS and layer.args:
            inner = self._value(layer.args[0].value)
            if isinstance(inner, cst.Call):
                yield from self._layer(inner)
        elif name in WEIGHTED:
            yield layer

    def _value(self, value: cst.BaseExpression) -> cst.BaseExpression:
        return resolved(self.script, value)

    def _around(self, node: cst.CSTNode) -> list[cst.CSTNode]:
        return list(self.script.ancestors(node))


def resolved(script: Script, value: cst.BaseExpression, steps: int = 5) -> cst.BaseExpression:
    """Follow names to what they were given last before they are used (or at all, if only behind)."""
    for _ in range(steps):
        if not isinstance(value, cst.Name):
            break
        use = script.interval(value).start
        known = script.assignments(value.value)
        before = [given for node, given in known if script.interval(node).end <= use]
        if not known:
            break
        value = before[-1] if before else known[-1][1]
    return value


def leading_number(call: cst.Call, name: str) -> tuple[cst.BaseExpression, float] | None:
    """The expression and value of an argument that is a plain number (``learning_rate``, ``units``)."""
    given = argument(call, name, 0)
    value = number(given.value) if given is not None else None
    return None if given is None or value is None else (given.value, value)
