"""All that processes count, time and hold: one table. Names and units are Prometheus's (`_total`, `_seconds`)."""

from dataclasses import dataclass

# Upper bounds in seconds
QUICK = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
SLOW = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0, 300.0)


@dataclass(frozen=True)
class Measure:
    """A counter, or, with upper bounds, a histogram."""

    help: str
    labels: tuple[str, ...] = ()
    bounds: tuple[float, ...] = ()


@dataclass(frozen=True)
class Level:
    """How much of something there is now, over all processes: their sum, or the value that is farthest from zero."""

    help: str
    labels: tuple[str, ...] = ()
    is_worst: bool = False


TABLE: dict[str, Measure] = {
    "shop_orders_placed_total": Measure("Orders that were placed.", ("way", "simulated")),
    "shop_orders_ended_total": Measure(
        "Orders that were delivered, collected or cancelled; once more if one came back and ended again.",
        ("stage", "way"),
    ),
    "shop_stage_changes_total": Measure("Changes of an order or of one of its pizzas.", ("event", "stage")),
    "shop_link_late_seconds": Measure(
        "How long after it was due the clock ended work, in seconds on the wall.", ("stage",), SLOW
    ),
    "shop_announcements_sent_total": Measure("Messages that were handed to the channel layer."),
    "shop_announcements_dropped_total": Measure("Messages that could not be handed to the channel layer."),
    "shop_sweep_found_total": Measure("What sweeps found to be lost, and brought back, by what it was.", ("what",)),
    "shop_removed_total": Measure("Rows removed because nobody needs them any more, by kind.", ("what",)),
    "shop_archived_total": Measure("Orders that were moved into the archive."),
    "shop_sockets_refused_total": Measure("Sockets that were refused at the door.", ("reason",)),
    "shop_sockets_closed_total": Measure(
        "Sockets that ended: the close code if the shop closed it, “client” otherwise.", ("kind", "code")
    ),
    "shop_request_seconds": Measure(
        "How long requests took, with their wait for a lane.", ("method", "route", "status"), QUICK
    ),
    "shop_task_seconds": Measure("How long tasks ran.", ("task", "outcome"), SLOW),
    "shop_round_seconds": Measure("How long a worker took for the links that were due together.", (), QUICK),
    "shop_links_failed_total": Measure(
        "Work of the kitchen that could not be ended, counted each time that it was tried.", ("stage",)
    ),
    "shop_tasks_not_run_total": Measure(
        "Tasks that expired before they began, or whose process was killed because they took too long.",
        ("task", "reason"),
    ),
}

LEVELS: dict[str, Level] = {
    "shop_processes": Level("Processes that have told their counts lately.", ("kind", "version")),
    "shop_sockets_open": Level("Open sockets.", ("kind",)),
    "shop_clock_offset_seconds": Level(
        "How far the clock of a machine is ahead of the database’s; of several machines the worst.", is_worst=True
    ),
    "shop_pool_connections": Level("Database connections of the web’s pools.", ("state",)),
    "shop_pool_waiting": Level("Requests that wait for a connection of the web’s pools."),
}
