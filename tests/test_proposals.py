from __future__ import annotations

from dataclasses import replace

import numpy as np
import traces
from dlfix.diagnose.diagnosis import diagnose
from dlfix.diagnose.trace import LaterCall

from dlfix.proposals import scored_evaluation, watched_fit, why_no_trials


def test_trials_count_calls_of_fit_and_no_loops():
    loop = traces.fit_trace(origin="train_on_batch")
    fit = traces.fit_trace()
    trace = traces.trace(loop, replace(fit, fit=replace(fit.fit, site=traces.site(40))))
    found = replace(diagnose(traces.trace()), faults=())
    assert watched_fit(trace, found).index == 0
    assert why_no_trials(trace, found) == ""


def test_a_loop_cannot_be_tried():
    found = replace(diagnose(traces.trace()), faults=())
    for origin, told in (("train_on_batch", "around train_on_batch"), ("own loop", "a loop of its own")):
        assert told in why_no_trials(traces.trace(traces.fit_trace(origin=origin)), found)


def test_trials_score_the_evaluation_that_shows_the_fault():
    x = np.random.default_rng(0).normal(size=(120, 4))
    y = (x[:, 0] > 0).astype(int)
    known = traces.data(x, y)
    far = traces.data(x * 255, y)
    evaluated = LaterCall("evaluate", known.inputs, known.targets)
    mistaken = LaterCall("evaluate", far.inputs, far.targets)
    predicted = LaterCall("predict", far.inputs)

    def scored(*calls: LaterCall) -> int | None:
        trace = traces.trace(replace(traces.fit_trace(data=known, x=x, y=y), later_calls=calls))
        found = diagnose(trace)
        assert found.faults[:1] == () or found.faults[0].kind == "evaluation"
        return scored_evaluation(trace, found)

    assert scored(mistaken) == 0
    assert scored(LaterCall("predict", known.inputs), evaluated, mistaken) == 1
    assert scored(predicted, mistaken) == 0
    assert scored(predicted) is None  # what predict should say is not known
    assert scored(evaluated) is None
