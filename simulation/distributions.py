"""The service-time laws and their sampling. Imports nothing of ours: both clocks use it.

A law of a station has a mean and a spread (standard deviation), both in kitchen seconds. A new law is one class here:
`one` draws for the live kitchen, `many` for the simulator, and `remaining` knows what is left of work that has gone
on for a while, as a kitchen that is simulated from the middle of an evening has to.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]
Generator = np.random.Generator


class Law(Protocol):
    """How long one piece of work takes. Seconds everywhere."""

    @property
    def mean(self) -> float: ...

    def many(self, random: Generator, shape: tuple[int, ...]) -> Array:
        """So many independent draws."""
        ...

    def remaining(self, random: Generator, elapsed: Array, rows: int) -> Array:
        """What is left of work that has gone on for `elapsed`, (orders,): (rows, orders) draws.

        Exactly the law, given that it is longer than that; 0 where it can't be any longer.
        """
        ...


class StationLaw(Law, Protocol):
    """A law that is given by its mean and spread, and that the live kitchen draws from, too."""

    def __init__(self, mean: float, spread: float) -> None: ...

    def one(self, random: Random) -> float: ...


@dataclass(frozen=True)
class Fixed:
    """Always the mean: a belt or a timer."""

    mean: float
    spread: float = 0.0

    def one(self, random: Random) -> float:
        return self.mean

    def many(self, random: Generator, shape: tuple[int, ...]) -> Array:
        return np.full(shape, self.mean)

    def remaining(self, random: Generator, elapsed: Array, rows: int) -> Array:
        return np.tile(np.maximum(self.mean - elapsed, 0.0), (rows, 1))


@dataclass(frozen=True)
class Exponential:
    """Memoryless; its spread is its mean, whatever is set."""

    mean: float
    spread: float = 0.0

    def one(self, random: Random) -> float:
        return random.expovariate(1 / self.mean)

    def many(self, random: Generator, shape: tuple[int, ...]) -> Array:
        return random.standard_exponential(shape) * self.mean

    def remaining(self, random: Generator, elapsed: Array, rows: int) -> Array:
        return self.many(random, (rows, elapsed.size))


@dataclass(frozen=True)
class Lognormal:
    """Work by hand: never below zero, now and then long.

    With cv = spread / mean: sigma² = ln(1 + cv²), mu = ln(mean) - sigma² / 2 (the moments of exp(N(mu, sigma²))).
    """

    mean: float
    spread: float

    @property
    def mu_and_sigma(self) -> tuple[float, float]:
        sigma_squared = math.log1p((self.spread / self.mean) ** 2)
        return math.log(self.mean) - sigma_squared / 2, math.sqrt(sigma_squared)

    def one(self, random: Random) -> float:
        return random.lognormvariate(*self.mu_and_sigma)

    def many(self, random: Generator, shape: tuple[int, ...]) -> Array:
        mu, sigma = self.mu_and_sigma
        draws = random.standard_normal(shape)
        draws *= sigma
        draws += mu
        return np.exp(draws, out=draws)

    def remaining(self, random: Generator, elapsed: Array, rows: int) -> Array:
        """The tail of a normal law beyond `least`, by inversion."""
        mu, sigma = self.mu_and_sigma
        if sigma == 0:
            return Fixed(self.mean).remaining(random, elapsed, rows)
        least = [(math.log(seconds) - mu) / sigma if seconds > 0 else -math.inf for seconds in elapsed]
        tail = np.array([max(math.erfc(value / math.sqrt(2)) / 2, 1e-300) for value in least])
        normal = -normal_quantile(tail * (1 - random.random((rows, elapsed.size))))
        return np.maximum(np.exp(mu + sigma * normal) - elapsed, 0.0)


@dataclass(frozen=True)
class Uniform:
    """Anything between two times is as likely: mean ± √3 spread. ValueError if that begins below 0."""

    mean: float
    spread: float

    @property
    def ends(self) -> tuple[float, float]:
        half = math.sqrt(3) * self.spread
        if half > self.mean * (1 + 1e-9):
            raise ValueError(f"A uniform time of {self.mean:g} ± {half:g} s would begin below 0.")
        return max(self.mean - half, 0.0), self.mean + half

    def one(self, random: Random) -> float:
        return random.uniform(*self.ends)

    def many(self, random: Generator, shape: tuple[int, ...]) -> Array:
        low, high = self.ends
        return low + (high - low) * random.random(shape)

    def remaining(self, random: Generator, elapsed: Array, rows: int) -> Array:
        low, high = self.ends
        least = np.clip(elapsed, low, high)
        left = least + (high - least) * random.random((rows, elapsed.size)) - elapsed
        return np.maximum(left, 0.0)


@dataclass(frozen=True)
class Gamma:
    """A sum of small steps. With a spread of mean / √k it is Erlang's of k steps. ValueError without a spread."""

    mean: float
    spread: float

    @property
    def shape_and_scale(self) -> tuple[float, float]:
        if self.spread <= 0:
            raise ValueError("A gamma law needs a spread above 0.")
        return (self.mean / self.spread) ** 2, self.spread**2 / self.mean

    def one(self, random: Random) -> float:
        return random.gammavariate(*self.shape_and_scale)

    def many(self, random: Generator, shape: tuple[int, ...]) -> Array:
        alpha, scale = self.shape_and_scale
        return random.standard_gamma(alpha, shape) * scale

    def remaining(self, random: Generator, elapsed: Array, rows: int) -> Array:
        alpha, scale = self.shape_and_scale
        columns = [_gamma_beyond(random, alpha, float(seconds) / scale, rows) for seconds in elapsed]
        return (np.stack(columns, axis=1) if columns else np.empty((rows, 0))) * scale


