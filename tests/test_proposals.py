from __future__ import annotations

from dataclasses import replace

import traces
from dlfix.diagnose.diagnosis import diagnose

from dlfix.proposals import watched_fit, why_no_trials


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
