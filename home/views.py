"""The pages of the shop."""

import logging
from typing import Any

from django.db import DatabaseError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.decorators.http import require_safe

from accounts.guests import guest_of
from archive import reading, store
from archive.months import named, parsed
from home import sharing
from home.models import Order, OrderItem, Pizza
from home.timeline import timeline
from kitchen import stages
from kitchen.models import Shop
from kitchen.promises import forecast
from pizzaProj.pages.newest import NewestPages
from realtime.seldom import Seldom

logger = logging.getLogger(__name__)
unread = Seldom(logger, "Lists that end without a look into the archive: %d. %s")

ORDERS_PER_PAGE = 20
SHARED_AT_MOST = 10
MOST_DIGITS = 18  # of a key
# What a promise is about, and what is said at the end; static/js/ways.js says the same
PROMISED = {
    stages.DELIVERY: {"soon": "at your door", "ended": "At your door"},
    stages.CARRY_OUT: {"soon": "ready to collect", "ended": "Collected"},
}


@require_safe
@ensure_csrf_cookie
def index(request: HttpRequest) -> HttpResponse:
    """Show the menu as cards and the orders as a table: customers see their own, staff see all."""
    orders = Order.objects.of(request.user, guest_of(request)).select_related("user").with_items()
    only_real = request.GET.get("simulated") == "0"
    if only_real:
        orders = orders.filter(simulated=False)
    page = NewestPages(orders, ORDERS_PER_PAGE).get_page(request.GET.get("page"))
    shop = Shop.objects.get()
    pizzas = Pizza.objects.filter(on_menu=True)
    in_kitchen = Order.objects.open().count()
    news = sharing.news([request.user.pk])[request.user.pk] if request.user.is_authenticated else None
    context = {
        "shared": sharing.shared_with(request.user)[:SHARED_AT_MOST],
        "shared_mark": news.mark if news else "",
        "pizzas": pizzas,
        "sold_out": not pizzas and Pizza.objects.exists(),
        "page": page,
        "only_real": only_real,
        "has_older": has_older(request, page, shop),
        "in_kitchen": in_kitchen,
        "pizzas_in_line": OrderItem.objects.cooking().filter(started_at=None, held=False).count(),
        "is_open": shop.is_open,
        "ready": forecast.glance(1, timezone.now(), in_kitchen, shop.speed),
        "ways": stages.ways(),
        "speed": shop.speed,
    }
    return render(request, "home/index.html", context)


def has_older(request: HttpRequest, page: Any, shop: Shop) -> bool:
    """Return whether this person has orders in the archive, where their list ends. If it can't be read: perhaps."""
    if page.has_next() or shop.archived_before is None:
        return False
    try:
        return store.has_any(reading.owner_of(request.user, guest_of(request)))
    except DatabaseError as error:  # the shop goes on without
        unread.warn(error)
        return True


@require_safe
def older(request: HttpRequest) -> HttpResponse:
    """Show archived orders to those who had them in their list; staff can search them."""
    owner, words = reading.owner_of(request.user, guest_of(request)), request.GET.get("q", "").strip()
    only_real = request.GET.get("simulated") == "0"
    if words and owner is None:
        orders, after = reading.search(words), None
    else:
        before = place(request.GET.get("before", ""))
        orders, after = reading.page(owner, before, ORDERS_PER_PAGE, only_real)
    context = {
        "orders": orders,
        "after": after and f"{named(after[0])}.{after[1]}",
        "words": words,
        "only_real": only_real,
        "is_first": "before" not in request.GET,
    }
    return render(request, "home/older.html", context)


def place(text: str) -> store.Place | None:
    """Read from where a page goes on, such as 2026-08.1234; None: from the beginning, also for what is none."""
    month, _, pk = text.partition(".")
    try:
        return (parsed(month), int(pk)) if pk.isascii() and pk.isdigit() and len(pk) <= MOST_DIGITS else None
    except ValueError:
        return None


@require_safe
def order(request: HttpRequest, order_id: str) -> HttpResponse:
    """Show one order to anyone with the link: the id is the secret, and nothing personal is shown."""
    orders = Order.objects.with_items().prefetch_related("lines__pizza", "events")
    found = reading.order_at(order_id, orders)
    if found is None:
        raise Http404
    if not found.is_archived:
        sharing.opened(found, request.user)
    context = {
        "order": found,
        "sharing": None if found.is_archived else sharing.sharing_of(found, request.user),
        "timeline": timeline(found),
        "promised": PROMISED[found.way],
        "speed": Shop.objects.get().speed,
    }
    return render(request, "home/order.html", context)
