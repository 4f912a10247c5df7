"""An order's pizzas part at the make line and come together at the bench."""

import pytest
from django.core.exceptions import ValidationError

from home.models import Order, OrderEvent
from kitchen import flow, outlook
from kitchen.models import Shop, Station
from kitchen.tests.clock import NOON, at, begins, finish, finish_item, link_of, work_of, works_begun

pytestmark = [pytest.mark.database, pytest.mark.django_db, pytest.mark.usefixtures("sent", "cooked")]


@pytest.fixture
def three(small_kitchen, place, margherita, diavola):
    """Three(now) places an order of three pizzas, for a make line and an oven of two places each."""
    Station.objects.filter(works_on="item").update(capacity=2)
    return lambda now=NOON, **kwargs: place(now, [(margherita, 2), (diavola, 1)], **kwargs)


def fresh(order):
    return Order.objects.get(pk=order.pk)


def history(order):
    """Return [(seconds since noon, item, stage, event)]."""
    rows = order.events.values_list("at", "item", "stage", "event")
    return [((when - NOON).total_seconds(), item, stage, event) for when, item, stage, event in rows]


def states(order):
    return [(item.stage, item.state) for item in fresh(order).parts]


def run(order, until=None):
    """Let each link of an order arrive when it is due; return it."""
    run_both([order], until)
    return fresh(order)


def run_both(orders, until=None):
    """Let each link of some orders arrive when it is due."""
    while True:
        works = [work for order in map(fresh, orders) for work in (order, *order.parts)]
        due = [work for work in works if work.due_at and (until is None or work.due_at <= until)]
        if not due:
            return
        work = min(due, key=lambda work: (work.due_at, getattr(work, "number", 0)))
        begins(*link_of(work), clock=lambda now=work.due_at: now)


def test_pizzas_are_made_and_baked_side_by_side_and_go_on_together(three):
    order = run(three())

    assert history(order) == [
        (0, 1, "received", "started"),
        (0, 2, "received", "started"),
        (0, 3, "received", "joined"),
        (10, 1, "baking", "started"),
        (10, 3, "received", "started"),
        (10, 2, "baking", "started"),
        (20, 3, "baking", "joined"),
        (30, 1, "baked", "joined"),
        (30, 3, "baking", "started"),
        (30, 2, "baked", "joined"),
        (50, 3, "baked", "joined"),
        (50, None, "baked", "started"),
        (55, None, "out_for_delivery", "started"),
        (85, None, "delivered", "delivered"),
    ]
    assert list(order.events.values_list("seq", flat=True)) == list(range(1, 15))


def test_the_order_stands_where_its_least_advanced_pizza_is(three):
    order = three()
    seen = []
    for seconds in (0, 10, 20, 30, 50, 55, 85):
        found = run(order, at(seconds))
        payload = found.payload()
        shown = [(item["stage"], item["state"]) for item in payload["items"]]
        seen.append((payload["stage"], payload["state"], payload["progress"], payload["items_done"], shown))
    assert seen == [
        ("received", "working", 20, 0, [("received", "working")] * 2 + [("received", "waiting")]),
        ("received", "working", 20, 0, [("baking", "working")] * 2 + [("received", "working")]),
        ("baking", "working", 40, 0, [("baking", "working")] * 2 + [("baking", "waiting")]),
        ("baking", "working", 40, 2, [("baked", "done")] * 2 + [("baking", "working")]),
        ("baked", "working", 60, 3, [("baked", "working")] * 3),
        ("out_for_delivery", "working", 80, 3, [("out_for_delivery", "working")] * 3),
        ("delivered", "delivered", 100, 3, [("delivered", "delivered")] * 3),
    ]


def test_each_event_says_where_the_order_is(three):
    order = run(three())
    stages = list(order.events.values_list("order_stage", flat=True))
    assert stages == ["received"] * 6 + ["baking"] * 4 + ["baked"] * 2 + ["out_for_delivery", "delivered"]


def test_only_the_newest_link_of_an_item_moves_it(three):
    order = three()
    item = fresh(order).item(1)
    finish_item(order, 1, at(10))
    before = history(order)
    assert flow.finish_item(order.pk, 1, item.epoch, "received", clock=at(11)) is None
    assert flow.finish_item(order.pk, 9, item.epoch, "baking", clock=at(40)) is None
    assert flow.finish(order.pk, order.epoch, "received", clock=at(40)) is None  # of before there were items
    with pytest.raises(flow.TooEarly):
        flow.finish_item(order.pk, 1, item.epoch, "baking", clock=at(20))
    assert history(order) == before


