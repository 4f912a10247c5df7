"""Each distribution against its exact mean, variance and conditional residual, on both clocks."""

import math
import statistics
from dataclasses import dataclass
from random import Random
from statistics import NormalDist

import numpy as np
import pytest

from simulation import distributions
from simulation.distributions import build, remaining_of_sum
from simulation.distributions.text import overview, parse, written

# order-0 at baking, as the first kitchen drew its times
FIRST_DRAWS = {
    "fixed": 120,
    "exponential": 29.61996473700718,
    "lognormal": 88.59478601603888,
    "uniform": 73.23111574962817,
    "gamma": 82.44061313651493,
}
UPPER, STEPS = 20_000.0, 200_001  # seconds: the range of the integrals below
GRID = np.linspace(0, UPPER, STEPS)


@dataclass
class Case:
    """A distribution, and an independent formula for the chance that each time on GRID is exceeded."""

    code: str
    mean: float
    spread: float
    exceeds: np.ndarray
    own: dict | None = None

    @property
    def distribution(self):
        return build(self.code, self.mean, self.spread, self.own)

    def chance(self, seconds):
        return np.interp(seconds, GRID, self.exceeds)

    def integral(self, values, least=0.0):
        first = round(least / UPPER * (STEPS - 1))
        return float(np.trapezoid(values[first:], GRID[first:]))

    def mean_left(self, elapsed):
        return self.integral(self.exceeds, elapsed) / self.chance(elapsed)


def normal_tail(z):
    return np.array([math.erfc(value / math.sqrt(2)) / 2 for value in np.atleast_1d(z)])


def lognormal_tail(seconds, mean, spread):
    sigma = math.sqrt(math.log(1 + (spread / mean) ** 2))
    mu = math.log(mean) - sigma**2 / 2
    tail = np.ones_like(seconds)
    above = seconds > 0
    tail[above] = normal_tail((np.log(seconds[above]) - mu) / sigma)
    return tail


def triangular_tail(low, mode, high):
    density = np.interp(GRID, [low - 1e-9, mode, high + 1e-9], [0, 2 / (high - low), 0], left=0, right=0)
    return from_density(density)


def pert_tail(low, mode, high):
    x = np.clip((GRID - low) / (high - low), 0, 1)
    alpha, beta = 1 + 4 * (mode - low) / (high - low), 1 + 4 * (high - mode) / (high - low)
    return from_density(x ** (alpha - 1) * (1 - x) ** (beta - 1) * ((low <= GRID) & (high >= GRID)))


def from_density(density):
    below = np.concatenate([[0], np.cumsum((density[1:] + density[:-1]) / 2)])
    return 1 - below / below[-1]


def truncated_normal(mu, sigma):
    """Compute mean and spread by integration, without the class."""
    tail = normal_tail((GRID[::10] - mu) / sigma) / normal_tail(-mu / sigma)
    tail = np.interp(GRID, GRID[::10], tail)
    mean = np.trapezoid(tail, GRID)
    return Case("truncated_normal", mean, math.sqrt(2 * np.trapezoid(tail * GRID, GRID) - mean**2), tail)


