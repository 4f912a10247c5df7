"""The second clock: the same kitchen in numpy, without a database and without Celery.

`simulate(read_spec(values)).as_dict()` is the answer to one spec. A study that is shared out among workers takes
`replicate(spec, first, count)` for each share and `merge(spec, parts)` in the end: the same figures to the last bit,
however it was shared out, as each replication's come from its own orders alone.

`stations_forward` (the engine, simulation.engine) takes plain arrays forward; simulation.distributions makes service
times for it.

What the figures are. An order counts if it comes after the warm-up; those of a state at the beginning do not count in
averages over orders, but fill places and lines. Averages over time go from the opening, or the moment when the last
order of the warm-up has left, to the moment when the last one has, and are made of the times of the orders that count.
The value is the mean over the replications; of one replication, the whole run, its interval from BATCHES batches of
orders one after the other.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from itertools import pairwise
from typing import Any

import numpy as np

from simulation.collectors import SHARES
from simulation.confidence import Estimate, follow_each_other, half_width, over_replications, plain
from simulation.engine import Array
from simulation.engine import stations_forward as stations_forward
from simulation.fields import SpecError as SpecError
from simulation.replications import BATCHES, Part, Run, run_length
from simulation.spec import HOUR, Rate, Spec
from simulation.spec import read_spec as read_spec

WIDE = 0.5  # a half-width beyond so much of the value says nothing


def simulate(spec: Spec) -> "Result":
    return merge(spec, [replicate(spec, 0, spec.replications)])


def replicate(spec: Spec, first: int, count: int) -> Part:
    """The replications from number `first` on; at least one."""
    step = run_length(spec).rows
    edges = [first, *range((first // step + 1) * step, first + count, step), first + count]
    return _joined([Run(spec, begin, end - begin).part() for begin, end in pairwise(edges)])


def merge(spec: Spec, parts: Iterable[Part]) -> "Result":
    """What all of them say together; at least one."""
    return Result(spec, _joined(sorted(parts, key=lambda part: part.first)))


def _joined(parts: Sequence[Part]) -> Part:
    """One behind the other; sums over replications are of whole numbers, so their order makes no difference."""
    if len(parts) == 1:
        return parts[0]
    values: dict[str, Any] = {"first": parts[0].first, "trace": parts[0].trace}
    for name in (item.name for item in fields(Part)):
        arrays = [getattr(part, name) for part in parts]
        if name.startswith("grid_"):
            width = max(array.shape[1] for array in arrays)
            values[name] = sum(np.pad(array, ((0, 0), (0, width - array.shape[1]))) for array in arrays)
        elif name not in values:
            values[name] = np.concatenate(arrays)
    return Part(**values)


@dataclass(frozen=True)
class Result:
    spec: Spec
    part: Part

    @property
    def replications(self) -> int:
        return len(self.part.whole_quantiles)

    def as_dict(self) -> dict[str, Any]:
        """As plain JSON; null where there is nothing to estimate from."""
        part = self.part
        seconds_in_system = {"mean": self._ratio(part.seconds, part.orders)}
        for place, share in enumerate(SHARES):
            seconds_in_system[f"p{100 * share:02.0f}"] = self._quantile(place)
        if self.spec.promise_seconds is not None:
            seconds_in_system["within_promise"] = self._ratio(part.kept, part.orders)
        answer = {
            "stations": [self._station(number) for number in range(len(self.spec.stations))],
            "time_in_system": {name: estimate.as_dict() for name, estimate in seconds_in_system.items()},
            "throughput_per_hour": self._ratio(HOUR * part.orders, part.span_seconds).as_dict(),
            "orders": self._orders(),
            "replications": self.replications,
            "seed": self.spec.seed,
            "notes": self.notes(),
        }
        if self.spec.grid_seconds is not None:
            answer["over_time"] = self._over_time(self.spec.grid_seconds)
        if part.trace is not None:
            answer["orders_trace"] = part.trace
        return answer

    def _station(self, number: int) -> dict[str, Any]:
        part, station = self.part, self.spec.stations[number]
        place_seconds = (station.places or np.nan) * part.span_seconds
        estimates = {
            "wait_mean": self._ratio(part.wait_seconds[:, number], part.orders),
            "wait_probability": self._ratio(part.waited[:, number], part.orders),
            "service_mean": self._ratio(part.work_seconds[:, number], part.orders),
            "utilisation": self._ratio(part.busy_seconds[:, number], place_seconds),
            "busy_mean": self._ratio(part.busy_seconds[:, number], part.span_seconds),
            "queue_mean": self._ratio(part.line_seconds[:, number], part.span_seconds),
        }
        return {"name": station.name, **{name: estimate.as_dict() for name, estimate in estimates.items()}}

    def _ratio(self, above: Array, below: Array) -> Estimate:
        with np.errstate(invalid="ignore", divide="ignore"):
            each = above / below
            if self.replications > 1:
                return over_replications(each)
            return Estimate(float(above.sum() / below.sum()), half_width(each))

    def _quantile(self, place: int) -> Estimate:
        if self.replications > 1:
            return over_replications(self.part.quantiles[:, place])
        return Estimate(float(self.part.whole_quantiles[0, place]), half_width(self.part.quantiles[:, place]))

    def _orders(self) -> float:
        """Of one replication, with those of the warm-up; their mean if they are not equally many."""
        came = float(self.part.came.mean())
        return int(came) if came.is_integer() else came

    def _over_time(self, grid_seconds: float) -> dict[str, Any]:
        count = self.replications
        mean = self.part.grid_line / count
        if count > 1:
            variance = np.maximum(self.part.grid_line_squares - count * mean**2, 0) / (count - 1)
            # the same t for all: that of one mean
            factor = half_width(np.arange(count, dtype=float)) / float(np.std(np.arange(count), ddof=1))
            wide = factor * np.sqrt(variance)
        else:
            wide = np.full_like(mean, np.nan)
        moments = self.spec.opening_seconds + grid_seconds * np.arange(mean.shape[1])
        return {
            "seconds": moments.tolist(),
            "stations": [
                {
                    "name": station.name,
                    "queue_mean": {
                        "value": mean[number].tolist(),
                        "half_width": [plain(value) for value in wide[number]],
                    },
                }
                for number, station in enumerate(self.spec.stations)
            ],
        }

    def notes(self) -> list[str]:
        """What one should know before one believes the figures."""
        found = [*self._overloads()]
        if not self.part.orders.sum():
            return [*found, "No order came, so there is nothing to say."]
        mean = self._ratio(self.part.seconds, self.part.orders)
        if np.isnan(mean.half_width):
            found.append(
                "One short replication is too short to say how far the figures may be off: ask for more replications."
            )
        elif mean.half_width > WIDE * mean.value:
            found.append(
                "The run is too short to say anything: the interval of time_in_system is wider than its mean."
            )
        elif self.replications == 1:
            with np.errstate(invalid="ignore", divide="ignore"):
                batches = self.part.seconds / self.part.orders
            if follow_each_other(batches):
                found.append(
                    f"The run is too short for its own interval: its {BATCHES} batches depend on each other. Ask for"
                    " more orders or more replications."
                )
        return found

    def _overloads(self) -> Iterable[str]:
        arrivals = self.spec.arrivals
        if not isinstance(arrivals, Rate):
            return
        peak = max(arrivals.per_hour)
        for number, station in enumerate(self.spec.stations):
            if station.places is None:
                continue
            load = peak / HOUR * station.place_seconds / station.places
            if load >= 1:
                when = "" if len(arrivals.per_hour) == 1 else " at the peak"
                yield (
                    f"stations[{number}] gets {load:.2f} times the work that its places can do{when}: its line grows"
                    " for as long as that lasts."
                )