LAWS: dict[str, type[StationLaw]] = {
    "fixed": Fixed,
    "exponential": Exponential,
    "lognormal": Lognormal,
    "uniform": Uniform,
    "gamma": Gamma,
}
CHOICES = [(name, name.capitalize()) for name in LAWS]


def draw(law: str, mean_seconds: float, spread_seconds: float, *, order_id: str, stage: str, pizzas: int = 1) -> float:
    """The service time of one order at one stage, in kitchen seconds: the sum over its `pizzas`.

    The seed is the order and the stage, so the same question always has the same answer: a link of a
    Celery chain, a new chain after a crash and a replay all see one service time.
    """
    random = Random(f"{order_id}:{stage}")
    drawn = LAWS[law](mean_seconds, spread_seconds)
    return sum(drawn.one(random) for _ in range(pizzas))


# For the simulator alone


@dataclass(frozen=True)
class Hyperexponential:
    """One of several exponential laws, by chance: a short job or a long one."""

    chances: tuple[float, ...]  # relative to each other
    means: tuple[float, ...]

    @property
    def mean(self) -> float:
        return sum(p * mean for p, mean in zip(self.chances, self.means, strict=True)) / sum(self.chances)

    def many(self, random: Generator, shape: tuple[int, ...]) -> Array:
        chances = np.cumsum(self.chances)
        branch = np.searchsorted(chances, random.random(shape) * chances[-1], side="right")
        means: Array = np.array(self.means)[np.minimum(branch, len(self.means) - 1)]
        return random.standard_exponential(shape) * means

    def remaining(self, random: Generator, elapsed: Array, rows: int) -> Array:
        """Which of the laws it is becomes clearer with time (Bayes); what is left of that one is memoryless."""
        columns = []
        for seconds in elapsed:
            shortest_log = [
                math.log(p) - seconds / mean if p > 0 else -math.inf
                for p, mean in zip(self.chances, self.means, strict=True)
            ]
            most = max(shortest_log)
            weights = tuple(math.exp(value - most) for value in shortest_log)
            columns.append(Hyperexponential(weights, self.means).many(random, (rows,)))
        return np.stack(columns, axis=1) if columns else np.empty((rows, 0))


@dataclass(frozen=True)
class Empirical:
    """One of the times that were seen, each as likely."""

    values: tuple[float, ...]

    @property
    def mean(self) -> float:
        return math.fsum(self.values) / len(self.values)

    def many(self, random: Generator, shape: tuple[int, ...]) -> Array:
        return np.array(self.values)[random.integers(len(self.values), size=shape)]

    def remaining(self, random: Generator, elapsed: Array, rows: int) -> Array:
        rising = np.sort(self.values)
        first = np.searchsorted(rising, elapsed, side="right")
        chosen = first + np.floor(random.random((rows, elapsed.size)) * (rising.size - first)).astype(np.intp)
        return np.maximum(rising[np.minimum(chosen, rising.size - 1)] - elapsed, 0.0)


def remaining_of_sum(random: Generator, law: Law, number: int, elapsed_seconds: float, count: int) -> Array:
    """What is left of work that is the sum of `number` draws (an order's pizzas) and has gone on for so long."""
    if number == 1:
        return law.remaining(random, np.array([elapsed_seconds]), count)[:, 0]
    if isinstance(law, Fixed):
        return np.full(count, max(number * law.mean - elapsed_seconds, 0.0))
    if isinstance(law, Exponential | Gamma):  # a sum of such is a gamma law as well
        spread = law.spread if isinstance(law, Gamma) else law.mean
        total = Gamma(number * law.mean, math.sqrt(number) * spread)
        return total.remaining(random, np.array([elapsed_seconds]), count)[:, 0]
    return _sum_beyond(random, law, number, elapsed_seconds, count)