RAYLEIGH_CV = math.sqrt(4 / math.pi - 1)
CASES = [
    Case("exponential", 100, 0, np.exp(-GRID / 100)),
    Case("lognormal", 100, 60, lognormal_tail(GRID, 100, 60)),
    Case("uniform", 70, 100 / math.sqrt(12), np.clip((120 - GRID) / 100, 0, 1)),
    Case("uniform", 70, 0, np.clip((120 - GRID) / 100, 0, 1), {"low": 20, "high": 120}),
    Case("gamma", 100, 50, np.exp(-GRID / 25) * sum((GRID / 25) ** i / math.factorial(i) for i in range(4))),
    Case("erlang", 90, 0, np.exp(-GRID / 30) * sum((GRID / 30) ** i / math.factorial(i) for i in range(3)), {"k": 3}),
    Case(
        "hyperexponential",
        100,
        0,
        0.7 * np.exp(-GRID / 40) + 0.3 * np.exp(-GRID / 240),
        {"p": [0.7, 0.3], "means": [40, 240]},
    ),
    Case("weibull", 100 * math.gamma(1.5), 100 * math.gamma(1.5) * RAYLEIGH_CV, np.exp(-((GRID / 100) ** 2))),
    Case("weibull", 100, 100 * math.sqrt(5), np.exp(-((GRID / 50) ** 0.5))),
    Case("triangular", 90, 0, triangular_tail(20, 50, 200), {"low": 20, "mode": 50, "high": 200}),
    Case("triangular", 180, 0, triangular_tail(40, 100, 400), {"low": 20, "mode": 50, "high": 200}),  # stretched
    Case("triangular", 80, 0, np.clip((200 - GRID) / 180, 0, 1) ** 2, {"low": 20, "mode": 20, "high": 200}),
    Case("triangular", 140, 0, 1 - np.clip((GRID - 20) / 180, 0, 1) ** 2, {"low": 20, "mode": 200, "high": 200}),
    Case("pert", 70, 0, pert_tail(20, 50, 200), {"low": 20, "mode": 50, "high": 200}),
    Case("pert", 50, 0, 1 - np.clip(1 - (1 - (GRID - 20) / 180) ** 5, 0, 1), {"low": 20, "mode": 20, "high": 200}),
    truncated_normal(100, 40),
    truncated_normal(-30, 120),
    Case("shifted_lognormal", 100, 40, lognormal_tail(np.maximum(GRID - 60, 0), 40, 40), {"shift": 60}),
]
CASES[-4].exceeds[GRID >= 200] = 0
CASES[-4].exceeds[GRID <= 20] = 1
NAMES = [f"{case.code}-{number}" for number, case in enumerate(CASES)]
ATOMS = [  # code, mean, own parameters, {value: chance}
    ("fixed", 450, {}, {450: 1}),
    ("discrete", 105, {"values": [100, 50, 200], "p": [0.5, 0.3, 0.2]}, {50: 0.3, 100: 0.5, 200: 0.2}),
    ("empirical", 92.5, {"values": [60, 90, 90, 130]}, {60: 0.25, 90: 0.5, 130: 0.25}),
]


def distance(case, sample, elapsed=0.0):
    """Return the largest distance of the sample from the chances given `elapsed` (Kolmogorov, Smirnov)."""
    rising = np.sort(sample)
    expected = 1 - case.chance(rising + elapsed) / case.chance(elapsed)
    ranks = np.arange(rising.size + 1) / rising.size
    return max(abs(expected - ranks[1:]).max(), abs(expected - ranks[:-1]).max())


@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_mean_and_variance_are_exact(case):
    mean = case.integral(case.exceeds)
    variance = 2 * case.integral(case.exceeds * GRID) - mean**2
    assert case.distribution.mean == pytest.approx(mean, rel=1e-4)
    assert case.distribution.variance == pytest.approx(variance, rel=2e-3)


@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_both_clocks_draw_from_it(case):
    """One in 10,000 correct samples is farther away than 2.23 / √n."""
    random = Random(1)
    live = np.array([case.distribution.one(random) for _ in range(5000)])
    simulated = case.distribution.many(np.random.default_rng(2), (100, 200))
    assert simulated.shape == (100, 200)
    assert distance(case, live) < 2.23 / math.sqrt(live.size)
    assert distance(case, simulated.ravel()) < 2.23 / math.sqrt(simulated.size)


@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_a_longer_draw_begins_like_a_shorter_one(case):
    short, long = (case.distribution.many(np.random.default_rng(3), shape) for shape in ((4, 3), (9, 3)))
    assert (short == long[:4]).all()


@pytest.mark.parametrize("elapsed", [0, 10, 30, 90, 150])
@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_the_residual_time_is_exact(case, elapsed):
    left = case.distribution.remaining(np.random.default_rng(4), np.array([elapsed, elapsed]), 10_000)
    assert left.shape == (10_000, 2)
    if case.chance(elapsed) == 0:
        assert (left == 0).all()
        return
    assert left.mean() == pytest.approx(case.mean_left(elapsed), abs=4.5 * left.std() / math.sqrt(left.size))
    assert distance(case, left.ravel(), elapsed) < 2.23 / math.sqrt(left.size)


