"""How many processes, cores and connections so many shops, orders and pages need."""

from dataclasses import dataclass
from math import ceil

from benchmarks.scaling.costs import (
    BEAT_SECONDS,
    CHANGES_OF_ORDER,
    CONNECTIONS,
    FRAMES_OF_ORDER,
    FULL,
    MEASURED,
    PAGES_OF_ORDER,
    SOCKETS_OF_WEB,
    Costs,
)

DAY_SECONDS = 24 * 3600


@dataclass(frozen=True)
class Demand:
    shops: int
    orders_per_second: float  # of all shops together, on the average of a day
    watchers: int  # open pages, of all shops together
    peak: float = 3.0  # times the average, in the busiest hour: an eighth of a day's orders come in it

    @property
    def at_peak(self) -> float:
        return self.orders_per_second * self.peak

    def of_one_shop(self) -> "Demand":
        return Demand(1, self.orders_per_second / self.shops, ceil(self.watchers / self.shops), self.peak)


@dataclass(frozen=True)
class Needs:
    """What an installation needs in its busiest hour."""

    webs: int
    workers: int
    beats: int
    web_cores: float
    worker_cores: float
    database_cores: float
    broker_cores: float
    megabytes: float  # of webs, workers and beat
    kitchen: float  # the share of its time for which the kitchen's lock is held
    kilobytes_a_day: float

    @property
    def cores(self) -> float:
        return self.web_cores + self.worker_cores + self.database_cores + self.broker_cores

    @property
    def connections(self) -> int:
        counts = {"web": self.webs, "worker": self.workers, "beat": self.beats}
        return sum(CONNECTIONS[part] * count for part, count in counts.items())


def web_ms_of_order(costs: Costs) -> float:
    """Return what a web takes for an order with its pages: to place it, to open them, and each of their frames."""
    return costs.order_web_ms + PAGES_OF_ORDER * (costs.opened_web_ms + FRAMES_OF_ORDER * costs.frame_web_ms)


def web_ms_of_page_second(costs: Costs) -> float:
    return costs.page_second_web_ms + costs.beat_web_ms / BEAT_SECONDS


def needs(demand: Demand, costs: Costs = MEASURED) -> Needs:
    """Return what one installation needs for all of this demand."""
    busy_web = (demand.at_peak * web_ms_of_order(costs) + demand.watchers * web_ms_of_page_second(costs)) / 1000
    busy_worker = demand.at_peak * costs.order_worker_ms / 1000
    webs = max(1, ceil(demand.watchers / SOCKETS_OF_WEB), ceil(busy_web / FULL))
    workers = max(1, ceil(busy_worker / FULL))
    counts = {"web": webs, "worker": workers, "beat": 1}
    pages_mb = demand.watchers * costs.page_kibibytes * 1024 / 1e6
    return Needs(
        **{f"{part}s": count for part, count in counts.items()},
        web_cores=busy_web + webs * costs.idle_cores["web"],
        worker_cores=busy_worker + workers * costs.idle_cores["worker"] + costs.idle_cores["beat"],
        database_cores=(demand.at_peak * costs.order_database_ms + demand.watchers * costs.page_second_database_ms)
        / 1000,
        broker_cores=demand.at_peak * costs.order_broker_ms / 1000,
        megabytes=pages_mb + sum(costs.megabytes[part] * count for part, count in counts.items()),
        kitchen=demand.at_peak / demand.shops * CHANGES_OF_ORDER / costs.kitchen_changes_per_second,
        kilobytes_a_day=demand.orders_per_second * DAY_SECONDS * costs.order_kilobytes,
    )


def limits_of_one(costs: Costs = MEASURED) -> dict[str, float]:
    """Return the orders a second at which one of each part is full, apart from pages that just lie open."""
    return {
        "web": FULL * 1000 / web_ms_of_order(costs),
        "worker": FULL * 1000 / costs.order_worker_ms,
        "database, a core": FULL * 1000 / costs.order_database_ms,
        "kitchen's lock": FULL * costs.kitchen_changes_per_second / CHANGES_OF_ORDER,
        "Redis": FULL * 1000 / costs.order_broker_ms,
    }