def test_no_public_time_is_the_one_that_was_drawn(three):
    Station.objects.update(distribution="exponential", spread_seconds=10)
    order = fresh(three())
    payload = order.payload()
    for item, shown in zip(order.parts, payload["items"], strict=True):
        if item.due_at:
            assert shown["due_at"] != item.due_at.isoformat()
            assert payload["due_at"] != item.due_at.isoformat()


# Two ways out


def test_an_order_to_collect_is_ready_and_then_handed_over(small_kitchen, place):
    order = run(place(NOON, way="carry_out"))
    assert [row[2:] for row in history(order)] == [
        ("received", "started"),
        ("baking", "started"),
        ("baked", "joined"),
        ("baked", "started"),
        ("ready", "started"),
        ("delivered", "delivered"),
    ]
    assert (order.ready_at, order.delivered_at, order.fulfilled_at) == (at(35), at(635), at(35))
    payload = order.payload()
    assert (payload["way"], payload["status"], payload["words"]) == (
        "carry_out",
        "Collected",
        "Collected. Enjoy your meal!",
    )


def test_at_the_counter_it_waits_for_the_tap_if_the_shop_wants_that(small_kitchen, place, bob):
    Shop.objects.update(hands_over=False)
    order = place(NOON, way="carry_out")
    for seconds in (10, 30):
        finish(order, at(seconds))
    begins(*link_of(fresh(order)), clock=at(35))
    assert (fresh(order).stage, fresh(order).payload()["progress"], fresh(order).words) == (
        "ready",
        80,
        "Ready to collect",
    )
    assert works_begun(*link_of(fresh(order)), clock=at(1000)) == []  # the chain ends: it waits for a person
    assert fresh(order).overdue
    assert flow.recover(clock=at(2000)) == 0

    Shop.objects.update(hands_over=True)
    assert flow.recover(clock=at(2001)) == 1

    flow.advance(order.pk, bob, clock=at(2002))
    assert (fresh(order).state, fresh(order).ready_at) == ("delivered", at(35))


def test_each_way_has_its_own_stages(small_kitchen, place, bob):
    deliver, collect = place(NOON), place(NOON, way="carry_out")
    with pytest.raises(flow.Refused, match="never is “Ready to collect”: it is to be delivered"):
        flow.override(deliver.pk, "ready", bob, clock=at(1))
    with pytest.raises(flow.Refused, match="never is “Out for delivery”: it is to be collected"):
        flow.override(collect.pk, "out_for_delivery", bob, clock=at(1))
    flow.override(collect.pk, "ready", bob, clock=at(2))
    assert fresh(collect).ready_at == at(2)
    flow.recall(collect.pk, bob, clock=at(3))
    assert (fresh(collect).stage, fresh(collect).ready_at) == ("baked", None)


def test_an_unknown_way_is_refused(small_kitchen, place):
    with pytest.raises(flow.Refused, match="no way out called “drone”"):
        place(NOON, way="drone")
    assert not Order.objects.exists()


# What staff do with one pizza, and with all of them


def test_done_ends_the_work_of_one_pizza_or_of_all_that_are_under_way(three, bob):
    order = three()
    flow.advance(order.pk, bob, item=1, clock=at(1))
    assert [stage for stage, _ in states(order)] == ["baking", "received", "received"]
    flow.advance(order.pk, bob, clock=at(2))  # 2 and 3 are being made by now
    assert states(order) == [("baking", "working"), ("baking", "working"), ("baking", "waiting")]
    flow.advance(order.pk, bob, clock=at(3))
    assert states(order) == [("baked", "done"), ("baked", "done"), ("baking", "working")]
    with pytest.raises(flow.Refused, match=r"Margherita \(1\) is done already"):
        flow.advance(order.pk, bob, item=1, clock=at(4))
    with pytest.raises(flow.Refused, match="no such pizza"):
        flow.advance(order.pk, bob, item=4, clock=at(4))


