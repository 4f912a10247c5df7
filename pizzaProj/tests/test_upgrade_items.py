"""A shop from before there were items goes on with them: 200 open orders in every state, where they stand.

`before_items/` was made by the last commit without items (0.8.0; the migrations of LAST_WITHOUT). `shop.sql` are its
rows, in SQL for either database: in each stage orders that wait, are worked on and are on hold, some of these begun,
rushed, overdue, or given a new chain; of 1 to 8 pizzas in up to three lines; saved by hand without lines, two of them
never admitted; more at work than there are places, a closed bench, and a person's actions of the last seconds.
`messages.json` are the links of some of them, from its broker.
"""

import base64
import heapq
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import chain
from pathlib import Path
from random import Random
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import User
from django.core.management.color import no_style
from django.db import connection, transaction
from django.db.migrations.executor import MigrationExecutor
from django.db.models import F, Model, Q

from home.models import Order, OrderEvent, OrderItem, OrderLine, Pizza
from kitchen import flow
from kitchen.locks import Work
from kitchen.models import Outcome, Promise, Shop, Station, Study, StudyPart
from kitchen.promises import ledger
from kitchen.tests.clock import link_of, works_begun
from kitchen.tests.test_worker import worker
from pizzaProj.tests.test_stack import await_that

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(300),
    pytest.mark.django_db(transaction=True, serialized_rollback=True),
]

BEFORE = Path(__file__).parent / "before_items"
LAST_WITHOUT = [("home", "0004_open_orders"), ("kitchen", "0007_station_stage")]
CLOSED_AT = datetime(2026, 11, 28, 6, 2, 33, 900_000, tzinfo=UTC)  # the last moment of its log
TICK = timedelta(seconds=5)  # between two sweeps
A_MOMENT = timedelta(seconds=1)
OPEN = Q(stage__in=["received", "baking", "baked", "out_for_delivery"])
BY_ITEMS = ("received", "baking")
TABLES = {
    "home": ("Pizza", "Order", "OrderLine", "OrderEvent"),
    "kitchen": ("Shop", "Station", "Promise", "Outcome", "Study", "StudyPart"),
}


def migrate_to_the_newest() -> None:
    executor = MigrationExecutor(connection)
    executor.migrate(executor.loader.graph.leaf_nodes())


@pytest.fixture
def old() -> Iterator[dict[str, Any]]:
    """Open the shop of before; return its models by name."""
    executor = MigrationExecutor(connection)
    executor.migrate(LAST_WITHOUT)
    of_before = executor.loader.project_state(LAST_WITHOUT).apps
    models = {name: of_before.get_model(label, name) for label, names in TABLES.items() for name in names}
    load([User, *models.values()])
    yield models
    migrate_to_the_newest()


def load(models: list[type[Model]]) -> None:
    with connection.cursor() as cursor:
        for model in reversed(models):  # a new shop has its stations already
            cursor.execute(f"DELETE FROM {model._meta.db_table}")
        for statement in (BEFORE / "shop.sql").read_text().split(";\n"):
            if statement:
                cursor.execute(statement)
        for statement in connection.ops.sequence_reset_sql(no_style(), models):
            cursor.execute(statement)


def rows(model: Any) -> dict[int, dict[str, Any]]:
    return {row["id"]: row for row in model.objects.order_by("pk").values()}


def live_state() -> Any:
    """Return everything that a verb could have changed."""
    return rows(Order), rows(OrderItem), OrderEvent.objects.count()


# Where it stands


def state_of(order: dict[str, Any]) -> str:
    if order["stage"] in ("delivered", "cancelled"):
        return str(order["stage"])
    if order["held"]:
        return "held"
    return "waiting" if order["started_at"] is None else "working"


def pizzas_of(order: dict[str, Any], lines: Iterable[dict[str, Any]], names: dict[int, str]) -> list[Any]:
    """Return the (line, name) of each pizza that an order of before is made of."""
    own = [line for line in lines if line["order_id"] == order["id"]]
    each = [(line["id"], names[line["pizza_id"]]) for line in own for _ in range(line["quantity"])]
    return each or [(None, "")] * order["pizzas"]


