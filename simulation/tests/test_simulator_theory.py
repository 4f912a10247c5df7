"""The simulator against exact queueing theory, and against SimPy on the same inputs.

Every estimate has to lie within 4 of its own standard errors (over at least 100 replications) of the exact value.
Seeds are fixed, so a test passes always or never; a correct simulator fails one such comparison in 15,000.
Starting empty and stopping at the last order biases a mean by about a hundredth of its standard error here.
"""

import math
from functools import cache

import numpy as np
import pytest
import simpy

from simulation.confidence import student
from simulation.draws import Draws
from simulation.simulator import read_spec, simulate

HOUR = 3600
RATE = 36  # an hour: one in 100 seconds
GAP = HOUR / RATE


def station(capacity, distribution="exponential", **parameters):
    return {"name": distribution, "places": capacity, "service": {"law": distribution, **parameters}}


def ask(stations, arrivals=None, *, orders=4000, replications=150, **more):
    arrivals = arrivals or {"law": "poisson", "per_hour": RATE}
    spec = {"stations": stations, "arrivals": arrivals, "orders": orders, "replications": replications, **more}
    return simulate(read_spec(spec)).as_dict()


def assert_is(estimate, exact, replications=150):
    error = estimate["half_width"] / student(replications - 1)
    assert estimate["value"] == pytest.approx(exact, abs=4 * error + 1e-9), f"{exact} ± {error}"
    assert error < 0.05 * abs(exact) + 1e-9, "so wide an interval tests nothing"


def erlang_c(capacity, load):
    """Return the chance of waiting in M/M/c; load = arrival rate x mean service."""
    terms = [load**n / math.factorial(n) for n in range(capacity)]
    last = load**capacity / math.factorial(capacity) * capacity / (capacity - load)
    return last / (sum(terms) + last)


# Steady state


def test_one_exponential_place():
    """M/M/1: the time in the system is exponential, too."""
    mean = 70
    rho = mean / GAP
    result = ask([station(1, mean=mean)], warmup=0.1)
    row, lengths = result["stations"][0], result["time_in_system"]
    assert_is(row["wait_mean"], rho / (1 - rho) * mean)
    assert_is(row["wait_probability"], rho)
    assert_is(row["utilisation"], rho)
    assert_is(row["queue_mean"], rho**2 / (1 - rho))
    assert_is(row["service_mean"], mean)
    assert_is(lengths["mean"], mean / (1 - rho))
    for name, share in (("p05", 0.05), ("p50", 0.5), ("p95", 0.95)):
        assert_is(lengths[name], -math.log(1 - share) * mean / (1 - rho))
    assert_is(result["throughput_per_hour"], RATE)


@pytest.mark.parametrize(("capacity", "rho"), [(2, 0.8), (5, 0.8), (20, 0.8)])
def test_several_exponential_places(capacity, rho):
    """M/M/c: Erlang's C formula."""
    mean = rho * capacity * GAP
    waits = erlang_c(capacity, rho * capacity)
    row = ask([station(capacity, mean=mean)], warmup=0.2)["stations"][0]
    assert_is(row["wait_probability"], waits)
    assert_is(row["wait_mean"], waits * mean / (capacity * (1 - rho)))
    assert_is(row["utilisation"], rho)
    assert_is(row["busy_mean"], rho * capacity)


@pytest.mark.parametrize(
    ("distribution", "parameters", "variance"),
    [
        ("fixed", {"mean": 70}, 0),
        ("lognormal", {"mean": 70, "cv": 0.8}, (0.8 * 70) ** 2),
        ("uniform", {"low": 20, "high": 120}, 100**2 / 12),
        ("erlang", {"mean": 70, "k": 3}, 70**2 / 3),
        ("gamma", {"mean": 70, "cv": 1.2}, (1.2 * 70) ** 2),
        ("hyperexponential", {"p": [0.8, 0.2], "means": [50, 150]}, 2 * (0.8 * 50**2 + 0.2 * 150**2) - 70**2),
        ("empirical", {"values": [40, 40, 130]}, (30**2 + 30**2 + 60**2) / 3),
    ],
)
def test_one_place_with_any_distribution(distribution, parameters, variance):
    """M/G/1: Pollaczek and Khinchine; fixed is M/D/1."""
    rho = 70 / GAP
    row = ask([station(1, distribution, **parameters)], warmup=0.1)["stations"][0]
    assert_is(row["wait_mean"], (70**2 + variance) / GAP / (2 * (1 - rho)))
    assert_is(row["wait_probability"], rho)


