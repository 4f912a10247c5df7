"""The shop as a plan starts from it: its stations, and where each order and each pizza is."""

from collections.abc import Mapping
from datetime import datetime

from kitchen.models import Station
from kitchen.planner.scenarios import BELT, OpenItem, OpenOrder, StationPlan, belt_capacity
from kitchen.planner.stations import is_usable
from kitchen.promises.state import ROUTES, STATIONS
from kitchen.stages import DELIVERY
from simulation.lookahead import ItemStanding, Standing, State


def present_stations() -> tuple[StationPlan, ...]:
    """Return the stations, as a state numbers them. People who wait at the counter are no capacity."""
    return tuple(station_plan(row) for row in Station.objects.all() if row.stage in STATIONS)


def station_plan(row: Station) -> StationPlan:
    """Make the plan of a station. Times that can't be drawn become the mean, as in the live kitchen
    (kitchen.transitions.work_seconds)."""
    distribution, mean_seconds, spread_seconds, parameters = row.expected
    capacity, headway_seconds = row.capacity, None
    if row.is_belt:
        distribution, headway_seconds = BELT, row.headway_seconds
        capacity = belt_capacity(mean_seconds, headway_seconds)
    elif not is_usable(distribution, mean_seconds, spread_seconds, parameters):
        distribution, parameters = "fixed", {}
    return StationPlan(
        row.stage,
        row.name,
        capacity,
        distribution,
        mean_seconds,
        spread_seconds,
        row.per_pizza,
        parameters=parameters,
        unit=row.works_on,
        headway_seconds=headway_seconds,
    )


def open_orders(state: State, placed: Mapping[int, datetime], now: datetime) -> tuple[OpenOrder, ...]:
    """Return the orders of a state in the order of its lines, without those on hold. `placed` says since when."""
    return tuple(
        OpenOrder(
            min((item.station for item in order.items if not item.is_done), default=order.station),
            order.elapsed_seconds is not None,
            order.elapsed_seconds or 0.0,
            order.pizzas,
            max(0.0, (now - placed[pk]).total_seconds()) * state.speed,
            way_of(order),
            tuple(map(open_item, order.items)),
        )
        for pk, order in zip(state.pks, state.orders, strict=True)
        if pk in placed and not order.is_held
    )


def open_item(item: ItemStanding) -> OpenItem:
    elapsed_seconds = item.elapsed_seconds
    return OpenItem(item.station, elapsed_seconds is not None, elapsed_seconds or 0.0, item.is_done, item.turn)


def way_of(order: Standing) -> str:
    """Return the way out of an order. One that a person sent to a station of another way is brought."""
    ways = (way for way, route in ROUTES.items() if route and route == order.route and order.station in route)
    return next(ways, DELIVERY)
