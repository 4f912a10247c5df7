"""The board's snapshot, as plain dicts. It takes a handful of queries, however many orders there are."""

from collections import Counter
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db.models import Count, F, OuterRef, Q, Subquery, Value
from django.db.models.functions import Coalesce, NullIf, TruncMinute

from home import live
from home.live import State
from home.models import Order, OrderEvent
from kitchen import as_measured, stages
from kitchen.board.totals import LATE_AFTER_TIMES, SOON_AFTER_TIMES
from kitchen.board.windows import Asked, Window, read_window, under_way
from kitchen.incomplete import Incomplete
from kitchen.models import Shop, Station
from pizzaProj.limits import BOARD_LATELY_BYTES

LATELY = 12  # orders that have left the kitchen, in case one must come back
HISTORY_MINUTES = 60
TO_BE_MADE = ("received", "baking")  # stages whose pizzas are in the list of what is still to be made
OLDEST_HOURS = 12  # the chart leaves out older orders: the index on created_at finds the others quickly


class Snapshot(NamedTuple):
    """The board as it was read, its orders and those that have just left apart."""

    window: Window
    orders: list[State]
    lately: list[State]
    settings: dict[str, Any]


def snapshot() -> Snapshot:
    """Read the board. Its orders are in no particular order: the line's rule is in their fields."""
    window = read_window(Asked())
    ended = Order.objects.filter(stage__in=stages.ENDED).order_by("-pk").values_list("pk", flat=True)[:LATELY]
    states = states_of([*window.orders.values(), *ended])
    orders = [state for state in states if not state.has_ended]
    lately = [state for state in reversed(states) if state.has_ended]
    return Snapshot(window, orders, few_bytes(lately), settings())


def states_of(pks: Collection[int]) -> list[State]:
    """Read these orders, those that are still there."""
    return [live.state_of(order) for order in Order.objects.filter(pk__in=pks).with_items().order_by("pk")]


def few_bytes(states: Iterable[State]) -> list[State]:
    """Return the first of them, as many as the first frame has room for."""
    taken, found = 0, []
    for state in states:
        taken += len(state.payload)
        if taken <= BOARD_LATELY_BYTES:
            found.append(state)
    return found