def test_one_place_with_orders_of_several_pizzas():
    """M/G/1, an order's service being a random sum: its variance is that of the sum and of the number."""
    pizzas, mean, cv = {"1": 5, "2": 3, "4": 2}, 30, 0.6
    number = (5 + 2 * 3 + 4 * 2) / 10
    variance = number * (cv * mean) ** 2 + ((5 + 4 * 3 + 16 * 2) / 10 - number**2) * mean**2
    service = number * mean
    rho = service / GAP
    row = {**station(1, "gamma", mean=mean, cv=cv), "per_pizza": True}
    answer = ask([row], warmup=0.1, pizzas=pizzas)["stations"][0]
    assert_is(answer["service_mean"], service)
    assert_is(answer["wait_mean"], (service**2 + variance) / GAP / (2 * (1 - rho)))
    assert_is(answer["utilisation"], rho)


def crommelin(capacity, service):
    """Return (mean wait, chance of waiting) in M/D/c, exactly: in the system one service time later are those who
    stood in line and those who came since (Crommelin, 1932); the steady state of that chain, cut off far out."""
    most = 40 * capacity
    came = np.cumsum([0.0] + [math.log(n) for n in range(1, most + 1)])
    poisson = np.exp(np.arange(most + 1) * math.log(service / GAP) - service / GAP - came)
    steps = np.zeros((most + 1, most + 1))
    for there in range(most + 1):
        line = max(there - capacity, 0)
        steps[there, line:] = poisson[: most + 1 - line]
    steps[:, -1] += 1 - steps.sum(axis=1)
    chances = np.linalg.matrix_power(steps, 4096)[0]
    numbers = np.arange(most + 1)
    return np.maximum(numbers - capacity, 0) @ chances * GAP, chances[numbers >= capacity].sum()


@pytest.mark.parametrize(("capacity", "rho"), [(2, 0.8), (6, 0.85)])
def test_several_places_with_fixed_service(capacity, rho):
    """M/D/c, an oven."""
    mean, waits = crommelin(capacity, rho * capacity * GAP)
    row = ask([station(capacity, "fixed", mean=rho * capacity * GAP)], warmup=0.1)["stations"][0]
    assert_is(row["wait_mean"], mean)
    assert_is(row["wait_probability"], waits)


@pytest.mark.parametrize(("capacity", "rho"), [(1, 0.7), (2, 0.5), (2, 0.8), (6, 0.85)])
def test_the_exact_value_is_that_of_the_closed_formula(capacity, rho):
    """The mean wait in M/D/c, in service times, as a sum over Poisson tails (Crommelin, 1932; Pollaczek, 1930)."""
    total = 0.0
    for i in range(1, 400):
        mean, chances = i * rho * capacity, []
        for n in range(i * capacity, i * capacity + 600):
            chances.append(math.exp(n * math.log(mean) - mean - math.lgamma(n + 1)))
        total += sum(chances) - sum(chances[1:]) / rho
    assert crommelin(capacity, rho * capacity * GAP)[0] / (rho * capacity * GAP) == pytest.approx(total, rel=1e-6)
    if capacity == 1:
        assert total == pytest.approx(rho / (2 * (1 - rho)), rel=1e-9)


