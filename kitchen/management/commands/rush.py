"""Rush hour: simulated customers order through the shop's API, as fast as a profile says."""

import http.client
import json
import math
import secrets
import time
from argparse import ArgumentParser
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext, suppress
from datetime import datetime
from itertools import pairwise
from statistics import mean, median, quantiles
from typing import IO, Any, NamedTuple, cast
from urllib.parse import urlsplit

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db.models import Count, Q
from django.utils import timezone
from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table

from home.api.callers import MARK, simulated_mark
from home.models import Order, OrderEvent, OrderItem
from kitchen import stages
from kitchen.demand import PROFILES, Customer, customers
from kitchen.models import MAX_DEMAND, Shop, Station
from pizzaProj import embedded

MAX_MINUTES = 24 * 60
SENDERS = 8
TRIES = 3  # with one Idempotency-Key: a lost answer leads to no second order
TIMEOUT_SECONDS = 10
DRAW_SECONDS = 0.5
PLAIN_SECONDS = 5  # how often a line is printed where there is no terminal
STILL_SECONDS = 15  # wall: after this long without work or change, nothing will change any longer
EXIT_USAGE = 2
USUAL_URL = "http://127.0.0.1:8000/"


def is_at_work(now: datetime) -> bool:
    """Return whether the kitchen works on anything: it can be that on which these orders wait."""
    return any(model.objects.working().filter(due_at__gt=now).exists() for model in (Order, OrderItem))


class Command(BaseCommand):
    help = "Send simulated customers to the running shop and report how long they waited."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--per-hour", default="240", metavar="N", help="customers per kitchen hour, on average")
        parser.add_argument("--minutes", default="30", metavar="N", help="for how many kitchen minutes they arrive")
        parser.add_argument(
            "--profile", default="flat", metavar="|".join(PROFILES), help="how the rate rises and falls"
        )
        parser.add_argument(
            "--carry-out", default="0", metavar="SHARE", help="the share of them who collect their order, from 0 to 1"
        )
        parser.add_argument("--seed", help="a word or number; the same seed sends the same customers")
        parser.add_argument("--url", help="where the shop answers (default: where that of this data folder does)")

    def handle(self, *args: Any, profile: str, seed: str | None, url: str | None, **options: Any) -> None:
        per_hour = parse_number("--per-hour", options["per_hour"], MAX_DEMAND)
        minutes = parse_number("--minutes", options["minutes"], MAX_MINUTES)
        carry_out = parse_share("--carry-out", options["carry_out"])
        if profile not in PROFILES:
            raise usage_error(f"--profile must be one of {', '.join(PROFILES)}, not “{profile}”.")
        client = ShopClient(url or embedded.address_of_shop(settings.DATA_DIR) or USUAL_URL)
        menu = client.menu()
        seed = seed or str(secrets.randbelow(10**6))
        coming = customers(menu, per_hour, minutes, profile, seed, carry_out)
        # The stream itself: Django's wrapper would end each piece of a line with a line break.
        console = Console(file=cast(IO[str], self.stdout._out), highlight=False)
        console.print(
            f"{len(coming)} customers in {minutes:g} kitchen minutes ({profile}, --seed {seed}).", soft_wrap=True
        )
        rush = Rush(client, coming)
        with suppress(KeyboardInterrupt), Screen(console, rush) as screen:
            rush.run(screen.draw)
        console.print(*summary(rush), sep="\n", soft_wrap=True)


def usage_error(sentence: str) -> CommandError:
    return CommandError(sentence, returncode=EXIT_USAGE)


def parse_number(name: str, text: Any, most: float) -> float:
    with suppress(ValueError):
        if math.isfinite(float(text)) and 0 < float(text) <= most:
            return float(text)
    raise usage_error(f"{name} must be a number above 0 and at most {most:g}, not “{text}”.")


def parse_share(name: str, text: Any) -> float:
    with suppress(ValueError):
        if 0 <= float(text) <= 1:
            return float(text)
    raise usage_error(f"{name} must be a share from 0 to 1, such as 0.4, not “{text}”.")


