"""A process that looks ahead for weeks does not grow, although measured means drift."""

from simulation.lookahead import ItemStanding, ServiceTime, Standing, State, Workplace, look_ahead
from simulation.works import service as works
from simulation.works.service import PATHS, QUANTILES

NUMBER_BYTES = 8
ITEM_STATIONS, ORDER_STATIONS = 2, 2


def test_ten_thousand_drifting_means_take_no_more_room_than_a_few(monkeypatch) -> None:
    monkeypatch.setattr(works, "QUANTILES", 100)  # to be quick; counted below as they are
    rows = {
        works.service_times_of: ORDER_STATIONS * PATHS,
        works.item_times_of: ITEM_STATIONS * PATHS,
        works.shares: PATHS,
        works.shared_scores: PATHS,
        works.quantiles: QUANTILES,
        works.above: QUANTILES,
    }
    for kept in rows:
        kept.cache_clear()
    for number in range(10_000):
        service = ServiceTime("lognormal", 90 + number / 1000, 45.0, per_pizza=False)
        works.service_times_of(str(number), 1, (service,) * ORDER_STATIONS)
        works.item_times_of(str(number), (service,) * ITEM_STATIONS)
        works.shares(str(number))
        works.shared_scores(str(number), 0)
        works.above(service, 1)
    megabytes = sum(kept.cache_info().currsize * size * NUMBER_BYTES for kept, size in rows.items()) / 2**20
    for kept in (works.quantiles, works.above):  # those of this test are too few
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
    look_ahead(state)
    drawn = [kept.cache_info().misses for kept in (works.service_times_of, works.item_times_of)]
    look_ahead(state)
    assert [kept.cache_info().misses for kept in (works.service_times_of, works.item_times_of)] == drawn