def test_a_remade_pizza_begins_again_ahead_of_the_line(three, bob, place, diavola):
    order = run(three(), at(10))
    later = [place(at(11)), place(at(11))]
    stale = fresh(order).item(1).epoch

    begun = works_begun(flow.remake, order.pk, bob, "Burnt", item=1, clock=at(12))

    assert begun == []  # the make line is full, and the oven has nobody waiting
    assert history(order)[-1] == (12, 1, "received", "remade")
    assert order.events.last().sentence == "We are making it again: Burnt"
    assert flow.finish_item(order.pk, 1, stale, "baking", clock=at(30)) is None
    begun = begins(*link_of(fresh(later[0]).parts[0]), clock=at(21))
    assert begun == [later[0], order]
    assert fresh(order).item(1).state == "working"
    assert fresh(order).stage == "received"


def test_a_remade_pizza_takes_the_order_back_from_the_bench(three, bob, place):
    order, waiting = three(), place(NOON)
    run(order, at(52))
    assert fresh(order).stage == "baked"
    epoch = fresh(order).epoch

    flow.remake(order.pk, bob, "Dropped", item=3, clock=at(52))

    found = fresh(order)
    assert (found.stage, found.started_at, found.payload()["items_done"]) == ("received", None, 2)
    assert flow.finish(order.pk, epoch, "baked", clock=at(56)) is None
    run(order)
    assert fresh(order).state == "delivered"
    started = [row for row in history(order) if row[3] == "started" and row[1] is None]
    assert [stage for _, _, stage, _ in started] == ["baked", "baked", "out_for_delivery"]
    assert fresh(waiting).state == "working"


def test_what_has_not_been_begun_cannot_be_made_again(three, bob):
    order = three()
    with pytest.raises(flow.Refused, match="has not been begun"):
        flow.remake(order.pk, bob, item=3, clock=at(1))
    flow.override(order.pk, "delivered", bob, clock=at(2))
    with pytest.raises(flow.Refused, match="delivered already"):
        flow.remake(order.pk, bob, item=1, clock=at(3))


def test_hold_and_resume_of_one_pizza_keep_its_work(three, bob):
    order = three()
    flow.hold(order.pk, bob, item=1, clock=at(4))
    assert states(order) == [("received", "held"), ("received", "working"), ("received", "working")]
    assert fresh(order).state == "working"
    flow.resume(order.pk, bob, item=1, clock=at(5))
    assert fresh(order).item(1).state == "waiting"
    run(order, at(10))
    item = fresh(order).item(1)
    assert (item.started_at, item.due_at) == (at(6), at(16))


def test_pizzas_that_are_resumed_together_go_on_in_their_old_turn(three, bob):
    Station.objects.filter(stage="baking").update(capacity=1)
    order = three()
    flow.hold(order.pk, bob, item=1, clock=at(4))
    flow.resume(order.pk, bob, item=1, clock=at(5))  # behind 2 and 3, so that it comes to the oven last
    run(order, at(16))
    assert states(order)[0][0] == "baking"
    flow.hold(order.pk, bob, clock=at(17))
    flow.resume(order.pk, bob, clock=at(18))
    working = [item.number for item in fresh(order).parts if item.stage == "baking" and item.state == "working"]
    assert working == [min(fresh(order).parts, key=lambda item: (item.joined_at, item.number)).number] != [1]


def test_hold_of_an_order_puts_all_its_pizzas_aside(three, bob):
    order = three()
    flow.hold(order.pk, bob, clock=at(4))
    assert [state for _, state in states(order)] == ["held"] * 3
    assert fresh(order).state == "held"
    with pytest.raises(flow.Refused, match="on hold already"):
        flow.hold(order.pk, bob, clock=at(5))
    flow.resume(order.pk, bob, clock=at(6))
    assert [state for _, state in states(order)] == ["working", "working", "waiting"]


def test_rush_of_an_order_counts_in_every_line(three, bob, place):
    first, second = three(), three(at(1))
    flow.rush(second.pk, bob, clock=at(2))
    assert finish_item(first, 1, at(10)) == [first, second]
    flow.rush(first.pk, bob, item=3, clock=at(11))
    with pytest.raises(flow.Refused, match="rushed already"):
        flow.rush(first.pk, bob, item=3, clock=at(12))
    run_both([first, second])
    assert fresh(second).rushed