def items_of(order: dict[str, Any], pizzas: list[Any]) -> list[dict[str, Any]]:
    """Return the rows of the items that it should get."""
    facts = [
        {"order_id": order["id"], "number": number, "line_id": line, "name": name}
        for number, (line, name) in enumerate(pizzas, 1)
    ]
    state = {name: order[name] for name in ("stage", "epoch", "rushed", "joined_at")}
    work = {name: order[name] for name in ("held", "recovered_at", "remaining_seconds", "started_at", "due_at")}
    if order["stage"] not in BY_ITEMS:
        work = {name: False if name == "held" else None for name in work}
    if order["stage"] not in (*BY_ITEMS, "cancelled"):
        state["stage"] = "baked"
    is_done = order["stage"] not in (*BY_ITEMS, "cancelled")
    return [{**fact, **state, **work, "is_done": is_done, "overdue": False} for fact in facts]


def order_of(order: dict[str, Any]) -> dict[str, Any]:
    """Return the row that an order should have now: while its items are at work, it has no work of its own."""
    new = {**order, "way": "delivery", "ready_at": None, "overdue": False, "request_id": ""}
    if order["stage"] in BY_ITEMS:
        new |= {"held": False, "recovered_at": None, "remaining_seconds": None, "started_at": None, "due_at": None}
    return new


@pytest.mark.database
def test_every_order_gets_its_items_where_it_stands(old: dict[str, Any], sent: Any, cooked: Any) -> None:
    before = {name: rows(model) for name, model in old.items()}
    orders, lines = before["Order"], before["OrderLine"].values()
    names = {pk: pizza["name"] for pk, pizza in before["Pizza"].items()}
    pizzas = {pk: pizzas_of(order, lines, names) for pk, order in orders.items()}
    kinds = Counter((order["stage"], state_of(order)) for order in orders.values())
    assert sum(count for (_, state), count in kinds.items() if state in ("waiting", "working", "held")) == 200
    assert len(kinds) == 4 * 3 + 2

    migrate_to_the_newest()
    found = OrderItem.objects.order_by("order_id", "number").values()
    assert [{name: row[name] for name in row if name != "id"} for row in found] == [
        item for pk, order in orders.items() for item in items_of(order, pizzas[pk])
    ]
    assert rows(Order) == {pk: order_of(order) for pk, order in orders.items()}
    assert rows(OrderEvent) == {
        pk: {**event, "item": None, "order_stage": ""} for pk, event in before["OrderEvent"].items()
    }
    for model in (Pizza, OrderLine, Shop, Station, Promise, Outcome, Study, StudyPart):
        assert_kept(before[model.__name__], rows(model))
    assert dict(Station.objects.values_list("stage", "works_on")) == {
        "received": "item", "baking": "item", "baked": "order", "out_for_delivery": "order", "ready": "order"
    }  # fmt: skip

    # More are at work than there are places. They stay, and nobody else begins.
    begun = Counter(OrderItem.objects.working().values_list("stage", flat=True))
    assert begun["received"] > Station.objects.get(stage="received").capacity
    assert begun["baking"] > Station.objects.get(stage="baking").capacity
    now = live_state()
    assert works_begun(flow.seat_all, clock=lambda: CLOSED_AT) == []
    assert live_state() == now

    frames = {order.pk: order.payload() for order in Order.objects.with_items()}
    shown = {pk: (frame["stage"], frame["state"], frame["seq"], frame["rushed"]) for pk, frame in frames.items()}
    assert shown == {
        pk: (order["stage"], state_of(order), order["seq"], order["rushed"]) for pk, order in orders.items()
    }
    assert {pk: [(item["number"], item["name"]) for item in frame["items"]] for pk, frame in frames.items()} == {
        pk: [(number, name) for number, (_, name) in enumerate(pizzas[pk], 1)] for pk in orders
    }
    assert all(
        (item["stage"], item["state"]) == (frame["stage"], frame["state"])
        for frame in frames.values()
        for item in frame["items"]
    )


@pytest.mark.database
def test_the_way_back_gives_orders_their_work_again(old: dict[str, Any], sent: Any, cooked: Any) -> None:
    before = rows(old["Order"])
    migrate_to_the_newest()
    apart = OrderItem.objects.filter(stage="baking", number=3, started_at=None, held=False).latest("order_id")
    work = {"started_at": CLOSED_AT, "due_at": CLOSED_AT + A_MOMENT}
    OrderItem.objects.filter(order=apart.order_id, number=2).update(**work)

    executor = MigrationExecutor(connection)
    executor.migrate(LAST_WITHOUT)
    again = {"recovered_at": None}  # its links are lost: a new chain may come at once
    expected = {
        pk: {**order, **again, "epoch": order["epoch"] + 1} if order["stage"] in BY_ITEMS else order
        for pk, order in before.items()
    }
    expected[apart.order_id] |= work
    assert rows(old["Order"]) == expected


