import pytest

from kitchen import stages


def test_the_stages_follow_each_other():
    assert {way: [stages.BY_CODE[code].progress for code in route.stages] for way, route in stages.ROUTES.items()} == {
        "delivery": [20, 40, 60, 80, 100],
        "carry_out": [20, 40, 60, 80, 100],
    }
    assert following("delivery") == ["baking", "baked", "out_for_delivery", "delivered"]
    assert following("carry_out") == ["baking", "baked", "ready", "delivered"]
    assert stages.remaining("baked") == ("baked", "out_for_delivery")
    assert stages.remaining("baked", "carry_out") == ("baked", "ready")
    for code in stages.ENDED:
        assert stages.remaining(code) == stages.remaining(code, "carry_out") == ()
        with pytest.raises(ValueError, match="Nothing comes after"):
            stages.after(code)


def following(way):
    return [stages.after(code, way) for code in stages.ROUTES[way].stages[:-1]]


def test_each_goes_back_as_it_came():
    for way, route in stages.ROUTES.items():
        assert [stages.before(stages.after(code, way), way) for code in route.stages[:-1]] == [
            (code,) for code in route.stages[:-1]
        ]
        assert stages.before(stages.FIRST, way) == stages.before("cancelled", way) == ()


def test_a_stage_of_the_other_way_has_nothing_after_it():
    with pytest.raises(ValueError):
        stages.after("ready")
    with pytest.raises(ValueError):
        stages.after("out_for_delivery", "carry_out")


def test_the_last_stage_is_called_as_the_way_calls_it():
    assert [stages.label("delivered", way) for way in stages.ROUTES] == ["Delivered", "Collected"]
    assert [stages.label("ready", way) for way in stages.ROUTES] == ["Ready to collect"] * 2
