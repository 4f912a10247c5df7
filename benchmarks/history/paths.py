"""The hot paths: what the shop does all day. Each can be asked again and again, and leaves nothing behind."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from random import Random
from typing import Any
from unittest import mock

from django.contrib import admin
from django.contrib.auth.models import User
from django.db import transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts import backends, names, people
from archive.months import month_of
from benchmarks.history import filling
from chat import history as stream_of
from chat import orders as conversations
from chat.models import Room
from chat.person import person
from chat.sockets import notices
from chat.sockets import reconcile as rooms_check
from home import consumers, live, reconcile
from home.models import Order, OrderItem, Pizza
from keeping import ages, archiving
from kitchen import flow, tasks
from kitchen.board import demand, handover, snapshot, windows
from kitchen.models import Promise
from kitchen.planner import studies
from kitchen.promises import forecast, ledger, measure
from office import runs
from operations import stored
from operations.lookout import Source
from operations.metrics import kitchen as figures_of_kitchen
from operations.metrics import promises as figures_of_promises
from pizzaProj import limits

Path = Callable[[], object]

OPEN_ORDERS = 8  # in the kitchen: as many in an old shop as in a young one
HOST = "localhost"
LONG_AGO = timedelta(days=36_500)


@dataclass
class Shop:
    """A shop with a past, and the people who ask in it."""

    cook: User
    customer: User
    past: Order  # one of the customer's, long delivered
    room: Room  # in which its customer has talked
    open: list[Order]
    pizzas: list[Pizza]

    @property
    def item(self) -> OrderItem:
        """A pizza that is being made."""
        return OrderItem.objects.working().order_by("pk")[0]


def begin(orders: int) -> Shop:
    """Make a shop with so many delivered orders, and a few open ones."""
    cook = User.objects.create(username="cook", password="!", is_staff=True, is_superuser=True)
    names = [f"Pizza {number}" for number in range(filling.PIZZAS)]
    pizzas = [Pizza.objects.create(name=name, price=Decimal("9.50")) for name in names]
    unused = Pizza.objects.create(name="Nobody’s", price=Decimal("9.50"))
    filling.fill(orders)
    # In the middle of the past; its customer has as many orders in an old shop as in a young one.
    middle = Order.objects.filter(pk__gte=Order.objects.latest("pk").pk - orders // 2, user__isnull=False)
    past = middle.select_related("user").order_by("pk")[0]
    assert past.user is not None
    placed = [flow.place([(pizzas[0], 1)], user=past.user) for _ in range(OPEN_ORDERS)]
    return Shop(cook, past.user, past, Room.objects.get(order=past), placed, [*pizzas, unused])


def quiet() -> None:
    """Let nothing leave this process from now on: no link, no frame."""
    mock.patch.object(tasks, "enqueue").start()
    mock.patch.object(live, "announce").start()


def paths(shop: Shop) -> dict[str, Path]:
    return {**kitchen(shop), **pages(shop), **sockets(shop), **rounds(shop), **of_operators(shop), **of_admin(shop)}


# Orders on their way


def kitchen(shop: Shop) -> dict[str, Path]:
    def promise() -> Promise | None:
        forecast.recent.forget()
        forecast.learned.forget()
        return forecast.promise(1, timezone.now())

    def place() -> None:
        flow.place([(shop.pizzas[0], 2)], user=shop.customer, promise=promise())

    def link() -> None:
        item = shop.item
        assert item.due_at is not None
        due_at = item.due_at
        flow.finish_item(item.order_id, item.number, item.epoch, item.stage, clock=lambda: due_at)

    def links() -> None:
        due_at = shop.item.due_at
        assert due_at is not None
        flow.finish_due(50, clock=lambda: due_at)

    return {
        "a promise": promise,
        "an order": undone(place),
        "a link": undone(link),
        "a round of links": undone(links),
        "a look for what is due": flow.soonest,
        "hold": undone(lambda: flow.hold(shop.open[0].pk, by=shop.cook)),
        "speed": undone(lambda: flow.set_speed(2)),
    }


# Pages


def pages(shop: Shop) -> dict[str, Path]:
    order = shop.past.order_id
    visitor, customer, cook = (Client(SERVER_NAME=HOST) for _ in range(3))
    customer.force_login(shop.customer)
    cook.force_login(shop.cook)
    found = {f"{address}, visitor": page(visitor, address) for address in ("/", "/kitchen/promises/", "/api/menu/")}
    found |= {
        f"{address}, customer": page(customer, address)
        for address in ("/", "/orders/older/", "/chat/", "/people/", "/people/?q=stomerx", "/profile/")
    }
    found |= {
        f"{address}, staff": page(cook, address)
        for address in (
            *("/", "/?page=2", "/?page=90000", "/?simulated=0", "/chat/", "/kitchen/", "/kitchen/drivers/"),
            *("/kitchen/inbox/", "/kitchen/planner/", "/admin/", "/orders/older/", "/orders/older/?q=customer"),
        )
    }
    found["log-in, an address"] = lambda: list(backends.candidates(shop.customer.email))
    found["sign-up, a name"] = lambda: names.is_taken("nobody")
    found["an order’s page"] = page(visitor, reverse("order", args=[order]))
    found["an order in the API"] = page(visitor, f"/api/order/{order}/")
    return found


def page(client: Client, address: str) -> Path:
    def get() -> None:
        forecast.recent.forget()
        forecast.learned.forget()
        answer = client.get(address)
        assert answer.status_code == 200, f"{address}: {answer.status_code}"

    return get


# Sockets: what is read for their first frames, and for the checks of what they missed


def sockets(shop: Shop) -> dict[str, Path]:
    now, order_ids = timezone.now, [order.order_id for order in shop.open]
    customer, cook = person(shop.customer), person(shop.cook)
    return {
        "socket of an order": lambda: consumers.read_payloads([shop.past.order_id]),
        "sockets’ missed changes": lambda: reconcile.read_newer(dict.fromkeys(order_ids, 1), now()),
        "board’s first frame": snapshot.snapshot,
        "a crowded board’s look": crowded,
        "board’s chart": lambda: snapshot.history(now()),
        "drivers’ first frame": handover.read_handover,
        "inbox": conversations.inbox,
        "notices": lambda: notices.read([shop.customer.pk, shop.cook.pk]),
        "people’s news": lambda: people.news([shop.customer.pk]),
        "room, customer": lambda: (
            stream_of.snapshot(shop.room.pk, customer, None),
            stream_of.last(shop.room.pk, customer),
        ),
        "room, staff": lambda: (stream_of.snapshot(shop.room.pk, cook, 1), stream_of.last(shop.room.pk, cook)),
        "rooms’ missed messages": lambda: rooms_check._read_rooms([shop.room.pk]),
    }


def crowded() -> None:
    """Look at which orders a board shows, as where there are too many to show all."""
    with mock.patch.object(windows, "BOARD_ORDERS", 0):
        windows.read_window(windows.Asked())


# What comes round


def rounds(shop: Shop) -> dict[str, Path]:
    now, long_ago = timezone.now, timezone.now() - LONG_AGO
    return {
        "sweep": undone(lambda: (flow.recover(), flow.seat_all())),
        "forecasts": undone(lambda: forecast.renew(now())),
        "settling the ledger": undone(lambda: ledger.settle(now())),
        "demand": undone(lambda: demand.place_arrivals(now(), Random(1))),
        "measuring": undone(measure.renew),
        "studies": studies.running,
        "actions": lambda: list(runs.let_go(now())),
        "past sessions": undone(lambda: sum(ages.sessions(now()))),
        "past attempts": undone(lambda: sum(ages.attempts(now()))),
        "old events": undone(lambda: sum(ages.events(long_ago))),
        "old simulated orders": undone(lambda: sum(ages.simulated(long_ago))),
        "old orders": undone(lambda: sum(ages.all_orders(long_ago))),
        "orders for the archive": undone(lambda: list(archiving.move(month_of(long_ago)))),
        "old messages": undone(lambda: sum(ages.chats(long_ago))),
        "old studies": undone(lambda: sum(ages.studies(long_ago))),
    }


def of_operators(shop: Shop) -> dict[str, Path]:
    return {
        "/metrics, the ledger": lambda: list(figures_of_promises.read()),
        "/metrics, the kitchen": lambda: list(figures_of_kitchen.read()),
        "/readyz": Source("The database", stored.CHECKS).look_now,
    }


# The admin


def of_admin(shop: Shop) -> dict[str, Path]:
    client = Client(SERVER_NAME=HOST)
    client.force_login(shop.cook)
    lists = [reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist") for model in registered()]
    orders, pizza = reverse("admin:home_order_changelist"), reverse("admin:home_pizza_changelist")
    users, now = reverse("admin:auth_user_changelist"), timezone.now()
    asked = {
        **{address: address for address in lists},
        "orders, the last page": f"{orders}?p={min(Order.objects.count(), limits.LISTED_ROWS) // 50}",
        "orders, a day": f"{orders}?created_at__day={shop.past.created_at.day}"
        f"&created_at__month={shop.past.created_at.month}&created_at__year={shop.past.created_at.year}",
        "orders, this year": f"{orders}?created_at__gte={now.year}-01-01T00:00:00Z"
        f"&created_at__lt={now.year + 1}-01-01T00:00:00Z",
        "orders, baking": f"{orders}?stage__exact=baking",
        "orders, delivered": f"{orders}?stage__exact=delivered",
        "orders, cancelled": f"{orders}?stage__exact=cancelled",
        "orders, held": f"{orders}?held__exact=1",
        "orders, simulated": f"{orders}?simulated__exact=1",
        "orders, to collect": f"{orders}?way__exact=carry_out",
        "orders, a number": f"{orders}?q={shop.past.order_id[:8]}",
        "orders, a customer": f"{orders}?q={shop.customer.username}",
        "users, one": f"{users}?q={shop.customer.username}",
        "users, superusers": f"{users}?is_superuser__exact=1",
        "users, inactive": f"{users}?is_active__exact=0",
        "profiles, one": f"{reverse('admin:accounts_profile_changelist')}?q={shop.customer.username}",
        "an order": reverse("admin:home_order_change", args=[shop.past.pk]),
        "an order’s log": reverse("admin:home_order_history", args=[shop.past.pk]),
        "a user": reverse("admin:auth_user_change", args=[shop.customer.pk]),
        "a pizza": f"{pizza}{shop.pizzas[0].pk}/change/",
        "deleting a pizza": f"{pizza}{shop.pizzas[0].pk}/delete/",
        "deleting a new pizza": f"{pizza}{shop.pizzas[-1].pk}/delete/",
        "deleting a customer": reverse("admin:auth_user_delete", args=[shop.customer.pk]),
    }
    return {f"admin: {name}": page(client, address) for name, address in asked.items()}


def registered() -> list[Any]:
    """Return all tables that the admin shows."""
    return list(admin.site._registry)


def undone(act: Path) -> Path:
    """Return the same without what it writes."""

    def asked() -> None:
        with transaction.atomic():
            act()
            transaction.set_rollback(True)

    return asked
