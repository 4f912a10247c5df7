"""Which orders a board shows: all while they are few; of more, the first works of each list of each station."""

from collections.abc import Collection, Iterable, Mapping
from itertools import count
from typing import Any, NamedTuple

from django.db import connection

from home.models import Order
from kitchen import clock, stages
from kitchen.board.totals import STATES, Sizes, read_totals
from kitchen.locks import ITEM_WAITS, OPEN_ITEM, OPEN_ORDER, ORDER_WAITS
from kitchen.models import Station
from pizzaProj.limits import BOARD_IN_LINE, BOARD_OF_STATION, BOARD_ORDERS, BOARD_UNDER_WAY
from realtime.refused import Refused

_ITEM_TURN = "home_orderitem.order_id, home_orderitem.number"
_ITEMS = {
    "waiting": f"{ITEM_WAITS} ORDER BY home_orderitem.rushed DESC, home_orderitem.joined_at, {_ITEM_TURN}",
    "working": f"home_orderitem.due_at IS NOT NULL AND {OPEN_ITEM} ORDER BY home_orderitem.due_at, {_ITEM_TURN}",
    "held": f"home_orderitem.held AND {OPEN_ITEM} ORDER BY home_orderitem.joined_at, {_ITEM_TURN}",
}
_ORDERS = {
    "waiting": f"{ORDER_WAITS} ORDER BY home_order.rushed DESC, home_order.joined_at, home_order.id",
    "working": f"home_order.due_at IS NOT NULL AND {OPEN_ORDER} ORDER BY home_order.due_at, home_order.id",
    "held": f"home_order.held AND {OPEN_ORDER} ORDER BY home_order.joined_at, home_order.id",
}
_OF_ITEMS = "SELECT home_orderitem.order_id AS pk FROM home_orderitem WHERE home_orderitem.stage = %s AND"
_OF_ORDERS = "SELECT home_order.id AS pk FROM home_order WHERE home_order.stage = %s AND"

_REAL_ITEM = "NOT (SELECT o.simulated FROM home_order o WHERE o.id = home_orderitem.order_id) AND"
_REAL_ORDER = "NOT home_order.simulated AND"
ALL = 2**31 - 1  # works: no list has more

numbers = count(1)


class Asked(NamedTuple):
    """What somebody wants to see of the lists."""

    first: frozenset[tuple[str, int]] = frozenset()  # stages, and how many works of each of their lists
    hides_simulated: bool = False


class Window(NamedTuple):
    """What was read at once."""

    number: int  # a higher one was read later
    orders: dict[str, int]  # the ids of those to show, with their keys
    totals: dict[str, Any] | None  # what there is in all; None if these are all open orders


def read_window(asked: Asked) -> Window:
    """Read which orders to show. Of more than BOARD_ORDERS it reads the first ones, and lets the others be counted."""
    return read_windows([asked])[asked]


def read_windows(wishes: Collection[Asked]) -> dict[Asked, Window]:
    """Read them for several wishes: what is most work is done once."""
    number = next(numbers)
    few = dict(Order.objects.open().order_by().values_list("order_id", "pk")[: BOARD_ORDERS + 1])
    if len(few) <= BOARD_ORDERS:
        return dict.fromkeys(wishes, Window(number, few, None))
    stations = [row.with_shop() for row in Station.objects.select_related("shop")]
    totals = read_totals(clock.now(), stations)
    found = {}
    for asked in wishes:
        shares = shares_of(totals.real_sizes if asked.hides_simulated else totals.sizes, dict(asked.first))
        found[asked] = Window(number, first_of(shares, stations, asked.hides_simulated), totals.frame)
    return found


def shares_of(sizes: Sizes, asked: Mapping[str, int]) -> Sizes:
    """Return how many works of each list to show: those under way first, of the lines as many as there is room for."""
    under_way = fair({key: size for key, size in sizes.items() if key[1] == "working"}, BOARD_UNDER_WAY)
    lines = fair({key: size for key, size in sizes.items() if key[1] != "working"}, BOARD_IN_LINE)
    return {key: max(share, min(sizes[key], asked.get(key[0], 0))) for key, share in {**under_way, **lines}.items()}


def fair(sizes: Sizes, room: int) -> Sizes:
    """Divide the room: short lists are shown whole, and long ones share what they leave."""
    shares = {}
    for done, (key, size) in enumerate(sorted(sizes.items(), key=lambda one: (one[1], one[0]))):
        shares[key] = min(size, room // (len(sizes) - done))
        room -= shares[key]
    return shares


def first_of(shares: Sizes, stations: Iterable[Station], hides_simulated: bool = False) -> dict[str, int]:
    """Read whose the first works of these lists are, in one statement; if asked for, those of real orders alone."""
    of_item, of_order = (_REAL_ITEM, _REAL_ORDER) if hides_simulated else ("", "")
    of_items = {station.stage for station in stations if station.is_of_items}
    parts: list[str] = []
    values: list[str | int] = []
    for (stage, state), share in shares.items():
        if share:
            items, orders = f"{_OF_ITEMS} {of_item} {_ITEMS[state]}", f"{_OF_ORDERS} {of_order} {_ORDERS[state]}"
            works = items if stage in of_items else orders
            parts.append(f"SELECT pk FROM ({works} LIMIT %s) AS list")
            values += [stage, share]
    if not parts:
        return {}
    wanted = " UNION ".join(parts)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT order_id, id FROM home_order JOIN ({wanted}) AS shown ON shown.pk = id", values)
        return dict(cursor.fetchall())


def under_way(codes: Iterable[str]) -> dict[str, int]:
    """Return the ids of all orders that are worked on at these stations, with their keys: as many as have a place."""
    stations = [row for row in Station.objects.all() if row.stage in codes]
    return first_of({(row.stage, "working"): ALL for row in stations}, stations)


def parse_asked(content: dict[str, Any]) -> Asked:
    """Return what a board wants to show, from {"first": {"baking": 200}}. Refused if it is something else.

    With {"simulated": false} its lists are those of real orders.
    """
    first, simulated = content.get("first"), content.get("simulated", True)
    if not isinstance(first, dict):
        raise Refused("Say how many to show: “first”, with a number for each station.")
    for stage, most in first.items():
        if stage not in stages.WORKED:
            raise Refused(f"There is no station for “{stage}”.")
        if not isinstance(most, int) or isinstance(most, bool) or not 0 <= most <= BOARD_OF_STATION:
            raise Refused(f"A station shows at most {BOARD_OF_STATION:,} of each of its lists.")
    if not isinstance(simulated, bool):
        raise Refused("Say whether to show simulated orders: “simulated”, with true or false.")
    return Asked(frozenset(first.items()), not simulated)


assert set(_ITEMS) == set(_ORDERS) == set(STATES)
