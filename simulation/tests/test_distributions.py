import statistics

import pytest

from kitchen import stages
from simulation import distributions

# Of order-0 at baking, as the first kitchen drew them: fixed, exponential, lognormal
FIRST_DRAWS = [120, 29.61996473700718, 88.59478601603888]


def draws(law, mean, spread, n=4000, pizzas=1):
    return [
        distributions.draw(law, mean, spread, order_id=f"order-{i}", stage="baking", pizzas=pizzas) for i in range(n)
    ]


@pytest.mark.parametrize(
    ("law", "mean", "spread", "expected_spread"),
    [
        ("fixed", 450, 0, 0),
        ("exponential", 120, 0, 120),
        ("lognormal", 120, 48, 48),
        ("lognormal", 1200, 420, 420),
        ("uniform", 120, 48, 48),
        ("gamma", 120, 48, 48),
    ],
)
def test_mean_and_spread_are_as_set(law, mean, spread, expected_spread):
    """Within 4 standard errors; the draws are seeded, so this passes always or never."""
    times = draws(law, mean, spread)
    error = expected_spread / len(times) ** 0.5
    assert statistics.mean(times) == pytest.approx(mean, abs=4 * error + 1e-9)
    assert statistics.stdev(times) == pytest.approx(expected_spread, rel=0.15, abs=1e-9)
    assert min(times) > 0


def test_the_same_order_and_stage_always_take_the_same_time():
    assert draws("lognormal", 120, 48, n=5) == draws("lognormal", 120, 48, n=5)
    one, other = (
        distributions.draw("lognormal", 120, 48, order_id="order-1", stage=stage) for stage in ("baking", "baked")
    )
    assert one != other


def test_a_drawn_time_never_changes():
    """Orders are under way when the shop is renewed: their links count on the times that were drawn."""
    assert [draws(law, 120, 48, n=1)[0] for law in ("fixed", "exponential", "lognormal")] == pytest.approx(
        FIRST_DRAWS, rel=1e-12
    )


@pytest.mark.parametrize(("law", "mean", "spread"), [("uniform", 60, 40), ("gamma", 60, 0)])
def test_a_law_that_can_not_be_says_so(law, mean, spread):
    with pytest.raises(ValueError, match=law):
        draws(law, mean, spread, n=1)


def test_several_pizzas_are_several_draws():
    """Their spread grows with the square root only."""
    times = draws("lognormal", 120, 48, pizzas=4)
    assert statistics.mean(times) == pytest.approx(480, abs=4 * 96 / len(times) ** 0.5)
    assert statistics.stdev(times) == pytest.approx(96, rel=0.1)


def test_the_stages_follow_each_other():
    assert [stage.progress for stage in stages.STAGES] == [20, 40, 60, 80, 100]
    assert [stages.after(code) for code in stages.WORKED] == [
        "baking",
        "baked",
        "out_for_delivery",
        "delivered",
    ]
    assert stages.remaining("baked") == ("baked", "out_for_delivery")
    assert stages.remaining("delivered") == ()
    for code in stages.ENDED:
        with pytest.raises(ValueError, match="Nothing comes after"):
            stages.after(code)