def test_a_struck_pizza_costs_nothing_and_the_others_go_on(three, bob):
    order = three()
    flow.cancel(order.pk, bob, "No salami left", item=3, clock=at(1))
    found = fresh(order)
    assert (found.summary, found.pizzas, found.amount) == ("2 × Margherita", 2, 19)
    assert found.payload()["items"][2]["state"] == "cancelled"
    assert run(order).delivered_at == at(65)


def test_the_last_pizza_that_is_struck_joins_the_others(three, bob):
    order = three()
    run(order, at(30))
    assert fresh(order).stage == "baking"
    flow.cancel(order.pk, bob, item=3, clock=at(31))
    assert (fresh(order).stage, fresh(order).state) == ("baked", "working")


def test_striking_the_only_pizza_cancels_the_order(small_kitchen, place, bob):
    order = place(NOON)
    flow.cancel(order.pk, bob, item=1, clock=at(1))
    assert fresh(order).state == "cancelled"


def test_override_moves_all_pizzas_and_back_again(three, bob):
    order = run(three(), at(10))
    flow.override(order.pk, "out_for_delivery", bob, clock=at(11))
    assert (fresh(order).state, [item.is_done for item in fresh(order).parts]) == ("working", [True] * 3)
    flow.override(order.pk, "received", bob, clock=at(12))
    assert states(order) == [("received", "working"), ("received", "working"), ("received", "waiting")]
    flow.cancel(order.pk, bob, clock=at(13))
    assert [item["state"] for item in fresh(order).payload()["items"]] == ["cancelled"] * 3
    flow.override(order.pk, "baking", bob, clock=at(14))
    run(order)
    assert fresh(order).state == "delivered"


def test_one_pizza_can_be_moved_where_pizzas_go_alone(three, bob):
    order = three()
    flow.override(order.pk, "baking", bob, item=3, clock=at(1))
    assert states(order)[2] == ("baking", "working")
    flow.recall(order.pk, bob, item=3, clock=at(2))
    assert states(order)[2] == ("received", "waiting")
    flow.override(order.pk, "baked", bob, item=3, clock=at(3))
    assert states(order)[2] == ("baked", "done")
    with pytest.raises(flow.Refused, match="A pizza alone can't be “Delivered”"):
        flow.override(order.pk, "delivered", bob, item=1, clock=at(4))


# Undoing, and clicks on what has changed


def test_a_sibling_that_moved_refuses_nobody(three, bob):
    order = three()
    seen = fresh(order).seq
    finish_item(order, 1, at(10))
    assert fresh(order).seq > seen
    flow.hold(order.pk, bob, item=2, seen=seen, clock=at(10))
    with pytest.raises(flow.Refused, match="moved on"):
        flow.hold(order.pk, bob, item=1, seen=seen, clock=at(10))


@pytest.mark.parametrize(
    "verb", [flow.advance, flow.hold, flow.cancel, flow.remake, flow.rush], ids=lambda verb: verb.__name__
)
def test_an_action_on_one_pizza_can_be_undone_though_a_sibling_moved(three, bob, verb):
    order = three()
    before = [(item.stage, item.state, item.joined_at, item.rushed) for item in fresh(order).parts]
    verb(order.pk, bob, item=1, clock=at(4))
    seq = fresh(order).seq
    finish_item(order, 2, at(10))
    flow.undo(order.pk, seq, bob, clock=at(11))
    found = fresh(order).item(1)
    assert (found.stage, found.joined_at, found.rushed) == (before[0][0], before[0][2], before[0][3])
    assert (fresh(order).summary, fresh(order).amount) == ("2 × Margherita, 1 × Diavola", 31)
    with pytest.raises(flow.Refused):
        flow.undo(order.pk, seq, bob, clock=at(12))
    run(order)
    assert fresh(order).state in ("delivered", "working")


def test_an_action_cannot_be_undone_once_that_pizza_has_moved_on(three, bob):
    order = three()
    flow.advance(order.pk, bob, item=1, clock=at(1))
    seq = fresh(order).seq
    flow.advance(order.pk, item=1, clock=at(2))
    with pytest.raises(flow.Refused, match="too late to undo"):
        flow.undo(order.pk, seq, bob, clock=at(3))


