"""The order in which answers are tried: with and without measured outcomes."""

from __future__ import annotations

import json
import math

import pytest
from dlfix.diagnose import confidence
from dlfix.knowledge_base import load_knowledge
from dlfix.knowledge_base.rule_order import RuleOrder, Uncalibrated, load_rule_order

ORDER = {"offsets": {"often-right": 1.0}}


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "order.json"
    path.write_text(json.dumps(ORDER))
    return path


def test_without_outcomes_confidences_are_multiplied():
    assert Uncalibrated().support(0.8, 0.5, "any") == pytest.approx(0.4)


def test_outcomes_move_a_rule(file):
    order = load_rule_order(file)
    known, unknown = (order.support(1.0, 0.5, rule) for rule in ("often-right", "never-tried"))
    assert unknown == pytest.approx(0.5)
    assert known == pytest.approx(1 / (1 + math.exp(-1.0)))
    assert 0 < order.support(0.0, 0.0, "never-tried") < order.support(1.0, 1.0, "often-right") < 1


def test_the_knowledge_base_takes_another_order(file):
    assert load_knowledge(order=load_rule_order(file)).order == RuleOrder(**ORDER)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"offsets": 1}',
        '{"offsets": {"often-right": Infinity}}',
        '{"offsets": {"often-right": NaN}}',
        '{"offsets": {"often-right": true}}',
        '{"offsets": {"often-right": "3"}}',
        '{"offsets": {"often-right": 1%s}}' % ("0" * 400),
    ],
)
def test_a_broken_order_is_refused_with_its_name(tmp_path, text):
    path = tmp_path / "order.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"order\.json"):
        load_rule_order(path)


def test_nothing_is_said_with_certainty():
    assert confidence.said(0.999) == confidence.MOST_SAID
    assert confidence.said(0.001) == confidence.LEAST_SAID
    assert confidence.LEAST_SAID < confidence.said(0.5) < confidence.MOST_SAID


def test_calibration_keeps_the_order():
    values = [confidence.calibrated(step / 100) for step in range(1, 100)]
    assert values == sorted(values)