def test_a_row_of_stations():
    """M/M/1 -> M/M/3 -> M/M/1: Jackson; each as if alone, as departures from M/M/c are a Poisson stream again."""
    means, capacities = [60, 210, 50], [1, 3, 1]
    result = ask([station(count, mean=mean) for count, mean in zip(capacities, means, strict=True)], warmup=0.1)
    total = 0
    for row, count, mean in zip(result["stations"], capacities, means, strict=True):
        rho = mean / GAP / count
        waits = erlang_c(count, mean / GAP)
        wait = waits * mean / (count * (1 - rho))
        assert_is(row["wait_probability"], waits)
        assert_is(row["wait_mean"], wait)
        total += wait + mean
    assert_is(result["time_in_system"]["mean"], total)


def test_a_conveyor():
    """Its line is M/D/1 with the headway; the belt itself causes no wait."""
    result = ask([{"name": "belt", "service": {"law": "conveyor", "headway": 70, "delay": 420}}], warmup=0.1)
    wait = 70**2 / GAP / (2 * 0.3)
    assert_is(result["stations"][0]["wait_mean"], wait)
    assert_is(result["time_in_system"]["mean"], wait + 420)


def test_places_for_everybody():
    """M/G/infinity: nobody waits; the number in the system is the arrivals during one service."""
    result = ask([station(None, "lognormal", mean=300, cv=1)], warmup=0.1, orders=2000)
    assert result["stations"][0]["wait_mean"]["value"] == 0
    assert_is(result["stations"][0]["busy_mean"], 3)


# From empty


@pytest.mark.parametrize("capacity", [1, 3])
def test_the_first_orders_of_the_day(capacity):
    """M/M/c from empty: the number that the n-th finds, by a recursion; also with more work than capacity."""
    mean, orders, replications = 120 * capacity, 25, 6000
    finds = np.zeros(orders + 1)
    finds[0] = 1
    waits, chance = [], []
    for _ in range(orders):
        numbers = np.arange(orders + 1)
        waits.append((np.maximum(numbers - capacity + 1, 0) * mean / capacity) @ finds)
        chance.append(finds[capacity:].sum())
        after = np.zeros(orders + 1)
        for there in np.flatnonzero(finds):
            left = finds[there]
            for still in range(there + 1, -1, -1):  # how many leave before the next one comes
                leave = min(still, capacity) / mean
                after[still] += left * (1 / GAP) / (1 / GAP + leave)
                left *= leave / (1 / GAP + leave)
        finds = after
    row = ask([station(capacity, mean=mean)], orders=orders, replications=replications)["stations"][0]
    assert_is(row["wait_mean"], np.mean(waits), replications)
    assert_is(row["wait_probability"], np.mean(chance), replications)


@pytest.mark.parametrize(("per_hour", "seconds"), [(20, 327.5), (4, 28.2)])
def test_an_hour_of_orders_at_one_place(per_hour, seconds):
    """M/M/1 from empty, 24 an hour served, open for one hour: the mean wait of all orders (by the Kolmogorov
    equations: an order finds what the hour has brought so far), in which a day of many orders weighs more."""
    hour = {"arrivals": {"law": "poisson", "per_hour": per_hour}, "orders": None, "close_hours": 1}
    result = ask([station(1, mean=150)], **hour, replications=20_000)
    wait = result["stations"][0]["wait_mean"]
    assert wait["value"] == pytest.approx(seconds, abs=2 * wait["half_width"] + 0.05)
    assert wait["half_width"] < 0.04 * seconds


def test_the_percentiles_of_one_order_that_comes_now():
    """An arrival behind three at M/M/1 (120 s) and two at the M/M/1 after it (90 s): exact by its phases."""
    state = [{"station": 0, "elapsed": 30}, {"station": 0, "waiting": True}, {"station": 0, "waiting": True}]
    state += [{"station": 1, "elapsed": 10}, {"station": 1, "waiting": True}]
    now = {"law": "times", "seconds": [0]}
    row = [station(1, mean=120), station(1, mean=90)]
    lengths = ask(row, now, orders=1, replications=20_000, state=state)["time_in_system"]
    for name, exact in (("p05", 362.9), ("p50", 669.9), ("p95", 1149.2)):
        assert lengths[name]["value"] == pytest.approx(exact, abs=1.5 * lengths[name]["half_width"]), name
        assert lengths[name]["half_width"] < 0.02 * exact