def assert_kept(old: dict[int, dict[str, Any]], new: dict[int, dict[str, Any]]) -> None:
    """Assert that rows of before have the values that they had; they can have further columns."""
    assert {pk: {name: new[pk][name] for name in row} for pk, row in old.items()} == old


# From there on


@pytest.fixture
def opened(request: pytest.FixtureRequest, sent: Any, cooked: Any) -> None:
    """Bring the shop of before to the present code. No link is sent: those of before are lost.

    That takes seconds, so a process does it once and keeps the rows.
    """
    if upgraded:
        put_back(upgraded)
    else:
        request.getfixturevalue("old")
        migrate_to_the_newest()
        upgraded.update(rows_of_all_tables())


upgraded: dict[str, list[tuple[Any, ...]]] = {}


def rows_of_all_tables() -> dict[str, list[tuple[Any, ...]]]:
    with connection.cursor() as cursor:
        return {table: read(cursor, f"SELECT * FROM {table}") for table in tables()}


def read(cursor: Any, statement: str) -> list[tuple[Any, ...]]:
    cursor.execute(statement)
    return list(cursor.fetchall())


def put_back(kept: dict[str, list[tuple[Any, ...]]]) -> None:
    """Let the tables have these rows. References are checked at the end of the transaction."""
    with transaction.atomic(), connection.cursor() as cursor:
        for table in kept:
            cursor.execute(f"DELETE FROM {table}")
        for table, each in kept.items():
            if each:
                cursor.executemany(f"INSERT INTO {table} VALUES ({', '.join(['%s'] * len(each[0]))})", each)
        for statement in connection.ops.sequence_reset_sql(no_style(), apps.get_models()):
            cursor.execute(statement)


def tables() -> list[str]:
    names = connection.introspection.django_table_names(only_existing=True)
    return [name for name in names if name != "django_migrations"]


@pytest.fixture
def staff(opened: None) -> User:
    return User.objects.get(username="bob")


def messages() -> list[Any]:
    return list(json.loads((BEFORE / "messages.json").read_text()))


def links_of(message: Any) -> list[list[Any]]:
    """Return the arguments of a message's link and of those that follow it in its chain."""
    arguments, _, embedded = message["body"]
    return [arguments, *(link["args"] for link in embedded["chain"])]


class Kitchen:
    """A kitchen on a virtual clock: what moves it are the sweep and the links of works that begin from now on."""

    def __init__(self, stale: dict[int, list[list[Any]]]) -> None:
        self.now = CLOSED_AT + A_MOMENT
        self.links: list[Any] = []
        self.stale = (
            stale  # links of before: they arrive as soon as their order is at their stage, and must do nothing
        )
        self.taken = taken()
        self.places = dict(Station.objects.values_list("stage", "capacity"))

    def clock(self) -> datetime:
        return self.now

    def call(self, verb: Any, *args: Any, **kwargs: Any) -> list[Work]:
        """Let a verb run; remember the links of the works that it begins, which it must not do without a place."""
        works = works_begun(verb, *args, **kwargs, clock=self.clock)
        for work in works:
            link, *arguments = link_of(work)
            heapq.heappush(self.links, (work.due_at, len(self.links), link, arguments))
            if isinstance(work, Order):
                self.receive_stale_links(work.pk)
        taken_before, self.taken = self.taken, taken()
        for stage, count in self.taken.items():
            assert count <= max(self.places[stage], taken_before[stage])
        return works

    def receive_stale_links(self, pk: int) -> None:
        """Let the links of before arrive. They do nothing, also where their order goes on as a whole by now."""
        for link in self.stale.get(pk, []):
            assert flow.finish(*link, clock=self.clock) is None

    def run(self) -> None:
        """Run until the last order is out, with a sweep at each tick."""
        for pk in self.stale:
            self.receive_stale_links(pk)
        while Order.objects.filter(OPEN).exists():
            until = self.now + TICK
            while self.links and self.links[0][0] <= until:
                due_at, _, link, arguments = heapq.heappop(self.links)
                self.now = max(self.now, due_at)
                self.call(link, *arguments)
            self.now = until
            self.call(flow.recover)
            assert not self.call(flow.seat_all)


