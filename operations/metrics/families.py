"""Make families of samples, as Prometheus calls a name with all its values."""

from collections.abc import Iterator, Mapping
from itertools import accumulate
from typing import Any

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

from telemetry.counts import Timed
from telemetry.stored import Stored
from telemetry.table import LEVELS, TABLE

Values = Mapping[Any, float]  # by the values of the labels, a tuple (Mapping is invariant in its keys)


def gauge(name: str, help: str, labels: tuple[str, ...], values: Values) -> Metric:
    family = GaugeMetricFamily(name, help, labels=labels)
    for of, value in values.items():
        family.add_metric(of, value)
    return family


def counter(name: str, help: str, labels: tuple[str, ...], values: Values) -> Metric:
    family = CounterMetricFamily(name, help, labels=labels)
    for of, value in values.items():
        family.add_metric(of, value)
    return family


def histogram(name: str, times: Mapping[tuple[str, ...], Timed]) -> Metric:
    measure = TABLE[name]
    family = HistogramMetricFamily(name, measure.help, labels=measure.labels)
    bounds = [*map(str, measure.bounds), "+Inf"]
    for labels, timed in times.items():
        sums = map(float, accumulate(timed.buckets))
        family.add_metric(labels, list(zip(bounds, sums, strict=True)), timed.seconds)
    return family


def counted(stored: Stored) -> Iterator[Metric]:
    """Yield what processes have counted and timed, and what they hold. A counter without labels begins at 0."""
    for name, measure in TABLE.items():
        if measure.bounds:
            yield histogram(name, {labels: timed for (its, labels), timed in stored.times.items() if its == name})
        else:
            found = {labels: value for (its, labels), value in stored.totals.items() if its == name}
            yield counter(name, measure.help, measure.labels, found or ({} if measure.labels else {(): 0.0}))
    for name, level in LEVELS.items():
        found = {labels: value for (its, labels), value in stored.levels.items() if its == name}
        yield gauge(name, level.help, level.labels, found)