@pytest.mark.parametrize("replications", [400, 20_000])
def test_the_percentile_is_that_of_all_orders(replications):
    """Exponential work of 60 s with places for everybody, 25 orders a replication: all of them exactly, or counted in
    cells."""
    lengths = ask([station(None, mean=60)], orders=25, replications=replications)["time_in_system"]
    for name, share in (("p05", 0.05), ("p50", 0.5), ("p95", 0.95)):
        exact = -60 * math.log(1 - share)
        assert lengths[name]["value"] == pytest.approx(exact, abs=1.5 * lengths[name]["half_width"]), name
    assert lengths["p95"]["half_width"] < 0.05 * 179.7


def test_the_interval_of_a_percentile_holds_as_often_as_it_says():
    hits = 0
    for seed in range(200):
        found = ask([station(1, mean=70)], orders=100, replications=30, seed=seed, warmup=0.2)["time_in_system"]["p95"]
        exact = ask_once()
        hits += abs(found["value"] - exact) <= found["half_width"]
    assert 0.9 <= hits / 200 <= 0.99


@cache
def ask_once():
    """Ask for the 95 % of those 80 orders, from enough of them."""
    return ask([station(1, mean=70)], orders=100, replications=30_000, seed=999, warmup=0.2)["time_in_system"]["p95"][
        "value"
    ]


@pytest.mark.parametrize(
    ("per_hour", "served", "minutes"), [(40, 45, 640 / 60), (3, 6, 10), (5, 6, 50), (2, 4, 15)], ids=str
)
def test_textbook_kitchens(per_hour, served, minutes):
    """Compare with the waits in exercises that people use to check a simulator."""
    row = [station(1, mean=HOUR / served)]
    arrivals = {"law": "poisson", "per_hour": per_hour}
    result = ask(row, arrivals, warmup=0.2, orders=10_000)
    assert_is(result["stations"][0]["wait_mean"], 60 * minutes)
    assert_is(result["time_in_system"]["mean"], 60 * minutes + HOUR / served)


RUSH = {"law": "steps", "per_hour": [10, 60, 0, 30], "hours": [11, 12, 12.75, 13, 14]}


def pad(arrivals):
    return np.pad(arrivals, ((0, 0), (0, 200 - arrivals.shape[1])), constant_values=np.inf)


def test_arrivals_follow_the_steps():
    """Each piece has a Poisson number of orders (mean and variance), anywhere in it with equal chance."""
    spec = read_spec({"stations": [station(1, mean=1)], "arrivals": RUSH, "replications": 5000})
    arrivals = np.concatenate([pad(Draws(spec, first, 500).arrivals(0, 200)) for first in range(0, 5000, 500)]) / HOUR
    for rate, begin, end in zip(RUSH["per_hour"], RUSH["hours"], RUSH["hours"][1:], strict=False):
        inside = (arrivals >= begin) & (arrivals < end)
        counts, exact = inside.sum(axis=1), rate * (end - begin)
        assert counts.mean() == pytest.approx(exact, abs=4 * math.sqrt(exact / len(counts)) + 1e-12)
        if exact:
            error = math.sqrt((exact + 2 * exact**2) / len(counts))  # of a Poisson variance
            assert counts.var() == pytest.approx(exact, abs=4 * error)
            shares = np.sort((arrivals[inside] - begin) / (end - begin))
            distance = abs(shares - np.linspace(0, 1, shares.size)).max()
            assert distance < 2.23 / math.sqrt(shares.size)  # Kolmogorov: one in 10,000 is further off
    assert not (arrivals[np.isfinite(arrivals)] > 14).any()


