"""A process that looks ahead for weeks does not grow, although measured means drift."""

from simulation import lookahead
from simulation.lookahead import PATHS, QUANTILES, ItemStanding, ServiceTime, Standing, State, Workplace

NUMBER_BYTES = 8
ITEM_STATIONS, ORDER_STATIONS = 2, 2


def test_ten_thousand_drifting_means_take_no_more_room_than_a_few(monkeypatch) -> None:
    monkeypatch.setattr(lookahead, "QUANTILES", 100)  # to be quick; counted below as they are
    rows = {
        lookahead.service_times_of: ORDER_STATIONS * PATHS,
        lookahead.item_times_of: ITEM_STATIONS * PATHS,
        lookahead.shares: PATHS,
        lookahead.quantiles: QUANTILES,
        lookahead.above: QUANTILES,
    }
    for kept in rows:
        kept.cache_clear()
    for number in range(10_000):
        service = ServiceTime("lognormal", 90 + number / 1000, 45.0, per_pizza=False)
        lookahead.service_times_of(str(number), 1, (service,) * ORDER_STATIONS)
        lookahead.item_times_of(str(number), (service,) * ITEM_STATIONS)
        lookahead.shares(str(number))
        lookahead.above(service, 1)
    megabytes = sum(kept.cache_info().currsize * size * NUMBER_BYTES for kept, size in rows.items()) / 2**20
    for kept in (lookahead.quantiles, lookahead.above):  # those of this test are too few
        kept.cache_clear()
    assert 5 < megabytes < 30


def test_a_thousand_orders_keep_all_their_draws() -> None:
    """Otherwise each would push out another's, and all would be drawn again every two seconds."""
    make = Workplace("make", 2, True, ServiceTime("fixed", 60, 0.0, per_pizza=False), unit="item")
    orders = [
        Standing(str(number), 0, None, pizzas, None, (ItemStanding(0, None, turn=1),) * pizzas)
        for number in range(1000)
        for pizzas in [(1, 1, 2, 3, 4)[number % 5]]
    ]
    state = State((make,), tuple(orders), 1.0, True)
    lookahead.look_ahead(state)
    drawn = [kept.cache_info().misses for kept in (lookahead.service_times_of, lookahead.item_times_of)]
    lookahead.look_ahead(state)
    assert [kept.cache_info().misses for kept in (lookahead.service_times_of, lookahead.item_times_of)] == drawn