@pytest.mark.parametrize("stage", ["received", "baking", "baked", "out_for_delivery"])
@pytest.mark.parametrize("target", ["received", "baking", "baked", "out_for_delivery", "delivered", "cancelled"])
def test_an_override_of_an_order_can_be_undone_wherever_it_was(three, bob, stage, target):
    order = three()
    run(order, at({"received": 0, "baking": 20, "baked": 50, "out_for_delivery": 55}[stage]))
    before = [(item.stage, item.is_done, item.joined_at) for item in fresh(order).parts]
    if stage == target:
        return
    flow.override(order.pk, target, bob, clock=at(56))
    flow.undo(order.pk, fresh(order).seq, bob, clock=at(57))
    found = fresh(order)
    assert found.stage == stage
    assert [(item.stage, item.is_done, item.joined_at) for item in found.parts] == before
    assert run(order).state == "delivered"


# Belts


@pytest.fixture
def belt(small_kitchen):
    """A make line with a place for everybody, and an oven that takes a pizza every 7 seconds, for 20."""
    Station.objects.filter(stage="received").update(capacity=10)
    Station.objects.filter(stage="baking").update(kind="belt", headway_seconds=7)


def loaded():
    events = OrderEvent.objects.filter(stage="baking", event="started")
    return [(event.at - NOON).total_seconds() for event in events]


def wake(now):
    station = Station.objects.get(stage="baking")
    return begins(flow.load, "baking", station.busy_until, clock=now)


def test_on_a_belt_nothing_waits_for_a_place_only_for_the_headway(belt, place, margherita):
    order = place(NOON, [(margherita, 4)])
    for number in range(1, 5):
        finish_item(order, number, at(10))
    assert loaded() == [10]
    for seconds in (17, 24, 31):
        assert wake(at(seconds)) == [order]
    assert loaded() == [10, 17, 24, 31]
    assert [item.due_at for item in fresh(order).parts] == [at(30), at(37), at(44), at(51)]


def test_a_belt_is_woken_for_the_next_loading(belt, place, margherita):
    awaited = []

    def note(station, due_monotonic, **kwargs):
        awaited.append((station.stage, station.busy_until))

    flow.loading_awaited.connect(note)
    try:
        order = place(NOON, [(margherita, 3)])
        for number in (1, 2, 3):
            finish_item(order, number, at(10))
        assert awaited == [("baking", at(17))]  # once, for all that wait
        wake(at(17))
        assert awaited == [("baking", at(17)), ("baking", at(24))]
        assert begins(flow.load, "baking", at(17), clock=at(24)) == []  # an old message
        wake(at(24))
    finally:
        flow.loading_awaited.disconnect(note)
    assert awaited == [("baking", at(17)), ("baking", at(24))]  # nobody waits any more


def test_a_loading_that_comes_too_early_is_told_when_to_come(belt, place, margherita):
    order = place(NOON, [(margherita, 2)])
    for number in (1, 2):
        finish_item(order, number, at(10))
    with pytest.raises(flow.TooEarly) as early:
        wake(at(12))
    assert early.value.seconds == 5


def test_a_closed_belt_finishes_what_is_on_it(belt, place, margherita):
    order = place(NOON, [(margherita, 2)])
    for number in (1, 2):
        finish_item(order, number, at(10))
    flow.change_station("baking", is_open=False, clock=at(11))
    assert wake(at(17)) == []
    finish_item(order, 1, at(30))
    assert states(order) == [("baked", "done"), ("baking", "waiting")]
    assert begins(flow.change_station, "baking", is_open=True, clock=at(40)) == [order]


def test_what_was_taken_off_a_belt_goes_all_the_way_again(belt, place, bob):
    order = place(NOON)
    finish(order, at(10))
    flow.hold(order.pk, bob, clock=at(15))
    flow.resume(order.pk, bob, clock=at(20))
    assert (work_of(order).started_at, work_of(order).due_at) == (at(20), at(40))


def test_the_sweep_loads_a_belt_whose_wake_was_lost(belt, place, margherita):
    order = place(NOON, [(margherita, 2)])
    for number in (1, 2):
        finish_item(order, number, at(10))
    assert begins(flow.seat_all, clock=at(12)) == []
    assert begins(flow.seat_all, clock=at(18)) == [order]