@pytest.mark.parametrize("case", CASES, ids=NAMES)
@pytest.mark.parametrize("elapsed", [300.0, 1e4, 1e8])
def test_work_that_lasts_for_ever_has_a_residual_time(case, elapsed):
    """300 s is more than bounded distributions allow: nothing is left then."""
    left = case.distribution.remaining(np.random.default_rng(5), np.array([elapsed]), 50)
    assert np.isfinite(left).all() and (left >= 0).all()
    if case.code in ("uniform", "pert") or (case.code == "triangular" and case.mean < 180):
        assert (left == 0).all()


@pytest.mark.parametrize(("code", "mean", "own", "chances"), ATOMS, ids=[code for code, *_ in ATOMS])
def test_times_with_chances_of_their_own(code, mean, own, chances):
    found = build(code, mean, 0, own)
    assert found.mean == pytest.approx(sum(value * p for value, p in chances.items()))
    assert found.variance == pytest.approx(sum((value - mean) ** 2 * p for value, p in chances.items()))
    random = Random(6)
    for draws in ([found.one(random) for _ in range(4000)], found.many(np.random.default_rng(6), (40, 100)).ravel()):
        for value, p in chances.items():
            assert np.mean(np.array(draws) == value) == pytest.approx(p, abs=4 * math.sqrt(p * (1 - p) / 4000))
    for elapsed in (0, 50, 60, 99, 150, 450, 1e6):
        left = found.remaining(np.random.default_rng(7), np.array([elapsed]), 4000)[:, 0]
        longer = {value - elapsed: p for value, p in chances.items() if value > elapsed} or {0: 1}
        assert set(left) == set(longer)
        for value, p in longer.items():
            share = p / sum(longer.values())
            assert np.mean(left == value) == pytest.approx(share, abs=4 * math.sqrt(share * (1 - share) / 4000))


@pytest.mark.parametrize("cv", [0.01, 0.1, 0.577, 0.99])
def test_a_spread_is_found_over_the_whole_range(cv):
    for code in ("weibull", "truncated_normal"):
        draws = build(code, 100, cv * 100).many(np.random.default_rng(8), (200_000,))
        assert (draws.mean(), draws.std()) == pytest.approx((100, cv * 100), rel=0.02)


# Sums


@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_the_residual_time_of_several_pizzas(case):
    """Compare with all sums that turned out longer."""
    random = np.random.default_rng(9)
    sums = case.distribution.many(random, (100_000, 3)).sum(axis=1)
    for elapsed in (100, 290, 350):
        longer = sums[sums > elapsed] - elapsed
        left = remaining_of_sum(random, case.distribution, 3, elapsed, 20_000)
        found = min(left.size, 6.4 * longer.size)  # of that many candidates
        error = longer.std() * math.sqrt(1 / longer.size + 1 / found)
        assert left.mean() == pytest.approx(longer.mean(), abs=4 * error)


@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_several_pizzas_that_last_for_ever(case):
    left = remaining_of_sum(np.random.default_rng(10), case.distribution, 3, 1e5, 50)
    assert left.shape == (50,) and np.isfinite(left).all() and (left >= 0).all()


def test_several_fixed_pizzas():
    for elapsed, left in ((100, 200), (350, 0)):
        assert (remaining_of_sum(np.random.default_rng(11), build("fixed", 100, 0), 3, elapsed, 9) == left).all()


def test_the_quantiles_of_the_normal_distribution():
    chances = [1e-300, 1e-12, 0.001, 0.075, 0.3, 0.5, 0.975, 1 - 1e-9]
    quantiles = distributions.normal_quantile(chances)
    assert quantiles[1:] == pytest.approx([NormalDist().inv_cdf(p) for p in chances[1:]], rel=1e-12, abs=1e-12)
    assert quantiles[0] == pytest.approx(-37.0471, abs=1e-4)


def test_the_far_tail_of_a_lognormal_time_is_exact():
    """Beyond the smallest float the tail is nearly exponential, with the hazard as its rate."""
    found = build("lognormal", 100, 2)
    mu, sigma = found.mu_and_sigma
    elapsed = math.exp(mu + 60 * sigma)
    left = found.remaining(np.random.default_rng(12), np.array([elapsed]), 20_000)
    assert left.mean() == pytest.approx(elapsed * sigma / 60, rel=0.03)


