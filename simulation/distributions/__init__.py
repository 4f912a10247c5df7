"""The service-time distributions and their sampling, for both clocks. Imports numpy and the standard library only.

`table` has one entry for each distribution; each class has a file of its own. `one` draws for the live kitchen, `many`
for the simulator, and `remaining` draws the residual time of work that has gone on for a while, which a kitchen that
is simulated from the middle of an evening needs.
"""

from random import Random

from simulation.distributions.base import Distribution as Distribution
from simulation.distributions.base import Impossible as Impossible
from simulation.distributions.discrete import Discrete as Discrete
from simulation.distributions.empirical import Empirical as Empirical
from simulation.distributions.exponential import Exponential as Exponential
from simulation.distributions.fixed import Fixed as Fixed
from simulation.distributions.gamma import Gamma as Gamma
from simulation.distributions.hyperexponential import Hyperexponential as Hyperexponential
from simulation.distributions.lognormal import Lognormal as Lognormal
from simulation.distributions.lognormal import ShiftedLognormal as ShiftedLognormal
from simulation.distributions.pert import Pert as Pert
from simulation.distributions.quantiles import normal_quantile as normal_quantile
from simulation.distributions.sums import remaining_of_sum as remaining_of_sum
from simulation.distributions.table import DISTRIBUTIONS as DISTRIBUTIONS
from simulation.distributions.table import build as build
from simulation.distributions.table import choices as choices
from simulation.distributions.table import frozen as frozen
from simulation.distributions.table import own_moments as own_moments
from simulation.distributions.triangular import Triangular as Triangular
from simulation.distributions.truncated_normal import TruncatedNormal as TruncatedNormal
from simulation.distributions.uniform import Uniform as Uniform
from simulation.distributions.weibull import Weibull as Weibull


def draw(distribution: Distribution, *, order_id: str, stage: str, pizzas: int = 1) -> float:
    """Return the service time of one order at one stage, in kitchen seconds: the sum over its `pizzas`.

    The seed is the order and the stage, so the same question always has the same answer: a link of a
    Celery chain, a new chain after a crash and a replay all see one service time.
    """
    random = Random(f"{order_id}:{stage}")
    return sum(distribution.one(random) for _ in range(pizzas))
