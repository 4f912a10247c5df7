"""What must hold after every step of the kitchen, whatever happened in it, and for the log of a whole history."""

from collections import defaultdict
from itertools import groupby, pairwise

from home.models import EVENT_ROWS, ITEM_ROWS, ITEM_STATE_FIELDS, ORDER_ROWS, STATE_FIELDS, Order
from home.rows import Rows
from kitchen import stages
from kitchen.models import Shop, Station

SHOP_ROWS, STATION_ROWS = Rows(Shop), Rows(Station)
NATURAL = ("joined", "started", "delivered")  # what the kitchen writes by itself
COMPLETIONS = ("done", "assumed")  # what ends work that a person ends, or should have ended
SILENT = ("epoch", "recovered_at", "started_at", "due_at")  # the recovery sweep and the speed write these


def facts(order):
    """Return all that the kitchen writes of an order, and of each of its items."""
    return tuple(getattr(order, name) for name in STATE_FIELDS), [
        (item.number, *(getattr(item, name) for name in ITEM_STATE_FIELDS)) for item in order.parts
    ]


def loud_facts(work):
    names = ITEM_STATE_FIELDS if hasattr(work, "is_done") else STATE_FIELDS
    return {name: getattr(work, name) for name in names if name not in SILENT}


def key(work):
    """Return (the order's pk, the item's number or 0 for the order itself)."""
    return (work.pk, 0) if isinstance(work, Order) else (work.order.pk, work.number)


def works(order):
    """Return what takes part by itself: the items that are being worked on, or else the order, while it is open."""
    return [*order.cooking] or ([order] if order.stage in stages.WORKED else [])


def turn(work):
    """Return the sort key of its turn in a line, ties included."""
    return (not work.rushed, work.joined_at, *key(work))


def way_of(work):
    return work.way if isinstance(work, Order) else work.order.way


class Kitchen:
    """The kitchen as it is in the database at one moment."""

    def __init__(self):
        # Through home.rows: Django would take ten times as long to put the queries together
        self.shop = SHOP_ROWS.read(f"SELECT {SHOP_ROWS.columns} FROM kitchen_shop", [])[0]
        stations = STATION_ROWS.read(f"SELECT {STATION_ROWS.columns} FROM kitchen_station", [])
        for station in stations:
            station.speed, station.hands_over = self.shop.speed, self.shop.hands_over
        self.stations = {station.stage: station for station in sorted(stations, key=by_stage)}
        rows = ORDER_ROWS.read(f"SELECT {ORDER_ROWS.columns} FROM home_order ORDER BY id", [])
        self.orders = {order.pk: order for order in rows}
        for order in rows:
            order.parts = []
        for item in ITEM_ROWS.read(f"SELECT {ITEM_ROWS.columns} FROM home_orderitem ORDER BY number", []):
            item.order = self.orders[item.order_id]
            item.order.parts.append(item)
        self.works = {key(work): work for order in self.orders.values() for work in works(order)}

    def find(self, work_key):
        """Return an order or an item, even if it does not take part by itself; None if it is not there."""
        order = self.orders.get(work_key[0])
        if order is None or not work_key[1]:
            return order
        return next((item for item in order.parts if item.number == work_key[1]), None)

    def state(self, work_key):
        """Return (stage, state) of what takes part by itself, else None."""
        work = self.works.get(work_key)
        return work and (work.stage, work.state)

    def is_left_to_people(self, work):
        """Return whether only a tap moves this work: everybody can see that it takes longer than usual."""
        station = self.stations[work.stage]
        return work.overdue and station.is_by_hand and station.goes_on_after_times is None

    def at(self, stage, state):
        return [work for work in self.works.values() if (work.stage, work.state) == (stage, state)]


def by_stage(station):
    return stages.WORKED.index(station.stage)


def events_since(pk):
    return EVENT_ROWS.read(f"SELECT {EVENT_ROWS.columns} FROM home_orderevent WHERE id > %s ORDER BY id", [pk])


def everything():
    """Return all that the kitchen has written: the orders, the belts, and the events of each order."""
    kitchen, events = Kitchen(), {}
    for event in events_since(0):
        events[event.order_id, event.seq] = [getattr(event, name) for name in EVENT_ROWS.attributes if name != "id"]
    belts = {stage: station.busy_until for stage, station in kitchen.stations.items()}
    return {pk: facts(order) for pk, order in kitchen.orders.items()}, belts, events


def check_step(old, new, events):
    """Compare the kitchen before a step with the kitchen after it, and with the events that the step wrote."""
    each_change_is_an_event(old, new, events)
    each_event_is_legal(old, new, events)
    orders_are_their_items(new)
    stations_are_fair(old, new, events)