ROUNDS = 8
CANDIDATES = 4  # for each that is wanted


def _sum_beyond(random: Generator, law: Law, number: int, elapsed_seconds: float, count: int) -> Array:
    """By rejection: exact. Work that has gone on for longer than nearly all takes too long to find that way.

    What is then still missing is made up of one long piece, which is how such sums come about, and usual others.
    """
    found: list[Array] = []
    for _ in range(ROUNDS):
        sums = law.many(random, (CANDIDATES * count, number)).sum(axis=1)
        found.append(sums[sums > elapsed_seconds] - elapsed_seconds)
        if sum(part.size for part in found) >= count:
            return np.concatenate(found)[:count]
    kept = np.concatenate(found)
    others = law.many(random, (count - kept.size, number - 1)).sum(axis=1)
    beyond = [law.remaining(random, np.array([max(elapsed_seconds - other, 0.0)]), 1)[0, 0] for other in others]
    return np.concatenate([kept, np.array(beyond)])


def _gamma_beyond(random: Generator, alpha: float, least: float, count: int) -> Array:
    """X - least of a standard gamma law, given X > least, by rejection: from the law itself where that is likely
    enough, else from an exponential tail that lies above it."""
    plain = least <= max(alpha, 1.0) if alpha >= 1 else least < alpha
    rate = 1.0 if alpha < 1 or plain else 1 - (alpha - 1) / least
    found: list[Array] = []
    while sum(part.size for part in found) < count:
        if plain:
            draws = random.standard_gamma(alpha, 2 * count) - least
            found.append(draws[draws > 0])
        else:
            over = random.standard_exponential(2 * count) / rate
            ratio = over / least
            log_chance = (alpha - 1) * (np.log1p(ratio) - (ratio if alpha >= 1 else 0.0))
            found.append(over[np.log1p(-random.random(over.size)) <= log_chance])
    return np.concatenate(found)[:count]


# Wichura's algorithm AS 241 (PPND16), Applied Statistics 37 (1988): relative error about 1e-16
_CENTRE = (
    (2509.0809287301226727, 33430.575583588128105, 67265.770927008700853, 45921.953931549871457,
     13731.693765509461125, 1971.5909503065514427, 133.14166789178437745, 3.387132872796366608),
    (5226.495278852854561, 28729.085735721942674, 39307.89580009271061, 21213.794301586595867,
     5394.1960214247511077, 687.1870074920579083, 42.313330701600911252, 1.0),
)  # fmt: skip
_NEAR = (
    (7.7454501427834140764e-4, 0.0227238449892691845833, 0.24178072517745061177, 1.27045825245236838258,
     3.64784832476320460504, 5.7694972214606914055, 4.6303378461565452959, 1.42343711074968357734),
    (1.05075007164441684324e-9, 5.475938084995344946e-4, 0.0151986665636164571966, 0.14810397642748007459,
     0.68976733498510000455, 1.6763848301838038494, 2.05319162663775882187, 1.0),
)  # fmt: skip
_FAR = (
    (2.01033439929228813265e-7, 2.71155556874348757815e-5, 0.0012426609473880784386, 0.026532189526576123093,
     0.29656057182850489123, 1.7848265399172913358, 5.4637849111641143699, 6.6579046435011037772),
    (2.04426310338993978564e-15, 1.4215117583164458887e-7, 1.8463183175100546818e-5, 7.868691311456132591e-4,
     0.0148753612908506148525, 0.13692988092273580531, 0.59983220655588793769, 1.0),
)  # fmt: skip


def normal_quantile(chances: ArrayLike) -> Array:
    """Which value a standard normal draw stays below with these chances, in (0, 1)."""
    p = np.asarray(chances, dtype=np.float64)
    q = p - 0.5
    root = np.sqrt(-np.log(np.minimum(p, 1 - p)))
    tails = np.where(root <= 5, _ratio(_NEAR, root - 1.6), _ratio(_FAR, root - 5))
    return np.where(np.abs(q) <= 0.425, q * _ratio(_CENTRE, 0.180625 - q * q), np.where(q < 0, -tails, tails))


def _ratio(coefficients: tuple[Sequence[float], Sequence[float]], x: Array) -> Array:
    above, below = (np.polyval(row, x) for row in coefficients)
    result: Array = above / below
    return result
