"""The agent of a learning-rate range test: the script as it is, but its training at ever larger learning rates.

The rate rises by a constant factor from step to step (Smith, Cyclical Learning Rates for Training Neural Networks, WACV
2017, arXiv:1506.01186), and the loss of each batch is kept. The training ends where the loss has blown up, and with it
the script.
"""

from __future__ import annotations

import inspect
import json
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..execution.job import Job
from ..whole_files import write_atomically

OUTCOME = "range_test.json"
#: A loss this many times above the lowest one, and above the first, has blown up; what follows tells nothing more.
_BLOWN_UP = 4.0


class RangeTestDone(BaseException):
    """Leaves the script. Not an ``Exception``, so that ordinary handlers let it through."""


@dataclass
class Ramp:
    """The rates to try, and the losses seen with them so far."""

    rates: list[float]
    losses: list[float] = field(default_factory=list)

    @property
    def ended(self) -> bool:
        """Whether all rates were tried, or the loss blew up."""
        losses = self.losses
        if len(losses) >= len(self.rates):
            return True
        if not losses:
            return False
        if not math.isfinite(losses[-1]):
            return True
        # Three in a row: single batches scatter.
        limit = max(losses[0], 0.0) + _BLOWN_UP * max(abs(losses[0] - min(losses)), abs(losses[0]))
        return len(losses) > 3 and min(losses[-3:]) > limit


def rates_between(low: float, high: float, steps: int) -> list[float]:
    """``steps`` rates from ``low`` to ``high``, each the same factor above the one before.

    Example:
        >>> [round(rate, 4) for rate in rates_between(0.001, 0.1, 3)]
        [0.001, 0.01, 0.1]
    """
    factor = (high / low) ** (1 / max(1, steps - 1))
    return [low * factor**step for step in range(steps)]


def run_range_test(job: Job, run_script: Callable[[], object]) -> None:
    """Run the script up to the fit in question, train that one at rising rates, and write what was seen.

    Parameters of the job: ``seed``, ``fit`` (index of the fit among all calls), ``low``, ``high`` and ``steps``.
    """
    import keras

    parameters = job.parameters
    keras.utils.set_random_seed(int(parameters["seed"]))
    ramp = Ramp(rates_between(float(parameters["low"]), float(parameters["high"]), int(parameters["steps"])))
    _replace_fit(int(parameters["fit"]), ramp)
    try:
        run_script()
    except RangeTestDone:
        pass
    finally:
        document = {"rates": ramp.rates[: len(ramp.losses)], "losses": ramp.losses}
        write_atomically(Path(job.output) / OUTCOME, json.dumps(document).encode())


def _replace_fit(chosen: int, ramp: Ramp) -> None:
    import keras

    owner = next(base for base in keras.Model.__mro__ if "fit" in vars(base))
    original = owner.__dict__["fit"]
    seen = 0

    def fit(model: Any, *args: Any, **named: Any) -> Any:
        nonlocal seen
        index, seen = seen, seen + 1
        if index > chosen:
            raise RangeTestDone
        if index < chosen:
            return original(model, *args, **named)
        bound = inspect.signature(original).bind(model, *args, **named)
        bound.apply_defaults()
        train_at_rising_rates(original, model, bound.arguments, ramp)
        raise RangeTestDone

    owner.fit = fit


def train_at_rising_rates(original: Callable[..., Any], model: Any, arguments: dict[str, Any], ramp: Ramp) -> None:
    """Call ``original`` (Keras's ``fit``) on the same data, without the user's callbacks and without validation."""
    _prepare(model)
    steps = len(ramp.rates)
    given = {**arguments, "callbacks": [_ramp_callback(ramp)], "epochs": steps, "initial_epoch": 0, "verbose": 0}
    given["validation_data"], given["validation_freq"] = None, steps + 1
    given.pop("self", None)
    original(model, **given)


def _prepare(model: Any) -> None:
    """One step per call, and an optimizer whose rate may be set."""
    import keras

    model.steps_per_execution = 1
    model.train_function = None
    outer = model.optimizer
    inner = getattr(outer, "inner_optimizer", None) or outer
    if isinstance(getattr(inner, "_learning_rate", None), keras.optimizers.schedules.LearningRateSchedule):
        fresh = type(inner).from_config({**inner.get_config(), "learning_rate": 1e-3})
        model.optimizer = fresh if inner is outer else type(outer)(fresh)


def _ramp_callback(ramp: Ramp) -> Any:
    import keras

    class RampCallback(keras.callbacks.Callback):  # type: ignore[misc]
        def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
            self.model.optimizer.learning_rate = ramp.rates[min(len(ramp.losses), len(ramp.rates) - 1)]
            self.model.reset_metrics()  # the running mean is then this batch's loss

        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            ramp.losses.append(float((logs or {}).get("loss", math.nan)))
            if ramp.ended:
                self.model.stop_training = True

    return RampCallback()