# Orders, items and events


def each_change_is_an_event(old, new, events):
    by_order = {pk: list(rows) for pk, rows in groupby(sorted(events, key=lambda e: (e.order_id, e.seq)), by_pk)}
    for pk, order in new.orders.items():
        rows, before = by_order.get(pk, []), old.orders.get(pk)
        first = before.seq if before else 0
        assert [event.seq for event in rows] == list(range(first + 1, order.seq + 1)), "a seq without an event"
        if rows:
            assert rows[-1].order_stage == order.stage
        elif before:
            assert order.state == before.state
            for work in (order, *order.parts):
                assert loud_facts(work) == loud_facts(old.find(key(work))), "a change without an event"


def by_pk(event):
    return event.order_id


def each_event_is_legal(old, new, events):
    first = {}
    for event in events:
        work_key = (event.order_id, event.item or 0)
        if work_key not in first and new.find(work_key) is not None:
            first[work_key] = event
            assert is_legal(event, old, new), (event, old.state(work_key), new.state(work_key))
        is_taken_along = event.event == "started" and stages.BY_CODE[event.stage].is_taken
        assert event.event not in NATURAL or is_taken_along or not event.by_person
    for work_key, work in new.works.items():
        own = [event for event in events if (event.order_id, event.item or 0) == work_key]
        if own:
            assert own[-1].stage == work.stage, "the last event tells another stage"
        for event, following in pairwise([*own, None]):
            if event.event in COMPLETIONS:
                assert following is not None and following.event in NATURAL, "work that is done does not go on"
                assert following.stage == stages.after(event.stage, way_of(work))
    acts = {(event.order_id, event.event) for event in events if event.by_person}
    assert len(acts) <= 1 and sum(event.before is not None for event in events) <= 1


def is_legal(event, old, new):
    """Return True if this event can be the first of a step about its order or item."""
    work_key = (event.order_id, event.item or 0)
    before, known = old.works.get(work_key), old.find(work_key)
    if before is None:
        return is_legal_for_newcomer(event, known, new)
    station = new.stations.get(event.stage)
    same, left = event.stage == before.stage, event.stage == stages.after(before.stage, way_of(before))
    done = before.state == "working" and left
    return {
        "joined": done,
        "started": begins_rightly(event, station) and (done or (same and before.state == "waiting")),
        "delivered": event.stage == stages.LAST and done,
        "done": same and before.state == "working" and event.by_person,
        "overran": is_late(event, before, station),
        "assumed": is_late(event, before, station) and station.goes_on_after_times is not None,
        "overridden": not same,
        "recalled": stages.before(before.stage, way_of(before)) == (event.stage,),
        "remade": event.stage == stages.FIRST and event.item is not None,
        "rushed": same and not before.rushed,
        "retimed": same,
        "changed": same and before.stage == stages.FIRST,
        "held": same and before.state in ("waiting", "working"),
        "resumed": same and before.state == "held",
        "cancelled": event.stage == stages.CANCELLED.code,
        "undone": True,
    }[event.event]


def begins_rightly(event, station):
    """Return whether somebody took it along, where that is how work begins; elsewhere it begins by itself."""
    return station is not None and (event.by_person or not station.is_taken)


def is_late(event, before, station):
    is_up_to_people = station is not None and station.is_by_hand
    return is_up_to_people and (before.stage, before.state) == (event.stage, "working") and not event.by_person


def is_legal_for_newcomer(event, known, new):
    """Return the same for what did not take part by itself: new, done, ended, or an order whose items are at work."""
    if known is None:
        return event.event in ("joined", "started", "held") or event.event == event.stage
    if event.item is not None:  # done, and back again
        return event.event in ("recalled", "overridden", "remade", "undone")
    if event.event == "changed":  # without the pizzas that were not begun it can be further on
        return known.stage == stages.FIRST
    if event.event in ("joined", "started"):  # with its last item
        return not new.orders[event.order_id].cooking
    return event.event in ("rushed", "overridden", "recalled", "cancelled", "undone")