def test_a_newcomer_does_not_overtake_those_who_wait_for_a_late_loading(belt, place, margherita):
    first, second = place(NOON, [(margherita, 2)]), place(at(8))
    for number in (1, 2):
        finish_item(first, number, at(10))
    assert finish(second, at(18)) == [first]  # the loading at 17 has not come yet
    assert [item.state for item in fresh(second).parts] == ["waiting"]
    assert fresh(first).item(2).state == "working"


def test_a_new_speed_stretches_the_headway(belt, place, margherita):
    order = place(NOON, [(margherita, 2)])
    for number in (1, 2):
        finish_item(order, number, at(10))
    flow.set_speed(2, clock=at(13))
    assert Station.objects.get(stage="baking").busy_until == at(15)
    assert wake(at(15)) == [order]


# What a station works on


def test_stations_of_pizzas_come_first(small_kitchen):
    with pytest.raises(flow.Refused, match="must come before"):
        flow.change_station("received", works_on="order")
    flow.change_station("baking", works_on="order")
    flow.change_station("received", works_on="order")
    assert not Station.objects.filter(works_on="item").exists()


def test_it_changes_only_in_an_empty_kitchen(small_kitchen, place):
    place(NOON)
    with pytest.raises(flow.Refused, match="only while no order is open"):
        flow.change_station("baking", works_on="order", clock=at(1))


def test_a_shop_that_bakes_whole_orders_joins_them_before_the_oven(small_kitchen, place, margherita):
    flow.change_station("baking", works_on="order", clock=NOON)
    order = run(place(NOON, [(margherita, 2)]))
    assert history(order) == [
        (0, 1, "received", "started"),
        (0, 2, "received", "joined"),
        (10, 1, "baking", "joined"),
        (10, 2, "received", "started"),
        (20, 2, "baking", "joined"),
        (20, None, "baking", "started"),
        (40, None, "baked", "started"),
        (45, None, "out_for_delivery", "started"),
        (75, None, "delivered", "delivered"),
    ]


def test_a_shop_that_works_on_whole_orders_is_the_one_of_before(small_kitchen, place, margherita, diavola, bob):
    for stage in ("baking", "received"):
        flow.change_station(stage, works_on="order", clock=NOON)
    Station.objects.filter(stage="received").update(per_pizza=True)
    order = place(NOON, [(margherita, 2)])
    flow.change(order.pk, [(diavola, 3)], bob, clock=at(1))
    order = run(order)
    assert history(order) == [
        (0, None, "received", "started"),
        (1, None, "received", "changed"),
        (31, None, "baking", "started"),
        (51, None, "baked", "started"),
        (56, None, "out_for_delivery", "started"),
        (86, None, "delivered", "delivered"),
    ]
    assert [item["name"] for item in order.payload()["items"]] == ["Diavola"] * 3


def test_a_bench_of_pizzas_knows_both_ways(small_kitchen, place):
    flow.change_station("baked", works_on="item", clock=NOON)
    assert run(place(NOON, way="carry_out")).ready_at == at(35)
    assert run(place(at(700))).delivered_at == at(765)


@pytest.mark.parametrize("stage", ["out_for_delivery", "ready"])
def test_drivers_and_the_counter_work_on_orders(small_kitchen, stage):
    flow.change_station("baked", works_on="item", clock=NOON)
    with pytest.raises(flow.Refused, match="work on whole orders"):
        flow.change_station(stage, works_on="item", clock=NOON)


# More of what a click was about


def test_a_second_tap_on_done_does_not_end_what_nobody_saw_under_way(three, bob):
    order = three()
    seen = fresh(order).seq
    flow.advance(order.pk, bob, seen=seen, clock=at(9))
    with pytest.raises(flow.Refused, match="has moved on since you saw it"):
        flow.advance(order.pk, bob, seen=seen, clock=at(9.2))
    assert states(order)[2] == ("received", "working")


def test_done_for_all_leaves_out_what_has_begun_since(three, bob):
    order = three()
    seen = fresh(order).seq
    finish_item(order, 1, at(10))
    flow.advance(order.pk, bob, seen=seen, clock=at(10))
    assert [stage for stage, _ in states(order)] == ["baking", "baking", "received"]


