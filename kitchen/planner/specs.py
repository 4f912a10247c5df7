"""Scenarios as specs of the simulator. All scenarios of a plan share its seed, so their days have the same draws."""

from collections.abc import Sequence

import numpy as np

from kitchen.planner.scenarios import BELT, ENDS, ORDER, OpenOrder, Plan, Scenario, StationPlan
from kitchen.stages import DELIVERY, ROUTES
from simulation.spec import HOUR, Conveyor, Present, PresentItem, Rate, Route, Spec, Station

BLOCK = 50  # days: the unit of work
MOST_ORDERS_A_PIECE = 200_000  # or pizzas, simulated by one worker at a time: a fraction of a second
LONG_DAY_HOURS = 4  # a longer one is cut into half hours, a shorter one into quarters


def spec_of(plan: Plan, scenario: Scenario) -> Spec:
    pieces = scenario.rates() or [(scenario.open_hour, scenario.open_hour, 0.0)]
    routes = routes_of(plan, scenario)
    names = [route.name for route in routes]
    return Spec(
        tuple(station_of(station) for station in scenario.stations),
        Rate(tuple(rate for *_, rate in pieces), (pieces[0][0], *(end for _, end, _ in pieces))),
        replications=plan.most_replications,
        seed=plan.seed,
        promise_seconds=scenario.promise_minutes * 60,
        state=tuple(present_of(order, names) for order in plan.state),
        count_state=True,
        pizzas=tuple(scenario.demand.pizzas.items()),
        slots=slot_hours(plan),
        routes=routes,
    )


def routes_of(plan: Plan, scenario: Scenario) -> tuple[Route, ...]:
    """Return the routes: all of them in every scenario, so that these differ in nothing but their shares. Without
    carry-out there are none."""
    if plan.ends() == (ENDS[DELIVERY],):
        return ()
    shares = scenario.demand.shares
    return tuple(Route(way, shares.get(way, 0.0), scenario.route(way)) for way in ROUTES)


def slot_hours(plan: Plan) -> tuple[float, ...]:
    """Return the edges of the pieces of the day; at least an hour in all."""
    hours = max(1.0, plan.close_hour - plan.open_hour)
    slot = 1 / 2 if hours > LONG_DAY_HOURS else 1 / 4
    return tuple(plan.open_hour + np.append(np.arange(0, hours - 1e-9, slot), hours))


def station_of(plan: StationPlan) -> Station:
    """Make the simulator's station. A belt holds as many in its whole length as its capacity."""
    per_pizza = plan.per_pizza and plan.unit == ORDER  # an item is one pizza anyway
    if plan.distribution == BELT:
        belt = Conveyor(plan.loading_seconds, plan.mean_seconds)
        return Station(plan.name, 1, belt, per_pizza, unit=plan.unit)
    changes = tuple((hour * HOUR, capacity) for hour, capacity in plan.changes)
    return Station(plan.name, plan.capacity, plan.service, per_pizza, changes, plan.unit)


def present_of(order: OpenOrder, routes: Sequence[str]) -> Present:
    items = tuple(
        PresentItem(item.station, item.elapsed_seconds if item.working else None, item.is_done, item.turn)
        for item in order.items
    )
    elapsed_seconds = order.elapsed_seconds if order.working else None
    route = routes.index(order.way) if routes else 0
    return Present(order.station, elapsed_seconds, order.pizzas, order.age_seconds, route, items)