def orders_are_their_items(new):
    for order in new.orders.values():
        cooking = order.cooking
        if cooking:
            assert order.stage == min((item.stage for item in cooking), key=stages.number)
            assert (order.started_at, order.due_at, order.held, order.remaining_seconds) == (None, None, False, None)
            assert (order.ready_at, order.delivered_at) == (None, None)
        assert not order.rushed or all(item.rushed for item in cooking), "a rushed order with an item that is not"
        assert (order.delivered_at is None) == (order.stage != stages.LAST)
        assert order.way != stages.DELIVERY or order.ready_at is None
        assert not order.overdue or order.started_at is not None
        assert order.stage == stages.CANCELLED.code or order.stage in order.route.stages
        assert not order.parts or order.pizzas == sum(not item.is_struck for item in order.parts)
        for item in order.parts:
            assert not item.is_done or item.stage in (first_of_orders(new, order), stages.CANCELLED.code)
            assert item in cooking or (item.started_at, item.due_at, item.held) == (None, None, False)
            assert not item.overdue or item.state == "working"
            if not cooking and order.stage != stages.CANCELLED.code:
                assert item.is_done
    for work in new.works.values():
        assert (work.started_at is None) == (work.due_at is None) == (work.state != "working")


def first_of_orders(new, order):
    return next(stage for stage in order.route.stages if not new.stations[stage].is_of_items)


# Stations


def stations_are_fair(old, new, events):
    for station in new.stations.values():
        working, waiting = new.at(station.stage, "working"), new.at(station.stage, "waiting")
        seated = [work for work in working if old.state(key(work)) != (work.stage, "working")]
        assert all(isinstance(work, Order) != station.is_of_items for work in (*working, *waiting))
        stood = [work for work in waiting if old.state(key(work)) == (work.stage, "waiting")]
        assert not seated or station.is_open, "a closed station began something"
        for work in seated if not station.is_taken else []:
            assert all(turn(work) < turn(other) for other in stood), "not first come first served"
        if not station.is_belt:
            assert not seated or len(working) <= station.capacity, "a place was exceeded"
            if waiting and station.is_open and not station.is_taken:
                assert len(working) >= station.capacity, "someone waits before a free place"
        elif seated:
            keeps_headway(old.stations[station.stage], station, seated, events, new.shop.speed)


def keeps_headway(before, station, seated, events, speed):
    """Check that a belt took nothing while it was busy, and one at a time."""
    begun = {key(work): event.at for event in events for work in seated if key(work) == (event.order_id, event.item)}
    assert before.busy_until is None or all(moment >= before.busy_until for moment in begun.values())
    if station.headway_seconds:
        assert len(seated) == 1, "several were loaded at once"
        (moment,) = begun.values()
        loaded_for = (station.busy_until - moment).total_seconds()
        assert abs(loaded_for - station.headway_seconds / speed) < 2e-6


# The log as a whole


def intervals_of(events, gone):
    """Return {(stage, unit): [(start, end or None)]} of all work in the log: from `started` until what ends it.

    gone: {(pk, number): when an item was taken out of its order}. An order's event ends the work of its items if the
    order has left their stations, and an item's event ends the order's if the item is back at them.
    """
    found = defaultdict(list)
    for pk, rows in groupby(sorted(events, key=lambda event: (event.order_id, event.seq)), by_pk):
        began = {}
        for event in rows:
            for number in [number for number in began if ends(event, number, began[number][0])]:
                stage, start = began.pop(number)
                found[stage, bool(number)].append((start, min(event.at, gone.get((pk, number), event.at))))
            if event.event == "started":
                began[event.item or 0] = (event.stage, event.at)
        for number, (stage, start) in began.items():
            found[stage, bool(number)].append((start, gone.get((pk, number))))
    return found


def ends(event, number, stage):
    """Return True if an event ends the work of an item (or of the order: 0) at a stage."""
    if event.event in ("rushed", "retimed", "changed", "overran") or is_unrush(event):
        return False
    if (event.item or 0) == number:
        return True
    if event.item is None:
        return stages.number(event.stage) > stages.number(stage) or event.event == "undone"
    return number == 0 and stages.number(event.stage) < stages.number(stage)


def is_unrush(event):
    return event.event == "undone" and getattr(event, "is_unrush", False)


def crowds(intervals, capacity):
    """Find moments with more at work in a station than its places."""
    faults = []
    for (stage, _), rows in intervals.items():
        inside = 0
        for moment, change in sorted(edge for start, end in rows for edge in edges(start, end)):
            inside += change
            if change > 0 and inside > capacity(stage, moment):
                faults.append(f"{inside} in the {capacity(stage, moment)} places of {stage} at {moment}")
    return faults


def edges(start, end):
    """Return +1 at the start and -1 at the end, which comes before a start at the same moment."""
    if end is None:
        return [(start, 1)]
    return [(start, 1), (end, -1)] if start < end else []


def backwards(events):
    ordered = sorted(events, key=lambda event: (event.order_id, event.seq))
    return [
        (earlier, later)
        for earlier, later in pairwise(ordered)
        if earlier.order_id == later.order_id and later.at < earlier.at
    ]