class ShopClient:
    """The shop's API, as any customer's program sees it. CommandError if it does not answer as expected."""

    def __init__(self, url: str) -> None:
        self.url = url
        try:
            parts = urlsplit(url)
            self.host, self.port = parts.hostname or "", parts.port
        except ValueError:
            parts, self.host = urlsplit(""), ""
        if parts.scheme not in ("http", "https") or not self.host:
            raise usage_error(f"--url must look like http://127.0.0.1:8000/, not “{url}”.")
        self.path = parts.path.rstrip("/")
        self.connect = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        """Return status and JSON; OSError, HTTPException or ValueError if the answer is anything else."""
        connection = self.connect(self.host, self.port, timeout=TIMEOUT_SECONDS)
        try:
            connection.request(method, self.path + path, json.dumps(body), headers)
            response = connection.getresponse()
            return response.status, json.loads(response.read())
        finally:
            connection.close()

    def menu(self) -> list[int]:
        try:
            status, answer = self.ask("GET", "/api/menu/")
            menu = [pizza["id"] for pizza in answer["pizzas"]] if status == 200 else []
        except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError) as error:
            raise CommandError(f"No shop answers at {self.url}. Open it first: python3 run.py") from error
        if not menu:
            raise CommandError(f"The shop at {self.url} has nothing on its menu.")
        return menu

    def order(self, customer: Customer) -> tuple[str, str]:
        """Return the new order's id, or the reason why there is none."""
        items = [{"id": pk, "quantity": quantity} for pk, quantity in customer.basket.items()]
        key, why = secrets.token_hex(16), ""
        for _ in range(TRIES):
            try:
                mark = {MARK: simulated_mark(), "Idempotency-Key": key}
                status, answer = self.ask("POST", "/api/order/", {"items": items, "way": customer.way}, **mark)
                return (answer["order"]["order_id"], "") if status == 201 else ("", str(answer["error"]))
            except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError) as error:
                why = f"The shop did not answer: {error}"
                time.sleep(1)
        return "", why


class Rush:
    """The simulated customers and their orders. Times are kitchen seconds at the speed of the start."""

    def __init__(self, client: ShopClient, coming: list[Customer]) -> None:
        self.client = client
        self.coming = coming
        self.speed = Shop.objects.get().speed
        self.start = timezone.now()
        self.last_sent = self.start
        self.sent: list[Future[tuple[str, str]]] = []

    def run(self, draw: Callable[[], None]) -> None:
        """Run until all have arrived and have been served, or nothing moves any longer."""
        pool = ThreadPoolExecutor(SENDERS)
        try:
            self.send(pool, draw)
            self.wait(draw)
        finally:  # also after Ctrl-C: requests under way are finished, others are not sent
            pool.shutdown(wait=True, cancel_futures=True)

    def send(self, pool: ThreadPoolExecutor, draw: Callable[[], None]) -> None:
        elapsed, before = 0.0, time.monotonic()
        for customer in self.coming:
            while True:
                speed, now = Shop.objects.get().speed, time.monotonic()
                elapsed, before = elapsed + (now - before) * speed, now
                ahead_seconds = (customer.at_seconds - elapsed) / speed
                if ahead_seconds <= 0:
                    break
                draw()
                time.sleep(min(ahead_seconds, DRAW_SECONDS))
            self.sent.append(pool.submit(self.client.order, customer))
            self.last_sent = timezone.now()

    def wait(self, draw: Callable[[], None]) -> None:
        """Wait until all is delivered, or nobody works and nothing has changed for a while: closed, held, broken."""
        state, since = None, time.monotonic()
        while True:
            draw()
            placed = len(self.placed())
            opened = list(self.orders().open().values_list("pk", "seq"))
            if all(future.done() for future in self.sent) and not opened:
                return
            if is_at_work(timezone.now()) or state != (placed, opened):
                state, since = (placed, opened), time.monotonic()
            if time.monotonic() - since > STILL_SECONDS:
                return
            time.sleep(DRAW_SECONDS)

    def answers(self) -> list[tuple[str, str]]:
        return [future.result() for future in self.sent if future.done() and not future.cancelled()]

    def placed(self) -> list[str]:
        return [order_id for order_id, _ in self.answers() if order_id]

    def refusals(self) -> Counter[str]:
        return Counter(why for _, why in self.answers() if why)

    def orders(self) -> Any:
        return Order.objects.filter(order_id__in=self.placed())

    def kitchen_seconds(self, start: datetime, end: datetime) -> float:
        return (end - start).total_seconds() * self.speed