def taken() -> Counter[str]:
    """Return how many places are taken, by station."""
    works = (OrderItem.objects.working(), Order.objects.working())
    return Counter(chain(*(rows.values_list("stage", flat=True) for rows in works)))


@pytest.fixture
def kitchen(opened: None) -> Kitchen:
    at_items = set(Order.objects.filter(stage__in=BY_ITEMS).values_list("pk", flat=True))
    links = {message["body"][0][0]: links_of(message) for message in messages()}
    return Kitchen({pk: links[pk] for pk in links if pk in at_items})


def resume_all(kitchen: Kitchen, staff: User) -> None:
    """Open the bench, where nobody waits any more, and let go on what is on hold."""
    kitchen.places["baked"] = 40
    kitchen.call(flow.change_station, "baked", is_open=True, capacity=40)
    for order in Order.objects.filter(OPEN).with_items():
        if order.held or any(item.held for item in order.parts):
            kitchen.call(flow.resume, order.pk, staff)


@pytest.mark.database
def test_every_order_arrives_and_nothing_is_done_twice(kitchen: Kitchen, staff: User) -> None:
    last_event = OrderEvent.objects.latest("pk").pk
    at_work = {(item.order_id, item.number, item.stage): item.due_at for item in OrderItem.objects.working()}
    whole = {(order.pk, order.stage): order.due_at for order in Order.objects.working()}
    cooking = set(OrderItem.objects.cooking().values_list("order", "number"))
    cancelled = Order.objects.filter(stage="cancelled").count()
    resume_all(kitchen, staff)
    kitchen.run()
    assert Counter(Order.objects.values_list("stage", flat=True)) == {
        "delivered": Order.objects.count() - cancelled,
        "cancelled": cancelled,
    }
    assert not OrderItem.objects.exclude(order__stage="cancelled").filter(is_done=False).exists()
    assert_no_gaps()

    new = OrderEvent.objects.filter(pk__gt=last_event)
    begun = Counter(new.filter(event="started").values_list("order", "item", "stage"))
    assert set(begun.values()) == {1}
    assert begun.keys().isdisjoint({*at_work, *((pk, None, stage) for pk, stage in whole)})
    out = new.filter(event="joined", stage="baked", item__isnull=False)
    assert sorted(out.values_list("order", "item")) == sorted(cooking)
    ended = {(pk, number): at for pk, number, at in new.order_by("-pk").values_list("order", "item", "at")}
    assert all(
        ended[pk, number] >= due_at - timedelta(seconds=flow.EARLY_SECONDS)
        for (pk, number, _), due_at in at_work.items()
    )
    assert all(ended[pk, None] >= due_at - timedelta(seconds=flow.EARLY_SECONDS) for (pk, _), due_at in whole.items())

    ledger.settle(kitchen.now + timedelta(minutes=1))
    assert not Promise.objects.filter(outcome=None).exists()


def assert_no_gaps() -> None:
    """Assert that each order has events from 1 to its seq."""
    seqs: dict[int, list[int]] = {pk: [] for pk in Order.objects.values_list("pk", flat=True)}
    for pk, seq in OrderEvent.objects.order_by("seq").values_list("order", "seq"):
        seqs[pk].append(seq)
    assert seqs == {pk: list(range(1, seq + 1)) for pk, seq in Order.objects.values_list("pk", "seq")}


def test_staff_can_do_everything_to_them(kitchen: Kitchen, staff: User) -> None:
    """Test each verb on orders, and on pizzas, in every state; whatever is refused, all arrive."""
    random, done = Random(20261128), Counter[tuple[str, bool]]()
    verbs = (flow.advance, flow.recall, flow.hold, flow.resume, flow.rush, flow.remake, flow.cancel)
    for order in Order.objects.filter(OPEN).with_items():
        for item in (None, random.choice(order.parts).number):
            verb = random.choice(verbs)
            try:
                kitchen.call(verb, order.pk, staff, item=item)
            except flow.Refused:
                continue
            done[verb.__name__, item is None] += 1
    assert len(done) == 2 * len(verbs)
    resume_all(kitchen, staff)
    kitchen.run()
    assert set(Order.objects.values_list("stage", flat=True)) == {"delivered", "cancelled"}
    assert_no_gaps()