def test_a_click_on_a_pizza_is_not_meant_for_the_one_that_is_made_again(three, bob, margherita, diavola):
    order = three()
    seen = fresh(order).seq
    flow.remake(order.pk, bob, item=1, clock=at(9))
    with pytest.raises(flow.Refused, match=r"Margherita \(1\) has moved on: it is being made already"):
        flow.advance(order.pk, bob, item=1, seen=seen, clock=at(9.5))
    seen = fresh(order).seq
    flow.change(order.pk, [(margherita, 3)], bob, clock=at(9.6))
    with pytest.raises(flow.Refused, match="has moved on"):
        flow.cancel(order.pk, bob, "No salami left", item=3, seen=seen, clock=at(9.7))


def test_an_undone_rush_is_no_reason_to_refuse(three, bob):
    order = three()
    flow.rush(order.pk, bob, clock=at(1))
    flow.undo(order.pk, fresh(order).seq, bob, clock=at(2))
    seen = fresh(order).seq
    finish_item(order, 1, at(10))
    flow.hold(order.pk, bob, item=2, seen=seen, clock=at(10))


def test_a_rush_can_be_undone_though_a_pizza_has_moved(three, bob):
    order = three()
    flow.rush(order.pk, bob, clock=at(9))
    seq = fresh(order).seq
    finish_item(order, 1, at(10))
    flow.undo(order.pk, seq, bob, clock=at(11))
    assert not fresh(order).rushed
    assert not any(item.rushed for item in fresh(order).parts)


def test_nothing_is_undone_once_the_stations_work_on_something_else(three, bob):
    order = three()
    flow.cancel(order.pk, bob, clock=at(1))
    for stage in ("baking", "received"):
        flow.change_station(stage, works_on="order", clock=at(2))
    with pytest.raises(flow.Refused, match="nothing to undo"):
        flow.undo(order.pk, fresh(order).seq, bob, clock=at(3))


def test_new_pizzas_of_an_order_on_hold_are_on_hold(three, bob, margherita):
    order = three()
    flow.hold(order.pk, bob, clock=at(1))
    flow.change(order.pk, [(margherita, 5)], bob, clock=at(2))
    assert [state for _, state in states(order)] == ["held"] * 5
    flow.resume(order.pk, bob, clock=at(3))
    assert run(order).state == "delivered"


def test_a_tap_hands_an_order_over(small_kitchen, place, bob):
    order = place(NOON, way="carry_out")
    flow.override(order.pk, "ready", bob, clock=at(1))
    flow.advance(order.pk, bob, clock=at(2))
    tap, event = list(order.events.all())[-2:]
    assert (tap.event, tap.by, tap.sentence) == ("done", bob, "Handed over")
    assert (event.event, event.sentence) == ("delivered", "Collected. Enjoy your meal!")
    flow.undo(order.pk, event.seq, bob, clock=at(3))
    assert (fresh(order).stage, fresh(order).ready_at) == ("ready", at(1))


# What the others are told


def test_a_refused_change_of_a_station_is_not_what_pages_know(three):
    order = fresh(three())
    with pytest.raises(ValidationError):
        flow.change_station("received", mean_seconds=-1000, clock=at(1))
    assert outlook.stations.get("received").mean_seconds == 10
    assert order.payload()["due_at"] is not None


def test_a_sweep_does_not_ask_again_for_the_next_loading(belt, place, margherita):
    awaited = []

    def note(station, **kwargs):
        awaited.append(station.busy_until)

    order = place(NOON, [(margherita, 3)])
    for number in (1, 2, 3):
        finish_item(order, number, at(10))
    flow.loading_awaited.connect(note)
    try:
        flow.seat_all(clock=at(12))
        flow.hold(order.pk, item=1, clock=at(13))
        assert awaited == []
        flow.change_station("baking", is_open=False, clock=at(14))
        flow.change_station("baking", is_open=True, clock=at(15))
    finally:
        flow.loading_awaited.disconnect(note)
    assert awaited == [at(17)]


def test_a_pizza_made_again_wakes_the_belt_that_it_waits_for(small_kitchen, place, bob):
    Station.objects.filter(stage="received").update(kind="belt", headway_seconds=7)
    awaited = []

    def note(station, **kwargs):
        awaited.append((station.stage, station.busy_until))

    order = place(NOON)
    flow.loading_awaited.connect(note)
    try:
        flow.remake(order.pk, bob, item=1, clock=at(3))
    finally:
        flow.loading_awaited.disconnect(note)
    assert awaited == [("received", at(7))]