# On the screen


class Screen:
    """A bar and a table that change in place; in a pipe or a file, a line now and then."""

    def __init__(self, console: Console, rush: Rush) -> None:
        self.console, self.rush = console, rush
        self.bar = Progress(TextColumn("{task.description}"), BarColumn(None), MofNCompleteColumn(), console=console)
        self.placed = self.bar.add_task("Placed", total=len(rush.coming))
        self.delivered = self.bar.add_task("Delivered", total=len(rush.coming))
        self.live = Live(console=console, auto_refresh=False) if console.is_terminal else nullcontext()
        self.drawn = -math.inf

    def __enter__(self) -> "Screen":
        self.live.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        if isinstance(self.live, Live):  # the last state stays on the screen
            self.drawn = -math.inf
            self.draw()
        self.live.__exit__(*error)

    def draw(self) -> None:
        every_seconds = DRAW_SECONDS if isinstance(self.live, Live) else PLAIN_SECONDS
        if time.monotonic() - self.drawn < every_seconds:
            return
        self.drawn = time.monotonic()
        placed = len(self.rush.placed())
        delivered = self.rush.orders().filter(stage=stages.LAST).count()
        if isinstance(self.live, Live):
            self.bar.update(self.placed, completed=placed)
            self.bar.update(self.delivered, completed=delivered)
            self.live.update(Group(self.bar, station_table()), refresh=True)
        else:
            lines = ", ".join(f"{name} {working}+{waiting}" for name, _, working, waiting in occupancy())
            self.console.print(f"Placed {placed}, delivered {delivered}. Working + waiting: {lines}", soft_wrap=True)


def occupancy() -> list[tuple[str, int, int, int]]:
    """Return (station, places, working, waiting), with all pizzas, or orders, counted: what the station works on."""
    pizzas, orders = count_by_stage(OrderItem.objects.cooking()), count_by_stage(Order.objects.open())
    return [
        (row.name, row.capacity, *(pizzas if row.is_of_items else orders).get(row.stage, (0, 0)))
        for row in Station.objects.all()
    ]


def count_by_stage(works: Any) -> dict[str, tuple[int, int]]:
    working, waiting = (
        Count("pk", filter=Q(started_at__isnull=False)),
        Count("pk", filter=Q(started_at=None, held=False)),
    )
    rows = works.order_by().values("stage").annotate(working=working, waiting=waiting)
    return {row["stage"]: (row["working"], row["waiting"]) for row in rows}


def station_table() -> Table:
    table = Table("Station", "Places", "Working", "Waiting")
    for row in occupancy():
        table.add_row(*map(str, row))
    return table


# At the end


class Event(NamedTuple):
    event: str
    stage: str
    at: datetime
    item: int | None = None  # None: it was about the whole order


Span = tuple[datetime, datetime]