def test_a_click_on_a_pizza_is_judged_by_what_it_was_about(staff: User) -> None:
    """Test clicks on a page that was opened before: a sibling has moved since, which refuses nobody."""
    now = CLOSED_AT + A_MOMENT
    order = next(order for order in Order.objects.filter(stage="baking").with_items() if len(order.parts) > 2)
    for number in (1, 2):
        flow.advance(order.pk, staff, seen=order.seq, item=number, clock=lambda: now)
    with pytest.raises(flow.Refused, match="has moved on"):
        flow.advance(order.pk, staff, seen=order.seq, item=1, clock=lambda: now)
    stages = Order.objects.with_items().get(pk=order.pk).parts
    assert [item.stage for item in stages[:3]] == ["baked", "baked", "baking"]


def test_actions_of_before_can_no_longer_be_undone(staff: User) -> None:
    """Test that an undo is refused: what was to come back was a whole order, whose pizzas go their own ways by now."""
    now = CLOSED_AT + A_MOMENT
    fresh = CLOSED_AT - timedelta(seconds=flow.UNDO_SECONDS)
    actions = OrderEvent.objects.filter(before__isnull=False, at__gt=fresh, seq=F("order__seq"))
    before = live_state()
    for pk, seq in (found := list(actions.values_list("order", "seq"))):
        with pytest.raises(flow.Refused, match="nothing to undo"):
            flow.undo(pk, seq, staff, clock=lambda: now)
    assert len(found) > 9
    assert live_state() == before


@pytest.mark.database
def test_queued_messages_are_for_whole_orders_alone(opened: None, valkey: Any, monkeypatch: Any) -> None:
    """Test messages that waited in the broker: those of pizzas do nothing, the others carry their orders to the door.

    Without a sweep nothing else wakes them, where each link is run by itself.
    """
    monkeypatch.setenv("GATHER_LINKS", "false")
    Shop.objects.update(speed=10_000)
    cooking = {"order__stage__in": BY_ITEMS}
    orders = list(Order.objects.filter(stage__in=BY_ITEMS).order_by("pk").values())
    items = list(OrderItem.objects.filter(**cooking).order_by("pk").values())
    for message in messages():
        body = base64.b64encode(json.dumps(message["body"]).encode()).decode()
        valkey.client.lpush("celery", json.dumps({**message, "body": body}))
    under_way = Order.objects.filter(Q(stage="out_for_delivery", held=False) | Q(stage="baked", due_at__isnull=False))
    assert under_way.count() > 50
    with worker("solo"):
        await_that(lambda: not under_way.exists() and not valkey.client.llen("celery"), 90)
    assert list(Order.objects.filter(stage__in=BY_ITEMS).order_by("pk").values()) == orders
    assert list(OrderItem.objects.filter(**cooking).order_by("pk").values()) == items


def test_what_was_under_way_goes_on_where_links_are_gathered(opened: None, valkey: Any) -> None:
    """Test without any message: all that was left of them is gone, as after a Redis that was emptied."""
    Shop.objects.update(speed=10_000)
    orders, items = Order.objects.working(), OrderItem.objects.working()
    assert orders.exists() and items.exists()
    with worker("solo"):
        await_that(lambda: not orders.exists() and not items.exists(), 90)
    held = Order.objects.open().values_list("pk", flat=True)
    assert not OrderEvent.objects.filter(order__in=held, event="delivered").exists()


def test_their_pages_open(staff: User, client: Any) -> None:
    """Test the pages of orders in every state, of the board, and of studies that were asked for before."""
    orders = {(order.stage, order.state): order for order in Order.objects.with_items()}
    addresses = [order.get_absolute_url() for order in orders.values()]
    addresses += ["/", "/kitchen/", "/kitchen/promises/", "/kitchen/planner/"]
    addresses += [f"/kitchen/planner/{study.pk}{ending}" for study in Study.objects.all() for ending in ("/", ".json")]
    addresses += [f"/admin/home/order/{order.pk}/change/" for order in orders.values()]
    addresses += [f"/api/order/{order.order_id}/" for order in orders.values()]
    client.force_login(staff)
    assert {address: client.get(address).status_code for address in addresses} == dict.fromkeys(addresses, 200)
