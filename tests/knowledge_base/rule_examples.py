"""Runs the example inside a rule: facts hold, edits resolve, the engine makes the text after of the text before."""

from __future__ import annotations

import ast
from dataclasses import replace

import numpy as np
from dlfix.diagnose.findings import Fault, LayerReference
from dlfix.diagnose.trace import FitTrace, ModelFacts
from dlfix.knowledge_base.matching import RuleMatch, match_rule
from dlfix.knowledge_base.rule_order import Uncalibrated
from dlfix.knowledge_base.schema import Rule
from dlfix.repair.patch import EditContext, EditRequest, Patch
from dlfix.repair.patching import SourceFiles, make_patch
from facts_from_source import fit_from_source

_WITHOUT_WEIGHTS = {"Dropout", "Flatten", "Activation", "ReLU", "LeakyReLU", "Softmax", "MaxPooling2D"}


def fit_of(rule: Rule) -> FitTrace:
    """The run that the example's program would have had, as far as its text and the example's facts tell."""
    text = rule.example.before
    fit = fit_from_source(text, x=_inputs(rule), y=_labels(rule))
    frozen = "trainable=False"
    calls = {
        node.lineno: ast.unparse(node)
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Call) and frozen in ast.unparse(node)
    }
    layers = tuple(
        replace(
            layer,
            parameters=0 if layer.class_name in _WITHOUT_WEIGHTS else 8,
            trainable=layer.site is None or layer.site.span.line not in calls,
        )
        for layer in fit.model.layers
    )
    model: ModelFacts = replace(fit.model, layers=layers)
    return replace(fit, model=model)


def match_example(rule: Rule) -> RuleMatch | None:
    """The rule matched with its own example."""
    fit = fit_of(rule)
    layer = rule.example.layer
    named = None if layer is None else LayerReference(layer, fit.model.layers[layer].name)
    return match_rule(rule, fit.model, Fault(rule.fault, "", 1.0, layer=named), 0, rule.example.facts, Uncalibrated())


def patch_example(rule: Rule) -> Patch:
    """The rule's edits made in its own example."""
    found = match_example(rule)
    assert found is not None, "the example's facts do not meet the rule's needs"
    fit = fit_of(rule)
    requests = [EditRequest(e.edit, e.parameters, EditContext(fit, e.layer, "train.py")) for e in found.edits]
    return make_patch(requests, SourceFiles.from_texts({"train.py": rule.example.before}), title=found.title)


def _inputs(rule: Rule) -> np.ndarray:
    facts, random = rule.example.facts, np.random.default_rng(0)
    if facts.get("inputs.looks_like_image"):
        return random.integers(0, 256, (64, 8, 8))
    x = random.normal(size=(64, 4)) * 100
    if facts.get("inputs.heavy_tails"):
        x = np.abs(x)
    if facts.get("inputs.has_nonfinite"):
        x[0, 0] = np.nan
    return x


def _labels(rule: Rule) -> np.ndarray:
    facts, random = rule.example.facts, np.random.default_rng(1)
    classes = facts.get("task.classes", 3)
    ids = np.arange(64) % classes
    by_encoding = {
        "zero_one": np.arange(64) % 2,
        "signed": np.arange(64) % 2 * 2 - 1,
        "integer": ids,
        "one_based": ids + 1,
        "scaled_integer": ids / 255.0,
        "one_hot": np.eye(classes)[ids],
    }
    return by_encoding.get(facts.get("task.encoding", ""), random.normal(size=64))
