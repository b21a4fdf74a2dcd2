"""Other names for planted faults: true synonyms, which always count, and neutral alternatives, which are reported
apart.

A *synonym* describes the same edit of the same text by another word of the vocabulary, or the other side of a
contradiction between two settings that leaves no trace of which of them was edited. An *alternative* is another
change that would mend what was planted as well, or next to it ("accept any neutral fix", prior studies of
localization): its reader would not find the planted text, but would be helped. The headline counts synonyms and no
alternatives. Both are declared per operator, with the reason, before anything is measured.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Equivalents:
    """Kinds that count as well, with why."""

    synonyms: tuple[str, ...] = ()
    alternatives: tuple[str, ...] = ()
    why: str = ""


EQUIVALENTS: Mapping[str, Equivalents] = {
    "ach-output": Equivalents(
        alternatives=("loss",),
        why="a loss that suits the activation (from_logits, or one of a regression) does as well",
    ),
    "ach-hidden-all": Equivalents(
        alternatives=("learning_rate", "epochs", "initializer", "missing_batchnorm"),
        why="saturating layers learn, only far more slowly, unless something keeps their inputs in range",
    ),
    "ach-hidden": Equivalents(alternatives=("missing_batchnorm",), why="normalised outputs undo most of the damage"),
    "arm-hidden": Equivalents(),
    "hlr-low": Equivalents(alternatives=("epochs", "optimizer"), why="more epochs make up for smaller steps"),
    "hlr-high": Equivalents(alternatives=("optimizer", "missing_batchnorm"), why="clipping bounds the steps as well"),
    "och": Equivalents(
        alternatives=("learning_rate", "epochs"),
        why="the defaults of these optimizers are slow; a larger rate or more epochs mend them",
    ),
    "och-momentum": Equivalents(
        alternatives=("learning_rate", "epochs"), why="the effective step is rate / (1 - momentum), or rate / epsilon"
    ),
    "ocg": Equivalents(alternatives=("learning_rate", "epochs"), why="clipped gradients are small steps"),
    "class-weight": Equivalents(alternatives=("training_data",), why="weights of rows are a matter of the data, too"),
    "hne": Equivalents(
        alternatives=("learning_rate", "batch_size"), why="larger or more steps make up for fewer epochs"
    ),
    "hbs": Equivalents(
        alternatives=("epochs", "learning_rate"),
        why="what is missing are updates; more epochs or larger steps give them",
    ),
    "unshuffled": Equivalents(
        alternatives=("training_data",), why="what was planted are sorted rows, a property of the data"
    ),
    "lch": Equivalents(
        alternatives=("output_activation", "label_encoding", "output_units"),
        why="the loss contradicts output or labels, and either may be brought into line with it",
    ),
    "lch-form": Equivalents(
        synonyms=("label_encoding",),
        why="one-hot labels under a loss for class numbers, or the reverse: one run, whichever of the two was edited",
    ),
    "lch-logits": Equivalents(
        synonyms=("output_activation",),
        why="from_logits says what the output activation is; the contradiction is between these two by definition",
    ),
    "output-units": Equivalents(alternatives=("label_encoding", "loss"), why="labels or loss may be made to fit"),
    "units": Equivalents(synonyms=("filters", "units"), why="units of a convolution are its filters"),
    "layers": Equivalents(
        alternatives=("hidden_activation", "missing_batchnorm", "initializer"),
        why="deep plain stacks train with other activations, normalisation or initialisers",
    ),
    "rcd": Equivalents(),
    "batchnorm-removed": Equivalents(
        alternatives=("input_scaling", "learning_rate", "initializer"),
        why="what normalisation keeps in range, scaled inputs, smaller steps or other kernels keep there as well",
    ),
    "kernel-size": Equivalents(),
    "strides": Equivalents(),
    "frozen": Equivalents(),
    "wci-all": Equivalents(
        alternatives=("missing_batchnorm", "input_scaling"), why="normalisation undoes the scale of kernels"
    ),
    "wci": Equivalents(alternatives=("missing_batchnorm",), why="normalisation undoes the scale of kernels"),
    "wab": Equivalents(
        alternatives=("hidden_activation", "missing_batchnorm"),
        why="units that a bias switches off work with an activation that has no dead side",
    ),
    "raw": Equivalents(),
    "input-scale": Equivalents(
        alternatives=("missing_batchnorm", "learning_rate"),
        why="a normalising first layer scales the inputs; smaller steps stand larger inputs to a degree",
    ),
    "scaling-removed": Equivalents(
        alternatives=("missing_batchnorm", "learning_rate"),
        why="a normalising first layer scales the inputs; smaller steps stand larger values to a degree",
    ),
    "target-scale": Equivalents(alternatives=("learning_rate", "epochs"), why="larger or more steps reach far targets"),
    "validation-scale": Equivalents(
        synonyms=("input_scaling",), why="what was planted is a scale of inputs, if only of those for validation"
    ),
    "label-values": Equivalents(
        alternatives=("output_units", "loss", "output_activation"), why="output and loss may be made to fit the labels"
    ),
    "label-form": Equivalents(
        synonyms=("loss",),
        why="one-hot labels under a loss for class numbers, or the reverse: one run, whichever of the two was edited",
    ),
    "label-order": Equivalents(
        synonyms=("label_encoding", "evaluation"),
        why="labels of training and validation that disagree are a fault of either, and the text does not say of which",
    ),
    "tcl": Equivalents(
        synonyms=("label_encoding", "label_order"),
        why="wrong labels: 'labels encoded or transformed wrongly', 'labels in another order than rows' or classes",
    ),
    "tco": Equivalents(
        synonyms=("label_encoding", "label_order"),
        why="wrong labels: 'labels encoded or transformed wrongly', 'labels in another order than rows' or classes",
    ),
    "trd": Equivalents(
        alternatives=("overfitting", "epochs", "batch_size"), why="too few rows are learned by heart, or in few steps"
    ),
    "tud": Equivalents(),
    "tan": Equivalents(
        synonyms=("evaluation",), alternatives=("overfitting",), why="training rows are unlike the validation rows"
    ),
    "missing-inputs": Equivalents(),
    "missing-targets": Equivalents(),
    "scrambled-columns": Equivalents(
        synonyms=("training_data",), why="columns without meaning are data from which nothing can be learned"
    ),
    "merged-tokens": Equivalents(synonyms=("training_data",), why="words merged into one carry no information"),
    "codes-for-one-hot": Equivalents(
        alternatives=("input_scaling",), why="scaled numbers of categories are learned somewhat better"
    ),
}
