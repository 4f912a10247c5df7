"""A process that looks ahead for weeks does not grow, although measured means drift."""

from simulation import lookahead
from simulation.lookahead import PATHS, QUANTILES, ServiceTime

NUMBER_BYTES = 8
STATIONS = 4


def test_ten_thousand_drifting_means_take_no_more_room_than_a_few(monkeypatch) -> None:
    monkeypatch.setattr(lookahead, "QUANTILES", 100)  # to be quick; counted below as they are
    rows = {lookahead.service_times_of: STATIONS * PATHS, lookahead.shares: PATHS, lookahead.quantiles: QUANTILES}
    for kept in rows:
        kept.cache_clear()
    for number in range(10_000):
        service = ServiceTime("lognormal", 90 + number / 1000, 45.0, per_pizza=False)
        lookahead.service_times_of(str(number), 1, (service,) * STATIONS)
        lookahead.shares(str(number))
        lookahead.quantiles(service, 1)
    megabytes = sum(kept.cache_info().currsize * size * NUMBER_BYTES for kept, size in rows.items()) / 2**20
    lookahead.quantiles.cache_clear()  # those of this test are too few
    assert 5 < megabytes < 15
