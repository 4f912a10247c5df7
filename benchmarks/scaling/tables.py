"""The model's tables, as docs/scaling.md has them."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from benchmarks.scaling.costs import FULL, MEASURED, SOCKETS_OF_WEB
from benchmarks.scaling.model import Demand, Needs, limits_of_one, needs, web_ms_of_order, web_ms_of_page_second

LARGE_SHOP = Demand(shops=1, orders_per_second=5, watchers=5_000)
CHAIN = Demand(shops=1_000, orders_per_second=35, watchers=1_000_000)
MARKED = re.compile(r"(<!-- table: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
WHAT_TO_ADD = {
    "web": "webs",
    "worker": "workers",
    "database, a core": "cores for PostgreSQL",
    "kitchen's lock": "nothing: it is one kitchen",
    "Redis": "servers for live updates",
}


def lined(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    marks = ["---", *["---:"] * (len(heads) - 1)]
    return "\n".join(map(lined, (heads, marks, *rows))) + "\n"


def of_costs() -> str:
    """Return what one of each costs."""
    costs = MEASURED
    rows = [
        ("an order, web (with two pages that follow it)", f"{web_ms_of_order(costs):.0f} ms"),
        ("an order, worker", f"{costs.order_worker_ms:.0f} ms"),
        ("an order, database", f"{costs.order_database_ms:.0f} ms"),
        ("an order, Redis", f"{costs.order_broker_ms:.1f} ms"),
        ("a frame to a page, web", f"{costs.frame_web_ms:.2f} ms"),
        ("a page's sign of life, web", f"{costs.beat_web_ms:.2f} ms"),
        ("a page that lies open, web, each second", f"{web_ms_of_page_second(costs):.3f} ms"),
        ("a page that lies open, memory of its web", f"{costs.page_kibibytes:.0f} KiB"),
        *((f"a {part} that has nothing to do", idle(part)) for part in costs.megabytes),
        ("an order on the disk", f"{costs.order_kilobytes:.0f} KB"),
    ]
    return table(("what", "costs"), rows)


def idle(part: str) -> str:
    return f"{MEASURED.idle_cores[part] * 100:.1f} % of a core, {MEASURED.megabytes[part]:.0f} MB"


def of_limits() -> str:
    """Return which part is full first, as orders grow."""
    limits = sorted(limits_of_one().items(), key=lambda each: each[1])
    pages = int(FULL * 1000 / web_ms_of_page_second(MEASURED))
    rows = [(part, f"{per_second:.0f} orders/s", WHAT_TO_ADD[part]) for part, per_second in limits]
    held = f"{min(pages, SOCKETS_OF_WEB):,} pages that lie open"
    return table(("one of it", "is full at", "one adds"), [*rows, ("web", held, "webs")])


def of_sizes(shop: Demand = LARGE_SHOP, chain: Demand = CHAIN) -> str:
    """Return what a large shop needs, and a chain: an installation for each shop, and one for all."""
    one = needs(chain.of_one_shop())
    columns = [(needs(shop), 1), (one, chain.shops), (needs(chain), 1)]
    heads = ("in the busiest hour", named(shop), f"{named(chain)}: each its own", "one for all")
    rows = [(name, *(tell(of, times) for of, times in columns)) for name, tell in COLUMNS.items()]
    return table(heads, rows)


def named(demand: Demand) -> str:
    shops = f"{demand.shops:,} shops" if demand.shops > 1 else "a shop"
    return f"{shops}, {demand.at_peak:g} orders/s, {demand.watchers:,} pages"


def count(number: float) -> str:
    return f"{number:,.0f}" if number >= 10 else f"{number:.1f}"


COLUMNS: dict[str, Callable[[Needs, int], str]] = {
    "webs": lambda of, times: f"{of.webs * times:,}",
    "workers": lambda of, times: f"{of.workers * times:,}",
    "cores, webs": lambda of, times: count(of.web_cores * times),
    "cores, workers and beat": lambda of, times: count(of.worker_cores * times),
    "cores, PostgreSQL": lambda of, times: count(of.database_cores * times),
    "cores, Redis": lambda of, times: count(of.broker_cores * times),
    "memory of webs, workers and beat, GB": lambda of, times: count(of.megabytes * times / 1000),
    "connections of PostgreSQL, at most": lambda of, times: f"{of.connections * times:,}",
    "a kitchen's lock is held": lambda of, times: share(of),
    "on the disk, GB a day": lambda of, times: count(of.kilobytes_a_day * times / 1e6),
}


def share(of: Needs) -> str:
    return f"{of.kitchen * 100:.0f} % of the time" if of.kitchen >= 0.01 else "below 1 % of the time"


TABLES = {"costs": of_costs, "limits": of_limits, "sizes": of_sizes}


def filled_in(document: str) -> str:
    """Return the document with the model's tables in their places."""
    return MARKED.sub(lambda found: f"{found[1]}{TABLES[found[2]]()}{found[3]}", document)


def resized(demand: Demand, **asked: float | None) -> Demand:
    return replace(demand, **{name: value for name, value in asked.items() if value is not None})  # type: ignore[arg-type]