# The live kitchen's draws


def draws(code, mean, spread, number=4000, pizzas=1):
    found = build(code, mean, spread)
    return [distributions.draw(found, order_id=f"order-{n}", stage="baking", pizzas=pizzas) for n in range(number)]


def test_the_same_order_and_stage_always_take_the_same_time():
    assert draws("lognormal", 120, 48, 5) == draws("lognormal", 120, 48, 5)
    found = build("lognormal", 120, 48)
    one, other = (distributions.draw(found, order_id="order-1", stage=stage) for stage in ("baking", "baked"))
    assert one != other


@pytest.mark.parametrize("code", FIRST_DRAWS)
def test_a_drawn_time_never_changes(code):
    """Orders are under way when the shop is upgraded: their links rely on the times that were drawn."""
    assert draws(code, 120, 48, 1)[0] == pytest.approx(FIRST_DRAWS[code], rel=1e-12)


def test_several_pizzas_are_several_draws():
    """Their spread grows only with the square root."""
    times = draws("lognormal", 120, 48, pizzas=4)
    assert statistics.mean(times) == pytest.approx(480, abs=4 * 96 / math.sqrt(len(times)))
    assert statistics.stdev(times) == pytest.approx(96, rel=0.1)


# The table


@pytest.mark.parametrize(
    ("code", "mean", "spread", "own", "words"),
    [
        ("uniform", 60, 40, {}, "would begin below 0"),
        ("gamma", 60, 0, {}, "gamma time needs a spread"),
        ("hyperexponential", 60, 59, {}, "at least the mean"),
        ("weibull", 60, 0, {}, "0.01 to 10 means"),
        ("truncated_normal", 60, 60, {}, "0.01 to 0.99 means"),
        ("shifted_lognormal", 60, 9, {"shift": 60}, "below the mean"),
        ("triangular", 60, 9, {}, "Triangular takes low, mode and high."),
        ("uniform", 60, 9, {"low": 3}, "Uniform takes low and high, or no parameters of its own."),
        ("fixed", 60, 0, {"low": 3}, "Fixed takes no parameters of its own."),
        ("pert", 60, 9, {"low": 3, "mode": 2, "high": 4}, "mode must be between"),
        ("empirical", 60, 9, {"values": [0, 0]}, "mean must be above 0"),
    ],
)
def test_impossible_parameters_are_refused_in_a_sentence(code, mean, spread, own, words):
    with pytest.raises(ValueError, match=words):
        build(code, mean, spread, own)


def test_every_entry_has_a_name_and_its_parameters_have_words():
    for code, entry in distributions.DISTRIBUTIONS.items():
        assert code == entry.code and len(code) <= 20 and entry.label
        assert all(parameter.help for form in entry.forms for parameter in form.parameters)
    assert "Triangular: low, mode and high." in overview()
    assert "Gamma" not in overview()


@pytest.mark.parametrize(
    ("text", "parameters"),
    [
        ("low 60, mode 90.5, high 240", {"low": 60, "mode": 90.5, "high": 240}),
        ("values 60 90 130; p: 0.2 0.3 0.5", {"values": [60, 90, 130], "p": [0.2, 0.3, 0.5]}),
        ("VALUES=60", {"values": [60]}),
        (" ", {}),
    ],
)
def test_parameters_are_written_as_people_write_them(text, parameters):
    assert parse(text) == parameters
    assert parse(written(parameters)) == parameters


def test_parameters_are_written_in_their_order():
    """PostgreSQL returns the names sorted by their length."""
    assert written({"low": 60, "high": 240, "mode": 90}) == "low 60, mode 90, high 240"
    assert written({"wide": 3}) == "wide 3"


@pytest.mark.parametrize("text", ["60", "low", "low 60 mode", "low sixty", '{"low": 60}', "low 1 low 2", "low 1-2"])
def test_other_texts_are_refused(text):
    with pytest.raises(ValueError, match=r"Parameters must look like|Say once"):
        parse(text)
