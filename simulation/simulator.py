"""The simulator: the same kitchen in numpy, without a database and without Celery.

`simulate(read_spec(values)).as_dict()` is the answer to one spec. A study that is shared out among workers takes
`replicate(spec, first, count)` for each share and `merge(spec, parts)` at the end: the same figures to the last bit,
however it was shared out, as each replication's come from its own orders alone.

Definitions. An order counts if it comes after the warm-up; those of the initial state count only if the
spec says so, but fill places and lines. Averages over time go from the opening, or the moment when the last order
of the warm-up has left, to the moment when the last one has, and are made of the times of the orders that count.
The waits and service times of a station are those of its visits: of items where it works on items, else of the orders
whose route passes it. A mean over orders is the sum over all replications divided by the number of all orders, a
percentile that of all orders together (simulation.confidence, simulation.estimates.lengths), and so for the orders of
one route, or of one number of items. With a single replication the interval comes from BATCHES consecutive batches of
its orders.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from simulation.confidence import Estimate, follow_each_other, plain, ratio, student
from simulation.engine import Array
from simulation.engine import stations_forward as stations_forward
from simulation.estimates.kinds import has_sizes
from simulation.estimates.lengths import percentile
from simulation.estimates.part import Part
from simulation.fields import SpecError as SpecError
from simulation.notes import before
from simulation.reader import read_spec as read_spec
from simulation.replications import BATCHES, Check, Run, do_nothing, run_length
from simulation.spec import HOUR, Spec
from simulation.warmup import settled

SHARES = {"p05": 0.05, "p50": 0.5, "p95": 0.95}
WIDE = 0.5  # a half-width beyond this share of the value says nothing


def simulate(spec: Spec) -> "Result":
    return merge(spec, [replicate(spec, 0, spec.replications)])


def replicate(spec: Spec, first: int, count: int, check: Check = do_nothing) -> Part:
    """Simulate `count` replications from number `first` on, at least one. `check` is that of a Run."""
    spec = settled(spec)
    step = run_length(spec).rows
    edges = [first, *range((first // step + 1) * step, first + count, step), first + count]
    return Part.joined([Run(spec, begin, end - begin, check).part() for begin, end in pairwise(edges)])


def merge(spec: Spec, parts: Iterable[Part]) -> "Result":
    """Return the result of at least one part, in any order."""
    return Result(settled(spec), Part.joined(sorted(parts, key=lambda part: part.first)))


@dataclass(frozen=True)
class Result:
    spec: Spec
    part: Part
    remarks: tuple[str, ...] = ()  # notes in addition to those that follow from the figures

    @property
    def replications(self) -> int:
        return len(self.part.came)

    # Estimates

    def seconds_in_system(self) -> Estimate:
        return ratio(self.part.seconds, self.part.orders)

    def percentile(self, share: float) -> Estimate:
        return percentile(self.part.lengths, share)

    def within_promise(self) -> Estimate:
        return ratio(self.part.kept, self.part.orders)

    def wait_seconds(self, number: int) -> Estimate:
        return ratio(self.part.wait_seconds[:, number], self.part.visits[:, number])

    def of_kind(self, kind: int) -> dict[str, Estimate]:
        """Estimate the time in the system of a kind of orders (simulation.estimates.kinds)."""
        part = self.part
        assert part.kind_lengths is not None
        lengths = part.kind_lengths.of_kind(kind)
        estimates = {"mean": ratio(part.kind_seconds[:, kind], part.kind_orders[:, kind])}
        estimates |= {name: percentile(lengths, share) for name, share in SHARES.items()}
        if self.spec.promise_seconds is not None:
            estimates["within_promise"] = ratio(part.kind_kept[:, kind], part.kind_orders[:, kind])
        return estimates

    def by_slot(self) -> dict[str, Array]:
        """Return the figures of the orders that arrived in each piece of the day, (pieces,), and the utilisation,
        (stations, pieces); nan where there is nothing to estimate from."""
        part, slots = self.part, range(len(self.part.slot_orders))
        with np.errstate(invalid="ignore", divide="ignore"):
            return {
                "orders": part.slot_orders / self.replications,
                "mean": part.slot_milliseconds / 1000 / part.slot_orders,
                **{
                    name: np.array([part.lengths.quantile(share, slot) for slot in slots])
                    for name, share in SHARES.items()
                },
                "within_promise": part.slot_kept / part.slot_orders,
                "utilisation": self.busy_by_slot() / self.capacity_by_slot(),
            }

    def busy_by_slot(self) -> Array:
        """Return for how many seconds places were taken in one replication, (stations, pieces)."""
        busy: Array = self.part.slot_busy_milliseconds / 1000 / self.replications
        return busy

    def capacity_by_slot(self) -> Array:
        """Return the capacity integrated over each piece, in place-seconds, (stations, pieces)."""
        edges = HOUR * np.array(self.spec.slots)
        return np.stack([station.capacity_seconds(edges[:-1], edges[1:]) for station in self.spec.stations])

    # The answer

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON; null where there is nothing to estimate from."""
        part = self.part
        answer = {
            "stations": [self._station(number) for number in range(len(self.spec.stations))],
            "time_in_system": self._time_in_system(),
            "throughput_per_hour": ratio(HOUR * part.orders, part.span_seconds).as_dict(),
            "orders": self._orders(),
            "warmup": self._warmup(),
            "replications": self.replications,
            "seed": self.spec.seed,
            "notes": self.notes(),
        }
        if self.spec.routes:
            answer["by_route"] = [
                {"name": route.name, **self._kind(number)} for number, route in enumerate(self.spec.routes)
            ]
        if self.spec.by_items:
            answer["by_items"] = self._by_items()
        if self.spec.slots:
            rows = {name: plain_list(values) for name, values in self.by_slot().items()}
            answer["by_slot"] = {"hours": list(self.spec.slots), **rows}
        if self.spec.grid_seconds is not None:
            answer["over_time"] = self._over_time(self.spec.grid_seconds)
        if part.trace is not None:
            answer["orders_trace"] = part.trace
        return answer

    def _station(self, number: int) -> dict[str, Any]:
        part, station = self.part, self.spec.stations[number]
        visits = part.visits[:, number]
        estimates = {
            "wait_mean": self.wait_seconds(number),
            "wait_probability": ratio(part.waited[:, number], visits),
            "service_mean": ratio(part.work_seconds[:, number], visits),
            "utilisation": ratio(part.busy_seconds[:, number], part.place_seconds[:, number]),
            "busy_mean": ratio(part.busy_seconds[:, number], part.span_seconds),
            "queue_mean": ratio(part.line_seconds[:, number], part.span_seconds),
        }
        return {"name": station.name, **{name: estimate.as_dict() for name, estimate in estimates.items()}}

    def _time_in_system(self) -> dict[str, Any]:
        estimates = {"mean": self.seconds_in_system()}
        estimates |= {name: self.percentile(share) for name, share in SHARES.items()}
        if self.spec.promise_seconds is not None:
            estimates["within_promise"] = self.within_promise()
        return {name: estimate.as_dict() for name, estimate in estimates.items()}

    def _by_items(self) -> list[dict[str, Any]]:
        numbers, first = self.spec.item_numbers, len(self.spec.routes)
        if not has_sizes(self.spec):  # so that numbers of items that do not differ cost nothing
            orders = _whole(float(self.part.orders.sum()) / self.replications)
            return [{"items": numbers[0], "orders": orders, "time_in_system": self._time_in_system()}]
        return [{"items": items, **self._kind(number)} for number, items in enumerate(numbers, first)]

    def _kind(self, kind: int) -> dict[str, Any]:
        """Return how many orders of a kind count in one replication, and their time in the system."""
        orders = float(self.part.kind_orders[:, kind].sum()) / self.replications
        lengths = {name: estimate.as_dict() for name, estimate in self.of_kind(kind).items()}
        return {"orders": _whole(orders), "time_in_system": lengths}

    def _orders(self) -> float:
        """Return the orders of one replication, with those of the warm-up; the mean if the numbers differ."""
        return _whole(float(self.part.came.mean()))

    def _warmup(self) -> dict[str, Any]:
        """Return how much of a run is warm-up."""
        orders = self.spec.orders
        return {"share": self.spec.warmup, "orders": None if orders is None else int(self.spec.warmup * orders)}

    def _over_time(self, grid_seconds: float) -> dict[str, Any]:
        count = self.replications
        mean = self.part.grid_line / count
        if count > 1:
            variance = np.maximum(self.part.grid_line_squares - count * mean**2, 0) / (count - 1)
            wide = student(count - 1) * np.sqrt(variance / count)
        else:
            wide = np.full_like(mean, np.nan)
        moments = self.spec.opening_seconds + grid_seconds * np.arange(mean.shape[1])
        return {
            "seconds": moments.tolist(),
            "stations": [
                {
                    "name": station.name,
                    "queue_mean": {"value": mean[number].tolist(), "half_width": plain_list(wide[number])},
                }
                for number, station in enumerate(self.spec.stations)
            ],
        }

    def notes(self) -> list[str]:
        """List what one should know before one believes the figures."""
        return [*before(self.spec), *self._after(), *self.remarks]

    def _after(self) -> list[str]:
        found = list[str]()
        if not self.part.orders.sum():
            return ["No order came, so there is nothing to say."]
        mean = self.seconds_in_system()
        if np.isnan(mean.half_width):
            found.append(
                "One short replication is too short to say how far the figures can be off: ask for more replications."
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


def _whole(number: float) -> float:
    return int(number) if number.is_integer() else number


def plain_list(values: Array) -> list[Any]:
    """Make a list for JSON, with None for what is not finite."""
    return [plain(value) if np.ndim(value) == 0 else plain_list(value) for value in values]
