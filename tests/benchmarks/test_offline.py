from benchmarks.offline.measure import GOAL_SECONDS, document, measure, table
from benchmarks.offline.synthetic import synthetic_trace


def test_a_small_trace_is_diagnosed_without_tensorflow() -> None:
    result = measure(layers=4, samples=20, rows=0, repeats=1)
    assert result.checks > 20
    assert 0 < result.read_seconds < result.seconds
    assert f"Goal: {GOAL_SECONDS:.0f} s" in table(document([result]))


def test_a_large_trace_takes_little_of_the_processor() -> None:
    """The goal is in wall-clock time on a quiet machine; in time of the processor a busy one can check it, too."""
    assert measure(layers=100, samples=1000, rows=0, repeats=1).cpu_seconds < GOAL_SECONDS


def test_the_trace_is_as_large_as_it_says() -> None:
    statistics = synthetic_trace(7, 30, 0).fits[0].statistics
    assert {values.shape for values in statistics.layers.values()} == {(30, 7)}