def test_the_line_during_a_rush():
    """M(t)/M/2 from empty, by its Kolmogorov equations: the mean line every ten minutes, and after closing."""
    capacity, mean, step = 2, 180, 600
    result = ask([station(capacity, mean=mean)], RUSH, orders=None, replications=4000, grid_seconds=step)["over_time"]
    most = 120
    numbers = np.arange(most + 1)
    chances = np.zeros(most + 1)
    chances[0] = 1
    line = result["stations"][0]["queue_mean"]
    rows = zip(result["seconds"], line["value"], line["half_width"], strict=True)
    compared = 0
    for seconds, value, half_width in rows:
        exact = np.maximum(numbers - capacity, 0) @ chances
        error = half_width / student(3999)
        if exact > 0.05:  # below, hardly any replication has a line, and its error can't be told from so few
            assert value == pytest.approx(exact, abs=4 * error), (seconds, error)
            compared += 1
        for minute in range(step // 60):
            hour = (seconds + 60 * minute + 30) / HOUR
            pieces = zip(RUSH["per_hour"], RUSH["hours"], RUSH["hours"][1:], strict=False)
            rate = sum(rate for rate, begin, end in pieces if begin <= hour < end) / HOUR
            chances = chances @ transition(rate, 1 / mean, capacity, most, 60)
    assert compared > 12


@cache
def transition(arrival_rate, service_rate, capacity, most, seconds):
    """Return P(t) of the birth and death chain, by uniformisation."""
    leave = np.minimum(np.arange(most + 1), capacity) * service_rate
    rates = np.diag(np.full(most, arrival_rate), 1) + np.diag(leave[1:], -1)
    rates -= np.diag(rates.sum(axis=1))
    fastest = arrival_rate + capacity * service_rate
    jump = np.eye(most + 1) + rates / fastest
    total, power, weight = np.zeros_like(jump), np.eye(most + 1), math.exp(-fastest * seconds)
    for n in range(1, 30):
        total += weight * power
        power, weight = power @ jump, weight * fastest * seconds / n
    return total


def test_a_rush_without_chance():
    """Twice as many as the place can do, for an hour: order n waits n x 30 s, the last of 120 an hour less 30 s."""
    seconds = [30 * n for n in range(120)]
    result = ask([station(1, "fixed", mean=60)], {"law": "times", "seconds": seconds}, orders=None, replications=1)
    assert result["stations"][0]["wait_mean"]["value"] == 30 * 119 / 2
    assert result["stations"][0]["utilisation"]["value"] == 1


# SimPy


def by_simpy(arrivals, services, capacities):
    """Return (start, end) of each order at each station."""
    env = simpy.Environment()
    benches = [simpy.Resource(env, count or len(arrivals)) for count in capacities]
    visits = [[(0.0, 0.0)] * len(capacities) for _ in arrivals]

    def order(number):
        yield env.timeout(arrivals[number])
        for here, bench in enumerate(benches):
            with bench.request() as request:
                yield request
                start = env.now
                yield env.timeout(services[here][number])
                visits[number][here] = (start, env.now)

    for number in range(len(arrivals)):
        env.process(order(number))
    env.run()
    return visits


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_simpy_sees_the_same(seed):
    """3,000 orders, more than a chunk, with one station overloaded now and then."""
    random = np.random.default_rng(seed)
    arrivals = np.cumsum(random.exponential(100, 3000)).tolist()
    capacities = [2, 6, 1, None, 12]
    services = [
        random.lognormal(5, 0.4, 3000).tolist(),
        [450.0] * 3000,
        random.gamma(3, 28, 3000).tolist(),
        random.uniform(30, 300, 3000).tolist(),
        random.lognormal(6.9, 0.35, 3000).tolist(),
    ]
    rows = [station(count, "times", seconds=work) for count, work in zip(capacities, services, strict=True)]
    spec = {"stations": rows, "arrivals": {"law": "times", "seconds": arrivals}, "trace": True}
    ours = simulate(read_spec(spec)).as_dict()["orders_trace"]
    for row, visits in zip(ours, by_simpy(arrivals, services, capacities), strict=True):
        for mine, theirs in zip(row["stations"], visits, strict=True):
            assert (mine["start"], mine["end"]) == pytest.approx(theirs, abs=1e-9, rel=0)
