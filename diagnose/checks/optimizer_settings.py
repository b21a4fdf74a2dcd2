"""Settings of the optimizer that are far from any usual value, or that undo its steps."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from ..findings import Symptom
from ..suggested_values import USUAL_RATES
from .registry import check
from .subject import Subject

HIGH, LOW = 30.0, 100.0
#: Gradient norm over what is left of it: with optimizers that divide by the size of gradients, and with plain ones.
CLIPPED, CLIPPED_PLAIN = 100.0, 20.0
#: Gradients below which the default epsilon of 1e-7 sets the step.
BELOW_EPSILON = 1e-6
HIGH_MOMENTUM = 0.99
SLOW_BY_DEFAULT = frozenset({"Adadelta", "Adagrad", "Ftrl"})
DEFAULT_RATE = 0.001
LARGE_EPSILON = 1e-2
LARGE_DECAY = 0.1


@check("unusual-learning-rate", requires=("model layers",))
def unusual_learning_rate(subject: Subject) -> Iterator[Symptom]:
    """The learning rate is far from where its optimizer is usually started.

    Symptom: The rate is more than 30 times the optimizer's usual one, or less than a hundredth of it.
    Why: Every optimizer scales its steps differently; a rate is only large or small for one of them. Adadelta's default
        in Keras is a thousandth of the published 1.0.
    Threshold and its source: 30 and 100 times off the default. UMLAUT's fixed 1e-7 to 1e-2 marks SGD's own default; the
        faults that DeepFD plants are 1 to 10 and 1e-10 to 1e-15. Rates between are judged by what they do to the
        weights (``oversized-updates``, ``undersized-updates``).
    When not: Schedules, whose rate at the moment says little; fine-tuning of pretrained weights; runs that learn.
    """
    optimizer = subject.fit.compile.optimizer
    rate, usual = optimizer.learning_rate, USUAL_RATES.get(optimizer.class_name)
    if rate is None or rate <= 0 or usual is None or optimizer.config.get("learning_rate_schedule"):
        return
    ratio = rate / usual
    if 1 / LOW < ratio < HIGH:
        return
    high = ratio >= HIGH
    yield Symptom(
        "unusual-learning-rate",
        f"{optimizer.class_name} is usually started at {usual:g}; here the rate is {rate:g}.",
        value=ratio,
        threshold=HIGH if high else 1 / LOW,
        strength=min(1.0, 0.4 + 0.2 * abs(math.log10(ratio / HIGH if high else ratio * LOW))),
        details={"direction": "too high" if high else "too low"},
    )


@check("slow-default-optimizer", requires=("model layers",))
def slow_default_optimizer(subject: Subject) -> Iterator[Symptom]:
    """An optimizer whose default rate in Keras hardly moves anything was taken as it comes.

    Symptom: Adadelta, Adagrad or Ftrl with Keras's default rate of 0.001.
    Why: Their steps shrink with the gradients seen so far (Adagrad, Ftrl), or have no scale of their own at the start
        (Adadelta): as published they run at 0.01 and 1.0, and Keras's common default is 10 to 1,000 times less.
    Threshold and its source: The default itself. Zeiler 2012 (arXiv:1212.5701) has no rate at all, which is 1.0; Duchi
        et al. 2011 tune theirs; Keras's documentation advises 1.0 for Adadelta to match the paper.
    When not: A rate that was chosen; long trainings that get there all the same.
    """
    optimizer = subject.fit.compile.optimizer
    if optimizer.class_name in SLOW_BY_DEFAULT and optimizer.learning_rate is not None:
        rate, usual = optimizer.learning_rate, USUAL_RATES[optimizer.class_name]
        if math.isclose(rate, DEFAULT_RATE, rel_tol=1e-3):
            yield Symptom(
                "slow-default-optimizer",
                f"{optimizer.class_name} with Keras's default rate of {rate:g} hardly moves; as published it runs at "
                f"{usual:g}.",
                value=rate,
                threshold=usual,
                strength=0.9,
                details={"direction": "too low"},
            )


@check("unusual-momentum", requires=("model layers",))
def unusual_momentum(subject: Subject) -> Iterator[Symptom]:
    """Steps remember too much of those before, or run against them.

    Symptom: Momentum (of SGD or RMSprop), or Adam's beta_1, is 0.99 or more, or negative; or Adam's beta_2 is below
        beta_1.
    Why: A momentum m multiplies the step length by 1 / (1 - m): by a hundred from 0.99 on. From 1 on nothing ever
        dies down.
    Threshold and its source: 0.99, a factor of ten above the usual 0.9 (Sutskever et al. 2013); Reddi et al. 2018 for
        beta_1 < beta_2.
    When not: Rates that are lowered to match, or long trainings with a momentum schedule: then updates are of a usual
        size, and the run learns.
    """
    optimizer = subject.fit.compile.optimizer
    for name in ("momentum", "beta_1"):
        value = optimizer.config.get(name)
        if not isinstance(value, int | float) or isinstance(value, bool) or 0 <= value < HIGH_MOMENTUM:
            continue
        strength = 0.95 if value >= 1 or value < 0 else min(0.9, 0.5 + 0.2 * math.log10(0.01 / (1 - value)))
        yield _setting("unusual-momentum", name, float(value), HIGH_MOMENTUM, strength, optimizer.class_name)
        return
    first, second = optimizer.config.get("beta_1"), optimizer.config.get("beta_2")
    if isinstance(first, float) and isinstance(second, float) and second < first and optimizer.class_name != "Lion":
        yield _setting("unusual-momentum", "beta_2", second, first, 0.4, optimizer.class_name)


def _setting(identifier: str, name: str, value: float, threshold: float, strength: float, optimizer: str) -> Symptom:  # noqa: PLR0917
    return Symptom(
        identifier,
        f"The {name} of {optimizer} is {value:g}.",
        value=value,
        threshold=threshold,
        strength=strength,
        details={"setting": name, "direction": "too low" if value < 0 or name == "beta_2" else "too high"},
    )


@check("unusual-epsilon", requires=("model layers",))
def unusual_epsilon(subject: Subject) -> Iterator[Symptom]:
    """The constant that protects a division has become the divisor.

    Symptom: The epsilon of an adaptive optimizer is 0.01 or more.
    Why: Adam divides by the root of the mean squared gradient plus epsilon. Gradients are often below 0.01; a larger
        epsilon then sets the step, which shrinks to plain gradient descent at rate / epsilon.
    Threshold and its source: 0.01, the size of a usual gradient entry; Keras's default is 1e-7.
    When not: 0.1 and 1.0 have been used with larger rates (Inception on ImageNet, as Keras's documentation mentions).
    """
    optimizer = subject.fit.compile.optimizer
    value = optimizer.config.get("epsilon")
    adaptive = optimizer.class_name in ("Adam", "AdamW", "Adamax", "Nadam", "RMSprop", "Adagrad", "Adadelta")
    if adaptive and isinstance(value, int | float) and value >= LARGE_EPSILON:
        strength = min(1.0, 0.3 + 0.2 * math.log10(value / LARGE_EPSILON))
        yield _setting("unusual-epsilon", "epsilon", float(value), LARGE_EPSILON, strength, optimizer.class_name)


@check("excessive-clipping", requires=("gradient norms", "model layers"))
def excessive_clipping(subject: Subject) -> Iterator[Symptom]:
    """Gradients are clipped to a small part of their length.

    Symptom: The median gradient norm is more than twenty times what ``clipnorm``, ``global_clipnorm`` or ``clipvalue``
        leaves of it; a hundred times with an optimizer that divides by the gradients' size.
    Why: All steps are cut alike, so that the learning rate is in effect that many times smaller.
    Threshold and its source: Pascanu et al. 2013 clip at half to ten times the mean norm, so that only outliers are
        cut; twenty is ten times their lower end.
    When not: Adam and its kin, which divide by the gradients' size anyway: the steps stay as they are, and only the
        strength is lower here.
    """
    config = subject.fit.compile.optimizer.config
    norms = subject.fit.statistics.gradient_norm
    finite = norms[np.isfinite(norms) & (norms > 0)]
    parameters = max(1, subject.fit.model.trainable_parameters)
    for name, scale in (("clipnorm", 1.0), ("global_clipnorm", 1.0), ("clipvalue", math.sqrt(parameters))):
        limit = config.get(name)
        if not isinstance(limit, int | float) or limit <= 0 or not finite.size:
            continue
        ratio = float(np.median(finite)) / (limit * scale)
        # An adaptive optimizer divides by the gradients' size, until that falls below its epsilon.
        plain = subject.fit.compile.optimizer.class_name == "SGD" or limit < BELOW_EPSILON
        threshold = CLIPPED_PLAIN if plain else CLIPPED
        if ratio > threshold:
            yield Symptom(
                "excessive-clipping",
                f"{name} is {limit:g}, where the gradient norm is {float(np.median(finite)):.3g}: next to nothing of "
                "it is left.",
                value=ratio,
                threshold=threshold,
                strength=min(0.9, (0.35 if plain else 0.2) + 0.15 * math.log10(ratio / threshold)),
                details={"setting": name, "direction": "too low"},
            )
            return


@check("excessive-weight-decay", requires=("model layers",))
def excessive_weight_decay(subject: Subject) -> Iterator[Symptom]:
    """Weight decay shrinks the weights faster than anything can be learned.

    Symptom: The optimizer's decoupled weight decay is 0.1 or more, and over the run it alone would shrink the weights
        to less than a tenth.
    Why: Each step multiplies all weights by 1 - rate * decay; what the gradient adds is taken away again.
    Threshold and its source: 0.1, ten times what Loshchilov & Hutter 2019 find good with few epochs (and 25 times
        Keras's default of 0.004), and a tenth left: 1 - (1 - rate * decay)^steps.
    When not: Long trainings of large transformers use 0.1 with small rates; their weights do not shrink that far.
    """
    optimizer = subject.fit.compile.optimizer
    decay, rate = optimizer.config.get("weight_decay"), optimizer.learning_rate
    steps = subject.updates
    if not isinstance(decay, int | float) or not rate or not steps or decay < LARGE_DECAY:
        return
    left = math.exp(steps * math.log1p(-min(rate * decay, 0.999999)))
    if left < 0.1:
        yield Symptom(
            "excessive-weight-decay",
            f"A weight decay of {decay:g} at a rate of {rate:g} leaves {left:.1%} of the weights after {steps} steps.",
            value=float(decay),
            threshold=LARGE_DECAY,
            strength=min(0.8, 0.4 + 0.2 * math.log10(decay / LARGE_DECAY)),
            details={"setting": "weight_decay"},
        )
