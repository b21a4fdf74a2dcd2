"""The callbacks of the baselines, each with the finding it comes to. Imported in the child process only."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import keras
from dlfix.diagnose import DeepLocalize

from .outcome import Finding

#: Makes a callback for a fit from its arguments (``x``, ``y``, ``batch_size``, …).
Maker = Callable[[Mapping[str, Any]], Any]


class Published(DeepLocalize):
    """DeepLocalize on the arrays of a fit."""

    def __init__(self, given: Mapping[str, Any]) -> None:
        super().__init__(_only(given["x"]), _only(given["y"]), given["batch_size"] or 32)  # 32 is what fit takes then

    @property
    def finding(self) -> Finding | None:
        verdict = self.verdict
        return None if verdict is None else Finding(verdict.layer, verdict.phase, verdict.message)


class Terminate(keras.callbacks.TerminateOnNaN):
    """Keras's own, with a note of the batch."""

    def __init__(self, given: Mapping[str, Any]) -> None:
        super().__init__()
        self.finding: Finding | None = None

    def on_batch_end(self, batch: int, logs: Any = None) -> None:
        super().on_batch_end(batch, logs)
        if self.model.stop_training and self.finding is None:
            self.finding = Finding(None, "loss", f"Batch {batch}: Invalid loss, terminating training")


class Stop(keras.callbacks.EarlyStopping):
    """Keras's own with patience 0, and whether it ends training before the last planned epoch."""

    phase = "loss"

    def __init__(self, given: Mapping[str, Any]) -> None:
        super().__init__(monitor="loss", mode="min", patience=0)
        self.finding: Finding | None = None

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        super().on_epoch_end(epoch, logs)
        if self.stopped_epoch and epoch + 1 < self.params["epochs"] and self.finding is None:
            self.finding = Finding(None, self.phase, f"Epoch {epoch}: {self.monitor} did not improve")


class StopOnAccuracy(Stop):
    """The same on the training accuracy, whatever it is called."""

    phase = "accuracy"

    def __init__(self, given: Mapping[str, Any]) -> None:
        keras.callbacks.EarlyStopping.__init__(self, monitor="accuracy", mode="max", patience=0)
        self.finding = None
        self.unusable: str | None = None

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        name = next((name for name in logs or {} if _is_accuracy(name)), None)
        if name is None:
            self.unusable = "the model is compiled without an accuracy"
            return
        self.monitor = name
        super().on_epoch_end(epoch, logs)


def _is_accuracy(name: str) -> bool:
    return not name.startswith("val_") and (name == "acc" or name.endswith(("accuracy", "_acc")))


def _only(data: Any) -> Any:
    """What is in a list of one, as fit takes it."""
    return data[0] if isinstance(data, list | tuple) and len(data) == 1 else data


MAKERS: Mapping[str, Maker] = {
    "deeplocalize": Published,
    "terminate_on_nan": Terminate,
    "early_stopping_loss": Stop,
    "early_stopping_accuracy": StopOnAccuracy,
}