def changed_settings(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """Return the stations that are not as they were, and the shop if it is not: empty if all is as it was."""
    stations = [station for station in new["stations"] if station not in old.get("stations", ())]
    shop = new["shop"] if new["shop"] != old.get("shop") else None
    return {**({"stations": stations} if stations else {}), **({"shop": shop} if shop else {})}


def changes_since(old: dict[str, Any], shown: Collection[str]) -> tuple[dict[str, Any], list[State]]:
    """Return the settings, and the shown orders that can be expected at another time because of what has changed."""
    new = settings()
    return new, retimed(old, new, shown)


def retimed(old: dict[str, Any], new: dict[str, Any], shown: Collection[str]) -> list[State]:
    """Return those of these orders that can be expected at another time since the settings were changed.

    Their seq is the one that pages know: nothing has happened to them. A new speed changes all that is under way.
    """
    codes = {one["stage"] for one in changed_settings(times_of(old), times_of(new)).get("stations", ())}
    return states_of([pk for order_id, pk in under_way(codes).items() if order_id in shown]) if codes else []


def times_of(settings: dict[str, Any]) -> dict[str, Any]:
    """Return what says how long work takes, in the form of the settings."""
    speed = settings["shop"]["speed"]
    keys = ("stage", "kind", "ends_by", "mean_seconds", "per_pizza", "as_measured", "measured")
    return {
        "stations": [{"speed": speed, **{key: one[key] for key in keys}} for one in settings["stations"]],
        "shop": None,
    }


def settings() -> dict[str, Any]:
    """Return the stations and the shop, in one query."""
    stations = [row.with_shop() for row in Station.objects.select_related("shop")]
    return {
        "stations": [station_dict(row) for row in stations],
        "shop": shop_dict(stations[0].shop if stations else the_shop()),
    }


def the_shop() -> Shop:
    """Return the shop's row. Incomplete if it is gone."""
    try:
        return Shop.objects.get()
    except Shop.DoesNotExist:
        raise Incomplete("The kitchen is incomplete: the shop's settings are gone.") from None


def station_dict(station: Station) -> dict[str, Any]:
    return {
        "stage": station.stage,
        "name": station.name,
        "works_on": station.works_on,
        "kind": station.kind,
        "places": station.capacity,
        "headway_seconds": station.headway_seconds,
        "is_open": station.is_open,
        "ends_by": "hand" if station.is_by_hand else "clock",
        "takes": station.is_taken,
        "mean_seconds": station.mean_seconds,
        "per_pizza": station.per_pizza,
        "as_measured": station.as_measured,
        "measured": measured_dict(station),
        "measured_words": as_measured.round_words(station),
    }


def measured_dict(station: Station) -> dict[str, Any] | None:
    """Return what was measured, in kitchen seconds; None until enough work was seen."""
    if station.measured_mean_seconds is None or station.measured_spread_seconds is None:
        return None
    # Rounded: every few seconds boards check whether anything has changed, and the exact figures always have.
    return {
        "mean_seconds": float(f"{station.measured_mean_seconds:.2g}"),
        "spread_seconds": float(f"{station.measured_spread_seconds:.1g}"),
        "works": station.measured_samples // 50 * 50,
    }


def shop_dict(shop: Shop) -> dict[str, Any]:
    return {
        "is_open": shop.is_open,
        "speed": shop.speed,
        "demand_per_hour": shop.demand_per_hour,
        "carry_out_share": shop.carry_out_share,
        "hands_over": shop.hands_over,
        "late_after": LATE_AFTER_TIMES,
        "soon_after": SOON_AFTER_TIMES,
    }


def history(now: datetime) -> dict[str, Any]:
    """Return, for each minute of the last hour, how many orders were in each station, and how many were placed.

    Real and simulated orders are apart. The last number of each list is the present one.
    """
    until = now.replace(second=0, microsecond=0) + timedelta(minutes=1)
    flows = {simulated: Counter[tuple[int, str, str]]() for simulated in (False, True)}
    for row in _flows(now, until - timedelta(minutes=HISTORY_MINUTES)):
        ago = int((until - row["minute"]).total_seconds() // 60) - 1
        flows[row["order__simulated"]][ago, row["came_from"] or "", row["here"]] += row["orders"]
    present: dict[bool, Counter[str]] = {False: Counter(), True: Counter()}
    for row in Order.objects.open().order_by().values("stage", "simulated").annotate(orders=Count("pk")):
        present[row["simulated"]][row["stage"]] = row["orders"]
    return {
        "real": _series(flows[False], present[False]),
        "simulated": _series(flows[True], present[True]),
    }


def _flows(now: datetime, since: datetime) -> Any:
    """Count, per minute, the orders that went from one stage to another; from none if they were placed. Two queries.

    An order is where its least advanced pizza is.
    """
    here = Coalesce(NullIf("order_stage", Value("")), "stage")  # events from before there were items have none
    before = OrderEvent.objects.filter(order=OuterRef("order"), seq=OuterRef("seq") - 1).annotate(here=here)
    oldest = now - timedelta(hours=OLDEST_HOURS)
    first = Order.objects.filter(created_at__gte=oldest).order_by("created_at").values_list("pk", flat=True).first()
    # By the key, too: otherwise SQLite would look for them among all events.
    moves = OrderEvent.objects.filter(order__gte=first or 0, order__created_at__gte=oldest, at__gte=since)
    moves = moves.annotate(minute=TruncMinute("at"), here=here, came_from=Subquery(before.values("here")))
    moves = moves.filter(Q(came_from=None) | ~Q(came_from=F("here")))
    return moves.order_by().values("minute", "came_from", "here", "order__simulated").annotate(orders=Count("pk"))


def _series(flows: Counter[tuple[int, str, str]], present: Counter[str]) -> dict[str, Any]:
    """Count back from now, minute by minute: before it, arrivals are not there yet, and departures are still there."""
    there = {stage: present[stage] for stage in stages.WORKED}
    in_station: dict[str, list[int]] = {stage: [] for stage in stages.WORKED}
    placed = []
    for ago in range(HISTORY_MINUTES):
        here = {(came_from, stage): n for (minute, came_from, stage), n in flows.items() if minute == ago}
        for stage in stages.WORKED:
            in_station[stage].append(max(0, there[stage]))
            there[stage] += sum(n * ((came_from == stage) - (to == stage)) for (came_from, to), n in here.items())
        placed.append(sum(n for (came_from, _), n in here.items() if not came_from))
    return {
        "in_station": {stage: numbers[::-1] for stage, numbers in in_station.items()},
        "placed": placed[::-1],
    }