def summary(rush: Rush) -> list[str]:
    orders = list(rush.orders())
    delivered = [order for order in orders if order.delivered_at]
    ended = Counter(order.stage for order in orders)
    still = len(orders) - ended[stages.LAST] - ended["cancelled"]
    lines = [f"Placed {len(orders)}, delivered {len(delivered)}, cancelled {ended['cancelled']}, still here {still}."]
    lines += [f"Refused {number}: {why}" for why, number in rush.refusals().items()]
    if Shop.objects.get().speed != rush.speed:
        lines.append(f"The speed was changed during the run: times are given at speed {rush.speed:g}.")
    if delivered:
        waits = waiting_seconds(rush, {order.pk for order in delivered})
        lines.append(times("Waiting in lines", waits))
    for name, way in (("Order to door", stages.DELIVERY), ("Order to counter", stages.CARRY_OUT)):
        served = [order for order in orders if order.way == way and order.fulfilled_at]
        if served:
            totals = [rush.kitchen_seconds(order.created_at, order.fulfilled_at) for order in served]
            lines.append(times(name, totals))
    return [*lines, *busiest(rush)]


def times(name: str, seconds: list[float]) -> str:
    p95 = quantiles(seconds, n=20, method="inclusive")[-1] if len(seconds) > 1 else seconds[0]
    return f"{name}: mean {minutes(mean(seconds))}, median {minutes(median(seconds))}, 95 % {minutes(p95)}."


def minutes(seconds: float) -> str:
    return f"{seconds / 60:.1f} min"


def events_of(orders: Iterable[int] | Any) -> list[list[Event]]:
    """Return the events of each order, oldest first. Rushed changes neither line nor place, so it is left out."""
    rows = OrderEvent.objects.filter(order__in=orders).exclude(event="rushed").order_by("order", "seq")
    by_order: dict[int, list[Event]] = {}
    for pk, event, stage, at, item in rows.values_list("order_id", "event", "stage", "at", "item"):
        by_order.setdefault(pk, []).append(Event(event, stage, at, item))
    return list(by_order.values())


def spans(events: list[Event], end: datetime) -> Iterator[tuple[Event, datetime]]:
    """Yield each event of an order and when what it began was over: with the next one about the same pizza, or about
    the whole order."""
    for number, event in enumerate(events):
        about = (None,) if event.item is None else (None, event.item)
        yield event, next((after.at for after in events[number + 1 :] if after.item in about), end)


def waiting_seconds(rush: Rush, orders: set[int]) -> list[float]:
    """Return, for each order, for how long it stood in a line while none of its pizzas was worked on."""
    return [sum(rush.kitchen_seconds(*span) for span in waits(events)) for events in events_of(orders)]


def waits(events: list[Event]) -> list[Span]:
    found: dict[str, list[Span]] = {"joined": [], "started": []}
    for event, over in spans(events, events[-1].at):
        found.setdefault(event.event, []).append((event.at, over))
    edges = sorted({moment for span in found["joined"] + found["started"] for moment in span})
    return [piece for piece in pairwise(edges) if is_in(piece, found["joined"]) and not is_in(piece, found["started"])]


def is_in(piece: Span, longer: list[Span]) -> bool:
    return any(begin <= piece[0] and piece[1] <= end for begin, end in longer)


def busiest(rush: Rush) -> list[str]:
    """Name the station with the highest utilisation while customers arrived, with all orders counted."""
    end = max(rush.last_sent, rush.start)
    open_seconds = (end - rush.start).total_seconds()
    if open_seconds <= 0:
        return []
    taken = dict.fromkeys(stages.WORKED, 0.0)
    active = OrderEvent.objects.filter(at__gte=rush.start).values("order")
    for events in events_of(active):
        for event, over in spans(events, end):
            if event.event == "started":
                seconds = (min(over, end) - max(event.at, rush.start)).total_seconds()
                taken[event.stage] += max(0.0, seconds)
    # Nobody works at the counter: orders wait there for their customers.
    stations = Station.objects.exclude(stage=stages.READY)
    shares = {row.name: taken[row.stage] / row.capacity / open_seconds for row in stations}
    name = max(shares, key=shares.__getitem__)
    others = ", ".join(f"{other} {share:.0%}" for other, share in shares.items() if other != name)
    return [f"Busiest while customers arrived: {name}, {shares[name]:.0%} utilised ({others})."]
