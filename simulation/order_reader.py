"""Read what a spec says about its orders: how many items they have, which way they go, and where they stand already.

simulation.reader describes the fields.
"""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from simulation.fields import MAX_SECONDS, NAME_LENGTH, Fields, SpecError, shown
from simulation.spec import Present, PresentItem, Route, Spec, Station

MAX_STATE = 10_000
MAX_PIZZAS = 1000  # of one order
MAX_NUMBERS = 100  # different numbers of items, each of which has figures of its own
MAX_ROUTES = 10
MAX_WEIGHT = 1e9

Weights = tuple[tuple[int, float], ...]  # (number of items, relative frequency)


class Orders(NamedTuple):
    pizzas: Weights = Spec.pizzas
    items: tuple[int, ...] = ()
    routes: tuple[int, ...] = ()
    is_given: bool = False  # the numbers of items


def wrong(field: str, problem: str) -> SpecError:
    return SpecError(field, f"{field} {problem}")


# How many items, and which way


def read_orders(asked: Fields, routes: Sequence[Route], orders: int | None) -> Orders:
    """Read the numbers of items. `orders` is the number of arrivals, where each is given."""
    pizzas, have = _read_pizzas(asked), asked.optional_object("orders_have")
    items, row, ways = have.get("items"), tuple[int, ...](), _read_ways(have, routes, orders)
    if isinstance(items, list | tuple):
        _check_length(have, "items", orders)
        row = have.wholes("items", 1, MAX_PIZZAS)
        weights: Weights = tuple(sorted((number, float(count)) for number, count in Counter(row).items()))
    elif items is not None:
        weights = _read_numbers(have.object("items"))
    have.refuse_others()
    if items is None:
        return Orders(pizzas or Spec.pizzas, (), ways)
    if len(weights) > MAX_NUMBERS:
        raise have.wrong("items", f"must have at most {MAX_NUMBERS} different numbers.")
    if pizzas is not None and (row or pizzas != weights):
        raise wrong("pizzas", "must be left out: orders_have.items says how many pizzas an order has.")
    return Orders(weights, row, ways, is_given=True)


def _check_length(have: Fields, name: str, orders: int | None) -> None:
    count = len(have.get(name))
    if orders is None:
        raise have.wrong(name, 'can be a list only with arrivals of the law "times".')
    if count != orders:
        raise have.wrong(name, f"must have {orders} entries, one for each order, not {count}.")


def _read_numbers(asked: Fields) -> Weights:
    """Read numbers of items with their relative frequencies."""
    asked.choice("law", ("discrete",))
    values = asked.wholes("values", 1, MAX_PIZZAS, MAX_NUMBERS)
    weights = asked.numbers("weights", MAX_NUMBERS, least=0, most=MAX_WEIGHT)
    asked.refuse_others()
    if len(weights) != len(values):
        raise asked.wrong("weights", f"must have {len(values)} numbers, one for each of values, not {len(weights)}.")
    if len(set(values)) < len(values):
        raise asked.wrong("values", "must be different numbers.")
    if not any(weights):
        raise asked.wrong("weights", "must say for some number of items how often it comes.")
    return tuple(sorted(zip(values, weights, strict=True)))


def _read_pizzas(asked: Fields) -> Weights | None:
    if asked.get("pizzas") is None:
        return None
    pizzas, found = asked.object("pizzas"), []
    for name in pizzas.values:
        if not (str(name).isdecimal() and len(name) < 5 and 1 <= int(name) <= MAX_PIZZAS):
            raise asked.wrong("pizzas", f"must have whole numbers from 1 to {MAX_PIZZAS} as names.")
        found.append((int(name), pizzas.number(name, least=0, most=MAX_WEIGHT)))
    if not any(weight for _, weight in found):
        raise asked.wrong("pizzas", "must say for some number of pizzas how often it comes.")
    return tuple(sorted(found))


def _read_ways(have: Fields, routes: Sequence[Route], orders: int | None) -> tuple[int, ...]:
    names = have.get("routes")
    if names is None:
        return ()
    if not isinstance(names, list | tuple):
        raise have.wrong("routes", "must be a list of names, one for each order.")
    _check_length(have, "routes", orders)
    return tuple(_route_named(have, f"routes[{place}]", name, routes) for place, name in enumerate(names))


def _route_named(asked: Fields, field: str, name: object, routes: Sequence[Route]) -> int:
    names = [route.name for route in routes]
    if name not in names:
        what = f"one of {', '.join(names)}" if names else "left out: there are no routes"
        raise asked.wrong(field, f"must be {what}, not “{shown(name)}”.")
    return names.index(str(name))


