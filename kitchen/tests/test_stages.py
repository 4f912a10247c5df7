import pytest

from kitchen import stages


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