def read_routes(spec: Fields, stations: Sequence[Station]) -> tuple[Route, ...]:
    if spec.get("routes") is None:
        return ()
    routes = list[Route]()
    for asked in spec.objects("routes", 1, MAX_ROUTES):
        name = asked.text("name", NAME_LENGTH)
        if name in (route.name for route in routes):
            raise asked.wrong("name", "must not be that of another route.")
        share = asked.number("share", least=0, most=MAX_WEIGHT)
        routes.append(Route(name, share, _read_way(asked, stations)))
        asked.refuse_others()
    if not any(route.share for route in routes):
        raise wrong("routes", "must have a share above 0 somewhere.")
    return tuple(routes)


def _read_way(asked: Fields, stations: Sequence[Station]) -> tuple[int, ...]:
    """Read the stations of a route, by name or number."""
    names = [station.name for station in stations]
    way = list[int]()
    for place in range(asked.length("stations", 1, len(stations))):
        name, field = asked.get("stations")[place], f"stations[{place}]"
        if isinstance(name, int) and not isinstance(name, bool) and 0 <= name < len(stations):
            number = name
        elif names.count(name) == 1:
            number = names.index(name)
        else:
            raise asked.wrong(field, f"must be the name of one station, or its number, not “{shown(name)}”.")
        if way and number <= way[-1]:
            raise asked.wrong(field, "must come after the one before it: routes follow the order of the stations.")
        way.append(number)
    for number, station in enumerate(stations):
        if station.works_on_items and number not in way:
            raise asked.wrong("stations", f"must have {station.name}: every order passes all stations of items.")
    return tuple(way)


# Where they stand


def read_state(spec: Fields, stations: Sequence[Station], routes: Sequence[Route]) -> tuple[Present, ...]:
    if spec.get("state") is None:
        return ()
    return tuple(_read_present(asked, stations, routes) for asked in spec.objects("state", 0, MAX_STATE))


def _read_present(asked: Fields, stations: Sequence[Station], routes: Sequence[Route]) -> Present:
    route = 0
    if asked.get("route") is not None:
        route = _route_named(asked, "route", asked.get("route"), routes)
    if isinstance(asked.get("items"), list | tuple):
        return _read_items_present(asked, stations, route)
    station, elapsed = _read_place(asked, len(stations))
    if routes and station not in routes[route].stations:
        raise asked.wrong("station", f"must be one of the route {routes[route].name}.")
    pizzas = _read_count(asked)
    if pizzas > 1 and elapsed is not None and stations[station].works_on_items:
        raise asked.wrong("items", "must be a list here: each item of an order has its own work.")
    age = asked.number("age", least=0, most=MAX_SECONDS, default=elapsed or 0.0)
    asked.refuse_others()
    return Present(station, elapsed, pizzas, age, route)


def _read_place(asked: Fields, stations: int) -> tuple[int, float | None]:
    station = asked.whole("station", 0, stations - 1)
    waits = asked.flag("waiting")
    if waits == (asked.get("elapsed") is not None):
        raise asked.wrong("elapsed", "or waiting must be given, but not both.")
    return station, None if waits else asked.number("elapsed", least=0, most=MAX_SECONDS)


def _read_count(asked: Fields) -> int:
    if asked.get("items") is not None and asked.get("pizzas") is not None:
        raise asked.wrong("pizzas", "must be left out: items says it.")
    name = "pizzas" if asked.get("items") is None else "items"
    return asked.whole(name, 1, MAX_PIZZAS, default=1)


def _read_items_present(asked: Fields, stations: Sequence[Station], route: int) -> Present:
    count = sum(station.works_on_items for station in stations)
    for name in ("station", "elapsed", "waiting", "pizzas"):
        if asked.get(name) is not None:
            raise asked.wrong(name, "must be left out: items says where each of them is.")
    if not count:
        raise asked.wrong("items", "must be a number: no station works on items.")
    items = tuple(_read_item(item, count) for item in asked.objects("items", 1, MAX_PIZZAS))
    if all(item.is_done for item in items):
        raise asked.wrong("items", f"are all done: the order is at a later station, {count} or more, by its number.")
    elapsed = max(item.elapsed_seconds or 0.0 for item in items)
    age = asked.number("age", least=0, most=MAX_SECONDS, default=elapsed)
    asked.refuse_others()
    return Present.of_items(items, age, route)


def _read_item(asked: Fields, stations: int) -> PresentItem:
    if asked.flag("done"):
        asked.refuse_others()
        return PresentItem(0, None, is_done=True)
    station, elapsed = _read_place(asked, stations)
    turn = asked.whole("turn", 0, MAX_STATE * MAX_PIZZAS, default=0)
    asked.refuse_others()
    return PresentItem(station, elapsed, turn=turn)
